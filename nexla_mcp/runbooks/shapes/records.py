"""Samples of nexsets and rejected records in normal form.

samples = samples_of(body)           # Sample(input, output)
rejected = rejected_of(body)         # Rejected(error, record, run_id)
groups = grouped(rejected)           # one entry a reason, with the field it names
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from nexla_mcp.output.untrusted import clean
from nexla_mcp.runbooks.shapes.lenient import as_object, pick, text_of, whole


@dataclass(frozen=True, slots=True)
class Sample:
    """A sampled record; ``input`` only where the API answers pairs."""

    output: Any
    input: Any = None
    paired: bool = False
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record in quarantine and why it is there."""

    error: str
    record: Any
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Rejected records that share a reason."""

    count: int
    of: int
    error: str
    field: str | None
    values: tuple[str, ...]


def samples_of(body: Any) -> list[Sample]:
    """Bare records, rawMessage with metadata, or pairs; an odd reply yields none."""
    found = []
    for row in _list(body):
        if isinstance(row, dict) and "input" in row and "output" in row:
            found.append(Sample(_raw(row["output"]), _raw(row["input"]), True, _run_of(row)))
        elif isinstance(row, dict):
            found.append(Sample(_raw(row), run_id=_run_of(row)))
    return found


def rejected_of(body: Any) -> list[Rejected] | None:
    """The records in quarantine; None when the reply is no list (so nothing was learnt)."""
    rows = _list(body)
    if not rows and not _has_list(body):
        return None
    found = []
    for row in rows:
        if isinstance(row, dict):
            error = pick(row, "error", "errorMessage", "error_message", "reason", "message")
            found.append(Rejected(text_of(error), _raw(row), _run_of(row)))
    return found


def grouped(rejected: list[Rejected]) -> list[Reason]:
    """Reasons by number of records, most frequent first; the field comes from the text or the values."""
    forms: dict[str, list[Rejected]] = {}
    for item in rejected:
        forms.setdefault(re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "?", item.error)[:160], []).append(item)
    reasons = []
    for items in sorted(forms.values(), key=len, reverse=True):
        name = _field(items)
        seen = Counter(repr(_shown(name, i.record.get(name))) for i in items if _has(i.record, name))
        values = tuple(str(v) for v, _ in seen.most_common(3))
        reasons.append(Reason(len(items), len(rejected), items[0].error, name, values))
    return reasons


def _shown(name: str | None, value: Any) -> Any:
    """A value of a record, without what its field's name says is a secret."""
    return next(iter(clean({name: value}).values())) if name else value


def _field(items: list[Rejected]) -> str | None:
    """The field that the error names, else the only one that is null in all of these records."""
    records = [i.record for i in items if isinstance(i.record, dict)]
    if not records:
        return None
    names = [n for n in records[0] if isinstance(n, str)]
    named = [n for n in names if re.search(rf"(?<![\w.]){re.escape(n)}(?!\w)", items[0].error, re.I)]
    if named:
        return max(named, key=len)
    null = [n for n in names if all(r.get(n) is None for r in records)]
    return (
        null[0] if len(null) == 1 or (null and "None" in items[0].error) or (null and "null" in items[0].error.lower()) else None
    )


def _has(record: Any, name: str | None) -> bool:
    return name is not None and isinstance(record, dict) and name in record


def _raw(row: Any) -> Any:
    inner = pick(row, "rawMessage", "raw_message", "record")
    return as_object(inner) if inner is not None else row


def _run_of(row: dict[str, Any]) -> int | None:
    return whole(
        pick(pick(row, "nexlaMetaData", "nexla_meta_data", "metadata"), "runId", "run_id") or pick(row, "runId", "run_id")
    )


def _list(body: Any) -> list[Any]:
    inner = body
    for _ in range(3):
        if isinstance(inner, list):
            return inner
        inner = pick(inner, "output", "data", "samples", "records", "response", "result")
    return inner if isinstance(inner, list) else []


def _has_list(body: Any) -> bool:
    inner = body
    for _ in range(4):
        if isinstance(inner, list):
            return True
        inner = pick(inner, "output", "data", "samples", "records", "response", "result")
    return False
