"""A rotation: the new login is tried before anything is touched, everybody is moved, and the old one goes last or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from nexla_mcp.sandbox.serve import RunningSandbox
from tests.conftest import text_of
from tests.in_process import client_of

SECRET = "fresh-secret-zq81x"
LOGIN = {"access_key_id": "AKIANEW", "secret_key": SECRET}
ROTATE = {"credential_id": 2001, "secret_env": "ROTATED_LOGIN", "wait_minutes": 0}
MOVED = [
    *("PUT /flows/6010/pause", "PUT /flows/6020/pause", "PUT /data_sources/3001", "PUT /data_sources/3002"),
    *("PUT /flows/6010/activate", "PUT /flows/6020/activate"),
]
"""What has to happen to the two sources of credential 2001 and their flows, in this order."""


@dataclass
class Person:
    """Agrees, and types the name that is asked for, to the first ``patience`` questions; declines the others."""

    patience: int = 9
    asked: list[str] = field(default_factory=list)

    async def __call__(self, _context: Any, question: types.ElicitRequestFormParams) -> types.ElicitResult:
        self.asked.append(question.message)
        if len(self.asked) > self.patience:
            return types.ElicitResult(action="decline")
        name, wanted = next(iter(question.requested_schema["properties"].items()))
        typed = True if wanted["type"] == "boolean" else wanted["description"].split('"')[1]
        return types.ElicitResult(action="accept", content={name: typed})


Changes = Callable[[], list[str]]


@pytest.fixture
def changes(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Changes:
    """The changes that were carried out so far; the new login lies in the environment."""
    monkeypatch.setenv("ROTATED_LOGIN", json.dumps(LOGIN))

    def carried_out() -> list[str]:
        done = [r for r in sandbox.requests() if r["method"] != "GET" and r["path"] != "/token" and (r["handled"] or 500) < 300]
        return [f"{r['method']} {r['path']}" for r in done]

    return carried_out


def statuses(sandbox: RunningSandbox) -> dict[int, str]:
    """Every flow and its status."""
    with sandbox.client() as api:
        rows = api.get("/flows", params={"access_role": "collaborator"}).json()["flows"]
    return {row["id"]: row["status"] for row in rows}


def credential_of(sandbox: RunningSandbox, source_id: int) -> int:
    """What a source signs in with."""
    with sandbox.client() as api:
        return int(api.get(f"/data_sources/{source_id}").json()["data_credentials"]["id"])


def written(folder: Path) -> bytes:
    """Everything that was written down."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def resumed(client: Any, run_id: str, operation: str = "runs_resume") -> types.CallToolResult:
    """Go on with a run, as its answer says."""
    call = {"operation": operation, "arguments": {"run_id": run_id}}
    return await client.call_tool("nexla_confirmed_write", call)  # type: ignore[no-any-return]


async def test_the_old_one_goes_last_on_a_confirmation_of_its_own(
    sandbox: RunningSandbox, tmp_path: Path, changes: Changes, era: str
) -> None:
    before, person = statuses(sandbox), Person()
    async with client_of(sandbox.url, tmp_path, elicit=person, era=era) as client:
        first = await client.call_tool("nexla_rotate_credential", ROTATE)
        assert first.structured_content["status"] == "waiting"
        assert changes() == ["POST /data_credentials", *MOVED]
        new = credential_of(sandbox, 3001)
        assert (new, credential_of(sandbox, 3002)) != (2001, 2001)
        last = await resumed(client, first.structured_content["run_id"])
        assert last.structured_content["status"] == "done"
    assert changes() == ["POST /data_credentials", *MOVED, "DELETE /data_credentials/2001"]
    assert statuses(sandbox) == before
    assert len(person.asked) == 2
    assert "env:ROTATED_LOGIN" in person.asked[0]
    assert "Cannot be undone" in person.asked[1]
    told = "".join([*person.asked, text_of(first), text_of(last)])
    assert SECRET not in told
    assert SECRET.encode() not in written(tmp_path)


