"""kill -9 at every step of every runbook that changes things: does it go on or roll back, and is anything done twice?

    python -m benchmarks.kill_table [--only nexla_fix_and_verify]

A real server process over stdio, a sandbox over a real socket. The sandbox holds one request, before or after it was
carried out; then the server is killed, a new one is started on the same state, and the sandbox's record is read.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.sandbox import SandboxConfig, create_app
from nexla_mcp.sandbox.serve import RunningSandbox, running_sandbox
from tests.conftest import environment
from tests.server_process import ServerProcess

CATALOG = load_catalog()
LOGIN = {"NEW_LOGIN": '{"access_key_id": "AKIANEW", "secret_key": "fresh"}'}
LONG_S = 600
PATIENCE_S = 40


@dataclass(frozen=True)
class Case:
    """One runbook with arguments that fit the seeded organisation."""

    tool: str
    arguments: dict[str, Any]
    may_pause: frozenset[int] = frozenset()
    """Flows that are meant to be paused at the end."""


@dataclass
class Outcome:
    """What was left after a kill and a restart."""

    tool: str
    step: str
    held: str
    status: str
    twice: list[str] = field(default_factory=list)
    left_paused: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Nothing twice, nothing left paused, and an end that the plan knows."""
        return self.status in ("done", "waiting", "rolled back") and not self.twice and not self.left_paused


SCHEMA = {"type": "object", "properties": {"order_id": {}}}
USER = {"type": "USER", "id": 104, "access_roles": ["operator"]}
CASES = (
    Case(
        "nexla_fix_and_verify",
        {"flow_id": 6010, "operation": "sources_update", "arguments": {"source_id": 3001, "description": "x"}, "wait_minutes": 0},
    ),
    Case("nexla_rotate_credential", {"credential_id": 2002, "secret_env": "NEW_LOGIN", "wait_minutes": 0}),
    Case(
        "nexla_grant_access",
        {"action": "grant", "accessors": [USER], "resource_type": "source", "resource_ids": [3001, 3002]},
    ),
    Case("nexla_bulk_flows", {"action": "pause", "flow_ids": [6010, 6020]}, frozenset({6010, 6020})),
    Case("nexla_migrate_schema", {"nexset_id": 4003, "schema": SCHEMA, "wait_minutes": 0}),
)


class Play:
    """One runbook from its question to its end, in a server that can be killed."""

    def __init__(self, case: Case, sandbox: RunningSandbox, folder: Path) -> None:
        self.case, self.sandbox, self.folder = case, sandbox, folder
        self.server = self._start()

    def _start(self) -> ServerProcess:
        return ServerProcess(environment(self.folder, self.sandbox.url, NEXLA_MCP_CONFIRM="ticket", **LOGIN))

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer of a tool."""
        result = self.server.ask("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            raise AssertionError(result["content"][0]["text"])
        return dict(result["structuredContent"])

    def agreed(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The arguments of the second call, with the ticket and the name that a person would type."""
        result = self.server.ask("tools/call", {"name": tool, "arguments": arguments})
        assert not result.get("isError"), result["content"][0]["text"]
        phrase = re.search(r'they have to type "(.*?)"', result["content"][0]["text"])
        typed = {"typed_name": phrase.group(1)} if phrase else {}
        return {**arguments, "ticket": result["structuredContent"]["ticket"], **typed}

    def steps(self) -> list[dict[str, Any]]:
        """The steps of the plan: key, and operation or check."""
        return list(self.call(self.case.tool, **self.case.arguments, dry_run=True)["steps"])

    def to_the_end(self) -> dict[str, Any]:
        """Without any kill: the run after its last part."""
        run = self.call(self.case.tool, **self.agreed(self.case.tool, **self.case.arguments))
        while run["status"] == "waiting":
            run = self.call("nexla_runs_resume", **self.agreed("nexla_runs_resume", run_id=run["run_id"]))
        return run

    def begin_until(self, key: str, operation: str, held: str) -> None:
        """Begin the run, let everything before the step pass, and return while the request of the step is held."""
        tool, arguments = self.case.tool, self.case.arguments
        for first in (True, False):
            self._hold(key, operation, held)
            number = self.server.begin("tools/call", {"name": tool, "arguments": self.agreed(tool, **arguments)})
            answered = self._wait_for(key, held, number, may_wait=first)
            if answered is None:
                return
            tool, arguments = "nexla_runs_resume", {"run_id": answered["run_id"]}  # it waits: the step is in the next part
        raise AssertionError(f"{key} was never reached")

    def restart(self) -> str:
        """Kill -9, start again on the same state, and wait until nothing is under way."""
        self.server.kill()
        self.sandbox.clear_faults()
        self.server = self._start()
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            runs = self.call("nexla_runs_list")["runs"]
            if runs and runs[0]["status"] != "under way":
                return str(runs[0]["status"])
            time.sleep(0.2)
        return "under way"

    def _hold(self, key: str, operation: str, held: str) -> None:
        self.sandbox.clear_faults()
        record = CATALOG.operations.get(operation)
        if record is None:
            return  # a check only reads; the kill comes when it begins
        number = re.search(r"_(\d+)$", key)
        known = number.group(1) if number and not key.startswith(("twin_", "start_")) else "[^/]+"
        match = f"^{record.method} {re.sub(r'{[a-z_]+}', known, record.path)}$"
        kind = {"kind": "slow_headers"} if held == "carried out" else {}
        self.sandbox.fault(match, delay_s=LONG_S, count=1, **kind)

    def _wait_for(self, key: str, held: str, number: int, *, may_wait: bool) -> dict[str, Any] | None:
        """None when the step is held; the answer of the call when it came without reaching the step."""
        database = self.folder / "state" / "state.db"
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if held == "carried out" and any(r.get("fault") == "slow_headers" for r in self.sandbox.requests()):
                return None
            run, progress, sent = _state(database, key)
            if held == "not carried out" and sent == "under way":
                return None
            if held == "check" and progress.get(key, {}).get("state") in ("under way", "done"):
                return None
            if may_wait and run == "waiting" and key not in progress:
                while (message := self.server.read()).get("id") != number:
                    pass
                return dict(message["result"]["structuredContent"])
            time.sleep(0.02)
        raise AssertionError(f"{key} ({held}) was not reached in {PATIENCE_S} s")


