"""What is settled without asking, and what a lying client leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nexla_mcp.sandbox.serve import RunningSandbox
from nexla_mcp.server.app import build_server
from nexla_mcp.server.listing import UnknownOperationError
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.settings import Settings
from tests.conftest import Connect, answer, text_of
from tests.in_process import CATALOG, client_of

PAUSE = {"operation": "flows_pause", "arguments": {"flow_id": 6010}}


def flow(number: int, what: str = "pause") -> dict[str, Any]:
    return {"operation": f"flows_{what}", "arguments": {"flow_id": number}}


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_no_stays_a_no_for_ten_minutes(sandbox: RunningSandbox, tmp_path: Path) -> None:
    clock, person = Clock(), answer("decline")
    async with client_of(sandbox.url, tmp_path, elicit=person, clock=clock) as client:
        await client.call_tool("nexla_confirmed_write", PAUSE)
        again = await client.call_tool("nexla_confirmed_write", PAUSE)
        assert "said no to exactly this call" in text_of(again)
        assert len(person.asked) == 1  # type: ignore[attr-defined]
        await client.call_tool("nexla_confirmed_write", {**PAUSE, "arguments": {"flow_id": 6010, "all": True}})
        assert len(person.asked) == 2  # type: ignore[attr-defined]  # other arguments are another question
        clock.now += 601
        await client.call_tool("nexla_confirmed_write", PAUSE)
        assert len(person.asked) == 3  # type: ignore[attr-defined]
    other = answer("accept", confirm=True)  # another process with the same state does not ask either
    async with client_of(sandbox.url, tmp_path, elicit=other, clock=clock) as client:
        assert (await client.call_tool("nexla_confirmed_write", PAUSE)).is_error
    assert other.asked == []  # type: ignore[attr-defined]


async def test_a_no_is_about_the_state_that_was_shown(sandbox: RunningSandbox, tmp_path: Path) -> None:
    person = answer("decline")
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        await client.call_tool("nexla_confirmed_write", PAUSE)
        with sandbox.client() as api:
            api.put("/data_sets/4003/pause").raise_for_status()
        await client.call_tool("nexla_confirmed_write", PAUSE)
    assert len(person.asked) == 2  # type: ignore[attr-defined]


async def test_nobody_is_worn_down_by_the_same_question(sandbox: RunningSandbox, tmp_path: Path) -> None:
    person = answer("cancel")
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        for _ in range(5):
            assert (await client.call_tool("nexla_confirmed_write", PAUSE)).is_error
    assert len(person.asked) == 2  # type: ignore[attr-defined]


async def test_an_accept_without_the_box_is_not_taken_for_a_yes(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, elicit=answer("accept")) as client:
        result = await client.call_tool("nexla_confirmed_write", PAUSE)
    assert "dismissed the question" in text_of(result)


async def test_a_client_that_fails_to_ask_is_not_asked_in_a_weaker_way(sandbox: RunningSandbox, tmp_path: Path) -> None:
    import mcp_types as types

    async def broken(_context: Any, _params: Any) -> types.ErrorData:
        return types.ErrorData(code=types.INTERNAL_ERROR, message="no window to show it in")

    async with client_of(sandbox.url, tmp_path, elicit=broken) as client:
        result = await client.call_tool("nexla_confirmed_write", PAUSE)
    assert "could not put the question to a person" in text_of(result)
    assert "ticket" not in text_of(result)


async def test_so_many_changes_an_hour_across_processes(sandbox: RunningSandbox, tmp_path: Path) -> None:
    clock, person = Clock(), answer("accept", confirm=True)
    for number, fits in ((6010, True), (6020, True), (6040, False)):
        async with client_of(sandbox.url, tmp_path, elicit=person, clock=clock, max_changes_per_hour=2) as client:
            result = await client.call_tool("nexla_confirmed_write", flow(number))
            assert result.is_error != fits, text_of(result)
    assert "2 changes of risk disrupt were made in this hour" in text_of(result)
    assert "NEXLA_MCP_MAX_CHANGES_PER_HOUR" in text_of(result)
    assert len(person.asked) == 2  # type: ignore[attr-defined]
    clock.now += 3_600
    async with client_of(sandbox.url, tmp_path, elicit=person, clock=clock, max_changes_per_hour=2) as client:
        assert not (await client.call_tool("nexla_confirmed_write", flow(6040))).is_error


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        (
            "flows_add_accessors",
            {
                "flow_id": 6010,
                "accessors": [{"type": "USER", "email": f"p{n}@x.test", "access_roles": ["admin"]} for n in range(26)],
            },
        ),
        ("async_tasks_create", {"type": "BulkPauseFlows", "arguments": {"flow_ids": list(range(6000, 6026))}}),
        ("lookups_delete_entries", {"data_map_id": 7, "entry_keys": [str(n) for n in range(26)]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_more_than_25_at_once_are_refused(
    shared_sandbox: RunningSandbox, tmp_path: Path, operation: str, arguments: dict[str, Any]
) -> None:
    if operation == "lookups_delete_entries":
        with shared_sandbox.client() as api:
            body = {"name": "codes", "data_type": "string", "map_primary_key": "k"}
            arguments = {**arguments, "data_map_id": api.post("/data_maps", json=body).json()["id"]}
    person = answer("accept", confirm=True)
    async with client_of(shared_sandbox.url, tmp_path, elicit=person) as client:
        result = await client.call_tool("nexla_confirmed_write", {"operation": operation, "arguments": arguments})
    assert "26 things at once; at most 25" in text_of(result)
    assert person.asked == []  # type: ignore[attr-defined]


async def test_a_bulk_task_is_a_destroy_and_a_harmless_one_is_not(shared_sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(shared_sandbox.url, tmp_path) as client:
        for kind, risk in (("BulkPauseFlows", "destroy"), ("GetAuditLogs", "disrupt"), ("CallProbe", "disrupt")):
            arguments = {"type": kind, "arguments": {"flow_ids": [6010], "resource_type": "data_sources", "resource_id": 3001}}
            call = {"operation": "async_tasks_create", "arguments": arguments}
            preview = (await client.call_tool("nexla_confirmed_write", call)).structured_content["preview"]
            assert preview["risk"] == risk


async def test_off_is_for_the_named_operations_only(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = {"confirm": "off", "confirm_off": "flows.pause,sources_update"}
    async with client_of(sandbox.url, tmp_path, **settings) as client:
        told = await client.call_tool("nexla_whoami", {})
        assert told.structured_content["server"]["not_asked_about"] == ["flows_pause", "sources_update"]
        assert "Nobody is asked about flows_pause, sources_update" in text_of(told)
        assert (await client.call_tool("nexla_confirmed_write", PAUSE)).structured_content["status"] == "done"
        other = await client.call_tool("nexla_confirmed_write", flow(6010, "activate"))
        assert other.structured_content["status"] == "confirmation_required"
        described = {"source_id": 3002, "description": "Returns"}
        update = {"operation": "sources_update", "arguments": described}
        assert (await client.call_tool("nexla_confirmed_write", update)).structured_content["status"] == "done"
        structural = {"operation": "sources_update", "arguments": {"source_id": 3002, "source_config": {}}}
        asked = await client.call_tool("nexla_confirmed_write", structural)  # a guardrail asks all the same
        assert asked.structured_content["status"] == "confirmation_required"
        listed = await client.call_tool("nexla_read", {"operation": "history_list_changes"})
        assert {row["confirmed_by"] for row in listed.structured_content["data"]["changes"]} == {"off"}
    async with client_of(sandbox.url, tmp_path, read_only=True, **settings) as client:
        assert "read-only" in text_of(await client.call_tool("nexla_confirmed_write", PAUSE))


def test_off_has_to_name_operations_that_exist() -> None:
    with pytest.raises(ValueError, match="NEXLA_MCP_CONFIRM_OFF"):
        Settings(confirm="off")  # type: ignore[arg-type]
    wrong = {
        "flow_pause_all": "there is no operation 'flow_pause_all'. Did you mean",
        "flows_list": "nobody is asked about flows_list",
    }
    for name, words in wrong.items():
        with pytest.raises(UnknownOperationError, match=words):
            build_server(Runtime(Settings(confirm="off", confirm_off=name), CATALOG))  # type: ignore[arg-type]


async def test_off_is_given_on_the_command_line(sandbox: RunningSandbox, connect: Connect) -> None:
    options = ("--confirm", "off", "--confirm-off-operations", "flows.pause,sources_update")
    async with connect(sandbox.url, *options) as client:
        told = await client.call_tool("nexla_whoami", {})
    assert told.structured_content["server"]["not_asked_about"] == ["flows_pause", "sources_update"]


async def test_a_client_that_agrees_by_itself_is_visible(sandbox: RunningSandbox, tmp_path: Path, era: str) -> None:
    async with client_of(sandbox.url, tmp_path, elicit=answer("accept", confirm=True), era=era) as client:
        result = await client.call_tool("nexla_confirmed_write", PAUSE)
        assert "nobody can have read the preview" in text_of(result)
        entry = await client.call_tool("nexla_read", {"operation": "history_get_change", "arguments": {"change_id": 1}})
        assert entry.structured_content["data"]["change"]["suspiciously_fast"] is True
    lines = [json.loads(line) for line in (tmp_path / "receipts.jsonl").read_text().splitlines()]
    line = next(line for line in lines if line["decision"] == "confirmed")
    assert line["channel"] == "form"
    assert line["suspiciously_fast"] is True
    assert 0 <= line["answer_ms"] < 300
    assert line["change"] == 1
    assert line["tokens"] > 0
    assert len(line["ticket"]) == 16
