"""Every known incident, incidents in other words and places, and healthy flows: asked, judged, counted, timed.

    make scenarios        (python -m benchmarks.scenarios [--latency 0.05] [--only WORDS] [--write])

Each scenario is a sandbox of its own over a real socket that waits ``--latency`` seconds before each answer; the question
goes through a real MCP client to a fresh server, so the exchange of the key is part of the seconds (not of the requests).
Judged by ``tests/scenarios/judgement.py``: verdict, cause, place, first bad run, evidence, blast radius, next calls.
Depth is the longest chain of requests of which each began after the one before was answered, as the sandbox saw them.
The exit code is 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import anyio

from benchmarks.pasted import DOCS, machine, paste
from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.serve import RunningSandbox, running_sandbox
from tests.in_process import CATALOG
from tests.runbooks.test_incidents import INCIDENTS, Incident
from tests.scenarios.asking import Asked, ask
from tests.scenarios.controls import CONTROLS
from tests.scenarios.judgement import Expected, judge
from tests.scenarios.variants import VARIANTS, Variant
from tests.scenarios.worlds import Scene

KNOWN_RIGHT, MOST_REQUESTS, DEEPEST, P95_S = 0.95, 12, 4, 2.0
REACH = {"1": {5023}, "7": {5101, 5102, 5029}, "8": {5029}}
SHAPES = ("published", "seed")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    group: str
    name: str
    shape: str
    verdict: str
    cause: str
    asked: Asked
    wrong: list[str]


def known(incident: Incident, shape: str, latency: float) -> Row:
    """One incident of the catalogue."""
    expected = Expected(
        incident.verdicts,
        (incident.cause,),
        incident.places,
        incident.cites,
        reach=frozenset(REACH.get(incident.number, set())),
        also=incident.contributing,
        says=incident.says,
        never=incident.never,
        undated=incident.first_bad is None,
    )
    config = SandboxConfig(scenario=incident.number, variant=incident.variant, reply_shape=shape, latency_s=latency)  # type: ignore[arg-type]
    with running_sandbox(config) as sandbox:
        asked = _asked(sandbox, incident.ask)
    name = f"{incident.number}{incident.variant} {incident.ask.get('symptom', '')}".strip()[:58]
    return _row("known", name, shape, expected, asked, incident.first_bad)


def _asked(sandbox: RunningSandbox, arguments: dict[str, Any]) -> Asked:
    """The answer; asked twice more where the chain was too long: a busy machine lengthens it by chance and never shortens it."""
    first = anyio.run(ask, sandbox, arguments)
    if first.depth <= DEEPEST:
        return first
    return replace(first, depth=min(first.depth, *(anyio.run(ask, sandbox, arguments).depth for _ in range(2))))


def unseen(group: str, variant: Variant, shape: str, latency: float) -> Row:
    """One variant or healthy flow."""
    scene = Scene(variant.build, variant.days)
    with running_sandbox(scene.config(shape, latency)) as sandbox:
        for fault in variant.faults:
            sandbox.fault(**fault)
        asked = _asked(sandbox, variant.ask)
    return _row(group, variant.name, shape, variant.expect, asked, scene.first_bad)


def _row(group: str, name: str, shape: str, expected: Expected, asked: Asked, first_bad: int | None) -> Row:
    answer = asked.answer
    wrong = judge(expected, asked, CATALOG, first_bad)
    return Row(group, name, shape, answer["verdict"], (answer["root_cause"] or {}).get("cause", "-"), asked, wrong)


def play(latency: float, only: str = "") -> Iterator[Row]:
    """All scenarios in both reply shapes."""
    for shape in SHAPES:
        for incident in INCIDENTS:
            if only in f"known {incident.number}{incident.variant} {incident.ask.get('symptom', '')}":
                yield known(incident, shape, latency)
        for group, variants in (("variant", VARIANTS), ("healthy", CONTROLS)):
            for variant in variants:
                if only in f"{group} {variant.name}":
                    yield unseen(group, variant, shape, latency)


def _late(value: float) -> str:
    return f"{value:.2f}"


def lines_of(rows: list[Row]) -> Iterator[str]:
    """The table, one line per scenario and reply shape."""
    yield f"{'':8}{'scenario':<68}{'shape':<10}{'verdict':<9} {'cause':<29}{'requests':>8}{'depth':>6}{'seconds':>8}"
    for r in rows:
        counts = f"{r.asked.requests:>8}{r.asked.depth:>6}{_late(r.asked.seconds):>8}"
        yield f"{r.group:<8}{r.name[:66]:<68}{r.shape:<10}{r.verdict:<9} {r.cause:<29}{counts}  {'; '.join(r.wrong)}".rstrip()


def page_of(rows: list[Row], told: list[str]) -> str:
    """The figures, then one line per scenario with both reply shapes together, as Markdown."""
    lines = [f"- {text[5:]}" if text.startswith("ok") else f"- **missed:** {text[5:]}" for text in told]
    lines += [
        "",
        "| | scenario | verdict | cause | judged right | requests | depth | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    together: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        together.setdefault((row.group, row.name), []).append(row)
    for (group, name), both in together.items():
        first = both[0]
        right = "yes" if not any(r.wrong for r in both) else "no: " + "; ".join(w for r in both for w in r.wrong)
        requests, depth = max(r.asked.requests for r in both), max(r.asked.depth for r in both)
        seconds = _late(max(r.asked.seconds for r in both))
        cells = (group, name.replace("|", "/"), first.verdict, first.cause, right, requests, depth, seconds)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def summary(rows: list[Row], latency: float) -> tuple[list[str], bool]:
    """The figures against their targets, and whether all are met."""
    told: list[tuple[bool, str]] = []
    for group, least in (("known", KNOWN_RIGHT), ("variant", KNOWN_RIGHT), ("healthy", 1.0)):
        mine = [r for r in rows if r.group == group]
        right = sum(not r.wrong for r in mine)
        if mine:
            word = "no false alarm, all right" if group == "healthy" else f"at least {least:.0%}"
            told.append((right >= least * len(mine), f"{group}: {right} of {len(mine)} judged right ({word})"))
    requests, depths = [r.asked.requests for r in rows], [r.asked.depth for r in rows]
    seconds = sorted(r.asked.seconds for r in rows)
    p95 = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    median = f"median {statistics.median(requests):.0f}"
    told.append((max(requests) <= MOST_REQUESTS, f"requests: {median}, most {max(requests)} (at most {MOST_REQUESTS})"))
    told.append((max(depths) <= DEEPEST, f"sequential depth: most {max(depths)} (at most {DEEPEST})"))
    at = f"at {latency * 1000:.0f} ms API latency"
    middle = f"median {statistics.median(seconds):.2f}, p95 {p95:.2f}, most {seconds[-1]:.2f}"
    told.append((p95 < P95_S, f"seconds {at}: {middle} (p95 under {P95_S:.0f})"))
    writes = sum(len(r.asked.writes) for r in rows)
    told.append((writes == 0, f"write requests: {writes}"))
    return [f"{'ok  ' if ok else 'MISS'} {text}" for ok, text in told], all(ok for ok, _ in told)


def main(arguments: list[str] | None = None) -> int:
    """Print the table and the figures; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description="Known incidents, unseen ones and healthy flows, judged.")
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--only", default="", help="only scenarios whose name holds this text")
    parser.add_argument("--write", action="store_true", help="put the table into docs/diagnosis.md")
    options: Any = parser.parse_args(arguments)
    rows = []
    for row in play(options.latency, options.only):
        rows.append(row)
        if sys.stderr.isatty():
            print(f"\r{len(rows)} scenarios", end="", file=sys.stderr, flush=True)
    if not rows:
        print("No scenario has that name.")
        return 1
    print(f"{machine()}, API latency {options.latency * 1000:.0f} ms\n")
    print("\n".join(lines_of(rows)))
    told, met = summary(rows, options.latency)
    print("\n" + "\n".join(told))
    if options.write:
        paste(DOCS / "diagnosis.md", "scenarios", "python -m benchmarks.scenarios", page_of(rows, told))
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
