"""A run outlives its process: another process over the same state says that it is unfinished, and goes on with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from nexla_mcp.sandbox.serve import RunningSandbox
from tests.conftest import text_of
from tests.in_process import client_of
from tests.state.test_crash import Server, environment

FIX = {
    "flow_id": 6120,
    "operation": "sources_update",
    "arguments": {"source_id": 3012, "description": "Stock of all shops"},
    "wait_minutes": 0,
}
PATIENCE_S = 40
pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")


def changes(sandbox: RunningSandbox) -> list[str]:
    """The changes that reached the API and were carried out, in order."""
    done = [r for r in sandbox.requests() if r["method"] != "GET" and r["path"] != "/token" and r["handled"] == 200]
    return [f"{r['method']} {r['path']}" for r in done]


def place(shared_store: str) -> dict[str, str]:
    """The environment of a process that keeps its state there, besides receipts."""
    return {"NEXLA_MCP_STATE_URL": shared_store} if "://" in shared_store else {"NEXLA_MCP_STATE_DIR": shared_store}


def settings(shared_store: str, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """The same for a server of this process."""
    return (tmp_path, {"state_url": shared_store}) if "://" in shared_store else (Path(shared_store), {})


@pytest.fixture
def killed(sandbox: RunningSandbox, tmp_path: Path, shared_store: str) -> str:
    """The id of a run whose process was killed after it had paused the flow, while its change was on its way."""
    sandbox.fault("^PUT /data_sources/3012$", delay_s=600, count=1)
    keys = {"NEXLA_MCP_CONFIRM": "ticket"}
    server = Server(environment(tmp_path, sandbox.url, **keys, **place(shared_store)))
    try:
        asked = server.ask("tools/call", {"name": "nexla_fix_and_verify", "arguments": FIX})
        ticket = asked["structuredContent"]["ticket"]
        server.begin("tools/call", {"name": "nexla_fix_and_verify", "arguments": {**FIX, "ticket": ticket}})
        look = {"name": "nexla_read", "arguments": {"operation": "history_list_changes"}}
        while True:  # the change is written down before its request leaves
            rows = server.ask("tools/call", look)["structuredContent"]["data"]["changes"]
            if any(row["operation"] == "sources_update" for row in rows):
                break
        listing = {"name": "nexla_read", "arguments": {"operation": "runs_list"}}
        run_id = server.ask("tools/call", listing)["structuredContent"]["data"]["runs"][0]["run_id"]
    finally:
        server.kill()
    sandbox.clear_faults()
    return str(run_id)


async def test_another_process_tells_of_it_and_goes_on_with_it(
    sandbox: RunningSandbox, tmp_path: Path, shared_store: str, killed: str
) -> None:
    assert changes(sandbox) == ["PUT /flows/6120/pause"]
    state, more = settings(shared_store, tmp_path)
    async with client_of(sandbox.url, state, **more) as client:
        hint = "Some runs are not finished" in (client.instructions or "")
        assert hint == ("://" not in shared_store)  # a start asks no other machine
        told = await client.call_tool("nexla_whoami", {})
        assert told.structured_content["server"]["unfinished_runs"] == [killed]
        assert f"Not finished: run {killed} (under way)" in text_of(told)
        going_on = {"operation": "runs_resume", "arguments": {"run_id": killed}}
        with anyio.fail_after(PATIENCE_S):  # nobody is asked: what is under way was agreed to; the call waits for its end
            run = (await client.call_tool("nexla_confirmed_write", going_on)).structured_content
        assert (run["status"], run["operation"]) == ("done", "nexla_runs_resume")
        after = await client.call_tool("nexla_whoami", {})
        assert "unfinished_runs" not in after.structured_content["server"]
    async with client_of(sandbox.url, state, **more) as client:
        assert "Some runs are not finished" not in (client.instructions or "")
    assert changes(sandbox) == ["PUT /flows/6120/pause", "PUT /data_sources/3012", "PUT /flows/6120/activate"]
    with sandbox.client() as api:
        assert api.get("/flows/6120").json()["flows"][0]["status"] == "ACTIVE"
