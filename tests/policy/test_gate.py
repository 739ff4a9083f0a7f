"""The gate through a real client in both eras: asked, agreed, declined, two calls, replayed, changed underneath."""

from __future__ import annotations

import json
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import Client

from nexla_mcp.catalog.catalog import Catalog
from tests.conftest import ERAS, Connect, answer, text_of

FLOW = 6010
PAUSE = {"operation": "flows_pause", "arguments": {"flow_id": FLOW}}


def changes(sandbox: Any) -> list[str]:
    """What reached the API and was not a read."""
    reads = ("GET", "/token", "/probe", "/logs_v2", "/search")
    return [
        f"{r['method']} {r['path']}"
        for r in sandbox.requests()
        if not any(word in f"{r['method']} {r['path']}" for word in reads)
    ]


async def status(client: Client, flow_id: int = FLOW) -> str:
    result = await client.call_tool("nexla_get", {"resource_type": "flow", "id": flow_id})
    return str(result.structured_content["data"]["flows"][0]["status"])


async def test_a_person_agrees_in_a_form_and_it_is_done(sandbox: Any, connect: Connect) -> None:
    person = answer("accept", confirm=True)
    async with connect(sandbox.url, elicit=person) as client:
        result = await client.call_tool("nexla_confirmed_write", PAUSE)
        assert not result.is_error, text_of(result)
        assert result.structured_content["status"] == "done"
        assert result.structured_content["undo"]["arguments"]["operation"] == "flows_activate"
        assert await status(client) == "PAUSED"
        undone = await client.call_tool(result.structured_content["undo"]["tool"], result.structured_content["undo"]["arguments"])
        assert not undone.is_error, text_of(undone)
        assert await status(client) == "ACTIVE"
    question = person.asked[0]  # type: ignore[attr-defined]
    assert 'flow 6010 "orders-to-snowflake"' in question.message
    assert "destination" in question.message
    assert "Undo: flows_activate" in question.message
    assert len(person.asked) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(("action", "content"), [("decline", {}), ("cancel", {}), ("accept", {"confirm": False})])
async def test_a_person_who_does_not_agree_is_obeyed(
    sandbox: Any, connect: Connect, action: str, content: dict[str, Any]
) -> None:
    async with connect(sandbox.url, elicit=answer(action, **content)) as client:
        result = await client.call_tool("nexla_confirmed_write", PAUSE)
        assert result.is_error
        assert "Nothing was changed." in text_of(result)
        assert "ticket" not in text_of(result)  # never a weaker way after a decline
        assert await status(client) == "ACTIVE"
    assert changes(sandbox) == []


async def test_a_destroy_wants_the_name_typed(sandbox: Any, connect: Connect) -> None:
    call = {"operation": "credentials_delete", "arguments": {"credential_id": 2003}}
    async with connect(sandbox.url, elicit=answer("accept", name="something else")) as client:
        result = await client.call_tool("nexla_confirmed_write", call)
    assert result.is_error
    assert "does not match" in text_of(result)
    assert changes(sandbox) == []


async def test_two_calls_where_the_client_cannot_ask(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url) as client:
        first = await client.call_tool("nexla_confirmed_write", PAUSE)
        assert not first.is_error
        assert first.structured_content["status"] == "confirmation_required"
        assert changes(sandbox) == []
        assert first.structured_content["ticket"] in text_of(first)
        second = await client.call_tool("nexla_confirmed_write", {**PAUSE, "ticket": first.structured_content["ticket"]})
        assert second.structured_content["status"] == "done"
        assert await status(client) == "PAUSED"
        again = await client.call_tool("nexla_confirmed_write", {**PAUSE, "ticket": first.structured_content["ticket"]})
        assert again.is_error
        assert "used before" in text_of(again)
    assert changes(sandbox) == ["PUT /flows/6010/pause"]


async def test_a_ticket_is_for_one_call_only(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url) as client:
        ticket = (await client.call_tool("nexla_confirmed_write", PAUSE)).structured_content["ticket"]
        for other in (
            {"operation": "flows_pause", "arguments": {"flow_id": 6020}},
            {"operation": "flows_activate", "arguments": {"flow_id": FLOW}},
            {"operation": "flows_pause", "arguments": {"flow_id": FLOW, "all": True}},
        ):
            fresh = (await client.call_tool("nexla_confirmed_write", PAUSE)).structured_content["ticket"]
            result = await client.call_tool("nexla_confirmed_write", {**other, "ticket": fresh})
            assert result.is_error
            assert text_of(result).endswith("Nothing was changed.")
        tampered = await client.call_tool("nexla_confirmed_write", {**PAUSE, "ticket": ticket[:-3] + "AAA"})
        assert "not a ticket of this server" in text_of(tampered)
    assert changes(sandbox) == []


async def test_consent_is_void_when_the_target_has_changed_since(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url) as client:
        ticket = (await client.call_tool("nexla_confirmed_write", PAUSE)).structured_content["ticket"]
        with sandbox.client() as somebody_else:
            somebody_else.put("/data_sets/4003/pause").raise_for_status()
        result = await client.call_tool("nexla_confirmed_write", {**PAUSE, "ticket": ticket})
        assert result.is_error
        assert "has changed since" in text_of(result)
    assert "PUT /flows/6010/pause" not in changes(sandbox)


