"""The runbooks that change things, through the front door: asked once as a whole, carried out, taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from nexla_mcp.sandbox.serve import RunningSandbox
from tests.conftest import ERAS, answer, text_of
from tests.in_process import client_of, data

LOGIN = '{"access_key_id": "AKIANEW", "secret_key": "never-written-down"}'
FIX = {
    "flow_id": 6010,
    "operation": "sources_update",
    "arguments": {"source_id": 3001, "description": "tidied"},
    "wait_minutes": 0,
}
ROTATE = {"credential_id": 2002, "secret_env": "NEW_LOGIN", "wait_minutes": 1}
SCHEMA = {"type": "object", "properties": {"order_id": {}}, "required": ["order_id"]}


@pytest.fixture(autouse=True)
def _login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW_LOGIN", LOGIN)


async def agreed(client: Client, tool: str, **arguments: Any) -> Any:
    """Both calls of a client that cannot ask: the preview, then the ticket and the name the person types."""
    preview = await client.call_tool(tool, arguments)
    assert preview.structured_content, text_of(preview)
    assert preview.structured_content["status"] == "confirmation_required"
    words = text_of(preview).split('they have to type "')
    typed = {"typed_name": words[1].split('"')[0]} if len(words) > 1 else {}
    return await client.call_tool(tool, {**arguments, "ticket": preview.structured_content["ticket"], **typed})


def ids(sandbox: RunningSandbox, path: str) -> set[int]:
    """The ids of a collection, asked behind the server's back."""
    with sandbox.client() as api:
        return {row["id"] for row in api.get(path, params={"per_page": 100}).json()}


