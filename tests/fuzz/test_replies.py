"""An API that answers with any JSON in any place: every operation, runbook and prompt still ends in a well-formed answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import mcp_types as types
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from pydantic import SecretStr

from benchmarks.chaos_fronts import agree
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.client.auth import ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.runbooks.registry import NAMES
from nexla_mcp.sandbox import SERVICE_KEY, SandboxConfig, create_app
from nexla_mcp.server.app import build_server
from nexla_mcp.server.execute import executor_of
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.settings import Settings
from tests.fuzz import odd
from tests.sandbox.seeded import FLOW, adapted, copy_of_the_org

CATALOG = load_catalog()
URL = "http://127.0.0.1:8765"
FLOWS = (6010, 6020, 6040, FLOW)
RUNBOOK_ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "nexla_triage": [{}],
    "nexla_preview_data": [{"resource_type": "nexset", "resource_id": 4003}, {"resource_type": "source", "resource_id": 3001}],
    "nexla_wait_for_task": [
        {"operation": "credentials_probe", "arguments": {"credential_id": 2001}, "wait_seconds": 0},
    ],
    "nexla_explain_error": [{"status_code": 409, "resource_type": "flow", "resource_id": FLOW}],
}
Swap = tuple[float, bool, Any]


class OddApi(httpx.AsyncBaseTransport):
    """The sandbox, with other values in its replies.

    Each swap is a place (0 the whole, 1 the last leaf), whether all places of the same key are meant, and what stands there.
    """

    def __init__(self, folder: Path) -> None:
        self._inner = httpx.ASGITransport(create_app(SandboxConfig(database=copy_of_the_org(folder))), raise_app_exceptions=False)
        self.swaps: list[Swap] = []
        self.status = 200

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        content = await response.aread()
        if request.url.path == "/token" or not self.swaps:
            return response
        try:
            body = json.loads(content) if content else None
        except ValueError:
            body = content.decode()
        for place, everywhere, value in self.swaps:
            paths = odd.places(body)
            path = paths[min(len(paths) - 1, int(place * len(paths)))]
            for each in reversed(odd.alike(body, path)) if everywhere else [path]:
                body = odd.swapped(body, each, value)
        headers = [(k, v) for k, v in response.headers.items() if k.lower() not in ("content-length", "content-type")]
        text = json.dumps(body).encode()
        status = self.status if response.status_code < 400 else response.status_code
        return httpx.Response(status, headers=[*headers, ("content-type", "application/json")], content=text, request=request)


class Server:
    """A server over an odd API, and a client of each era whose person agrees to everything."""

    def __init__(self, portal: BlockingPortal, clients: list[Client], api: OddApi) -> None:
        self._portal = portal
        self._clients = clients
        self.api = api
        self.calls = 0

    def call(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        self.calls += 1
        return self._portal.call(self._clients[self.calls % len(self._clients)].call_tool, name, arguments)

    def prompt(self, name: str, arguments: dict[str, str]) -> types.GetPromptResult:
        self.calls += 1
        return self._portal.call(self._clients[self.calls % len(self._clients)].get_prompt, name, arguments)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("odd")
    settings = Settings(
        service_key=SecretStr(SERVICE_KEY), api_url=URL, state_dir=folder, max_changes_per_hour=10**6, max_destroys_per_hour=10**6
    )
    runtime, api = Runtime(settings, CATALOG), OddApi(folder)
    runtime.__dict__["client"] = NexlaClient(URL, lambda http: ServiceKeyTokens(http, SERVICE_KEY), runtime.ledger, transport=api)
    built = build_server(runtime)
    with start_blocking_portal() as portal:
        entered = [
            portal.wrap_async_context_manager(Client(built, mode=mode, elicitation_callback=agree)) for mode in ("auto", "legacy")
        ]
        with entered[0] as modern, entered[1] as legacy:
            yield Server(portal, [modern, legacy], api)
        portal.call(runtime.aclose)


def calls() -> list[tuple[str, dict[str, Any]]]:
    """Every operation of the API with its example on the seeded org, every runbook, and the tools over any resource."""
    found: list[tuple[str, dict[str, Any]]] = []
    for operation in CATALOG.operations.values():
        if operation.method in ("GET", "PUT", "POST", "DELETE") and operation.path.startswith("/"):
            arguments = adapted(operation, CATALOG.toolset_of(operation))
            found.append((executor_of(operation), {"operation": operation.name, "arguments": arguments}))
    kinds = CATALOG.tools["nexla_list"].parameters["resource_type"].enum
    found += [("nexla_list", {"resource_type": kind, "filter": "a", "status": "ACTIVE", "owner": "me"}) for kind in kinds]
    found += [("nexla_get", {"resource_type": kind, "name": "orders"}) for kind in kinds]
    return [*found, ("nexla_whoami", {})]


CALLS = calls()
RUNBOOKS = [(name, given) for name in NAMES for given in RUNBOOK_ARGUMENTS.get(name, [{"flow_id": flow} for flow in FLOWS])]
FIX = {"flow_id": 6060, "operation": "transforms_update", "arguments": {"transform_id": 606, "name": "cleaned"}, "dry_run": True}
RUNBOOKS.append(("nexla_fix_and_verify", FIX))
SWAP = st.tuples(st.floats(0, 1), st.booleans(), odd.OTHER_TYPES | odd.OTHER_TYPES | odd.JSON)
WHOLE = st.tuples(st.just(0.0), st.just(False), odd.OTHER_TYPES | odd.JSON)
SWAPS = st.lists(SWAP, min_size=1, max_size=4) | st.lists(SWAP, min_size=1, max_size=2) | st.tuples(WHOLE).map(list)
STATUSES = st.sampled_from((200, 200, 200, 201, 204, 302, 400, 403, 404, 405, 409, 418, 422))


def check(result: types.CallToolResult) -> None:
    """A well-formed answer: text, no trace, and not one that only says that this server failed."""
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    assert block.text.strip()
    assert "an error of this server" not in block.text, block.text
    assert "Traceback" not in block.text
    assert "no answer within" not in block.text
    json.dumps([block.text, result.structured_content], allow_nan=False, ensure_ascii=False).encode()
    assert result.is_error or result.structured_content is not None


@given(call=st.sampled_from(CALLS), swaps=SWAPS, status=STATUSES, dry_run=st.booleans())
@odd.examples(250)
def test_operations(server: Server, call: tuple[str, dict[str, Any]], swaps: list[Swap], status: int, dry_run: bool) -> None:
    name, arguments = call
    server.api.swaps, server.api.status = swaps, status
    dry = {"dry_run": True} if dry_run and name in ("nexla_write", "nexla_confirmed_write") else {}
    check(server.call(name, arguments | dry))


@given(call=st.sampled_from(RUNBOOKS), swaps=SWAPS, status=STATUSES)
@odd.examples(60)
def test_runbooks(server: Server, call: tuple[str, dict[str, Any]], swaps: list[Swap], status: int) -> None:
    server.api.swaps, server.api.status = swaps, status
    check(server.call(*call))


@given(swaps=SWAPS, status=STATUSES, name=st.sampled_from(("debug_flow", "health_check", "morning_report")))
@odd.examples(15)
def test_prompts(server: Server, swaps: list[Swap], status: int, name: str) -> None:
    server.api.swaps, server.api.status = swaps, status
    content = server.prompt(name, {} if name == "morning_report" else {"flow": "6010"}).messages[0].content
    assert isinstance(content, types.TextContent)
    assert "Traceback" not in content.text
