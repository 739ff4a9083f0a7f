"""Sentences and evidence that several detectors share."""

from __future__ import annotations

from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.diagnosis import Evidence
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.history import Trouble
from nexla_mcp.runbooks.shapes.lenient import iso, quote, run_moment


def number(value: float | None) -> str:
    """10,000"""
    return "?" if value is None else f"{value:,.0f}"


def at(run_id: int | None) -> str:
    """The run's id and its time."""
    when = iso(run_moment(run_id))
    return f"run {run_id}" + (f" ({when})" if when else "")


def counts(case: Case, trouble: Trouble) -> Evidence:
    """The run rows that show the trouble."""
    stage, form = trouble.stage, trouble.form
    if not trouble.counted:
        return Evidence(
            case.log_operation, stage.kind, stage.id, f"errors told of in {at(trouble.last)}; the run counts could not be read"
        )
    usual = f"; usual {number(trouble.expected)}" if trouble.expected is not None else ""
    if form == "starved":
        fed = case.history.newest_of(stage.parent) if stage.parent else None
        fact = (
            f"no records at {stage.label} in {at(trouble.last)} although "
            f"{stage.parent.label if stage.parent else 'its input'} had {number(fed.records if fed else None)}{usual}"
        )
        fact += "; it never wrote any" if trouble.since_ever else ""
    else:
        run = next((r for r in case.history.runs(stage) if r.run_id == trouble.last), None)
        status = f", status {run.status}" if run and run.status else ""
        fact = f"{at(trouble.last)}: records {number(trouble.records)}, errors {number(trouble.errors)}{status}{usual}"
    return Evidence("metrics_get_resource_metrics_by_run", stage.kind, stage.id, fact)


def said(stage: Stage, found: tuple[str, str] | None, fact: str) -> list[Evidence]:
    """The quoted text of an error, when there is one."""
    return [Evidence(found[0], stage.kind, stage.id, fact, quote(found[1]))] if found else []


def status_of(stage: Stage) -> Evidence:
    """The status as read."""
    operation = (
        {"source": "sources_get", "nexset": "nexsets_get", "destination": "destinations_get"}[stage.kind]
        if stage.detail
        else "flows_get"
    )
    runtime = stage.value("runtime_status")
    return Evidence(
        operation,
        stage.kind,
        stage.id,
        f"status {stage.status or 'unknown'}" + (f", runtime_status {quote(runtime, 40)}" if runtime else ""),
    )


def others_clean(case: Case, stage: Stage) -> str:
    """Which other stages have good counts in the newest run, in words."""
    good = [s.label for s in case.flow.stages if s is not stage and s.runs and case.trouble_at(s) is None]
    return f"{', '.join(good)} {'is' if len(good) == 1 else 'are'} clean" if good else ""
