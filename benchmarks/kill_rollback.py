"""kill -9 while a run is taken back: is everything put right by the next process, and nothing put right twice?

    python -m benchmarks.kill_rollback [--only nexla_rotate_credential]

As ``benchmarks.kill_table``, with a step that the API refuses, so that the run has to be taken back. It is first taken
back without a kill; then again for each change that this made, held before and after it was carried out. The end has to
be the same: rolled back, the same changes equally often, every flow as it was before.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.kill_table import CASES, LONG_S, PATIENCE_S, Case, Play, active_flows, changes_of, playing
from nexla_mcp.sandbox import SandboxConfig, create_app
from nexla_mcp.sandbox.serve import RunningSandbox

REFUSED = {
    "nexla_fix_and_verify": "^PUT /flows/6010/activate$",
    "nexla_rotate_credential": "^PUT /flows/6130/activate$",
    "nexla_grant_access": "^PUT /data_sources/3002/accessors$",
    "nexla_bulk_flows": "^PUT /flows/6020/pause$",
    "nexla_migrate_schema": "^PUT /data_sinks/[0-9]+/activate$",
}
"""The request whose first try is refused (409), by runbook."""
HELD = {"not carried out": {}, "carried out": {"kind": "slow_headers"}}


@dataclass(frozen=True)
class Ending:
    """How a run was taken back."""

    status: str
    changes: Counter[str]
    stopped: frozenset[int]
    undone: tuple[tuple[str, int], ...] = ()
    """What the roll-back sent, in order: the request, and how many of that kind were carried out before it."""


@dataclass(frozen=True)
class Kill:
    """One kill, and its end beside the end without a kill."""

    tool: str
    request: str
    held: str
    ending: Ending
    reference: Ending
    twice: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """The same end."""
        here, there = self.ending, self.reference
        return here.status == "rolled back" and here.changes == there.changes and here.stopped == there.stopped


def _refusal(case: Case) -> dict[str, Any]:
    return {"match": REFUSED[case.tool], "status": 409, "count": 1}


def _post(sandbox: RunningSandbox, faults: list[dict[str, Any]]) -> None:
    httpx.post(f"{sandbox.url}/__sandbox__/faults", json=faults, trust_env=False).raise_for_status()


def _held(sandbox: RunningSandbox) -> bool:
    """Whether the request that is waited for has come."""
    faults = httpx.get(f"{sandbox.url}/__sandbox__/faults", trust_env=False).json()
    return any(f["delay_s"] == LONG_S and f["count"] == 0 for f in faults)


def _ending(play: Play, before: set[int], status: str) -> Ending:
    sent = [r for r in play.sandbox.requests() if r["method"] != "GET" and r["path"] != "/token"]
    refused = next((i for i, r in enumerate(sent) if re.search(REFUSED[play.case.tool], f"{r['method']} {r['path']}")), len(sent))
    seen: Counter[str] = Counter()
    undone = []
    for index, request in enumerate(sent):
        route = f"{request['method']} {request['path']}"
        undone += [(route, seen[route])] if index > refused else []
        seen[route] += index != refused
    return Ending(status, changes_of(play.sandbox), frozenset(before - active_flows(play.sandbox)), tuple(undone))


def without_a_kill(case: Case, seeded: Path) -> Ending:
    """The run that is taken back undisturbed."""
    with playing(case, seeded) as play:
        before = active_flows(play.sandbox)
        given = play.agreed(case.tool, **case.arguments)
        _post(play.sandbox, [_refusal(case)])
        run = play.call(case.tool, **given)
        return _ending(play, before, str(run["status"]))


def kill_at(case: Case, seeded: Path, reference: Ending, request: str, earlier: int, held: str) -> Kill:
    """Kill the server while one request of the roll-back is held."""
    with playing(case, seeded) as play:
        before = active_flows(play.sandbox)
        given = play.agreed(case.tool, **case.arguments)
        match = f"^{re.escape(request)}$"
        passing = [{"match": match, "count": earlier}] if earlier else []
        _post(play.sandbox, [_refusal(case), *passing, {"match": match, "count": 1, "delay_s": LONG_S, **HELD[held]}])
        play.server.begin("tools/call", {"name": case.tool, "arguments": given})
        deadline = time.monotonic() + PATIENCE_S
        while not _held(play.sandbox):
            if time.monotonic() > deadline:
                raise AssertionError(f"{request} was not sent in {PATIENCE_S} s")
            time.sleep(0.02)
        ending = _ending(play, before, play.restart())
        return Kill(case.tool, request, held, ending, reference, sorted((ending.changes - reference.changes).elements()))


def main() -> int:
    """Print the table; 1 when a kill made a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        seeded = Path(name) / "seeded.db"
        create_app(SandboxConfig(database=str(seeded)))
        print(f"{'taken back':<26}{'killed at':<38}{'its request':<18}{'ends':<14}{'twice':<8}left paused")
        for case in CASES:
            if options.only not in ("", case.tool):
                continue
            reference = without_a_kill(case, seeded)
            bad += reference.status != "rolled back" or not reference.undone
            print(f"{case.tool:<26}{'-':<38}{'-':<18}{reference.status:<14}0       {sorted(reference.stopped) or 0}", flush=True)
            for request, earlier in reference.undone:
                for held in HELD:
                    seen = kill_at(case, seeded, reference, request, earlier, held)
                    bad += not seen.good
                    twice, left = ", ".join(seen.twice) or "0", sorted(seen.ending.stopped) or 0
                    print(f"{seen.tool:<26}{request:<38}{held:<18}{seen.ending.status:<14}{twice:<8}{left}", flush=True)
    print(f"{bad} bad")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
