"""Values as text that stands alone: tables for rows, lines for objects.

    as_text([{"id": 1, "name": "orders"}], ("id", "name"))

Many hosts show a model only the text of a result, so it must say everything the structure says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

CELL = 80
LINE = 400
_MOMENTS = frozenset({"timestamp", "runId", "run_id", "latestRunId", "ingestTime", "lastModified", "lastIngested"})
_MILLISECONDS = range(100_000_000_000, 10_000_000_000_000)


def pick(value: Any, path: str) -> Any:
    """The value at a dotted path; a list on the way yields the list of what is found in it."""
    for key in path.split("."):
        if isinstance(value, list):
            value = [v for item in value if (v := pick(item, key)) is not None]
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def select(value: Any, fields: Sequence[str]) -> Any:
    """Only ``fields`` of an object or of each row; dotted paths become keys as they are written."""
    if isinstance(value, list):
        return [select(item, fields) for item in value]
    if not isinstance(value, dict):
        return value
    return {field: found for field in fields if (found := pick(value, field)) is not None}


def as_text(value: Any, columns: Sequence[str] = (), *, whole: bool = False, cell: int = CELL) -> str:
    """``value`` for a reader: a Markdown table for a list of objects, ``key: value`` lines for one object.

    ``whole`` leaves nothing out: rows become lines of JSON, and long values are not cut. Some hosts show nothing at all
    for a blank text, so there is always something to see.
    """
    text = "" if value is None else _as_text(value, columns, whole=whole, cell=cell)
    return text if text.strip() else "(empty reply)"


def _as_text(value: Any, columns: Sequence[str], *, whole: bool, cell: int) -> str:
    if isinstance(value, list):
        if not whole and value and all(isinstance(item, dict) for item in value):
            return table(value, columns or _columns(value), cell=cell)
        return "\n".join(_short(item, None if whole else LINE) for item in value) or "(no rows)"
    if isinstance(value, dict):
        return (
            "\n".join(f"{key}: {_short(content, None if whole else LINE)}" for key, content in value.items()) or "(empty object)"
        )
    return str(value)


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, cell: int = CELL) -> str:
    """A Markdown table; cells are cut at ``cell`` characters and a column that is empty everywhere is left out."""
    cells = [[_cell(_readable(c, row[c] if c in row else pick(row, c)), cell) for c in columns] for row in rows]
    used = [i for i in range(len(columns)) if any(row[i] for row in cells)] or list(range(len(columns)))
    lines = [[columns[i] for i in used], ["---"] * len(used), *[[row[i] for i in used] for row in cells]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The keys with plain values in the order they appear, at most ten."""
    seen: dict[str, None] = {}
    for row in rows[:50]:
        for key, value in row.items():
            if not isinstance(value, dict | list):
                seen.setdefault(key)
    return list(seen)[:10] or list(rows[0])[:10]


def _short(value: Any, limit: int | None) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str)
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def _readable(column: str, value: Any) -> Any:
    """A moment in epoch milliseconds with its UTC time beside it, since nobody reads the number."""
    if column.rpartition(".")[2] not in _MOMENTS or not isinstance(value, int) or value not in _MILLISECONDS:
        return value
    return f"{value} ({datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%dT%H:%M:%SZ})"


def _cell(value: Any, limit: int) -> str:
    """One line without bars, for a table."""
    return " ".join(_short(value, limit).split()).replace("|", "\\|")
