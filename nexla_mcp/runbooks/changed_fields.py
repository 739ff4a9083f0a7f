"""What an audit entry changed, as single fields: only the keys that differ, and of code only the lines that do.

changed_fields("transform", 601, change)     # [Changed(at, who, ..., "code.script", "def transform(record, *args):", ...)]
"""

from __future__ import annotations

import base64
import binascii
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nexla_mcp.output.untrusted import clean
from nexla_mcp.runbooks.shapes.lenient import as_object, iso, quote
from nexla_mcp.runbooks.shapes.messages import Change

BY_THEMSELVES = frozenset({"updated_at", "verified_status", "verified_at", "runtime_status", "last_run_id", "version"})
"""Fields that change without anybody's doing."""
_DEEPEST = 4
_MOST = 300


@dataclass(frozen=True, slots=True)
class Changed:
    """One field that somebody changed."""

    at: str
    who: str
    resource_type: str
    resource_id: int
    field: str
    before: str
    after: str


def changed_fields(kind: str, resource_id: int, change: Change) -> list[Changed]:
    """The fields of one audit entry; one entry without fields when it does not name them."""
    who, when = quote(change.who, 80), iso(change.at) or ""
    found = []
    for name, (before, after) in change.fields.items():
        for path, old, new in _parts(name, before, after) if name not in BY_THEMSELVES else ():
            found.append(Changed(when, who, kind, resource_id, quote(path, 80), _shown(path, old), _shown(path, new)))
    if found or change.fields:
        return found
    return [Changed(when, who, kind, resource_id, quote(change.event or "update", 60), "", "")]


def _parts(path: str, before: Any, after: Any, depth: int = 0) -> Iterator[tuple[str, Any, Any]]:
    """Down to the values that differ."""
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after) == 1:
        before, after = before[0], after[0]
    if isinstance(before, dict) and isinstance(after, dict) and depth < _DEEPEST:
        for key in dict.fromkeys([*before, *after]):
            if before.get(key) != after.get(key):
                yield from _parts(f"{path}.{key}", before.get(key), after.get(key), depth + 1)
        return
    old, new = _code(before), _code(after)
    if old is not None and new is not None:
        lines = [*difflib.ndiff(old.splitlines(), new.splitlines())]
        before, after = (" / ".join(line[2:].strip() for line in lines if line.startswith(sign)) for sign in ("- ", "+ "))
    yield path, before, after


def _code(value: Any) -> str | None:
    """Readable code of several lines, also out of base64."""
    if not isinstance(value, str):
        return None
    if "\n" in value:
        return value
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return text if "\n" in text else None


def _shown(path: str, value: Any) -> str:
    """Masked first, by the name of the field as well, and cut after that."""
    key = path.rpartition(".")[2]
    return quote(clean({key: as_object(value)}).get(key), _MOST)