def _state(database: Path, key: str) -> tuple[str, dict[str, Any], str]:
    """Status and progress of the newest run, and the state of the change of a step, as they are written down."""
    if not database.is_file():
        return "", {}, ""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)
    try:
        run = connection.execute("SELECT id, status, progress FROM runs ORDER BY started DESC LIMIT 1").fetchone()
        if run is None:
            return "", {}, ""
        sent = connection.execute("SELECT state FROM changes WHERE run_id = ?", (f"{run[0]}/{key}",)).fetchone()
        return run[1], json.loads(run[2]), sent[0] if sent else ""
    except sqlite3.Error:
        return "", {}, ""
    finally:
        connection.close()


@contextmanager
def playing(case: Case, seeded: Path) -> Iterator[Play]:
    """A fresh copy of the organisation and a server in front of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(seeded, folder / "org.db")
        with running_sandbox(SandboxConfig(database=str(folder / "org.db"))) as sandbox:
            play = Play(case, sandbox, folder)
            try:
                yield play
            finally:
                play.server.kill()


def changes_of(sandbox: RunningSandbox) -> Counter[str]:
    """What was carried out, by route; an id that the sandbox gave out is any id."""
    done = [r for r in sandbox.requests() if r["method"] != "GET" and 200 <= (r.get("handled") or 0) < 300]
    return Counter(f"{r['method']} {r['path']}" for r in done if not r["path"].startswith("/token"))


def active_flows(sandbox: RunningSandbox) -> set[int]:
    """The flows that run now."""
    with sandbox.client() as api:
        rows = api.get("/flows", params={"per_page": 100}).json()
    flows = rows["flows"] if isinstance(rows, dict) else rows
    return {int(f["id"]) for f in flows if f.get("status") == "ACTIVE"}


def kill_at(case: Case, seeded: Path, key: str, operation: str, held: str) -> Outcome:
    """Kill the server while one step is held, and judge what the next server makes of it."""
    with playing(case, seeded) as play:
        before = active_flows(play.sandbox)
        play.begin_until(key, operation, held)
        status = play.restart()
        twice = [route for route, times in changes_of(play.sandbox).items() if times > (2 if status == "rolled back" else 1)]
        meant = case.may_pause if status != "rolled back" else frozenset()
        left = [str(i) for i in sorted(before - active_flows(play.sandbox) - meant)]
        return Outcome(case.tool, key, held, status, twice, left)


def points(case: Case, seeded: Path) -> list[tuple[str, str, str]]:
    """Every moment a run can be killed at: key, operation or check, what is held."""
    with playing(case, seeded) as play:
        steps = play.steps()
    found = []
    for step in steps:
        ways = ("not carried out", "carried out") if step["note"] in CATALOG.operations else ("check",)
        found += [(step["key"], step["note"], held) for held in ways]
    return found


def main() -> int:
    """Print the table; 1 when anything was done twice, left paused, or has no known end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores")
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        seeded = Path(name) / "seeded.db"
        create_app(SandboxConfig(database=str(seeded)))
        print(f"{'runbook':<26}{'killed at':<26}{'its request':<18}{'ends':<14}{'twice':<8}left paused")
        for case in CASES:
            if options.only not in ("", case.tool):
                continue
            for key, operation, held in points(case, seeded):
                seen = kill_at(case, seeded, key, operation, held)
                bad += not seen.good
                twice, left = ", ".join(seen.twice) or "0", ", ".join(seen.left_paused) or "0"
                print(f"{seen.tool:<26}{seen.step:<26}{seen.held:<18}{seen.status:<14}{twice:<8}{left}", flush=True)
    print(f"{bad} bad")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
