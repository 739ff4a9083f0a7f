"""A run outlives its process: another process over the same state says that it is unfinished, and goes on with it."""

from __future__ import annotations

import os
from collections.abc import Callable
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


def begin_and_kill(env: dict[str, str], when: Callable[[list[Any]], bool]) -> str:
    """Agree to the fix, kill its server at a moment told by the changes in its log, and return the id of the run."""
    server = Server(env)
    try:
        asked = server.ask("tools/call", {"name": "nexla_fix_and_verify", "arguments": FIX})
        ticket = asked["structuredContent"]["ticket"]
        server.begin("tools/call", {"name": "nexla_fix_and_verify", "arguments": {**FIX, "ticket": ticket}})
        look = {"name": "nexla_read", "arguments": {"operation": "history_list_changes"}}
        rows: list[Any] = []
        while not when(rows):
            rows = server.ask("tools/call", look)["structuredContent"]["data"]["changes"]
        listing = {"name": "nexla_read", "arguments": {"operation": "runs_list"}}
        return str(server.ask("tools/call", listing)["structuredContent"]["data"]["runs"][0]["run_id"])
    finally:
        server.kill()


@pytest.fixture
def killed(sandbox: RunningSandbox, tmp_path: Path, shared_store: str) -> str:
    """The id of a run whose process was killed after it had paused the flow, while its change was on its way."""
    sandbox.fault("^PUT /data_sources/3012$", delay_s=600, count=1)
    env = environment(tmp_path, sandbox.url, NEXLA_MCP_CONFIRM="ticket", **place(shared_store))
    run_id = begin_and_kill(env, lambda rows: len(rows) == 2)  # written down before the request leaves
    sandbox.clear_faults()
    return run_id


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


async def test_a_roll_back_that_was_broken_off_knows_its_own_undo(sandbox: RunningSandbox, tmp_path: Path) -> None:
    """The description was not set before, so the undo leaves "" behind: that is no change of somebody else."""
    sandbox.fault("^PUT /flows/6120/activate$", status=409, count=1)
    sandbox.fault("^PUT /data_sources/3012$", count=1)  # the change itself passes
    sandbox.fault("^PUT /data_sources/3012$", kind="slow_headers", delay_s=600, count=1)  # its undo arrives, unanswered
    env = environment(tmp_path, sandbox.url, NEXLA_MCP_CONFIRM="ticket")
    run_id = begin_and_kill(env, lambda _rows: changes(sandbox).count("PUT /data_sources/3012") == 2)
    sandbox.clear_faults()
    async with client_of(sandbox.url, tmp_path / "state") as client:
        going_on = {"operation": "runs_resume", "arguments": {"run_id": run_id}}
        run = (await client.call_tool("nexla_confirmed_write", going_on)).structured_content
    assert run["status"] == "rolled back", run
    assert changes(sandbox).count("PUT /data_sources/3012") == 2
    with sandbox.client() as api:
        assert not api.get("/data_sources/3012").json()["description"]
        assert api.get("/flows/6120").json()["flows"][0]["status"] == "ACTIVE"
