"""What the sandbox recorded, and what it holds in the end, against what the callers were told: lost, doubled, wrong.

found = compare(reports, requests, state)
found.lost, found.doubled, found.wrong         # lists of sentences; all empty when nobody was told anything untrue

`state` is what the API lists when all is over: {"project": {1001: {"name": ..., "description": ...}}, ...}.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from benchmarks.chaos_load import KINDS, NO_SUCH_CALL, SOURCES, Reported

CERTAIN = ("done", "applied")
State = dict[str, dict[Any, dict[str, Any]]]
HUNG_S = 50.0


@dataclass
class Comparison:
    """What does not fit."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    changes: int = 0
    unknown: int = 0

    @property
    def bad(self) -> list[str]:
        """Everything that does not fit."""
        return [*self.lost, *self.doubled, *self.repeated, *self.wrong, *self.hung, *self.crashed]


def compare(reports: list[Reported], requests: list[dict[str, Any]], state: State) -> Comparison:
    """Every change by its mark in the record, every pause by its order, every read by what it may show, the rest by the end."""
    found = Comparison()
    carried = [r for r in requests if r.get("handled") is not None and r["handled"] < 300]
    marks = Counter(mark for r in carried if (mark := _mark_of(r)))
    for report in reports:
        _one(report, marks, carried, found)
    _sequences(reports, carried, found)
    _in_the_end(reports, state, found)
    return found


def _mark_of(request: dict[str, Any]) -> str:
    """The mark of a caller in a request that changes something."""
    body = request["body"]
    if request["method"] == "GET" or not isinstance(body, dict | list):
        return ""
    if isinstance(body, list):
        texts = body
    else:
        keys = [entry.get("k") for entry in body.get("entries") or [] if isinstance(entry, dict)]
        texts = [body.get("description"), body.get("name"), *(body.get("tags") or []), *keys]
    return next((t for t in texts if isinstance(t, str) and t.startswith("chaos-")), "")


def _one(report: Reported, marks: Counter[str], carried: list[dict[str, Any]], found: Comparison) -> None:
    told, what = (
        report.told,
        f"{report.action} {report.kind} {report.mark}: told {report.told.verdict} ({report.told.text[:160]})",
    )
    if told.crashed:
        found.crashed.append(what)
    if report.seconds > HUNG_S:
        found.hung.append(f"{what} after {report.seconds:.0f} s")
    if report.action == "get" and told.verdict == "done" and isinstance(told.body, dict) and "description" in told.body:
        seen = told.body.get("description") or ""
        if seen not in report.expected:
            found.wrong.append(f"{what}: read {seen!r}, possible were {report.expected}")
    if not report.mark or report.action in ("pause", "activate", "copy") or told.verdict == NO_SUCH_CALL:
        return
    found.changes += 1
    found.unknown += told.verdict in ("unknown", "failed")
    if report.action == "delete":
        path = f"{KINDS[report.kind]}/{report.identity}"
        times = sum(r["method"] == "DELETE" and r["path"] == path for r in carried)
    else:
        times = marks[report.mark]
    if told.verdict in CERTAIN and times == 0:
        found.lost.append(what)
    if told.verdict in ("not applied",) and times:
        found.wrong.append(f"{what}: it was carried out")
    if times > 1:
        (found.doubled if report.action in ("create", "create_source") else found.repeated).append(f"{what}: {times} times")


def _sequences(reports: list[Reported], carried: list[dict[str, Any]], found: Comparison) -> None:
    """Pauses, activations and copies of each caller's source, in order: what was told has to fit what was carried out."""
    letters = {"pause": "P", "activate": "A", "copy": "C"}
    for letter_set in (("pause", "activate"), ("copy",)):
        wanted: dict[Any, str] = defaultdict(str)
        for report in reports:
            if report.action not in letter_set:
                continue
            found.changes += 1
            verdict, letter = report.told.verdict, letters[report.action]
            found.unknown += verdict in ("unknown", "failed")
            wanted[report.identity] += letter if verdict in CERTAIN else f"{letter}?" if verdict in ("unknown", "failed") else ""
        for identity, pattern in wanted.items():
            prefix = f"{SOURCES}/{identity}/"
            done = [r["path"].removeprefix(prefix) for r in carried if r["path"].startswith(prefix) and r["method"] != "GET"]
            happened = "".join(letters[step] for step in done if step in letter_set)
            if re.fullmatch(pattern, happened):
                continue
            sure = pattern.replace("P?", "").replace("A?", "").replace("C?", "")
            longest = len(pattern.replace("?", ""))
            more = (found.doubled if letter_set == ("copy",) else found.repeated) if len(happened) > longest else found.wrong
            (found.lost if len(happened) < len(sure) else more).append(
                f"source {identity}: told {pattern}, carried out {happened}"
            )


def _in_the_end(reports: list[Reported], state: State, found: Comparison) -> None:
    """What is there when all is over: each thing under the id that was told, with the last description, or gone."""
    gone = {(r.kind, r.identity) for r in reports if r.action == "delete" and r.told.verdict != "not applied"}
    may_be: dict[Any, set[str]] = {}
    for report in reports:
        told, certain = report.told, report.told.verdict in CERTAIN
        if report.action in ("create", "create_source") and certain and told.identity is not None:
            row = state[report.kind].get(told.identity)
            if row is None and (report.kind, told.identity) not in gone:
                found.lost.append(f"{report.kind} {told.identity}: told that it was made, and it is not there")
            elif row is not None and row.get("name") != report.mark:
                found.wrong.append(f"{report.kind} {told.identity}: told for {report.mark}, but it is {row.get('name')}")
            may_be.setdefault((report.kind, told.identity), {""})
        elif report.action == "update":
            values = may_be.setdefault((report.kind, report.identity), {""})
            if certain:
                values.clear()
            if told.verdict != "not applied":
                values.add(report.mark)
        elif report.action == "delete" and certain and report.identity in state[report.kind]:
            found.lost.append(f"{report.kind} {report.identity}: told that it was deleted, and it is there")
    for (kind, identity), values in may_be.items():
        row = state[kind].get(identity)
        if row is not None and (row.get("description") or "") not in values:
            found.lost.append(f"{kind} {identity}: ends as {row.get('description')!r}, possible were {sorted(values)}")
