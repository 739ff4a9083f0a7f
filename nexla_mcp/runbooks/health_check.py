"""nexla_health_check: is this flow, or the flow of this resource, well?

    diagnosis = await health_check(facts, {"resource_type": "source", "resource_id": 5023})
    diagnosis.structured()["error_rate"]     # 0.1: failed runs of the last ten

The diagnosis with the fields of the seed document: status, last_run, error_rate, issues.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.wording import at
from nexla_mcp.runbooks.debug_flow import cannot_start, examine
from nexla_mcp.runbooks.diagnosis import Diagnosis
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.locate import CannotStart, locate
from nexla_mcp.runbooks.shapes.lenient import iso, kind_of, run_moment, whole

LAST_RUNS = 10
STALE_AFTER_H = 24


async def health_check(facts: Facts, arguments: Mapping[str, Any]) -> Diagnosis:
    """As debug_flow, with all credentials probed and the numbers a check wants."""
    kind, resource_id = kind_of(arguments.get("resource_type")), whole(arguments.get("resource_id"))
    try:
        located = await locate(facts, arguments)
    except CannotStart as stop:
        diagnosis = cannot_start(stop.error)
        asked = whole(arguments.get("flow_id"))
        diagnosis.extra = _fields(
            "unknown", None, 0.0, [diagnosis.summary], kind or "flow", resource_id if resource_id is not None else asked
        )
        return diagnosis
    case, diagnosis = await examine(facts, located, arguments.get("symptom"), probe_all=True)
    target = case.stage(kind, resource_id) if kind and resource_id is not None else None
    diagnosis.extra = _numbers(
        case, diagnosis, target, kind or "flow", resource_id if resource_id is not None else case.flow.flow_id
    )
    return diagnosis


def _numbers(case: Case, d: Diagnosis, target: Stage | None, kind: str, resource_id: int | None) -> dict[str, Any]:
    status = target.status if target else case.flow.status
    last_ids = case.history.run_ids[-LAST_RUNS:]
    stages = [target] if target and target.runs else [s for s in case.flow.stages if s.runs]
    failed = {r.run_id for s in stages for r in case.history.runs(s) if case.history.failed(s, r) and r.run_id in last_ids}
    rate = round(len(failed) / len(last_ids), 4) if last_ids else 0.0
    newest = max((r.run_id for s in stages for r in case.history.runs(s)[-1:]), default=None)
    issues = []
    if d.root_cause and not (d.verdict == "healthy" and d.root_cause.cause in ("state_conflict", "unsupported_request")):
        issues.append(f"{d.root_cause.cause}: {d.root_cause.explanation}")
    issues += [f"{f.cause}: {f.explanation}" for f in d.contributing]
    when = run_moment(newest)
    if when and (case.now - when).total_seconds() > STALE_AFTER_H * 3600 and d.verdict != "healthy":
        issues.append(f"No run in the last {STALE_AFTER_H} hours; newest is {at(newest)}")
    if rate > 0.2:
        issues.append(f"High error rate: {rate:.0%} of the last {len(last_ids)} runs")
    return _fields(status or "unknown", iso(when), rate, issues, kind, resource_id)


def _fields(
    status: str, last_run: str | None, rate: float, issues: list[str], kind: str, resource_id: int | None
) -> dict[str, Any]:
    return {
        "status": status,
        "last_run": last_run,
        "error_rate": rate,
        "issues": issues,
        "resource_type": kind,
        "resource_id": resource_id,
    }