async def test_consent_in_a_form_is_void_when_the_target_changes_while_the_person_thinks(sandbox: Any, connect: Connect) -> None:
    async def slow_person(_context: Any, _params: Any) -> types.ElicitResult:
        with sandbox.client() as somebody_else:
            await anyio.to_thread.run_sync(lambda: somebody_else.put("/data_sets/4003/pause").raise_for_status())
        return types.ElicitResult(action="accept", content={"confirm": True})

    async with connect(sandbox.url, elicit=slow_person) as client:
        result = await client.call_tool("nexla_confirmed_write", PAUSE)
    assert result.is_error
    assert "has changed since" in text_of(result)
    assert "PUT /flows/6010/pause" not in changes(sandbox)


async def test_a_dry_run_shows_everything_and_sends_nothing(sandbox: Any, connect: Connect) -> None:
    secret = "hunter2-canary"
    update = {"credential_id": 2001, "credentials": {"secret_access_key": secret}}
    async with connect(sandbox.url) as client:
        for tool, call in (
            ("nexla_confirmed_write", PAUSE),
            ("nexla_confirmed_write", {"operation": "credentials_update", "arguments": update}),
            (
                "nexla_write",
                {
                    "operation": "credentials_create",
                    "arguments": {"name": "n", "credentials_type": "s3", "credentials": {"key": secret}},
                },
            ),
        ):
            result = await client.call_tool(tool, {**call, "dry_run": True})
            assert not result.is_error, text_of(result)
            assert result.structured_content["status"] == "dry_run"
            assert "Nothing was sent" in text_of(result)
            assert secret not in text_of(result)
            assert secret not in json.dumps(result.structured_content)
            assert "ticket" not in result.structured_content
    assert changes(sandbox) == []


async def test_read_only_wins_over_everything(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url, "--read-only", elicit=answer("accept", confirm=True)) as client:
        for tool, call in (
            ("nexla_confirmed_write", PAUSE),
            ("nexla_write", {"operation": "notifications_mark_read", "arguments": {"notification_ids": [1]}}),
        ):
            result = await client.call_tool(tool, call)
            assert result.is_error
            assert "read-only" in text_of(result)
    assert changes(sandbox) == []


async def test_deny_refuses_what_would_have_to_be_confirmed(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url, "--confirm", "deny", elicit=answer("accept", confirm=True)) as client:
        result = await client.call_tool("nexla_confirmed_write", PAUSE)
    assert result.is_error
    assert "deny" in text_of(result)
    assert changes(sandbox) == []


async def test_an_additive_write_is_not_asked_about(sandbox: Any, connect: Connect) -> None:
    person = answer("decline")
    async with connect(sandbox.url, elicit=person) as client:
        rows = (
            await client.call_tool("nexla_list", {"resource_type": "notification", "fields": ["id"], "limit": 2})
        ).structured_content["data"]
        call = {"operation": "notifications_mark_read", "arguments": {"notification_ids": [row["id"] for row in rows]}}
        result = await client.call_tool("nexla_write", call)
    assert not result.is_error, text_of(result)
    assert person.asked == []  # type: ignore[attr-defined]
    assert changes(sandbox) == ["PUT /notifications/mark_read"]


async def test_without_consent_no_gated_operation_sends_anything(sandbox: Any, connect: Connect, catalog: Catalog) -> None:
    """Every gated operation, by executor and by its own name, in three tricky forms: only reads reach the API."""
    gated = [o for o in catalog.operations.values() if o.risk.gated]
    assert len(gated) > 140
    async with connect(sandbox.url, elicit=answer("decline")) as client:
        for operation in gated:
            arguments = dict(operation.examples[0])
            for tool, call in (
                ("nexla_confirmed_write", {"operation": operation.name, "arguments": arguments, "ticket": "nt1.AAAA"}),
                ("nexla_read", {"operation": operation.name, "arguments": arguments}),
                ("nexla_write", {"operation": operation.name, "arguments": arguments}),
                (f"nexla_{operation.name}", arguments),
            ):
                result = await client.call_tool(tool, call)
                assert result.is_error, f"{tool} {operation.name}: {text_of(result)}"
    assert changes(sandbox) == []


async def test_the_same_gate_over_http(sandbox: Any, http_server: Any, era: str) -> None:
    address = http_server(sandbox.url)
    async with Client(address, mode=ERAS[era], elicitation_callback=answer("decline")) as client:
        assert (await client.call_tool("nexla_confirmed_write", PAUSE)).is_error
    assert changes(sandbox) == []
    async with Client(address, mode=ERAS[era], elicitation_callback=answer("accept", confirm=True)) as client:
        again = await client.call_tool("nexla_confirmed_write", PAUSE)
        assert "said no to exactly this call" in text_of(again)
        other = {"operation": "flows_pause", "arguments": {"flow_id": 6020}}
        result = await client.call_tool("nexla_confirmed_write", other)
        assert result.structured_content["status"] == "done", text_of(result)
    assert changes(sandbox) == ["PUT /flows/6020/pause"]
