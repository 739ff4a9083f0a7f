"""The last reads of an investigation: what would confirm or refute the likeliest reading of the first ones."""

from __future__ import annotations

import re
from datetime import timedelta

from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.connectors import DATABASES, FILES, PUSHED
from nexla_mcp.runbooks.error_texts import Kind, kinds_of
from nexla_mcp.runbooks.facts import Fetched
from nexla_mcp.runbooks.gathering.reads import (
    RUNS_A_STAGE,
    Round,
    ask_audit,
    ask_detail,
    ask_files,
    ask_logs,
    ask_notices,
    ask_org,
    ask_probe,
    ask_rejected,
    ask_samples,
    ask_usage,
    keep_tables,
    run_arguments,
)
from nexla_mcp.runbooks.gathering.upstream_reads import ask_upstream_runs
from nexla_mcp.runbooks.quartz import Schedule, ScheduleError
from nexla_mcp.runbooks.shapes.lenient import iso, moment, one_of, pick, run_moment
from nexla_mcp.runbooks.shapes.messages import logs_of
from nexla_mcp.runbooks.shapes.runs import runs_of

_TWO_WEEKS_S = 14 * 86_400
_MOST_RUNS = 1_000


async def confirm(case: Case, ask: Round) -> None:
    """Round 4."""
    silent_before = case.silent
    _logs_again(case, ask)
    _credentials(case, ask)
    _silent_transform(case, ask)
    _rejected_where_told(case, ask)
    _changed_values(case, ask)
    _weeks_before(case, ask)
    _at_the_source(case, ask)
    _at_the_target(case, ask)
    ask_upstream_runs(case, ask)
    _seen_late(case, ask)
    texts = [line.text for line in case.logs or []] + [f"{n.event} {n.text}" for n in case.notices or []]
    told = any(line.is_error for line in case.logs or []) or any(Kind.NO_DATA in kinds_of(text) for text in texts)
    if case.silent and not case.upstream and not told:
        ask_org(case, ask)
        edited = case.source is not None and any("source_config" in c.fields for c in case.changes(case.source))
        if case.notices is None and case.source is not None and not has_schedule(case) and not edited:
            ask_notices(case, ask, case.source)
    await ask.run()
    await _late_silence(case, silent_before)


def _seen_late(case: Case, ask: Round) -> None:
    """A pause or a silence that only round 3 has shown: who changed what, and was there anything to read?"""
    stopped = next((s for s in case.flow.stages if s.paused), None)
    if stopped is not None and stopped.key not in case.audits:
        ask_audit(case, ask, stopped)
    source = case.source
    if case.silent and case.history.known and source is not None and not source.paused and source.key not in case.audits:
        ask_audit(case, ask, source)
        if not case.error_lines(source) and case.file_counts is None:
            ask_files(case, ask, source, counts=True)


async def _late_silence(case: Case, silent_before: bool) -> None:
    """Only the platform's own clock has shown that a run is overdue: read what silence calls for."""
    if silent_before or not case.silent or case.source is None or case.source.paused:
        return
    late = Round(case)
    ask_org(case, late)
    if case.source.key not in case.audits:
        ask_audit(case, late, case.source)
    if case.logs is None or not case.logs:
        ask_logs(case, late, None, everything=True)
    await late.run()


def _see_clock(case: Case, credential: int | None, fetched: Fetched) -> None:
    """A good probe refreshes verified_at, which therefore tells the platform's time (FACTS 8)."""
    if not fetched.ok or credential is None:
        return
    row = one_of(fetched.body, credential)
    case.credential_rows[credential] = row
    seen, probe = moment(row.get("verified_at")), case.probes.get(credential)
    if seen and probe and probe.outcome == "good" and (case.newest_trace is None or seen >= case.newest_trace):
        case.clock_seen = seen


