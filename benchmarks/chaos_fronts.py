"""The two ways that the chaos benchmark goes: through this MCP server, and through nexla-sdk as it is.

An MCP caller is told a verdict with every change. The SDK returns or raises; an exception says no more than that, so it is
"failed". What the SDK raises that is not one of its own errors counts as a crash.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import anyio
import mcp_types as types
from mcp import Client

from benchmarks.chaos_load import NEW, NO_SUCH_CALL, Told

_OWN = {"project": ("projects", "project_id"), "lookup": ("lookups", "data_map_id"), "team": ("teams", "team_id")}
OPERATIONS = _OWN | {"credential": ("credentials", "credential_id"), "source": ("sources", "source_id")}
NEW_SOURCE = {"source_type": "s3", "data_credentials_id": 2001, "source_config": {"path": "chaos/in"}}
CUT_S = 55.0


async def agree(_context: Any, question: types.ElicitRequestFormParams) -> types.ElicitResult:
    """A person who agrees to everything, and types the name where it is asked for."""
    name, asked = next(iter(question.requested_schema["properties"].items()))
    typed = True if asked["type"] == "boolean" else asked["description"].split('"')[1]
    return types.ElicitResult(action="accept", content={name: typed})


class McpFront:
    """Calls tools of the server, as a host does."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()

    async def act(self, action: str, kind: str, identity: Any, mark: str) -> Told:
        tool, arguments = tool_call(action, kind, identity, mark)
        try:
            with anyio.fail_after(CUT_S):
                result = await self.client.call_tool(tool, arguments)
        except TimeoutError:
            return Told("unknown", text="no answer")
        except Exception as error:
            return Told("unknown", text=f"{type(error).__name__}: {error}", crashed=True)
        return _told(result)


def _told(result: types.CallToolResult) -> Told:
    text = result.content[0].text if isinstance(result.content[0], types.TextContent) else ""
    if not result.is_error:
        data = result.structured_content or {}
        made = data.get("result") if isinstance(data.get("result"), dict) else {}
        return Told("done", made.get("id"), data.get("data"), text)
    error = (result.meta or {}).get("nexla-mcp/error") or {}
    outcome = (error.get("details") or {}).get("outcome") or {}
    crashed = "an error of this server" in text
    verdict = outcome.get("verdict") or ("unknown" if crashed or "no answer within" in text else "not applied")
    wait = float(error.get("retry_after") or 0.0)
    return Told(verdict, (outcome.get("made") or {}).get("id"), None, text, wait, crashed)


def tool_call(action: str, kind: str, identity: Any, mark: str) -> tuple[str, dict[str, Any]]:
    """The tool and arguments of an action."""
    toolset, id_name = OPERATIONS.get(kind, ("flows", "flow_id"))
    write = "nexla_write"
    operation: tuple[str, dict[str, Any]] | None = {
        "create": (f"{toolset}_create", {"name": mark, **NEW.get(kind, {})}),
        "create_source": ("sources_create", {"name": mark, **NEW_SOURCE}),
        "update": (f"{toolset}_update", {id_name: identity, "description": mark}),
        "tag": ("tags_add", {"collection": "data_sources", "resource_id": identity, "tags": [mark]}),
        "copy": ("sources_copy", {"source_id": identity}),
        "entry": ("lookups_upsert_entries", {"data_map_id": identity, "entries": [{"k": mark, "v": "1"}]}),
    }.get(action)
    if action in ("delete", "pause", "activate") or (action == "update" and kind in ("credential", "team")):
        name, body = operation or (f"{toolset}_{action}", {id_name: identity})
        return "nexla_confirmed_write", {"operation": name, "arguments": body}
    if operation:
        return write, {"operation": operation[0], "arguments": operation[1]}
    runs = {"resource_type": "source", "resource_id": 3001}
    reads: dict[str, tuple[str, dict[str, Any]]] = {
        "list": ("nexla_list", {"resource_type": kind, "limit": 20}),
        "get": ("nexla_get", {"resource_type": kind, "id": identity, "view": "full"}),
        "get_source": ("nexla_get", {"resource_type": "source", "id": identity}),
        "flow": ("nexla_get", {"resource_type": "flow", "id": 6010}),
        "runs": ("nexla_read", {"operation": "metrics_get_resource_metrics_by_run", "arguments": runs}),
        "credential_probe": ("nexla_read", {"operation": "credentials_probe", "arguments": {"credential_id": 2006}}),
        "notifications": ("nexla_list", {"resource_type": "notification", "limit": 5}),
        "search": ("nexla_search_operations", {"query": "pause a flow"}),
        "whoami": ("nexla_whoami", {}),
        "health_check": ("nexla_health_check", {"flow_id": identity}),
        "debug_flow": ("nexla_debug_flow", {"flow_id": identity}),
        "explain_error": ("nexla_explain_error", {"status_code": 409, "resource_type": "flow", "resource_id": identity}),
    }
    return reads[action]


class SdkFront:
    """Calls nexla-sdk, each caller in a thread with a client of its own."""

    def __init__(self, url: str, key: str) -> None:
        import nexla_sdk  # noqa: F401 - its modules import each other: threads that load it at once lock up or find half of it

        self._url = url
        self._key = key
        self._clients = threading.local()

    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()

    async def act(self, action: str, kind: str, identity: Any, mark: str) -> Told:
        return await anyio.to_thread.run_sync(self._act, action, kind, identity, mark)

    def _act(self, action: str, kind: str, identity: Any, mark: str) -> Told:
        from nexla_sdk.exceptions import NexlaError

        if action == "tag":
            return Told(NO_SUCH_CALL)
        try:
            body = self._call(action, kind, identity, mark)
        except NexlaError as error:
            return Told("failed", text=f"{type(error).__name__}: {error}"[:200])
        except Exception as error:
            return Told("failed", text=f"{type(error).__name__}: {error}"[:200], crashed=True)
        return Told("done", getattr(body, "id", None), None)

    def _client(self) -> Any:
        from nexla_sdk import NexlaClient

        if not hasattr(self._clients, "client"):
            self._clients.client = NexlaClient(service_key=self._key, base_url=self._url)
        return self._clients.client

    def _call(self, action: str, kind: str, identity: Any, mark: str) -> Any:
        from nexla_sdk.models.credentials import requests as credentials
        from nexla_sdk.models.lookups import requests as lookups
        from nexla_sdk.models.projects import requests as projects
        from nexla_sdk.models.sources.requests import SourceCreate
        from nexla_sdk.models.teams import requests as teams

        client = self._client()
        resource = getattr(client, OPERATIONS.get(kind, ("flows", ""))[0])
        rooms = {"project": projects, "lookup": lookups, "credential": credentials, "team": teams}
        form = getattr(rooms.get(kind), f"{kind.title()}{'Create' if action == 'create' else 'Update'}", None)
        if action == "create" and form:
            return resource.create(form(name=mark, **NEW[kind]))
        if action == "create_source":
            return client.sources.create(SourceCreate(name=mark, **NEW_SOURCE))
        if action == "update" and form:
            return resource.update(identity, form(description=mark))
        if action in ("delete", "pause", "activate", "copy"):
            return getattr(resource, action)(identity)
        if action == "entry":
            return client.lookups.upsert_entries(identity, [{"k": mark, "v": "1"}])
        if action == "list":
            return resource.list(page=1, per_page=20)
        if action == "get":
            return resource.get(identity)
        if action == "runs":
            return client.metrics.get_resource_metrics_by_run("data_sources", 3001, page=1, size=10)
        if action == "notifications":
            return client.notifications.list(page=1, per_page=5)
        return client.flows.get(6010)
