"""A secret in every place where a secret can be: the sandbox with a canary in all its replies, and in all arguments.

api = PlantedApi(folder)              # a transport for the client
api.echo = True                       # from now on every request is refused with a text that repeats it
with_secrets(operation, arguments)    # the canary in every argument that takes a secret
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from nexla_mcp.catalog.records import Operation
from nexla_mcp.sandbox import SandboxConfig, create_app
from tests.sandbox.seeded import copy_of_the_org

MARK = "7f3b9c2e51d84a06"
"""Part of every canary; found anywhere it has no business, it has leaked."""
HEADERS = [{"name": "Authorization", "value": f"header-{MARK}"}, {"name": "X-Api-Key", "value": f"apikey-{MARK}"}]
SECRETS: dict[str, Any] = {
    "password": f"password-{MARK}",
    "secret_key": f"secret-{MARK}",
    "apiKey": f"camel-{MARK}",
    "connection-string": f"Server=db;Pwd=kebab-{MARK};",
    "headers": HEADERS,
    "credentials": {"access_key_id": f"AKIA-{MARK}", "deep": [{"value": f"deep-{MARK}"}]},
}
TEXT = (
    f" password=text-{MARK} Authorization: Bearer bearer-{MARK} https://user:url-{MARK}@host.example/x?api_key=query-{MARK}&b=1"
    f" {{\"client_secret\": \"json-{MARK}\"}} 'token': 'python-{MARK}' Pwd=dsn-{MARK};"
)
CONFIGS = (
    "source_config",
    "sink_config",
    "template_config",
    "runtime_config",
    "repo_config",
    "config",
    "object_changes",
    "rawMessage",
)
TEXTS = (
    "log",
    "message",
    "description",
    "error",
    "change_summary",
    "text",
    "reason",
    "details",
    "verified_status",
    "output",
    "code",
)
DEEPEST = 7


class PlantedApi(httpx.AsyncBaseTransport):
    """The sandbox; ``tokens`` are the sessions it gave."""

    def __init__(self, folder: Path) -> None:
        self._inner = httpx.ASGITransport(create_app(SandboxConfig(database=copy_of_the_org(folder))), raise_app_exceptions=False)
        self.tokens: list[str] = []
        self.echo = False
        self.planted = 0
        self.statuses: list[int] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.echo and request.url.path != "/token":
            sent = f"{request.headers.get('authorization')} {request.url} {(await request.aread()).decode()}"
            return httpx.Response(400, json={"message": f"This is wrong: {sent}{TEXT}"[:450] + TEXT}, request=request)
        response = await self._inner.handle_async_request(request)
        content = await response.aread()
        if request.url.path == "/token":
            self.tokens.append(json.loads(content)["access_token"])
            return response
        self.statuses.append(response.status_code)
        try:
            body = json.loads(content) if content else None
        except ValueError:
            body = content.decode()
        headers = [(k, v) for k, v in response.headers.items() if k.lower() != "content-length"]
        planted = json.dumps(self._plant(body, request.headers.get("authorization", ""), 0)).encode() if content else b""
        return httpx.Response(response.status_code, headers=headers, content=planted, request=request)

    def _plant(self, value: Any, session: str, depth: int) -> Any:
        if isinstance(value, list):
            return [self._plant(item, session, depth + 1) for item in value]
        if not isinstance(value, dict) or depth > DEEPEST:
            return value
        self.planted += 1
        grown = {k: self._plant(v, session, depth + 1) for k, v in value.items()}
        for key in TEXTS:
            if isinstance(grown.get(key), str):
                grown[key] += f"{TEXT} {session}"
        for key in CONFIGS:
            if isinstance(grown.get(key), dict):
                grown[key] |= SECRETS | {"url": TEXT}
        return SECRETS | grown if depth < 3 else grown


def with_secrets(operation: Operation, arguments: dict[str, Any]) -> dict[str, Any]:
    """The canary in every secret argument, and in what a caller may put into a free object."""
    given = dict(arguments)
    for name, parameter in operation.parameters.items():
        if parameter.sensitive:
            given[name] = (
                f"argument-{MARK}"
                if parameter.type == "string"
                else {**given.get(name, {}), **SECRETS, "oauth_refresh_token": f"free-{MARK}"}
            )
        elif name in given and parameter.type == "object" and not parameter.properties:
            given[name] = given[name] | SECRETS
        elif parameter.type == "string" and name in ("description", "code") and parameter.location == "body":
            given[name] = TEXT
    return given