def _logs_again(case: Case, ask: Round) -> None:
    """Errors were counted but no line explains them: ask by resource and run, in the other time unit (QUIRKS 17)."""
    trouble = next((t for t in case.troubles() if not t.recovered and t.form in ("errors", "starved", "zero")), None)
    if trouble is None or case.error_lines(trouble.stage) or (trouble.form != "errors" and case.logs):
        return
    if trouble.stage.paused and trouble.form != "errors":
        return
    start = run_moment(trouble.first)
    if start is None:
        return

    def keep(fetched: Fetched) -> None:
        if fetched.ok and (lines := logs_of(fetched.body)):
            case.logs = [*(case.logs or []), *lines]
            case.log_operation = "flows_get_logs"

    ask.ask(
        "flows_get_logs",
        keep,
        **{
            "resource_type": trouble.stage.kind,
            "resource_id": trouble.stage.id,
            "page": 1,
            "per_page": 100,
            "from": iso(start - timedelta(minutes=10)),
            "to": iso((run_moment(trouble.last) or start) + timedelta(days=1)),
        },
    )


def _credentials(case: Case, ask: Round) -> None:
    """A refused credential: who else uses it, and how stale its stored status is."""
    for credential, probe in case.probes.items():
        if probe.outcome == "refused":
            ask_usage(case, ask, credential)
    source = case.source
    credential_id = source.credential_id if source else None
    if (
        case.clock_doubtful
        and credential_id in case.probes
        and not case.silent
        and not case.troubles_open()
        and not (schedule_is_odd(case) and case.audits)
        and not any(line.is_error for line in case.logs or [])
        and not any(s.paused for s in case.flow.stages)
    ):
        ask.ask("credentials_get", lambda f: _see_clock(case, credential_id, f), credential_id=credential_id)
    for stage in (s for s in case.flow.stages if s.kind != "nexset" and s.credential_id not in case.probes):
        if case.said(stage, Kind.AUTH):
            ask_probe(case, ask, stage)


def _rejected_where_told(case: Case, ask: Round) -> None:
    """Stages whose counts could not be read but whose logs or health speak of errors."""
    for stage in case.flow.stages:
        if stage.runs is None and stage.kind != "source" and case.trouble_at(stage) and stage.key not in case.rejected:
            ask_rejected(case, ask, stage)
            ask_detail(case, ask, stage)
    source = case.source
    if source and source.runs is None and case.trouble_at(source):
        ask_files(case, ask, source)


def _silent_transform(case: Case, ask: Round) -> None:
    """Clean counts but ERROR lines of a nexset: compare what goes in with what comes out."""
    blind = case.logs is None and not case.troubles_open()
    for stage in case.flow.of("nexset"):
        trouble = case.trouble_at(stage)
        counted = set(trouble.run_ids) if trouble else set()
        lines = [line for line in case.error_lines(stage) if case.run_of(line) not in counted]
        clean = (trouble is None or trouble.recovered) and stage.runs is not None
        derived = stage.parent is not None and stage.parent.kind == "nexset"
        if derived and clean and not stage.paused and (lines or (blind and not case.silent and stage.transform_id)):
            ask_samples(case, ask, stage)
            if stage.parent:
                ask_samples(case, ask, stage.parent)
            if not stage.detail and (stage.transform_id is None or blind):
                ask_detail(case, ask, stage)
            _errors_since_ever(case, ask)


def _errors_since_ever(case: Case, ask: Round) -> None:
    """Only the newest runs' logs were read: when did the errors begin?"""
    oldest = run_moment(case.history.run_ids[0]) if case.history.known else None
    if oldest is None or case.flow.flow_id is None or not case.logs:
        return

    def keep(fetched: Fetched) -> None:
        if fetched.ok:
            case.all_errors = logs_of(fetched.body)
            case.errors_cut = bool(fetched.has_next) or (fetched.total or 0) > len(case.all_errors)

    window = {"from": iso(oldest - timedelta(minutes=10)), "to": iso(case.now + timedelta(hours=1))}
    arguments = {"flow_id": case.flow.flow_id, "severity": "ERROR", "page": 1, "per_page": 200, **window}
    ask.ask("flows_get_flow_logs", keep, **arguments)


def _weeks_before(case: Case, ask: Round) -> None:
    """Far fewer records: was it so on the same weekday of earlier weeks, further back than what was read?"""
    source, rhythm = case.source, case.history.rhythm_s
    trouble = case.trouble_at(source)
    if source is None or trouble is None or trouble.recovered or trouble.form != "drop" or not rhythm:
        return
    size = int(_TWO_WEEKS_S / rhythm) + 24
    if RUNS_A_STAGE < size <= _MOST_RUNS and (source.older_runs or len(source.runs or []) >= RUNS_A_STAGE):

        def keep(fetched: Fetched) -> None:
            if fetched.ok:
                case.longer[source.key] = runs_of(fetched.body)

        ask.ask("metrics_get_resource_metrics_by_run", keep, **run_arguments(source) | {"size": size})


