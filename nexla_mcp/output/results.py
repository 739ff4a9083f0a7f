"""Results within the budget of a context window; what does not fit is parked and can be read later.

    result = shape(store, operation.name, body, columns=("id", "name"))
    result.text           # stands alone; says what was left out and how to get it
    result.structured     # matches RESULT_SCHEMA

Hosts fail above 25,000 tokens; we stay at 6,000 unless more is asked for, and at 20,000 at most.
"""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.output.render import CELL, LINE, as_text, select

CHARS_PER_TOKEN = 3.5
BUDGET_TOKENS = 6_000
DOUBLED_UP_TO_TOKENS = 1_500
"""Up to here the rows stand in the text and in the structure; some hosts bill both, so not above."""

RESULT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "operation": {"type": "string", "description": "The operation that was carried out."},
        "count": {"type": "integer", "description": "Rows in this result."},
        "total": {"type": "integer", "description": "Rows there are, when the API says so."},
        "data": {"description": "The rows or the object; left out when it is large: then see the text or resource_uri."},
        "next_cursor": {"type": "string", "description": "Pass as cursor to go on."},
        "resource_uri": {"type": "string", "description": "The whole result, to be read as a resource."},
        "truncated": {"type": "boolean", "description": "True when the text does not show everything."},
    },
    "required": ["operation", "truncated"],
}


@dataclass(frozen=True, slots=True)
class Shaped:
    """A result ready to be sent."""

    text: str
    structured: dict[str, Any] = field(default_factory=dict)


class ResultStore:
    """Results that were too large for a reply, newest kept: at most 50, at most 20 MB, for this process."""

    def __init__(self, most: int = 50, most_bytes: int = 20_000_000) -> None:
        self._results: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._most = most
        self._most_bytes = most_bytes

    def park(self, name: str, value: Any) -> str:
        """Keep ``value`` and return its URI."""
        uri = f"nexla://results/{secrets.token_urlsafe(9)}"
        self._results[uri] = (name, json.dumps(value, ensure_ascii=False, indent=1, default=str))
        while len(self._results) > self._most or (len(self._results) > 1 and self._size() > self._most_bytes):
            self._results.popitem(last=False)
        return uri

    def read(self, uri: str) -> str | None:
        """The JSON text of a parked result, or None when it is gone."""
        return self._results[uri][1] if uri in self._results else None

    def listing(self) -> list[tuple[str, str]]:
        """(uri, operation) of what is parked, newest first."""
        return [(uri, name) for uri, (name, _) in reversed(self._results.items())]

    def _size(self) -> int:
        return sum(len(text) for _, text in self._results.values())


def tokens(text: str) -> int:
    """A careful estimate; tokenisers differ by a fifth between models."""
    return int(len(text) / CHARS_PER_TOKEN) + 1


def shape(
    store: ResultStore,
    operation: str,
    value: Any,
    *,
    columns: Sequence[str] = (),
    fields: Sequence[str] = (),
    full: bool = False,
    heading: str = "",
    total: int | None = None,
    next_cursor: str | None = None,
    budget: int = BUDGET_TOKENS,
) -> Shaped:
    """Cut ``value`` (already cleaned) to the budget.

    ``fields`` picks what is shown; otherwise ``columns`` is the summary and ``full`` shows everything.
    """
    rows = value if isinstance(value, list) else None
    shown_fields = list(fields) or ([] if full else list(columns))
    shown = select(value, shown_fields) if shown_fields and _fits_fields(value, shown_fields) else value
    body = as_text(shown, shown_fields if rows is not None else (), whole=full, cell=LINE if fields else CELL)
    structured: dict[str, Any] = {"operation": operation, "truncated": False}
    notes = []
    if rows is not None:
        structured["count"] = len(rows)
    if total is not None:
        structured["total"] = total
    if next_cursor:
        structured["next_cursor"] = next_cursor
        notes.append(f"More rows follow: call again with cursor={next_cursor}")
    if tokens(body) > budget:
        body, left_out = _cut(body, shown, budget)
        uri = store.park(operation, value)
        structured |= {"truncated": True, "resource_uri": uri}
        notes.append(f"{left_out} Narrow it with fields, filter or limit, or read all of it as the resource {uri}.")
    elif shown is not value and not fields:
        notes.append("Summary fields only; view=full shows all, fields=[...] picks some.")
    if not structured["truncated"] and tokens(body) <= DOUBLED_UP_TO_TOKENS:
        structured["data"] = shown
    text = "\n".join(part for part in (heading, body, *notes) if part)
    return Shaped(text, structured)


def _fits_fields(value: Any, fields: Sequence[str]) -> bool:
    """True when at least one of the fields is there; an unexpected shape is shown whole instead of empty."""
    sample = value[:20] if isinstance(value, list) else [value]
    return any(select(item, fields) for item in sample if isinstance(item, dict))


def _cut(body: str, shown: Any, budget: int) -> tuple[str, str]:
    limit = int(budget * CHARS_PER_TOKEN)
    lines = body[:limit].splitlines()
    kept = "\n".join(lines[:-1] if len(lines) > 3 else lines)
    if isinstance(shown, list):
        rows = max(0, kept.count("\n") - 1)
        return kept, f"Shown: about {rows} of {len(shown)} rows."
    return kept, f"Cut after {len(kept):,} of {len(body):,} characters."
