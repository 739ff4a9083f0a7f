"""Log lines, notifications and audit entries in normal form.

logs_of(body)      # nested logs.data or a flat list; log or message; ms or s
changes_of(body)   # {field: (before, after)} with who and when
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nexla_mcp.runbooks.shapes.lenient import as_object, kind_of, moment, objects, pick, text_of, whole


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a flow log; ``kind`` and ``resource_id`` say where it was written."""

    at: datetime | None
    severity: str
    text: str
    kind: str | None = None
    resource_id: int | None = None
    run_id: int | None = None

    @property
    def is_error(self) -> bool:
        return self.severity in ("ERROR", "FATAL", "CRITICAL", "SEVERE")


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification."""

    at: datetime | None
    level: str
    event: str
    text: str
    kind: str | None
    resource_id: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """One audit entry: what changed, from what to what, by whom."""

    at: datetime | None
    event: str
    who: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def status_to(self, word: str) -> bool:
        return str(self.fields.get("status", (None, None))[1] or "").upper() == word


def logs_of(body: Any) -> list[LogLine]:
    """The lines, oldest first; lines without a time keep their place at the end."""
    inner = body.get("logs") if isinstance(body, dict) and "logs" in body else body
    meta_run = whole(pick(pick(inner, "meta"), "run_id", "runId"))
    rows = inner if isinstance(inner, list) else pick(inner, "data", "items", "logs") or []
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, str):
            found.append(LogLine(None, "ERROR" if "error" in row.lower() else "INFO", row))
        elif isinstance(row, dict):
            severity = str(pick(row, "severity", "level", "log_level") or "INFO").upper()
            found.append(
                LogLine(
                    at=moment(pick(row, "timestamp", "time", "created_at", "ts")),
                    severity={"ERR": "ERROR", "WARN": "WARNING"}.get(severity, severity),
                    text=text_of(pick(row, "log", "message", "msg", "text")),
                    kind=kind_of(pick(row, "resource_type", "resourceType")),
                    resource_id=whole(pick(row, "resource_id", "resourceId")),
                    run_id=whole(pick(row, "run_id", "runId")) or meta_run,
                )
            )
    return sorted(found, key=lambda line: (line.at is None, line.at.timestamp() if line.at else 0))


def notices_of(body: Any) -> list[Notice]:
    """Notifications, newest first."""
    found = [
        Notice(
            at=moment(pick(row, "created_at", "updated_at", "timestamp")),
            level=str(pick(row, "level", "severity") or "").upper(),
            event=str(pick(row, "event_type", "event", "type") or "").upper(),
            text=text_of(pick(row, "message", "text")),
            kind=kind_of(pick(row, "resource_type", "resourceType")),
            resource_id=whole(pick(row, "resource_id", "resourceId")),
        )
        for row in objects(body)
    ]
    return sorted(found, key=lambda n: n.at.timestamp() if n.at else 0, reverse=True)


def changes_of(body: Any) -> list[Change]:
    """Audit entries, oldest first. ``object_changes`` may be an object or its JSON text, pairs or from/to."""
    found = []
    for row in objects(body):
        changes = as_object(pick(row, "object_changes", "changes", "details"))
        user = pick(row, "user") or {}
        who = pick(user, "email", "full_name", "name") if isinstance(user, dict) else str(user)
        found.append(
            Change(
                at=moment(pick(row, "created_at", "timestamp")),
                event=str(pick(row, "event", "action") or ""),
                who=str(who or pick(row, "owner_email", "user_email") or pick(user, "id") or "somebody"),
                fields={str(k): _pair(v) for k, v in changes.items()} if isinstance(changes, dict) else {},
            )
        )
    return sorted(found, key=lambda c: c.at.timestamp() if c.at else 0)


def _pair(value: Any) -> tuple[Any, Any]:
    if isinstance(value, list | tuple) and len(value) == 2:
        return as_object(value[0]), as_object(value[1])
    if isinstance(value, dict) and {"from", "to"} & set(value):
        return as_object(value.get("from")), as_object(value.get("to"))
    if isinstance(value, dict) and {"before", "after"} & set(value):
        return as_object(value.get("before")), as_object(value.get("after"))
    return None, as_object(value)
