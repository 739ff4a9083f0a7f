"""Picking values out of replies that may lack fields, wrap objects in lists or spell a key in two ways.

pick(row, "runId", "run_id", "id")      # the first that is there and not null
one_of(body, 5023)                      # the object, also when a list came instead
moment(1763721600000)                   # datetime, from ms, s or ISO text
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from nexla_mcp.client.wire import parse_time

KIND_OF = {
    "SOURCE": "source",
    "DATA_SOURCE": "source",
    "DATA_SOURCES": "source",
    "DATASET": "nexset",
    "DATA_SET": "nexset",
    "DATA_SETS": "nexset",
    "NEXSET": "nexset",
    "SINK": "destination",
    "DATA_SINK": "destination",
    "DATA_SINKS": "destination",
    "DESTINATION": "destination",
    "CREDENTIAL": "credential",
    "DATA_CREDENTIAL": "credential",
    "DATA_CREDENTIALS": "credential",
    "FLOW": "flow",
    "DATA_FLOW": "flow",
    "ORG": "org",
    "TRANSFORM": "transform",
    "CODE_CONTAINER": "transform",
}


def pick(row: Any, *keys: str) -> Any:
    """The first of ``keys`` that is present and not null; None otherwise."""
    if isinstance(row, dict):
        for key in keys:
            if row.get(key) is not None:
                return row[key]
    return None


def whole(value: Any, default: int | None = None) -> int | None:
    """An integer from a number or its text."""
    if isinstance(value, bool) or value is None:
        return default
    try:
        return int(float(value)) if not isinstance(value, int) else value
    except (TypeError, ValueError, OverflowError):
        return default


def kind_of(word: Any) -> str | None:
    """source, nexset, destination, ... from any spelling the API uses."""
    text = str(word or "").strip().upper().replace(" ", "_")
    return KIND_OF.get(text) or KIND_OF.get(text.rstrip("S"))


def moment(value: Any) -> datetime | None:
    """A time from ISO text, seconds or milliseconds; None for anything else."""
    if value in (None, "", 0):
        return None
    try:
        return parse_time(int(value) if isinstance(value, float) else value)
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def iso(value: datetime | None) -> str | None:
    """ISO 8601 in UTC, seconds; None stays None."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else None


def run_moment(run_id: int | None) -> datetime | None:
    """The start of a run: its id is epoch milliseconds (FACTS 1.6)."""
    if run_id is None or not 10**11 < run_id < 10**14:
        return None
    return datetime.fromtimestamp(run_id / 1000, UTC)


def objects(body: Any) -> list[dict[str, Any]]:
    """The objects of a reply: a list, one object, or a list under the usual wrappers."""
    if isinstance(body, list):
        return [row for row in body if isinstance(row, dict)]
    if isinstance(body, dict):
        for key in ("data", "items", "results", "metrics", "output", "notifications", "logs", "audit_log", "flow_triggers"):
            inner = body.get(key)
            if isinstance(inner, list) or (isinstance(inner, dict) and isinstance(inner.get("data"), list)):
                return objects(inner)
        return [body] if body else []
    return []


def bodies(reply: Any) -> list[dict[str, Any]]:
    """The reply as objects, nothing unwrapped: for replies whose own keys matter, such as a flow's."""
    return (
        [b for b in reply if isinstance(b, dict)]
        if isinstance(reply, list)
        else [reply]
        if isinstance(reply, dict) and reply
        else []
    )


def one_of(body: Any, wanted: int | None = None) -> dict[str, Any]:
    """One resource; a list that came instead yields the entry with the id, else the first."""
    found = body if isinstance(body, list) else [body]
    rows = [row for row in found if isinstance(row, dict)]
    return next((row for row in rows if wanted is not None and whole(row.get("id")) == wanted), rows[0] if rows else {})


def as_object(value: Any) -> Any:
    """The value, or what its JSON text says."""
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def text_of(value: Any) -> str:
    """Readable text of an error or a message, whatever it is made of."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        found = pick(value, "message", "error", "errorMessage", "error_message", "details", "detail", "reason", "text")
        return text_of(found) if found is not None else json.dumps(value, default=str) if value else ""
    if isinstance(value, list):
        return "; ".join(filter(None, (text_of(v) for v in value[:3])))
    return "" if value is None else str(value)


_HIDDEN = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def quote(value: Any, limit: int = 240) -> str:
    """Text of the API as it may be shown: one line, without control, bidirectional or invisible characters."""
    text = _HIDDEN.sub("", text_of(value))
    text = "".join(
        " " if c in "\n\r\t" else c for c in text if c in "\n\r\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs")
    )
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def first(values: Iterable[Any]) -> Any:
    """The first that is not None."""
    return next((v for v in values if v is not None), None)
