"""Run rows of both shapes in one normal form (QUIRKS 5.1).

    runs = runs_of(reply.body)          # oldest first, one entry a run
    runs[-1].failed, runs[-1].why       # True, "errors 420"

No field of the published API says that a run failed. A FAILED status of the seed shape decides; SUCCESS
does not overrule errors.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from nexla_mcp.runbooks.shapes.lenient import moment, pick, run_moment, whole

BAD_WORDS = frozenset({"FAILED", "FAILURE", "ERROR", "ERRORED", "ABORTED", "KILLED"})


@dataclass(frozen=True, slots=True)
class Run:
    """One run at one stage."""

    run_id: int
    started_at: datetime | None
    records: int
    errors: int
    size: int = 0
    status: str | None = None
    duration_s: float | None = None
    parts: dict[int, int] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """A FAILED status, or rejected records."""
        return (self.status or "").upper() in BAD_WORDS or self.errors > 0

    @property
    def why(self) -> str:
        """The field that decided."""
        if (self.status or "").upper() in BAD_WORDS:
            return f"status {self.status}"
        return f"errors {self.errors}" if self.errors else ""


def runs_of(body: Any) -> list[Run]:
    """The runs in a run_summary reply, oldest first; several rows of a run are added up."""
    found: dict[int, Run] = {}
    for key, row in _rows(body):
        run = _run(key, row)
        if run is not None:
            found[run.run_id] = _added(found[run.run_id], run) if run.run_id in found else run
    return [found[run_id] for run_id in sorted(found)]


def more_pages(body: Any, got: int) -> int | None:
    """The number of the last page when a reply holds only part of the runs, else None."""
    metrics = body.get("metrics") if isinstance(body, dict) else None
    meta = pick(metrics, "meta") or pick(body, "meta")
    total = whole(pick(meta, "totalCount", "total_count"))
    pages = whole(pick(meta, "pageCount", "pages_count", "page_count"))
    return pages if total and pages and pages > 1 and total > got else None


def _rows(body: Any) -> list[tuple[Any, dict[str, Any]]]:
    inner = body
    for key in ("metrics", "data"):
        if isinstance(inner, dict) and isinstance(inner.get(key), dict | list):
            inner = inner[key]
    if isinstance(inner, list):
        return [(None, row) for row in inner if isinstance(row, dict)]
    if isinstance(inner, dict):
        keyed = [(key, part) for key, value in inner.items() for part in (value if isinstance(value, list) else [value])]
        return [(key, row) for key, row in keyed if isinstance(row, dict) and key != "meta"]
    return []


def _run(key: Any, row: dict[str, Any]) -> Run | None:
    started = moment(pick(row, "startTime", "start_time", "started_at", "startedAt"))
    run_id = whole(pick(row, "runId", "run_id", "id"))
    if run_id is None:
        run_id = whole(key)
    if run_id is None:
        run_id = int(started.timestamp() * 1000) if started else None
    if run_id is None:
        return None
    records = whole(pick(row, "records", "record", "recordCount", "record_count"), 0) or 0
    status = pick(row, "status", "state")
    duration = pick(row, "duration_s", "duration", "durationSeconds")
    part = whole(pick(row, "dataSetId", "data_set_id"))
    return Run(
        run_id=run_id,
        started_at=started or run_moment(run_id),
        records=records,
        errors=whole(pick(row, "errors", "error", "errorCount", "error_count"), 0) or 0,
        size=whole(pick(row, "size", "bytes"), 0) or 0,
        status=status if isinstance(status, str) else None,
        duration_s=float(duration) if isinstance(duration, int | float) and not isinstance(duration, bool) else None,
        parts={} if part is None else {part: records},
    )


def _added(a: Run, b: Run) -> Run:
    bad = next((r.status for r in (a, b) if (r.status or "").upper() in BAD_WORDS), a.status or b.status)
    parts = {k: a.parts.get(k, 0) + b.parts.get(k, 0) for k in {*a.parts, *b.parts}}
    return replace(a, records=a.records + b.records, errors=a.errors + b.errors, size=a.size + b.size, status=bad, parts=parts)
