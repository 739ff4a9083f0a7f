"""Counts that differ from the flow's own past without any error."""

from __future__ import annotations

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.at_source import repeated_files
from nexla_mcp.runbooks.causes.wording import at, counts, number
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis, Step
from nexla_mcp.runbooks.history import Trouble
from nexla_mcp.runbooks.shapes.lenient import iso, quote
from nexla_mcp.runbooks.usual_level import season

_PAGE_SIZES = frozenset({10, 20, 25, 30, 50, 100, 200, 250, 500, 1000, 2000, 5000})


def drop(case: Case) -> list[Hypothesis]:
    """The first stage that handles far fewer records than it used to, errors 0."""
    trouble = next((t for t in case.troubles() if not t.recovered and t.form == "drop" and t.stage.kind != "destination"), None)
    found = [_truncated(case, None)] if trouble is None and "truncated" in case.leads else []
    if trouble is None or trouble.errors:
        return [h for h in found if h]
    truncated = _truncated(case, trouble)
    if truncated:
        return [truncated]
    stage = trouble.stage
    if season(case.longer.get(stage.key, []), trouble.last, trouble.records):
        case.remarks.append(f"{stage.label} is as low as on the same weekdays of earlier weeks.")
        return []
    usual = trouble.expected or 0.0
    share = 1 - trouble.records / usual if usual else 0.0
    notice = next(
        (n for n in case.notices or [] if (n.kind, n.resource_id) == stage.key and n.level in ("WARN", "WARNING", "ERROR")), None
    )
    evidence = [counts(case, trouble)]
    if notice:
        evidence.append(
            Evidence(
                "notifications_list", stage.kind, stage.id, f"notification {notice.level} at {iso(notice.at)}", quote(notice.text)
            )
        )
    change = next((c for c in reversed(case.changes(stage)) if _near(case, c.at, trouble)), None)
    if change:
        evidence.append(
            Evidence(
                {"source": "sources_get_audit_log", "nexset": "nexsets_get_audit_log"}[stage.kind],
                stage.kind,
                stage.id,
                f"changed shortly before by {quote(change.who, 80)} at {iso(change.at)}: {', '.join(change.fields)[:100]}",
            )
        )
    where = (
        "so the data is missing from the producer or the path"
        if stage.kind == "source"
        else f"while {stage.parent.label if stage.parent else 'its input'} is at its usual level, so the loss happens in "
        "this nexset (a filter)"
    )
    return [
        Hypothesis(
            "volume_drop",
            stage.kind,
            stage.id,
            88,
            "degraded",
            f"{stage.label} handled {number(trouble.records)} records in {at(trouble.last)} against a usual {number(usual)} "
            f"({share:.0%} fewer) without any error, {where}."
            " Errors 0 and a green health do not mean that it is complete.",
            evidence,
            [*_look(case, trouble)],
            trouble.first,
            explains=frozenset({"unknown", "destination_lag"}),
        )
    ]


def _truncated(case: Case, trouble: Trouble | None) -> Hypothesis | None:
    """Only the first page is read: the count sits at a page size."""
    source = case.source
    if source is None or (trouble is not None and trouble.stage is not source):
        return None
    runs = case.history.runs(source)[-5:]
    newest = [r.records for r in runs if trouble is None or r.run_id >= trouble.first]
    if (
        not newest
        or len(set(newest)) != 1
        or newest[0] not in _PAGE_SIZES
        or not any(w in source.connector for w in ("rest", "api", "http", "soap", "graphql"))
    ):
        return None
    if trouble is None and len(runs) < 3:
        return None
    return Hypothesis(
        "silent_truncation",
        "source",
        source.id,
        76 if trouble else 58,
        "degraded",
        f"{source.label} reads exactly {number(newest[0])} records a run, the size of one "
        f"page{f', against a usual {number(trouble.expected)}' if trouble else ''}: only the first page is read. No "
        "error is raised, and a quiet producer would not stop at a page size.",
        [counts(case, trouble)]
        if trouble
        else [
            Evidence(
                "metrics_get_resource_metrics_by_run",
                "source",
                source.id,
                f"the last {len(newest)} runs read {newest[0]} records each",
            )
        ],
        [steps.on(case, "source", source.id, "get", "See the paging settings in source_config.")],
        trouble.first if trouble else None,
        explains=frozenset({"volume_drop"}),
    )


def duplicates(case: Case) -> list[Hypothesis]:
    """More is written than came in, or files are read again."""
    for trouble in (t for t in case.troubles() if not t.recovered and t.form == "surge"):
        stage = trouble.stage
        repeated = repeated_files(case) if stage.kind == "source" else []
        if stage.kind == "source" and not repeated and "duplicates" not in case.leads:
            continue
        evidence = [counts(case, trouble)]
        if repeated:
            evidence.append(
                Evidence(
                    "sources_get_file_metrics",
                    "source",
                    stage.id,
                    f"{len(repeated)} files were read more than once",
                    quote(", ".join(repeated[:3])),
                )
            )
        if stage.kind == "nexset" and "duplicates" not in case.leads:
            continue
        return [
            Hypothesis(
                "duplicate_writes",
                stage.kind,
                stage.id,
                78 if stage.kind == "destination" or repeated else 55,
                "degraded",
                f"{stage.label} handled {number(trouble.records)} records in {at(trouble.last)} against a usual "
                f"{number(trouble.expected)}"
                + (
                    ", more than its input: the same data is written more than once."
                    if stage.kind == "destination"
                    else ": the same data is read again."
                ),
                evidence,
                _look(case, trouble),
                trouble.first,
            )
        ]
    return []


def _look(case: Case, trouble: Trouble) -> list[Step]:
    stage = trouble.stage
    first = steps.on(case, stage.kind, stage.id, "get", "See its configuration: path, filter, query.")
    if stage.kind == "source":
        return [steps.call(case, "sources_get_audit_log", "Was the source changed around that run?", source_id=stage.id), first]
    if stage.kind == "nexset":
        return [steps.call(case, "nexsets_get_audit_log", "Was the transform changed around that run?", set_id=stage.id), first]
    return [first]


def _near(case: Case, when: object, trouble: Trouble) -> bool:
    from datetime import datetime, timedelta

    from nexla_mcp.runbooks.shapes.lenient import run_moment

    start = run_moment(trouble.first)
    return isinstance(when, datetime) and start is not None and timedelta(0) <= start - when < timedelta(days=2)
