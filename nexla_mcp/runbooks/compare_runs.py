"""nexla_compare_runs: what is different between two runs of a flow, stage by stage, and what was changed between them.

    found = await compare_runs(facts, {"flow_id": 5059})      # the first bad run against the last good one before it
    found.structured()["stages"], found.structured()["changes"]

Step 4 of the seed document's debugging process, with what it leaves open: which two runs, the logs, who changed what.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from nexla_mcp.client.errors import ValidationError
from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.changed_fields import changed_fields
from nexla_mcp.runbooks.compare_answer import Compared, LogChange, RunStage
from nexla_mcp.runbooks.diagnosis import Step
from nexla_mcp.runbooks.facts import Facts, Fetched
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.gathering.reads import AUDIT
from nexla_mcp.runbooks.gathering.rounds import runs_and_source
from nexla_mcp.runbooks.locate import CannotStart, locate
from nexla_mcp.runbooks.shapes.lenient import iso, quote, run_moment, whole
from nexla_mcp.runbooks.shapes.messages import LogLine, changes_of, logs_of
from nexla_mcp.runbooks.shapes.records import grouped, rejected_of
from nexla_mcp.runbooks.shapes.runs import Run
from nexla_mcp.runbooks.symptom import Leads

MOST_STAGES = 8
BEFORE_RUN = timedelta(minutes=2)
LONGEST_RUN = timedelta(hours=6)


async def compare_runs(facts: Facts, arguments: Mapping[str, Any]) -> Compared:
    """Choose the two runs, read what belongs to them, and say what differs.

    Raises:
        ValidationError, NotFoundError: the arguments name no flow, or a run that it does not have.
        NexlaError: the session is refused, or the caller may not read.
    """
    try:
        located = await locate(facts, arguments)
    except CannotStart as stop:
        raise stop.error from stop
    case = Case(facts, located.flow, Leads(), located.asked)
    await runs_and_source(case)
    run_id, base_id, why = _choose(case, whole(arguments.get("run_id")), whole(arguments.get("base_run_id")))
    answer = Compared(case.flow.flow_id, case.flow.name, run_id, base_id, why)
    if base_id is None:
        answer.not_checked = list(facts.not_checked)
        answer.next_steps = [steps.look_again(case.flow.flow_id, "What can be said about it without a comparison.")]
        return answer
    await _belongings(case, answer, run_id, base_id)
    answer.stages = [_stage(case, s, run_id, base_id) for s in case.flow.stages]
    answer.between_s = _seconds(base_id, run_id)
    answer.usual_gap_s = case.history.rhythm_s
    answer.missed_runs = _missed(case, run_id, base_id)
    if case.history.overdue(case.now):
        answer.overdue_since = iso(case.history.due())
    answer.next_steps = _steps(case, answer)
    answer.not_checked = list(facts.not_checked)
    return answer


def _choose(case: Case, run_id: int | None, base_id: int | None) -> tuple[int, int | None, str]:
    """The run, the one to hold it against, and why these."""
    ids = case.history.run_ids
    for given in (run_id, base_id):
        if given is not None and given not in ids and given not in case.listed_runs:
            newest = ", ".join(map(str, ids[-5:])) or "none"
            raise ValidationError(
                f"Run {given} is not among the runs of flow {case.flow.flow_id}. Its newest are {newest}.",
                operation="nexla_compare_runs",
                hint="A run id is the start of the run in epoch milliseconds.",
            )
    if not ids:
        raise ValidationError(
            f"Flow {case.flow.flow_id} has no runs that could be read, so there is nothing to compare.",
            operation="nexla_compare_runs",
            hint=f"nexla_debug_flow flow_id {case.flow.flow_id} says why.",
        )
    if run_id is not None and base_id is not None:
        return run_id, base_id, f"run {run_id} is held against run {base_id}, as asked"
    why = []
    if run_id is None:
        bad = [t for t in case.troubles() if t.form != "surge"]
        open_bad = [t for t in bad if not t.recovered] or bad
        run_id = min((t.first for t in open_bad), default=ids[-1])
        why.append(f"run {run_id} is the first bad one" if open_bad else "no run is bad by its counts, so the newest is compared")
    else:
        why.append(f"run {run_id} is compared, as asked")
    if base_id is None:
        before = [i for i in ids if i < run_id]
        good = [i for i in before if _good(case, i)]
        base_id = (good or before or [None])[-1]  # type: ignore[list-item]
        why.append(
            "there is no earlier run to hold it against"
            if base_id is None
            else f"{base_id} is the last good one before it"
            if good
            else f"{base_id} is the one before it, though not a good one"
        )
    else:
        why.append(f"it is held against {base_id}, as asked")
    return run_id, base_id, "; ".join(why)


def _good(case: Case, run_id: int) -> bool:
    """Every stage that was read brought records through and failed nowhere."""
    read = [s for s in case.flow.stages if s.runs]
    rows = [(s, next((r for r in case.history.runs(s) if r.run_id == run_id), None)) for s in read]
    return bool(rows) and all(r is not None and r.records > 0 and not case.history.failed(s, r) for s, r in rows)


async def _belongings(case: Case, answer: Compared, run_id: int, base_id: int) -> None:
    """Logs of both runs, audit logs of everything involved, rejected records of the run: side by side."""
    asks: list[tuple[str, dict[str, Any]]] = []
    windows = {i: _window(case, i) for i in (run_id, base_id)}
    if case.flow.flow_id is not None:
        for start, end in windows.values():
            asks.append(
                (
                    "flows_get_flow_logs",
                    {"flow_id": case.flow.flow_id, "from": iso(start), "to": iso(end), "page": 1, "per_page": 100},
                )
            )
    logs = len(asks)
    audited = _audited(case)
    asks += [(operation, {argument: resource_id}) for _, resource_id, operation, argument in audited]
    failing = [s for s in case.flow.stages if (r := _row(case, s, run_id)) is not None and r.errors]
    asks += [
        ("quarantine_get_samples", {"resource_type": s.kind, "resource_id": s.id, "page": 1, "per_page": 50}) for s in failing[:2]
    ]
    replies = await case.facts.fetch_all(*asks)
    lines = dict(zip(windows, (_lines(case, r, i) for r, i in zip(replies[:logs], windows, strict=False)), strict=False))
    if len(lines) == 2 and all(v is not None for v in lines.values()):
        answer.log_changes = _log_changes(lines[base_id] or [], lines[run_id] or [])
        answer.took = {i: _took(found or [], i) for i, found in lines.items()}
    begin, end = run_moment(min(run_id, base_id)), windows[max(run_id, base_id)][1]
    for (kind, resource_id, _, _), reply in zip(audited, replies[logs:], strict=False):
        for change in changes_of(reply.body) if reply.ok else []:
            if begin is not None and change.at is not None and begin < change.at <= end and change.event != "create":
                answer.changes += changed_fields(kind, resource_id, change)
    answer.changes.sort(key=lambda c: c.at)
    for stage, reply in zip(failing[:2], replies[logs + len(audited) :], strict=True):
        rows = [r for r in (rejected_of(reply.body) or []) if r.run_id in (None, run_id)] if reply.ok else []
        answer.rejected += [(stage.label, reason) for reason in grouped(rows)[:3]]


def _window(case: Case, run_id: int) -> tuple[datetime, datetime]:
    start = run_moment(run_id) or case.now
    later = next((t for i in case.history.run_ids if i > run_id and (t := run_moment(i))), None)
    end = start + LONGEST_RUN if later is None else min(later, start + LONGEST_RUN)
    return start - BEFORE_RUN, end - timedelta(seconds=1)


def _audited(case: Case) -> list[tuple[str, int, str, str]]:
    """(kind, id, operation, argument) of every resource whose changes could explain a difference."""
    stages = case.flow.stages[:MOST_STAGES]
    if len(case.flow.stages) > len(stages):
        case.facts.skip(f"changes of {len(case.flow.stages) - len(stages)} further stages")
    found = [(s.kind, s.id, *AUDIT[s.kind]) for s in stages]
    transforms = dict.fromkeys(t for s in stages if (t := s.transform_id) is not None)
    found += [("transform", t, "code_containers_get_audit_log", "code_container_id") for t in transforms]
    credentials = dict.fromkeys(c for s in stages if (c := s.credential_id) is not None)
    found += [("credential", c, "credentials_get_audit_log", "credential_id") for c in credentials]
    return found


def _row(case: Case, stage: Stage, run_id: int) -> Run | None:
    return next((r for r in stage.runs or [] if r.run_id == run_id), None)


def _lines(case: Case, reply: Fetched, run_id: int) -> list[LogLine] | None:
    """The lines of one run; None when the log could not be read."""
    return [line for line in logs_of(reply.body) if case.run_of(line) == run_id] if reply.ok else None


def _log_changes(base: list[LogLine], found: list[LogLine]) -> list[LogChange]:
    """Warnings and errors that only one of the two runs has."""
    before, after = Counter(map(_form, filter(_loud, base))), Counter(map(_form, filter(_loud, found)))
    texts = {_form(line): line for line in [*base, *found]}
    changes = []
    for form in [*(after - before), *(before - after)]:
        if form in after and form in before:
            continue
        line = texts[form]
        count = after[form] or before[form]
        changes.append(LogChange(line.severity, line.kind, line.resource_id, quote(line.text, 300), count, form in after))
    return sorted(changes, key=lambda c: (not c.new, c.severity != "ERROR", -c.count))


def _loud(line: LogLine) -> bool:
    return line.is_error or line.severity in ("WARN", "WARNING")


def _form(line: LogLine) -> tuple[Any, ...]:
    return line.severity, line.kind, line.resource_id, re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "?", line.text)[:200]


def _took(lines: list[LogLine], run_id: int) -> float | None:
    """Start to last line: a lower bound of the duration where the rows do not tell it."""
    start, last = run_moment(run_id), max((line.at for line in lines if line.at), default=None)
    return (last - start).total_seconds() if start and last and last > start else None


def _stage(case: Case, stage: Stage, run_id: int, base_id: int) -> RunStage:
    now, base = _row(case, stage, run_id), _row(case, stage, base_id)
    return RunStage(
        stage.kind,
        stage.id,
        quote(stage.name, 80),
        base.records if base else None,
        now.records if now else None,
        base.errors if base else None,
        now.errors if now else None,
        base.duration_s if base else None,
        now.duration_s if now else None,
        "its runs could not be read" if stage.runs is None else "no row in this run" if now is None and base is not None else "",
    )


def _seconds(a: int, b: int) -> float | None:
    start, end = run_moment(a), run_moment(b)
    return abs((end - start).total_seconds()) if start and end else None


def _missed(case: Case, run_id: int, base_id: int) -> int:
    """Runs that should have been between the two by the flow's own rhythm, and were not."""
    rhythm = case.history.rhythm_s
    ids = [i for i in case.history.run_ids if min(run_id, base_id) <= i <= max(run_id, base_id)]
    gaps = [s for a, b in itertools.pairwise(ids) if (s := _seconds(a, b))]
    return sum(max(0, round(gap / rhythm) - 1) for gap in gaps) if rhythm else 0


def _steps(case: Case, answer: Compared) -> list[Step]:
    found = []
    if answer.verdict in ("worse", "different"):
        found.append(steps.look_again(case.flow.flow_id, "The cause, weighed against what looks alike, and the next safe step."))
    code = next((c for c in answer.changes if c.resource_type == "transform"), None)
    if code is not None:
        why = "The code that was changed in between."
        found.append(steps.call(case, "code_containers_get", why, code_container_id=code.resource_id))
    elif answer.changes:
        change = answer.changes[-1]
        found.append(
            steps.on(case, change.resource_type, change.resource_id, "get", "What was changed in between, as it is now.")
        )
    if answer.rejected or any((s.errors or 0) > 0 for s in answer.stages):
        stage = next((s for s in answer.stages if (s.errors or 0) > 0), None)
        if stage is not None:
            why = "The records that were rejected, with their reasons."
            found.append(
                steps.call(case, "quarantine_get_samples", why, resource_type=stage.resource_type, resource_id=stage.resource_id)
            )
    return found[:3] or [Step("nexla_health_check", {"flow_id": case.flow.flow_id}, "See whether all of it is well.", "read")]
