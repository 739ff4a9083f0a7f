"""Probes, health and file metrics in normal form.

probe_of(fetched)     # good, refused, unreachable or unknown, with the reason
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nexla_mcp.client.errors import ApiUnreachableError, NexlaError
from nexla_mcp.runbooks.error_texts import Kind, kinds_of
from nexla_mcp.runbooks.facts import Fetched
from nexla_mcp.runbooks.shapes.lenient import kind_of, moment, objects, pick, text_of, whole

GOOD_STATUS = ("200 ok", "verified", "ok", "success")


@dataclass(frozen=True, slots=True)
class Probe:
    """What a credential probe found: good | refused | unreachable | throttled | unknown."""

    outcome: str
    reason: str = ""
    status: int | None = None
    no_reason: bool = False


@dataclass(frozen=True, slots=True)
class Affected:
    """A resource that flow health names."""

    kind: str | None
    resource_id: int | None
    run_id: int | None
    records: int | None
    errors: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Health:
    """Flow health: GREEN, YELLOW, RED, or '' when unreadable."""

    colour: str
    affected: tuple[Affected, ...] = ()
    flow_id: int | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file a source has read or tried to."""

    name: str
    status: str
    records: int | None
    errors: int | None
    error: str
    at: datetime | None
    run_id: int | None = None


def probe_of(fetched: Fetched) -> Probe:
    """Status code first, then the body (QUIRKS 41): an error object in a 2xx body counts as a refusal."""
    if fetched.error is not None:
        return _refusal(fetched.error)
    body = fetched.body
    inner = pick(body, "output", "result", "response") if isinstance(body, dict) else None
    code = whole(pick(inner, "statusCode", "status_code")) or whole(pick(body, "statusCode", "status"))
    word = str(pick(body, "status") or "").lower()
    reason = text_of(pick(inner, "errorMessage", "error", "message")) or text_of(pick(body, "message", "error"))
    if word in ("pending", "running", "in_progress"):
        return Probe("unknown", "the probe was still running")
    if (code or 0) >= 400 or word in ("failed", "failure", "error", "refused", "unauthorized", "invalid"):
        return _worded(reason, code or None)
    return Probe("good", "", code if code and code < 400 else 200)


def _refusal(error: NexlaError) -> Probe:
    if isinstance(error, ApiUnreachableError):
        return Probe("unknown", error.message)
    status = error.status_code
    if status == 404 or status is None:
        return Probe("unknown", error.server_message or error.message, status)
    if status == 403 and not error.server_message:
        return Probe("refused", "403 without a reason", 403, no_reason=True)
    if status >= 500 and not error.server_message:
        return Probe("unknown", error.message, status)
    return _worded(error.server_message or error.message, status)


def _worded(reason: str, status: int | None) -> Probe:
    kinds = kinds_of(reason)
    if Kind.WRONG_KEYS in kinds:
        return Probe("unknown", reason, status)
    if status in (401, 403) or Kind.AUTH in kinds:
        return Probe("refused", reason, status)
    if status == 429 or Kind.THROTTLED in kinds:
        return Probe("throttled", reason, status)
    if Kind.NETWORK in kinds or (status or 0) >= 500:
        return Probe("unreachable", reason, status)
    return Probe("refused", reason, status)


def is_good_status(value: Any) -> bool:
    """Whether a stored ``verified_status`` says good; it is only as fresh as ``verified_at``."""
    return str(value or "").strip().lower() in GOOD_STATUS


def health_of(body: Any) -> Health:
    """Flow health with what it names; the wrapper and the inner names vary."""
    row = pick(body, "metrics") if isinstance(body, dict) and isinstance(body.get("metrics"), dict | list) else body
    row = row[0] if isinstance(row, list) and row and isinstance(row[0], dict) else row
    colour = str(pick(row, "healthStatus", "health_status", "status") or "").upper()
    named = pick(row, "affectedResources", "affected_resources") or []
    return Health(
        colour if colour in ("GREEN", "YELLOW", "RED") else "",
        tuple(_affected(r) for r in named if isinstance(r, dict)) if isinstance(named, list) else (),
        whole(pick(row, "originNodeId", "origin_node_id", "flowId")),
        moment(pick(row, "updatedAtEpoch", "updated_at")),
    )


def _affected(row: dict[str, Any]) -> Affected:
    return Affected(
        kind_of(pick(row, "resourceType", "resource_type")),
        whole(pick(row, "resourceId", "resource_id", "id")),
        whole(pick(row, "latestRunId", "latest_run_id")),
        whole(pick(row, "latestRecordCount", "latest_record_count")),
        whole(pick(row, "latestErrorCount", "latest_error_count")),
        text_of(pick(row, "errorSummary", "error_summary", "message")),
    )


def files_of(body: Any) -> list[FileRow]:
    """File metric rows, newest first."""
    rows = [
        FileRow(
            name=str(pick(row, "name", "file", "path") or f"number {pick(row, 'id')}"),
            status=str(pick(row, "ingestionStatus", "ingestion_status", "status") or "").upper(),
            records=whole(pick(row, "recordCount", "record_count", "records")),
            errors=whole(pick(row, "errorCount", "error_count", "errors")),
            error=text_of(pick(row, "error", "errorMessage", "error_message")),
            at=moment(pick(row, "lastIngested", "last_ingested", "lastModified", "last_modified")),
            run_id=whole(pick(row, "runId", "run_id")),
        )
        for row in objects(body)
        if pick(row, "name", "file", "path", "ingestionStatus", "ingestion_status") is not None
    ]
    return sorted(rows, key=lambda r: r.at.timestamp() if r.at else 0, reverse=True)


def file_counts(body: Any) -> dict[str, int]:
    """files_stats: number of files per ingestion status, in lower case."""
    row = pick(body, "metrics") or body
    row = pick(row, "data") if isinstance(row, dict) and pick(row, "data") is not None else row
    counts: dict[str, int] = {}
    for part in row if isinstance(row, list) else [row]:
        if not isinstance(part, dict):
            continue
        named = pick(part, "ingestionStatus", "ingestion_status", "status")
        count = whole(pick(part, "count", "files", "total"))
        if isinstance(named, str) and count is not None:
            counts[named.lower()] = counts.get(named.lower(), 0) + count
        else:
            counts |= {str(k).lower(): n for k, v in part.items() if (n := whole(v)) is not None and k != "status"}
    return counts