async def test_a_login_that_is_refused_touches_nothing(sandbox: RunningSandbox, tmp_path: Path, changes: Changes) -> None:
    refused = {"status": 403, "message": "Access denied"}
    sandbox.fault("^GET /data_credentials/2016/probe$", status=403, body=refused)
    async with client_of(sandbox.url, tmp_path, elicit=Person()) as client:
        ended = await client.call_tool("nexla_rotate_credential", ROTATE)
    assert ended.structured_content["status"] == "rolled back"
    assert "Credential 2016 is refused: Access denied" in text_of(ended)
    assert changes() == ["POST /data_credentials", "DELETE /data_credentials/2016"]


async def test_what_fails_half_way_is_put_back_the_last_change_first(
    sandbox: RunningSandbox, tmp_path: Path, changes: Changes
) -> None:
    before = statuses(sandbox)
    sandbox.fault("^PUT /flows/6020/activate$", status=409, count=1)
    async with client_of(sandbox.url, tmp_path, elicit=Person()) as client:
        ended = await client.call_tool("nexla_rotate_credential", ROTATE)
    assert ended.structured_content["status"] == "rolled back"
    back = ["PUT /flows/6010/pause", "PUT /data_sources/3002", "PUT /data_sources/3001"]
    back += ["PUT /flows/6020/activate", "PUT /flows/6010/activate", "DELETE /data_credentials/2016"]
    assert changes() == ["POST /data_credentials", *MOVED[:-1], *back]
    assert statuses(sandbox) == before
    assert credential_of(sandbox, 3001) == credential_of(sandbox, 3002) == 2001


async def test_a_no_to_the_deletion_keeps_the_old_one_and_everything_can_be_taken_back(
    sandbox: RunningSandbox, tmp_path: Path, changes: Changes
) -> None:
    before, person = statuses(sandbox), Person(patience=1)
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        first = await client.call_tool("nexla_rotate_credential", ROTATE)
        run_id = first.structured_content["run_id"]
        assert "declined" in text_of(await resumed(client, run_id))
        assert "DELETE /data_credentials/2001" not in changes()
        person.patience = 9
        back = await resumed(client, run_id, "runs_cancel")
        assert back.structured_content["status"] == "rolled back"
    assert credential_of(sandbox, 3001) == credential_of(sandbox, 3002) == 2001
    assert statuses(sandbox) == before


async def test_a_login_as_an_argument_is_warned_about_and_written_nowhere(
    sandbox: RunningSandbox, tmp_path: Path, changes: Changes
) -> None:
    given = {"credential_id": 2001, "credentials": LOGIN, "wait_minutes": 0}
    person = Person()
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        first = await client.call_tool("nexla_rotate_credential", given)
    assert first.structured_content["status"] == "waiting"
    assert "the model has read it" in person.asked[0]
    assert SECRET not in person.asked[0] + text_of(first)
    assert SECRET.encode() not in written(tmp_path)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"secret_env": "NO_SUCH_LOGIN"}, "has no variable NO_SUCH_LOGIN"),
        ({"secret_env": "NEXLA_SERVICE_KEY"}, "belongs to this server itself"),
        ({"secret_file": "relative.json"}, "absolute path"),
        ({}, "exactly one way"),
        ({"secret_env": "ROTATED_LOGIN", "new_credential_id": 2002}, "exactly one way"),
    ],
)
async def test_without_a_login_nobody_is_asked(
    sandbox: RunningSandbox, tmp_path: Path, changes: Changes, where: dict[str, Any], says: str
) -> None:
    person = Person()
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        told = await client.call_tool("nexla_rotate_credential", {"credential_id": 2001, **where})
    assert told.is_error
    assert says in text_of(told)
    assert "Nothing was changed." in text_of(told)
    assert (changes(), person.asked) == ([], [])
