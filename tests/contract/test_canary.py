"""A secret that is everywhere in the API and in the arguments is nowhere in what leaves the server: every operation is called."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client
from pydantic import SecretStr

from benchmarks.chaos_fronts import agree
from benchmarks.contract import SNAPSHOT
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.catalog.records import Operation
from nexla_mcp.client.auth import ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.output.log_filter import MaskingFilter
from nexla_mcp.sandbox import SERVICE_KEY
from nexla_mcp.server.app import build_server
from nexla_mcp.server.execute import executor_of
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.settings import Settings
from tests.contract.planted import MARK, TEXT, PlantedApi, with_secrets
from tests.fuzz.wire import LEGACY, MODERN, Wire
from tests.sandbox.seeded import FLOW, TEAM, adapted

CATALOG = load_catalog()
URL = "http://127.0.0.1:8765"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "nexla_triage": {},
    "nexla_preview_data": {"resource_type": "source", "resource_id": 3001},
    "nexla_wait_for_task": {
        "operation": "credentials_probe_tree",
        "arguments": {"credential_id": 2001, "depth": 1},
        "wait_seconds": 0,
    },
    "nexla_explain_error": {
        "error_text": f"403 on login:{TEXT}",
        "status_code": 403,
        "resource_type": "flow",
        "resource_id": FLOW,
    },
    "nexla_fix_and_verify": {
        "flow_id": 6060,
        "operation": "credentials_update",
        "arguments": {
            "credential_id": 2001,
            "credentials": {"access_key_id": "AKIDNOTSECRET", "secret_key": f"argument-{MARK}"},
        },
        "wait_minutes": 0,
    },
    "nexla_grant_access": {
        "action": "grant",
        "accessors": [{"type": "TEAM", "id": TEAM, "access_roles": ["collaborator"]}],
        "project_id": 12,
    },
}


class Received:
    """Everything that reached the client, by what brought it."""

    def __init__(self, client: Client, api: PlantedApi) -> None:
        self._client = client
        self._api = api
        self.leaks: list[str] = []
        self.calls = 0
        self.done = 0
        self.last: Any = None

    def look(self, place: str, text: str) -> None:
        """Note a leak, with what stands around it."""
        for secret in (MARK, SERVICE_KEY, *self._api.tokens):
            if (at := text.find(secret)) >= 0:
                self.leaks.append(f"{place}: ...{text[max(0, at - 80) : at + 20]!r}")

    async def call(self, place: str, tool: str, arguments: dict[str, Any]) -> None:
        async def progress(_done: float, _total: float | None, message: str | None) -> None:
            self.look(f"{place} progress", message or "")

        result = await self._client.call_tool(tool, arguments, progress_callback=progress)
        self.calls += 1
        self.done += not result.is_error
        self.last = result.content
        self.look(place, result.model_dump_json())

    async def ask(self, context: Any, question: types.ElicitRequestFormParams) -> types.ElicitResult:
        """Somebody who reads the question, and agrees."""
        self.look("question", question.model_dump_json())
        return await agree(context, question)


@asynccontextmanager
async def planted_server(folder: Path) -> AsyncIterator[tuple[Received, Client, PlantedApi]]:
    settings = Settings(
        service_key=SecretStr(SERVICE_KEY), api_url=URL, state_dir=folder, max_changes_per_hour=10**6, max_destroys_per_hour=10**6
    )
    runtime, api = Runtime(settings, CATALOG), PlantedApi(folder)
    runtime.__dict__["client"] = NexlaClient(URL, lambda http: ServiceKeyTokens(http, SERVICE_KEY), runtime.ledger, transport=api)
    held: list[Received] = []

    async def ask(context: Any, question: Any) -> types.ElicitResult:
        return await held[0].ask(context, question)

    try:
        async with Client(build_server(runtime), elicitation_callback=ask) as client:
            held.append(Received(client, api))
            yield held[0], client, api
    finally:
        await runtime.aclose()


def arguments_of(operation: Operation) -> dict[str, Any]:
    given = adapted(operation, CATALOG.toolset_of(operation))
    if "webhook_url" in operation.parameters:
        given |= {"webhook_url": f"{URL}/webhook", "api_key": f"argument-{MARK}"}
    return with_secrets(operation, given)


def by_order(operation: Operation) -> int:
    """Reads first; what removes its target last."""
    return 0 if operation.reads else 2 if operation.method == "DELETE" or "delete" in operation.name else 1


def written_to(folder: Path) -> dict[str, str]:
    """What the server wrote, by file; the database of the sandbox is not its own."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "org.db"]
    return {path.name: path.read_bytes().decode("latin-1") for path in files}


