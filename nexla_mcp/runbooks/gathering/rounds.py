"""Rounds 2 and 3: the runs of every stage and the source, then what they make worth reading.

Errors lead to logs, rejected records and a probe; silence to the audit log, notifications and triggers; a clean
record to health and the things that counts cannot show. A linear flow takes at most 12 requests, 4 deep.
"""

from __future__ import annotations

from datetime import UTC, datetime

import anyio

from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.gathering.confirm import confirm, has_schedule, schedule_is_odd
from nexla_mcp.runbooks.gathering.reads import (
    Round,
    ask_audit,
    ask_code_changes,
    ask_detail,
    ask_files,
    ask_logs,
    ask_notices,
    ask_org,
    ask_probe,
    ask_rejected,
    keep_runs,
    run_arguments,
)
from nexla_mcp.runbooks.gathering.symptom_reads import for_symptom, read_listings
from nexla_mcp.runbooks.gathering.upstream_reads import ask_triggers
from nexla_mcp.runbooks.history import History, Trouble
from nexla_mcp.runbooks.shapes.states import health_of

MOST_STAGES = 7


async def gather(case: Case, *, probe_all: bool = False) -> None:
    """Fill the case. Failures are left as gaps and noted by the facts themselves."""
    async with anyio.create_task_group() as beside:
        beside.start_soon(read_listings, case)
        await runs_and_source(case)
        second = Round(case)
        choose(case, second, probe_all=probe_all)
        await second.run()
        await confirm(case, Round(case))


async def runs_and_source(case: Case) -> None:
    """The newest hundred runs of every stage, and the source in full."""
    first = Round(case)
    chosen = _stages_to_read(case)
    pages: list[tuple[Stage, int]] = []
    for stage in chosen:
        first.ask("metrics_get_resource_metrics_by_run", keep_runs(stage, pages), **run_arguments(stage))
    if case.source:
        ask_detail(case, first, case.source)
    await first.run()
    if pages:
        more = Round(case)
        for stage, page in pages:
            stage.newest_page = page
            more.ask("metrics_get_resource_metrics_by_run", keep_runs(stage, []), **run_arguments(stage) | {"page": page})
        await more.run()
    case.history = History(case.flow.stages, now=case.facts.server_now or datetime.now(UTC))


def _stages_to_read(case: Case) -> list[Stage]:
    stages = case.flow.stages
    if len(stages) > MOST_STAGES:
        troubled = [s for s in stages if s.status not in ("", "ACTIVE")]
        order = sorted(stages, key=lambda s: (s.kind != "source", s not in troubled, s.kind != "destination", s.depth))
        stages = sorted(order[:MOST_STAGES], key=stages.index)
        left = [s.label for s in case.flow.stages if s not in stages]
        case.facts.skip(f"run counts of {len(left)} further stages: {', '.join(left[:8])}{' ...' if len(left) > 8 else ''}")
    return stages


def choose(case: Case, ask: Round, *, probe_all: bool = False) -> None:
    """Round 3: what the counts, the statuses and the person's words make worth reading."""
    troubles = [t for t in case.troubles() if not t.recovered]
    stopped = [s for s in case.flow.stages if s.paused or s.status == "RATE_LIMITED"]
    source = case.source
    top = stopped[0] if stopped else None
    if case.counts_unread:
        _around_blind(case, ask)
        return
    errors = next((t for t in troubles if t.form == "errors"), None)
    main = errors or next((t for t in troubles if t.form in ("starved", "zero", "drop", "surge")), None)
    quiet = case.silent or schedule_is_odd(case) or bool(main and main.form == "zero")
    ask_logs(
        case,
        ask,
        main or next(iter(case.troubles()), None),
        everything=errors is None and (quiet or (main is None and case.clock_doubtful)),
    )
    if probe_all:
        for stage in case.flow.stages:
            ask_probe(case, ask, stage)
    if top is not None:
        ask_audit(case, ask, top)
        ask_org(case, ask)
        if source:
            ask_probe(case, ask, source)
    if main is not None:
        _around(case, ask, main)
    if quiet and (top is None or top is not source):
        _around_silence(case, ask)
    recovered = next((t for t in case.troubles() if t.recovered), None)
    if main is None and recovered is not None:
        ask_rejected(case, ask, recovered.stage)
    if main is None and not quiet and top is None:
        ask.ask(
            "flows_get_flow_health",
            lambda f: setattr(case, "health", health_of(f.body) if f.ok else None),
            flow_id=case.flow.flow_id,
        )
        if source:
            ask_probe(case, ask, source)
            if case.clock_doubtful:
                ask_notices(case, ask, source)
    for_symptom(case, ask)


def _around(case: Case, ask: Round, trouble: Trouble) -> None:
    stage = trouble.stage
    if stage.kind == "source":
        ask_probe(case, ask, stage)
        if trouble.form == "errors" or trouble.form in ("drop", "surge"):
            ask_files(case, ask, stage)
        if trouble.form in ("drop", "zero"):
            ask_notices(case, ask, stage)
            ask_audit(case, ask, stage)
        return
    if trouble.form == "errors":
        ask_rejected(case, ask, stage)
    if stage.kind == "destination":
        ask_probe(case, ask, stage)
    if stage.paused:
        return
    ask_detail(case, ask, stage)
    if stage.kind == "nexset" and trouble.form == "errors" and trouble.share > 0.5:
        ask_code_changes(case, ask, stage)
    if trouble.form in ("drop", "surge") or (stage.kind == "nexset" and trouble.form == "errors"):
        ask_audit(case, ask, stage)
    if trouble.form == "starved":
        ask_notices(case, ask, stage)


def _around_blind(case: Case, ask: Round) -> None:
    """No run counts at all: what logs, health, the probes and the audit log can tell."""
    ask_logs(case, ask, None, everything=True)
    ask.ask(
        "flows_get_flow_health", lambda f: setattr(case, "health", health_of(f.body) if f.ok else None), flow_id=case.flow.flow_id
    )
    for stage in [s for s in case.flow.stages if s.kind != "nexset"][:3]:
        ask_probe(case, ask, stage)
    stopped = next((s for s in case.flow.stages if s.paused or s.status == "RATE_LIMITED"), case.source)
    if stopped is not None:
        ask_audit(case, ask, stopped)
        ask_org(case, ask)
    for_symptom(case, ask)


def _around_silence(case: Case, ask: Round) -> None:
    """A source with a schedule of its own is not started by another flow; one without is, or has lost it."""
    scheduled = has_schedule(case)
    if not scheduled:
        ask_triggers(case, ask)
    if case.source is None:
        return
    ask_probe(case, ask, case.source)
    ask_audit(case, ask, case.source)
    if scheduled:
        ask_notices(case, ask, case.source)
    ask_files(case, ask, case.source, counts=True)
