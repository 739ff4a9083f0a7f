"""The log of changes through a client: every change is there with what was before, and most can be taken back."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from nexla_mcp.sandbox import ADMIN_KEY
from nexla_mcp.sandbox.serve import RunningSandbox
from tests.conftest import answer, text_of
from tests.in_process import client_of, data

CANARY = "hunter2-canary"


class Agreeing:
    """Agrees to everything: ticks the box, or types the name that the form asks for."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    async def __call__(self, _context: Any, params: Any) -> Any:
        import mcp_types as types

        self.questions.append(params.message)
        name, wanted = next(iter(params.requested_schema["properties"].items()))
        typed: Any = True if wanted["type"] == "boolean" else wanted["description"].split('"', 1)[1].rsplit('"', 1)[0]
        return types.ElicitResult(action="accept", content={name: typed})


def everything_in(folder: Path) -> bytes:
    """Receipts, database and its journal, byte for byte."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def do(client: Client, operation: str, *, tool: str = "nexla_confirmed_write", **arguments: Any) -> dict[str, Any]:
    """Carry out a change and return its structured result."""
    result = await client.call_tool(tool, {"operation": operation, "arguments": arguments})
    assert not result.is_error, text_of(result)
    assert result.structured_content["status"] == "done", text_of(result)
    return dict(result.structured_content)


async def revert(client: Client, change: int) -> dict[str, Any]:
    return await do(client, "history_revert_change", change_id=change)


async def rows(client: Client, **arguments: Any) -> list[dict[str, Any]]:
    result = await client.call_tool("nexla_read", {"operation": "history_list_changes", "arguments": arguments})
    assert not result.is_error, text_of(result)
    return list(result.structured_content["data"]["changes"])


async def test_every_change_is_listed_with_who_agreed_and_how(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, elicit=Agreeing()) as client:
        assert await rows(client) == []
        await do(client, "flows_pause", flow_id=6010)
        await do(client, "notifications_mark_read", tool="nexla_write", notification_ids=[1])
        refused = await client.call_tool(
            "nexla_confirmed_write", {"operation": "sources_run_now", "arguments": {"source_id": 3001}}
        )
        assert refused.is_error  # it is paused now
        listed = await rows(client)
        assert [(r["operation"], r["outcome"], r["confirmed_by"]) for r in listed] == [
            ("sources_run_now", "not applied", "form"),
            ("notifications_mark_read", "applied", "nobody: additive"),
            ("flows_pause", "applied", "form"),
        ]
        assert listed[2]["target"] == 'flow 6010 "orders-to-snowflake"'
        assert [r["id"] for r in await rows(client, outcome="not applied")] == [3]
        assert [r["id"] for r in await rows(client, before=3, limit=1)] == [2]
        for name in ("history_list_changes", "nexla_history_list_changes", "nexla_list_changes", "history.list_changes"):
            assert len((await client.call_tool(name, {"operation": "flows_pause"})).structured_content["changes"]) == 1
        found = await client.call_tool("nexla_search_operations", {"query": "undo my last change"})
        assert "history_revert_change" in text_of(found)
        wrong = await client.call_tool("nexla_read", {"operation": "history_revert_change", "arguments": {"change_id": 1}})
        assert "call it with nexla_confirmed_write" in text_of(wrong)
    async with client_of(sandbox.url, tmp_path, key=ADMIN_KEY) as somebody_else:
        assert await rows(somebody_else) == []
        other = await somebody_else.call_tool("history_get_change", {"change_id": 1})
        assert "There is no change 1 of this key" in text_of(other)


async def test_changes_can_be_read_as_resources(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, elicit=Agreeing()) as client:
        await do(client, "flows_pause", flow_id=6010)
        assert "nexla://changes" in [str(r.uri) for r in (await client.list_resources()).resources]
        listed = json.loads((await client.read_resource("nexla://changes")).contents[0].text)  # type: ignore[union-attr]
        assert [r["operation"] for r in listed] == ["flows_pause"]
        one = json.loads((await client.read_resource("nexla://changes/1")).contents[0].text)  # type: ignore[union-attr]
        assert one["before"]["flows"][0]["status"] == "ACTIVE"
        assert one["request"] == "PUT /flows/6010/pause"
        for missing in ("nexla://changes/99", "nexla://changes/x"):
            with pytest.raises(Exception, match="not kept any more"):
                await client.read_resource(missing)


async def test_a_pause_is_taken_back_and_what_else_would_start_is_said(sandbox: RunningSandbox, tmp_path: Path) -> None:
    person = Agreeing()
    with sandbox.client() as api:
        api.put("/data_sinks/5001/pause").raise_for_status()
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        change = (await do(client, "flows_pause", flow_id=6010))["change_id"]
        await revert(client, change)
        assert (await data(client, "sources_get", source_id=3001))["status"] == "ACTIVE"
        assert "This takes back change 1: Pause a flow" in person.questions[1]
        assert 'did not run before and would be started: destination 5001 "orders-to-snowflake"' in person.questions[1]
        again = await client.call_tool("history_revert_change", {"change_id": change})
        assert "taken back by change 2 already" in text_of(again)
        assert [r["note"] for r in await rows(client)] == [
            "takes back 1; answered too fast to have been read",
            "taken back by 2; answered too fast to have been read",
        ]


async def test_a_config_is_put_back_with_the_secret_that_is_still_there(sandbox: RunningSandbox, tmp_path: Path) -> None:
    config = {"start.cron": "0 3 * * * ?", "path": "exports/orders", "password": CANARY}
    with sandbox.client() as api:
        api.put("/flows/6030/pause")
        api.put("/data_sources/3003", json={"source_config": config, "description": "before"}).raise_for_status()
        async with client_of(sandbox.url, tmp_path, elicit=Agreeing()) as client:
            changed = {"source_config": {**config, "path": "elsewhere"}, "description": "after"}
            change = (await do(client, "sources_update", source_id=3003, **changed))["change_id"]
            api.put("/data_sources/3003", json={"name": "renamed by somebody else"}).raise_for_status()
            await revert(client, change)
            source = api.get("/data_sources/3003").json()
            assert source["source_config"] == config
            assert source["description"] == "before"
            assert source["name"] == "renamed by somebody else"  # what the change did not touch stays as it is now

            rotated = {"source_config": {**config, "path": "elsewhere", "password": "another"}}
            change = (await do(client, "sources_update", source_id=3003, **rotated))["change_id"]
            lost = await client.call_tool("history_revert_change", {"change_id": change})
            assert lost.is_error
            assert "source_config (a secret in it is not kept: password)" in text_of(lost)
            assert api.get("/data_sources/3003").json()["source_config"]["password"] == "another"
    assert CANARY.encode() not in everything_in(tmp_path)


async def test_what_was_changed_again_since_is_said_first(sandbox: RunningSandbox, tmp_path: Path) -> None:
    person = Agreeing()
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        change = (await do(client, "sources_update", source_id=3001, description="mine"))["change_id"]
        with sandbox.client() as api:
            api.put("/data_sources/3001", json={"description": "theirs"}).raise_for_status()
        await revert(client, change)
    assert 'Changed again since then, and taken back with it: description is "theirs" now.' in person.questions[-1]


@pytest.mark.parametrize(
    ("operation", "arguments", "reading"),
    [
        (
            "flows_replace_accessors",
            {"flow_id": 6120, "accessors": [{"type": "TEAM", "id": 21, "access_roles": ["admin"]}]},
            ("flows_get_accessors", {"flow_id": 6120}),
        ),
        ("flows_delete_accessors", {"flow_id": 6120}, ("flows_get_accessors", {"flow_id": 6120})),
        (
            "teams_replace_members",
            {"team_id": 21, "members": [{"id": 101, "admin": True}]},
            ("teams_get_members", {"team_id": 21}),
        ),
        ("teams_remove_members", {"team_id": 21, "members": [{"id": 101}]}, ("teams_get_members", {"team_id": 21})),
        ("projects_replace_flows", {"project_id": 11, "flows": [6010]}, ("projects_get", {"project_id": 11})),
        ("projects_remove_flows", {"project_id": 11, "flows": [6010]}, ("projects_get", {"project_id": 11})),
        (
            "nexsets_update_docs",
            {"set_id": 4003, "docs": [{"name": "New", "text": "x"}]},
            ("nexsets_list_docs", {"set_id": 4003}),
        ),
        ("flow_triggers_delete", {}, ("flow_triggers_list", {})),
        ("transforms_update", {"transform_id": 601, "code": [], "name": "other"}, ("transforms_get", {"transform_id": 601})),
        ("credentials_update", {"credential_id": 2001, "name": "other"}, ("credentials_get", {"credential_id": 2001})),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_was_replaced_comes_back(
    sandbox: RunningSandbox, tmp_path: Path, operation: str, arguments: dict[str, Any], reading: tuple[str, dict[str, Any]]
) -> None:
    def bare(value: Any) -> Any:
        """Without what the API sets anew."""
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if k not in ("created_at", "updated_at", "triggered_at")}
        return sorted((bare(v) for v in value), key=str) if isinstance(value, list) else value

    def without_ids(value: Any) -> Any:
        return [{k: v for k, v in row.items() if k != "id"} for row in value]

    async with client_of(sandbox.url, tmp_path, elicit=Agreeing()) as client:
        if operation == "flow_triggers_delete":
            sides = {"triggering_resource_type": "data_sink", "triggered_resource_type": "data_source"}
            events = {"triggering_event_type": "DATA_SINK_WRITE_DONE", "triggered_event_type": "DATA_SOURCE_READ_START"}
            with sandbox.client() as api:
                made = api.post(
                    "/flow_triggers", json={**sides, **events, "triggering_resource_id": 5001, "triggered_resource_id": 3014}
                )
                arguments = {"flow_trigger_id": made.raise_for_status().json()["id"]}
        before = bare(await data(client, reading[0], **reading[1]))
        change = (await do(client, operation, **arguments))["change_id"]
        assert bare(await data(client, reading[0], **reading[1])) != before
        await revert(client, change)
        after = bare(await data(client, reading[0], **reading[1]))
    if operation in ("flow_triggers_delete", "nexsets_update_docs"):
        before, after = without_ids(before), without_ids(after)
    assert after == before


async def test_something_made_is_deleted_again_with_its_name_typed(sandbox: RunningSandbox, tmp_path: Path) -> None:
    person = Agreeing()
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        made = await do(client, "projects_create", tool="nexla_write", name="short-lived")
        await revert(client, made["change_id"])
        gone = await client.call_tool("nexla_get", {"resource_type": "project", "name": "short-lived"})
        assert gone.is_error
    assert person.questions[-1].splitlines()[0].startswith("Delete a project: project")
    assert "short-lived" in person.questions[-1]


async def test_what_cannot_be_taken_back_says_why(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, elicit=Agreeing()) as client:
        change = (await do(client, "sources_run_now", source_id=3012))["change_id"]
        result = await client.call_tool("history_revert_change", {"change_id": change})
        assert "cannot be taken back. Cannot be undone: what has been read stays" in text_of(result)
        secret = {"credential_id": 2001, "credentials": {"secret_access_key": CANARY}}
        change = (await do(client, "credentials_update", **secret))["change_id"]
        lost = await client.call_tool("history_revert_change", {"change_id": change})
        assert lost.is_error
        assert "credentials (the API does not tell what it was)" in text_of(lost)
        failed = await client.call_tool(
            "nexla_confirmed_write", {"operation": "sources_delete", "arguments": {"source_id": 3012}}
        )
        assert failed.is_error
        assert "was not applied" in text_of(await client.call_tool("history_revert_change", {"change_id": 3}))
        assert "no change 99" in text_of(await client.call_tool("history_revert_change", {"change_id": 99}))
    assert CANARY.encode() not in everything_in(tmp_path)


async def test_taking_back_is_asked_about_even_where_the_opposite_is_harmless(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, elicit=answer("decline")) as client:
        change = (await do(client, "projects_update", tool="nexla_write", project_id=11, description="mine"))["change_id"]
        dry = await client.call_tool("history_revert_change", {"change_id": change, "dry_run": True})
        assert dry.structured_content["status"] == "dry_run"
        refused = await client.call_tool("history_revert_change", {"change_id": change})
        assert "The person declined" in text_of(refused)
        assert (await data(client, "projects_get", project_id=11))["description"] == "mine"
    async with client_of(sandbox.url, tmp_path, read_only=True) as client:
        assert "read-only" in text_of(await client.call_tool("history_revert_change", {"change_id": change}))
    async with client_of(sandbox.url, tmp_path, clock=lambda: time.time() + 601) as client:  # the no has run out
        first = await client.call_tool("history_revert_change", {"change_id": change})
        ticket = first.structured_content["ticket"]
        assert (await client.call_tool("history_revert_change", {"change_id": change, "ticket": ticket})).structured_content[
            "status"
        ] == "done"
        assert (await data(client, "projects_get", project_id=11))["description"] == "Orders, returns, payments and refunds"


async def test_a_lost_reply_is_looked_into_and_written_down(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, elicit=Agreeing()) as client:
        sandbox.fault("PUT /flows/6010/pause", reset=True, count=1)
        result = await client.call_tool("nexla_confirmed_write", {"operation": "flows_pause", "arguments": {"flow_id": 6010}})
        assert result.is_error
        listed = await rows(client)
        assert listed[0]["outcome"] in ("not applied", "outcome unknown")
        sandbox.fault("POST /data_sources/3012/run_now", status=500, count=1)
        await client.call_tool("nexla_confirmed_write", {"operation": "sources_run_now", "arguments": {"source_id": 3012}})
        assert (await rows(client))[0]["outcome"] == "outcome unknown"
        shown = await client.call_tool("history_get_change", {"change_id": 2})
        assert shown.structured_content["change"]["next"] == {
            "tool": "nexla_read",
            "arguments": {"operation": "sources_get", "arguments": {"source_id": 3012}},
        }


async def test_no_secret_of_any_call_is_kept(sandbox: RunningSandbox, tmp_path: Path) -> None:
    secrets = {"credentials": {"access_key_id": "AKIA-not-a-key", "secret_access_key": CANARY}}
    webhook = {"webhook_url": f"{sandbox.url}/webhook/{CANARY}?api_key={CANARY}", "api_key": CANARY, "record": {"a": 1}}
    async with client_of(sandbox.url, tmp_path, elicit=Agreeing()) as client:
        await do(client, "credentials_create", tool="nexla_write", name="new", credentials_type="s3", **secrets)
        await client.call_tool("nexla_confirmed_write", {"operation": "webhooks_send_one_record", "arguments": webhook})
        await client.call_tool(
            "nexla_confirmed_write",
            {"operation": "users_create", "arguments": {"full_name": "A", "email": "a@x.test", "password": CANARY}},
        )
        assert len(await rows(client)) >= 2
    with sqlite3.connect(tmp_path / "state.db") as database:
        assert CANARY not in "\n".join(map(str, database.execute("SELECT * FROM changes").fetchall()))
    database.close()
    assert CANARY.encode() not in everything_in(tmp_path)