async def test_no_secret_leaves_the_server_by_any_operation_runbook_resource_prompt_file_or_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_S3_LOGIN", json.dumps({"access_key_id": "AKIDNOTSECRET", "secret_key": f"environment-{MARK}"}))
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(MaskingFilter([SERVICE_KEY]))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        async with planted_server(tmp_path) as (received, client, api):
            await _every_tool(received)  # first: afterwards most of the organisation is deleted
            await _every_operation(received, api)
            await _every_resource_and_prompt(received, client)
            assert api.planted > 10_000
            assert received.calls > 1.5 * len(CATALOG.operations)
            assert received.done > len(CATALOG.operations)
            assert sum(200 <= status < 300 for status in api.statuses) > 0.7 * len(api.statuses)
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    received.look("log", stream.getvalue())
    files = written_to(tmp_path)
    assert {"state.db", "receipts.jsonl"} <= files.keys()
    for name, content in files.items():
        received.look(name, content)
    received.look("snapshot", SNAPSHOT.read_text())
    assert not received.leaks, "\n".join(received.leaks)


async def _every_operation(received: Received, api: PlantedApi) -> None:
    """In a dry run, for real, and refused with a text that repeats the request."""
    for operation in sorted(CATALOG.operations.values(), key=by_order):
        given = arguments_of(operation)
        tool = executor_of(operation)
        whole = {"operation": operation.name, "arguments": given}
        if operation.reads:
            await received.call(operation.name, tool, whole | {"view": "full"})
        else:
            await received.call(f"{operation.name} dry", tool, whole | {"dry_run": True})
            await received.call(operation.name, tool, whole)
        if secret := [name for name, parameter in operation.parameters.items() if parameter.sensitive]:
            wrong = given | {name: [[f"wrong-{MARK}"]] for name in secret}
            await received.call(f"{operation.name} wrong", tool, whole | {"arguments": wrong})
        if secret or operation.risk.value in ("read", "write"):
            api.echo = True
            await received.call(f"{operation.name} refused", tool, whole)
            api.echo = False


async def _every_tool(received: Received) -> None:
    for tool in sorted(CATALOG.tools.values(), key=lambda tool: not tool.hints.read_only):
        if tool.kind == "runbook":
            before = received.done
            usual = {"flow_id": FLOW} if tool.hints.read_only else dict(tool.examples[0])
            given = ARGUMENTS.get(tool.name, usual)
            if not tool.hints.read_only:
                await received.call(f"{tool.name} dry", tool.name, given | {"dry_run": True})
            await received.call(tool.name, tool.name, given)
            assert received.done > before or not tool.hints.read_only, (tool.name, received.last)
    for kind in CATALOG.tools["nexla_list"].parameters["resource_type"].enum:
        await received.call(f"nexla_list {kind}", "nexla_list", {"resource_type": kind, "view": "full", "limit": 200})
    await received.call("nexla_whoami", "nexla_whoami", {})
    await received.call(
        "changes", "nexla_read", {"operation": "history_list_changes", "arguments": {"limit": 100}, "view": "full"}
    )


async def _every_resource_and_prompt(received: Received, client: Client) -> None:
    for operation in ("history_list_changes", "runs_list"):
        await received.call(operation, "nexla_read", {"operation": operation, "arguments": {"limit": 100}, "view": "full"})
    listed = (await client.list_resources()).resources
    assert any(str(resource.uri).startswith("nexla://results/") for resource in listed)
    for uri in [*(str(resource.uri) for resource in listed), *(f"nexla://changes/{number}" for number in range(1, 60))]:
        received.look(uri, (await client.read_resource(uri)).model_dump_json())
    for prompt in (await client.list_prompts()).prompts:
        given = {a.name: str(FLOW) for a in prompt.arguments or [] if a.required}
        received.look(prompt.name, (await client.get_prompt(prompt.name, given)).model_dump_json())


@pytest.mark.parametrize("era", [MODERN, LEGACY])
def test_the_log_of_a_served_process_has_no_key(sandbox: Any, tmp_path: Path, era: str) -> None:
    server = Wire(tmp_path, era, "--log-level", "debug", url=sandbox.url, NEXLA_MCP_SEAL_KEYS=f"seal-key-{MARK}-{MARK}")
    server.ask("tools/call", {"name": "nexla_whoami", "arguments": {}})
    server.ask("tools/call", {"name": "nexla_read", "arguments": {"operation": f"password=typed-{MARK}"}})
    server.write(f'{{"password": "raw-{MARK}", "half": "\\ud83d"}}'.encode())
    server.lives()
    written = server.errors()
    server.close()
    assert "DEBUG" in written
    assert MARK not in written
    assert SERVICE_KEY not in written
