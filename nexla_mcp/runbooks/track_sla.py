"""nexla_track_sla: does a flow keep its targets: success, freshness, volume, and latency where runs carry times.

    found = await track_sla(facts, {"flow_id": 5059, "max_age_hours": 6})
    found.structured()["objectives"]       # compliance, violations with run ids, how much of the error budget is spent

The seed document's SLA tracking (max_latency_s, min_success_rate, max_age_hours), and volume beside it. A target that was not
given is a default that follows from the flow's own rhythm; the answer says so. What the API does not tell is not judged:
published run rows carry no times, so latency is then ``unknown``, never kept.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import PATIENCE_WITH_SENDERS, Case
from nexla_mcp.runbooks.connectors import PUSHED
from nexla_mcp.runbooks.diagnosis import Step
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.gathering.older_runs import read_back
from nexla_mcp.runbooks.gathering.rounds import runs_and_source
from nexla_mcp.runbooks.history import History
from nexla_mcp.runbooks.locate import CannotStart, Located, locate
from nexla_mcp.runbooks.shapes.lenient import iso, run_moment
from nexla_mcp.runbooks.shapes.runs import Run
from nexla_mcp.runbooks.sla_answer import Objective, SlaTracked, Violation, Window
from nexla_mcp.runbooks.symptom import Leads

SUCCESS = 0.95
VOLUME = 0.5
UNKNOWN_RHYTHM_H = 24.0
MOST_WINDOWS = 30


async def track_sla(facts: Facts, arguments: Mapping[str, Any]) -> SlaTracked:
    """Read the runs of the period and hold them against the targets.

    Raises:
        ValidationError, NotFoundError: the arguments name no flow, or targets that mean nothing.
        NexlaError: the session is refused, or the caller may not read.
    """
    days = float(arguments.get("days", 7))
    try:
        located = await locate(facts, arguments)
    except CannotStart as stop:
        raise stop.error from stop
    case = Case(facts, located.flow, Leads(), located.asked)
    await runs_and_source(case)
    settled = case.history.run_ids  # without a run that is still on its way through the stages
    judged = _stage(case, located)
    start = case.now - timedelta(days=days)
    if judged is not None:
        await read_back(case, [judged, *_ancestors(judged)] if case.asked else case.flow.stages, start)
    case.history = History(case.flow.stages)  # a run that is under way counts from its start
    runs = [r for r in (judged.runs or [] if judged else []) if (t := run_moment(r.run_id)) and t >= start]
    return _answer(case, judged, runs, start, arguments, settled)


def _stage(case: Case, located: Located) -> Stage | None:
    """What is judged: the asked resource, else the last destination that has runs: what the consumer sees."""
    if located.asked and (asked := case.flow.stage(*located.asked)) is not None:
        return asked
    read = [s for s in case.flow.stages if s.runs is not None]
    for kind in ("destination", "nexset", "source"):
        of = [s for s in read if s.kind == kind and s.runs]
        if of:
            return max(of, key=lambda s: (s.runs or [])[-1].run_id)
    return read[0] if read else None


def _answer(
    case: Case,
    stage: Stage | None,
    runs: Sequence[Run],
    start: datetime,
    given: Mapping[str, Any],
    settled: Sequence[int],
) -> SlaTracked:
    age_h = float(given["max_age_hours"]) if given.get("max_age_hours") is not None else _usual_age(case)
    volume = given.get("min_records")
    usual = case.history.baseline(stage) if stage else None
    floor = float(volume) if volume is not None else (VOLUME * usual if usual else None)
    latency = given.get("max_latency_s")
    target = float(given.get("min_success_rate", SUCCESS))
    if stage is not None and stage.runs is None:
        case.facts.skip(f"the runs of {stage.label}: they could not be read, so nothing is judged")
    lost = _lost(case, stage, start, settled)
    failures = _failures(case, stage, lost)
    everything = sorted([*runs, *(Run(i, run_moment(i), 0, 0) for i in lost)], key=lambda r: r.run_id)
    answer = SlaTracked(
        case.flow.flow_id,
        case.flow.name,
        stage.label if stage else "",
        iso(start) or "",
        iso(case.now) or "",
        len(everything),
        [
            _success(everything, failures, target, "min_success_rate" in given),
            _freshness(case, stage, runs, start, age_h, given.get("max_age_hours") is not None),
            _volume(runs, floor, target, volume is not None),
            _latency(runs, None if latency is None else float(latency), target),
        ],
    )
    below = {r.run_id for r in runs if floor is not None and r.records < floor}
    answer.windows = _windows(everything, failures, below, latency)
    answer.next_steps = _steps(case, answer, given, settled)
    answer.not_checked = list(case.facts.not_checked)
    if stage is not None and stage.runs is not None and not everything:
        answer.notes.append("No run in the period: success and volume cannot be judged, freshness can.")
    return answer


def _usual_age(case: Case) -> float:
    """Hours that the flow may be silent by its own record."""
    enough = case.history.patience_s
    patience = PATIENCE_WITH_SENDERS if case.source is not None and case.source.connector in PUSHED else 1.0
    return UNKNOWN_RHYTHM_H if enough is None else round(patience * enough / 3600, 2)


def _failures(case: Case, stage: Stage | None, lost: Sequence[int]) -> dict[int, list[str]]:
    """Run id: why it counts as failed, at the asked resource, or anywhere in the flow when none was asked for."""
    found: dict[int, list[str]] = {}
    for at in [stage] if stage is not None and case.asked is not None else case.flow.stages:
        for run in at.runs or []:
            if case.history.failed(at, run):
                found.setdefault(run.run_id, []).append(f"{run.why or 'errors'} at {at.label}")
    for run_id in lost:
        found.setdefault(run_id, []).append(f"no row at {stage.label if stage else 'the end'}, though the flow ran")
    return found


def _objective(
    name: str, target: float | None, given: bool, runs: Sequence[Run], bad: list[Violation], share: float, unit: str
) -> Objective:
    """A share-based objective: kept while no more than 1 - share of the runs violate it."""
    kept = 1 - len({v.run_id for v in bad}) / len(runs) if runs else None
    budget = (1 - share) * len(runs)
    burn = None if not runs else len(bad) / budget if budget else (0.0 if not bad else math.inf)
    state = "unknown" if kept is None or target is None else "kept" if kept >= share else "missed"
    return Objective(name, target, unit, not given, state, kept, None if burn is None else min(round(burn, 2), 99.0), bad)


def _success(runs: Sequence[Run], failures: Mapping[int, list[str]], target: float, given: bool) -> Objective:
    bad = [Violation(r.run_id, "; ".join(failures[r.run_id])) for r in runs if r.run_id in failures]
    return _objective("success_rate", target, given, runs, bad, target, "share of runs")


def _lost(case: Case, stage: Stage | None, start: datetime, settled: Sequence[int]) -> list[int]:
    """Runs of the period without a row at the judged stage that brought records as far as an earlier one, or failed.

    A stage that counts its runs under other ids than the ones above it loses none by that.
    """
    if stage is None or stage.runs is None or not settled:
        return []
    own = {r.run_id for r in stage.runs}
    first = max(start.timestamp() * 1000, min(own, default=0))  # before its first row the stage need not have existed
    found: dict[int, bool] = {}
    for above in _ancestors(stage):  # the nearest row tells: a stage that ran and let nothing through lost nothing
        rows = above.runs or []
        if not own or any(r.run_id in own for r in rows):
            found = {r.run_id: bool(r.records or r.failed) for r in rows} | found
    if case.asked is None:
        found |= {r.run_id: True for s in case.flow.stages for r in s.runs or [] if case.history.failed(s, r)}
    return sorted(i for i, lost in found.items() if lost and i not in own and first <= i <= settled[-1])


def _ancestors(stage: Stage) -> list[Stage]:
    found = []
    while stage.parent is not None:
        stage = stage.parent
        found.append(stage)
    return found


def _arrivals(runs: Sequence[Run]) -> list[datetime]:
    """When data arrived."""
    return [t for r in runs if r.records > 0 and (t := run_moment(r.run_id))]


def _freshness(case: Case, stage: Stage | None, runs: Sequence[Run], start: datetime, hours: float, given: bool) -> Objective:
    """Age of the data: the share of the period in which it was younger than the target, and how old it is now."""
    everything = stage.runs or [] if stage else []
    times = _arrivals(everything)
    if not times:
        return Objective("freshness", hours, "hours", not given, "unknown", None, None, [], note="no run with data was found")
    allowed = timedelta(hours=hours)
    before = [t for t in times if t <= start]
    points = [max(before, default=times[0]), *(t for t in times if t > start), case.now]
    bad, late = [], timedelta(0)
    for arrived, following in itertools.pairwise(points):
        over = following - max(arrived + allowed, start)
        if over > timedelta(0):
            late += over
            run = next((r.run_id for r in everything if run_moment(r.run_id) == arrived), None)
            bad.append(Violation(run or 0, f"nothing newer for {(following - arrived).total_seconds() / 3600:.1f} h after it"))
    period = case.now - max(start, points[0])
    kept = 1 - late / period if period > timedelta(0) else None
    age = (case.now - points[-2]).total_seconds() / 3600
    state = "missed" if age > hours else "kept"
    note = f"newest data is {age:.1f} h old"
    if case.clock_doubtful:
        state, note = "unknown", "the platform's time is not known, so the age is not either"
    return Objective("freshness", hours, "hours", not given, state, kept, None, bad, current=round(age, 2), note=note)


def _volume(runs: Sequence[Run], floor: float | None, share: float, given: bool) -> Objective:
    bad = [Violation(r.run_id, f"{r.records:,} records") for r in runs if floor is not None and r.records < floor]
    target = None if floor is None else round(floor)
    return _objective("volume", target, given, runs, bad, share, "records a run")


def _latency(runs: Sequence[Run], limit: float | None, share: float) -> Objective:
    """Only of runs whose rows carry a duration."""
    timed = [r for r in runs if r.duration_s is not None]
    bad = [
        Violation(r.run_id, f"took {r.duration_s:.0f} s")
        for r in timed
        if limit is not None and r.duration_s and r.duration_s > limit
    ]
    found = _objective("latency", limit, limit is not None, timed, bad, share, "seconds a run")
    found.default = False
    if not timed:
        found.note = "the run rows carry no times (published form of the API): latency cannot be judged"
    else:
        worst = max(r.duration_s or 0.0 for r in timed)
        found.current = worst
        found.note = f"longest {worst:.0f} s over {len(timed)} runs" + (
            "" if limit is not None else "; give max_latency_s to judge it"
        )
    return found


def _windows(runs: Sequence[Run], failures: Mapping[int, list[str]], below: Set[int], latency: Any) -> list[Window]:
    """By day (UTC): runs, failed ones, records."""
    by_day: dict[str, list[Run]] = {}
    for run in runs:
        if (moment := run_moment(run.run_id)) is not None:
            by_day.setdefault(moment.strftime("%Y-%m-%d"), []).append(run)
    found = []
    for day, members in sorted(by_day.items())[-MOST_WINDOWS:]:
        failed = [r for r in members if r.run_id in failures]
        low = [r for r in members if r.run_id in below]
        slow = [r for r in members if latency is not None and r.duration_s is not None and r.duration_s > float(latency)]
        found.append(
            Window(
                day,
                len(members),
                len(failed),
                round(1 - len(failed) / len(members), 4),
                sum(r.records for r in members),
                len(low),
                len(slow),
            )
        )
    return found


def _steps(case: Case, answer: SlaTracked, given: Mapping[str, Any], settled: Sequence[int]) -> list[Step]:
    missed = [o for o in answer.objectives if o.state == "missed"]
    found = []
    if missed:
        found.append(steps.look_again(case.flow.flow_id, f"Why {missed[0].name} is missed."))
        runs = [o for o in missed if o.name != "freshness"]  # which names the last good run, not a bad one
        last = next((v.run_id for o in runs for v in reversed(o.violations) if v.run_id in settled), None)
        if last is not None and last != settled[0]:
            arguments = {"flow_id": case.flow.flow_id, "run_id": last}
            found.append(Step("nexla_compare_runs", arguments, "The latest violation against the last good run.", "read"))
    if answer.verdict != "missed" and not given.get("days"):
        month = {"flow_id": case.flow.flow_id, "days": 30}
        found.append(Step("nexla_track_sla", month, "The same over a month.", "read"))
    return found[:3]