def everything_in(folder: Path) -> bytes:
    """All that was written to disk."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


def states(result: Any) -> list[str]:
    """The state of each step."""
    return [step["state"] for step in result.structured_content["steps"]]


@pytest.mark.parametrize("era", ERAS)
async def test_a_fix_is_confirmed_once_and_can_be_taken_back(sandbox: RunningSandbox, tmp_path: Path, era: str) -> None:
    person = answer("accept", confirm=True)
    async with client_of(sandbox.url, tmp_path, elicit=person, era=era) as client:
        fixed = await client.call_tool("nexla_fix_and_verify", FIX)
        assert fixed.structured_content["status"] == "done", text_of(fixed)
        assert [q.message.split("\n")[0] for q in person.asked] == ['Fix flow 6010 "orders-to-snowflake" and verify']
        assert "description: (not set) -> tidied" in person.asked[0].message
        assert (await data(client, "sources_get", source_id=3001))["description"] == "tidied"

        back = await client.call_tool("nexla_runs_cancel", {"run_id": fixed.structured_content["run_id"]})
        assert back.structured_content["status"] == "rolled back"
        assert states(back) == ["undone"] * 3
        assert not (await data(client, "sources_get", source_id=3001))["description"]
        assert (await data(client, "flows_get", flow_id=6010))["flows"][0]["status"] == "ACTIVE"


async def test_a_decline_changes_nothing(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, elicit=answer("decline")) as client:
        refused = await client.call_tool("nexla_fix_and_verify", FIX)
        assert refused.is_error
        assert "Nothing was changed" in text_of(refused)
    assert [r for r in sandbox.requests() if r["method"] in ("PUT", "DELETE")] == []


async def test_a_rotation_asks_again_before_it_deletes(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, confirm="ticket") as client:
        moved = await agreed(client, "nexla_rotate_credential", **ROTATE)
        assert moved.structured_content["status"] == "waiting", text_of(moved)
        assert (await data(client, "credentials_get", credential_id=2002))["name"] == "data-lake"
        used = await data(client, "credentials_get_usage", credential_id=2002)
        assert not any(used.values())

        done = await agreed(client, "nexla_runs_resume", run_id=moved.structured_content["run_id"])
        assert done.structured_content["status"] == "done"
        gone = await client.call_tool("nexla_read", {"operation": "credentials_get", "arguments": {"credential_id": 2002}})
        assert gone.is_error

        paused_before = await data(client, "nexsets_get", set_id=4009)  # a person had paused it, and it stays so
        assert paused_before["status"] == "PAUSED"
        assert (await data(client, "destinations_get", sink_id=5004))["status"] == "ACTIVE"
    assert b"never-written-down" not in everything_in(tmp_path)


async def test_a_login_that_is_refused_leaves_everything_as_it_was(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.fault("^GET /data_credentials/20(1[6-9]|[2-9])[0-9]*/probe", status=403, body={"message": "access key refused"})
    async with client_of(sandbox.url, tmp_path, confirm="ticket") as client:
        before = ids(sandbox, "/data_credentials")
        result = await agreed(client, "nexla_rotate_credential", **ROTATE)
        assert result.structured_content["status"] == "rolled back"
        assert "access key refused" in text_of(result)
        assert ids(sandbox, "/data_credentials") == before
    assert not [r for r in sandbox.requests() if r["path"].endswith(("/pause", "/activate"))]


async def test_a_login_as_argument_is_warned_about_and_never_shown(sandbox: RunningSandbox, tmp_path: Path) -> None:
    given = {"credential_id": 2002, "credentials": {"access_key_id": "AKIANEW", "secret_key": "never-written-down"}}
    async with client_of(sandbox.url, tmp_path, confirm="ticket") as client:
        preview = await client.call_tool("nexla_rotate_credential", {**given, "dry_run": True})
        assert "the model has read it" in text_of(preview)
        assert "never-written-down" not in text_of(preview)
        both = await client.call_tool("nexla_rotate_credential", {**given, "secret_env": "NEW_LOGIN"})
        assert "exactly one way" in text_of(both)


async def test_access_is_shown_as_who_gains_what(sandbox: RunningSandbox, tmp_path: Path) -> None:
    accessors = [{"type": "USER", "id": 104, "access_roles": ["operator"]}]
    given = {"action": "grant", "accessors": accessors, "project_id": 11}
    async with client_of(sandbox.url, tmp_path, confirm="ticket") as client:
        preview = await client.call_tool("nexla_grant_access", {**given, "dry_run": True})
        assert "Gains access: user 104" in text_of(preview), text_of(preview)
        shared = await agreed(client, "nexla_grant_access", **given)
        assert shared.structured_content["status"] == "done", text_of(shared)
        assert set(states(shared)) == {"done"}


async def test_what_cannot_be_done_for_one_is_taken_back_for_all(sandbox: RunningSandbox, tmp_path: Path) -> None:
    sandbox.fault("^PUT /flows/6020/pause", status=403, body={"message": "not yours"})
    async with client_of(sandbox.url, tmp_path, confirm="ticket") as client:
        result = await agreed(client, "nexla_bulk_flows", action="pause", flow_ids=[6010, 6020])
        assert result.structured_content["status"] == "rolled back"
        assert states(result) == ["undone", "failed"]
        assert (await data(client, "flows_get", flow_id=6010))["flows"][0]["status"] == "ACTIVE"


async def test_a_new_schema_stands_beside_the_old_one_first(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, confirm="ticket") as client:
        built = await agreed(client, "nexla_migrate_schema", nexset_id=4003, schema=SCHEMA, wait_minutes=0)
        assert built.structured_content["status"] == "waiting", text_of(built)
        assert (await data(client, "destinations_get", sink_id=5001))["status"] == "ACTIVE"
        done = await agreed(client, "nexla_runs_resume", run_id=built.structured_content["run_id"])
        assert done.structured_content["status"] == "done"
        assert (await data(client, "destinations_get", sink_id=5001))["status"] == "PAUSED"


async def test_a_schema_that_the_samples_do_not_fit_is_rolled_back(sandbox: RunningSandbox, tmp_path: Path) -> None:
    wrong = {"type": "object", "properties": {"order_id": {"type": "boolean"}}, "required": ["no_such_field"]}
    async with client_of(sandbox.url, tmp_path, confirm="ticket") as client:
        before = ids(sandbox, "/data_sets")
        result = await agreed(client, "nexla_migrate_schema", nexset_id=4003, schema=wrong, wait_minutes=0)
        assert result.structured_content["status"] == "rolled back", text_of(result)
        assert ids(sandbox, "/data_sets") == before
        no_schema = await client.call_tool("nexla_migrate_schema", {"nexset_id": 4003, "schema": {"type": "nonsense"}})
        assert "no JSON Schema" in text_of(no_schema)


async def test_runs_are_listed_and_nobody_elses_are_shown(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, confirm="ticket") as client:
        await agreed(client, "nexla_bulk_flows", action="pause", flow_ids=[6010])
        listed = await client.call_tool("nexla_read", {"operation": "runs_list"})
        assert [r["status"] for r in listed.structured_content["data"]["runs"]] == ["done"]
        missing = await client.call_tool("nexla_read", {"operation": "runs_get", "arguments": {"run_id": "r-00000000"}})
        assert "There is no run" in text_of(missing)


async def test_read_only_refuses_a_run(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, read_only=True) as client:
        assert "read-only" in text_of(await client.call_tool("nexla_fix_and_verify", FIX))
