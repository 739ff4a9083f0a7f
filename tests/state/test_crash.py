"""A server that is killed between the request and its reply: the next one knows that it does not know."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nexla_mcp.sandbox.serve import RunningSandbox
from tests.conftest import environment, text_of
from tests.in_process import client_of
from tests.server_process import ServerProcess

TOOL = "nexla_confirmed_write"
CALL = {"operation": "flows_pause", "arguments": {"flow_id": 6010}}


class Server(ServerProcess):
    """A server that is asked to pause flow 6010."""

    def change(self, **more: Any) -> dict[str, Any]:
        return self.ask("tools/call", {"name": TOOL, "arguments": {**CALL, **more}})

    def begin_sending(self) -> int:
        """Bring a request on its way: that is said after the before-image was written."""
        ticket = self.change()["structuredContent"]["ticket"]
        arguments = {**CALL, "ticket": ticket}
        number = self.begin("tools/call", {"name": TOOL, "arguments": arguments, "_meta": {"progressToken": "p"}})
        while "sending flows_pause" not in json.dumps(self.read()):
            pass
        return number


@pytest.fixture
def server(sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Server]:
    """A server whose next pause of flow 6010 takes long to be answered."""
    sandbox.fault("PUT /flows/6010/pause", delay_s=30)
    server = Server(environment(tmp_path, sandbox.url))
    yield server
    if server.process.poll() is None:
        server.kill()


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize("arrived", [True, False])
async def test_kill_between_request_and_reply(sandbox: RunningSandbox, tmp_path: Path, server: Server, arrived: bool) -> None:
    server.begin_sending()
    server.kill()
    if arrived:  # the request did its work after all
        sandbox.clear_faults()
        with sandbox.client() as api:
            api.put("/flows/6010/pause").raise_for_status()

    async with client_of(sandbox.url, tmp_path / "state") as client:
        listed = await client.call_tool("nexla_read", {"operation": "history_list_changes"})
        assert [(r["operation"], r["outcome"]) for r in listed.structured_content["data"]["changes"]] == [
            ("flows_pause", "outcome unknown")
        ]
        assert "nobody knows whether it was applied" in text_of(listed)
        shown = await client.call_tool("history_get_change", {"change_id": 1})
        assert "The server ended before the reply came." in text_of(shown)
        following = shown.structured_content["change"]["next"]  # the call that shows what is true
        now = await client.call_tool(following["tool"], following["arguments"])
        assert now.structured_content["data"]["flows"][0]["status"] == ("PAUSED" if arrived else "ACTIVE")
        undo = await client.call_tool("history_revert_change", {"change_id": 1})
        assert undo.structured_content["status"] == "confirmation_required"
        assert "It is not known whether that change was applied." in text_of(undo)


async def test_a_change_that_is_under_way_elsewhere_is_not_called_lost(
    sandbox: RunningSandbox, tmp_path: Path, server: Server
) -> None:
    server.begin_sending()
    async with client_of(sandbox.url, tmp_path / "state") as client:
        listed = await client.call_tool("nexla_read", {"operation": "history_list_changes"})
        assert [r["outcome"] for r in listed.structured_content["data"]["changes"]] == ["under way"]
        early = await client.call_tool("history_revert_change", {"change_id": 1})
        assert "still under way" in text_of(early)


def test_a_call_that_is_cancelled_leaves_no_open_line(server: Server) -> None:
    server.tell("notifications/cancelled", {"requestId": server.begin_sending()})
    listing = {"name": "nexla_read", "arguments": {"operation": "history_list_changes"}}
    for _ in range(200):  # the line is written while the call ends
        outcomes = [r["outcome"] for r in server.ask("tools/call", listing)["structuredContent"]["data"]["changes"]]
        if outcomes != ["under way"]:
            break
    assert outcomes == ["outcome unknown"]