def _changed_values(case: Case, ask: Round) -> None:
    """Values that do not fit: has the incoming data changed its shape?"""
    for stage in case.flow.stages:
        trouble = case.trouble_at(stage)
        if trouble is None or trouble.recovered or trouble.form != "errors" or stage.kind == "source":
            continue
        texts = [k for _, t in case.texts(stage) for k in kinds_of(t)]
        if stage.kind == "destination" and {Kind.TYPE, Kind.MISSING_COLUMN} & set(texts):
            feeder = next((s for s in case.flow.of("nexset") if s.parent and s.parent.kind == "source"), stage.parent)
            if feeder:
                ask_samples(case, ask, feeder, count=50)
            return
        if (
            stage.kind == "nexset"
            and Kind.LOOKUP in texts
            and (found := re.search(r"(?:map|lookup)\D{0,12}(\d{2,})", " ".join(t for _, t in case.texts(stage))))
        ):
            ask.ask("lookups_get", lambda f: case.listings.__setitem__("lookup", f), data_map_id=int(found[1]))


def _at_the_target(case: Case, ask: Round) -> None:
    """A database destination that never wrote and of which nothing was said: is its table there?"""
    for stage in case.flow.of("destination"):
        trouble, config = case.trouble_at(stage), stage.detail.get("sink_config")
        if trouble is None or not trouble.since_ever or case.texts(stage) or not isinstance(config, dict):
            continue
        database = any(word in stage.connector for word in DATABASES)
        if database and stage.credential_id is not None and isinstance(config.get("table"), str):
            more = {"database": config["database"]} if isinstance(config.get("database"), str) else {}
            ask.ask("credentials_probe_tree", lambda f: keep_tables(case, f), credential_id=stage.credential_id, depth=2, **more)
            return


def _at_the_source(case: Case, ask: Round) -> None:
    """A source that reads nothing although its login works: is the query or the path the reason?"""
    source = case.source
    trouble = case.trouble_at(source)
    probe = case.probes.get(source.credential_id) if source and source.credential_id else None
    if source is None or probe is None or probe.outcome != "good" or source.paused:
        return
    broken = bool(trouble and not trouble.recovered and trouble.form in ("errors", "zero"))
    if (
        not broken
        and not (case.silent and (case.error_lines(source) or case.logs is None))
        and not (not case.history.known and case.silent)
    ):
        return
    config = source.detail.get("source_config")
    config = config if isinstance(config, dict) else {}
    path = pick(config, "path", "prefix", "file_path")
    if any(word in source.connector for word in FILES):
        if isinstance(path, str) and (not broken or case.said(source, Kind.MISSING_PATH) or not case.history.known):
            ask.ask(
                "credentials_probe_tree",
                lambda f: case.listings.__setitem__("tree", f),
                credential_id=source.credential_id,
                depth=1,
                path=path,
            )
    elif any(word in source.connector for word in DATABASES) or "query" in config:
        body = {k: v for k, v in config.items() if k != "start.cron"}
        ask.ask(
            "credentials_probe_sample",
            lambda f: case.listings.__setitem__("source_sample", f),
            credential_id=source.credential_id,
            more_fields=body,
        )


def has_schedule(case: Case) -> bool:
    """Whether the source starts by itself: it carries a cron."""
    config = case.source.detail.get("source_config") if case.source else None
    return isinstance(config, dict) and bool(config.get("start.cron"))


def schedule_is_odd(case: Case) -> bool:
    """The stored schedule cannot produce the rhythm the flow had, or it is gone."""
    source = case.source
    config = source.detail.get("source_config") if source else None
    if source is None or not isinstance(config, dict) or not case.history.known or source.connector in PUSHED:
        return False
    cron, rhythm, last = config.get("start.cron"), case.history.rhythm_s, run_moment(case.history.newest)
    if not cron or rhythm is None or last is None:
        return bool(rhythm) and not cron and source.value("data_sink_id") is None
    try:
        following = Schedule.parse(str(cron)).next_after(last)
    except (ScheduleError, ValueError):
        return True
    return following is None or (following - last).total_seconds() > 3 * rhythm
