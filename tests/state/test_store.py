"""The store: the first spender wins, in one process and in many; what is kept is bounded; nothing is opened early."""

from __future__ import annotations

import stat
import subprocess
import sys
import uuid
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr, ValidationError

from nexla_mcp.sandbox.serve import RunningSandbox
from nexla_mcp.settings import Settings
from nexla_mcp.state import changes
from nexla_mcp.state.change import NewChange
from nexla_mcp.state.changes import ChangeLog
from nexla_mcp.state.store import StateError, StateStore
from tests.conftest import SCRIPT, environment, text_of
from tests.in_process import client_of

ROOT = Path(__file__).resolve().parents[2]
LATER = 4_000_000_000.0


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def store_at(where: str, clock: Clock | None = None) -> StateStore:
    options = {"clock": clock} if clock else {}
    return StateStore(None, where, **options) if "://" in where else StateStore(Path(where), **options)  # type: ignore[arg-type]


def a_change(**facts: object) -> NewChange:
    given = {"operation": "flows_pause", "title": "Pause a flow", "risk": "disrupt", "method": "PUT", "path": "/flows/1/pause"}
    return NewChange(**(given | {"arguments": {"flow_id": 1}} | facts))  # type: ignore[arg-type]


def test_two_processes_spend_a_ticket_once(shared_store: str) -> None:
    """Four processes race for the same fifty tickets, and for the thirty changes of an hour."""
    nonces = [uuid.uuid4().hex for _ in range(50)]
    command = [sys.executable, "-m", "tests.state.spender", shared_store, *nonces]
    pipe = subprocess.PIPE
    racers = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    results = [racer.communicate(timeout=60)[0].split(";") for racer in racers]
    assert all(racer.returncode == 0 for racer in racers)
    won = [nonce for result in results for nonce in result[0].split()]
    assert sorted(won) == sorted(nonces)
    assert sum(int(result[1]) for result in results) == 30


async def test_a_store_remembers_what_the_next_one_asks(shared_store: str) -> None:
    clock, who = Clock(), uuid.uuid4().hex
    first = store_at(shared_store, clock)
    log = ChangeLog(first, who)
    assert await first.spend(who, LATER)
    await first.remember_refusal(who, clock.now + 600, declined=False)
    await first.remember_refusal(who, clock.now + 600, declined=True)
    number = await log.begin(a_change(before={"a": 1}))
    await log.settle(number, "applied", result={"id": 7}, picked={"id": 7}, status=200)
    back = await log.begin(a_change(takes_back=number))
    await log.settle(back, "applied")
    first.close()

    second = store_at(shared_store, clock)
    assert not await second.spend(who, LATER)
    assert await second.refusal(who) == (True, 1)
    clock.now += 601
    assert await second.refusal(who) == (False, 0)
    found = await ChangeLog(second, who).get(number)
    assert found is not None
    assert (found.before, found.picked, found.taken_back_by) == ({"a": 1}, {"id": 7}, back)
    assert await ChangeLog(second, "somebody else").get(number) is None
    assert await ChangeLog(second, "somebody else").find() == []
    second.close()


async def test_many_at_once_in_one_process(tmp_path: Path) -> None:
    for store in (StateStore(tmp_path / "state"), StateStore(None)):
        won: list[bool] = []

        async def race(store: StateStore = store, won: list[bool] = won) -> None:
            won.append(await store.spend("one", LATER))

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(race)
        assert won.count(True) == 1
        store.close()


async def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "state")
    assert not (tmp_path / "state").exists()  # nothing is made before it is needed
    await store.spend("one", LATER)
    for path in [tmp_path / "state" / "state.db", *(tmp_path / "state").glob("state.db-*")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store.close()


async def test_age_number_and_size_of_the_log_are_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = Clock()
    store = StateStore(tmp_path, clock=clock)
    log = ChangeLog(store, "p")
    for _ in range(12):
        await log.begin(a_change(before={"x": "y" * 100}))
    old = await log.begin(a_change(before={"x": "y" * (changes.BEFORE_BYTES + 1)}))
    kept = await log.get(old)
    assert kept is not None
    assert not kept.before_whole
    assert "too many to keep" in kept.before["left_out"]
    store.close()
    monkeypatch.setattr(changes, "KEPT_CHANGES", 5)
    assert [entry.id for entry in await log.find()] == [13, 12, 11, 10, 9]
    store.close()
    monkeypatch.setattr(changes, "KEPT_BYTES", 2_400)
    kept_ids = [entry.id for entry in await log.find()]
    assert kept_ids == [13, 12, 11][: len(kept_ids)]
    assert 1 < len(kept_ids) < 4
    store.close()
    clock.now += changes.KEPT_S + 1
    assert await log.find() == []
    store.close()


async def test_without_a_folder_state_is_kept_in_memory_and_whoami_says_so(sandbox: RunningSandbox, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("not a folder")
    call = {"operation": "flows_pause", "arguments": {"flow_id": 6010}}
    async with client_of(sandbox.url, blocked) as client:
        told = await client.call_tool("nexla_whoami", {})
        assert told.structured_content["server"]["state"] == "memory"
        assert "end with this process" in text_of(told)
        ticket = (await client.call_tool("nexla_confirmed_write", call)).structured_content["ticket"]
        done = await client.call_tool("nexla_confirmed_write", {**call, "ticket": ticket})
        assert done.structured_content["status"] == "done"
        listed = await client.call_tool("nexla_read", {"operation": "history_list_changes"})
        assert len(listed.structured_content["data"]["changes"]) == 1


async def test_what_cannot_be_recorded_is_not_sent(sandbox: RunningSandbox, tmp_path: Path) -> None:
    gone = f"postgresql://nobody@/nothing?host={tmp_path}"
    async with client_of(sandbox.url, tmp_path, state_url=SecretStr(gone)) as client:
        assert not (await client.call_tool("nexla_get", {"resource_type": "flow", "id": 6010})).is_error
        write = {"operation": "notifications_mark_read", "arguments": {"notification_ids": [1]}}
        result = await client.call_tool("nexla_write", write)
        assert "What cannot be recorded is not sent" in text_of(result)
        assert "Nothing was changed" in text_of(result)
    assert not [r for r in sandbox.requests() if r["method"] == "PUT"]


async def test_a_broken_database_says_which(tmp_path: Path) -> None:
    store = StateStore(None, f"postgresql://ada:hunter2@/nothing?host={tmp_path}")
    with pytest.raises(StateError) as caught:
        await store.spend("x", LATER)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValidationError, match="postgresql://"):
        Settings(state_url=SecretStr("mysql://x"))


def test_a_server_that_starts_and_reads_does_not_import_the_database(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom nexla_mcp.settings import Settings\nfrom nexla_mcp.catalog.loader import load_catalog\n"
        "from nexla_mcp.server.runtime import Runtime\nfrom nexla_mcp.server.app import build_server\n"
        "import nexla_mcp.server.catalogue_tools\nr = Runtime(Settings(), load_catalog())\nbuild_server(r)\n"
        "r.gate, r.changes, r.state.kind, r.pages\nprint([m for m in ('sqlalchemy', 'dbos', 'psycopg') if m in sys.modules])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path, None),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.strip() == "[]"
    assert not (tmp_path / "state").exists()
    assert Path(SCRIPT).exists()
