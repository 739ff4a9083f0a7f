"""Was it made? The look for a create or copy whose reply was lost.

    found = await find_made(client, catalog, operation, arguments, request, began)
    found.fit.verdict, found.notes.get("made")       # "applied", {"id": 3015}

Names may repeat, so a thing of the sent name counts only when it was made after the request left, by the server's own
clock, and when this process did not make it with another call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.explain import next_look
from nexla_mcp.client.outcome_compare import Fit, same
from nexla_mcp.client.paging import identity_of, rows_of
from nexla_mcp.client.wire import ApiRequest

MOST_ROWS = 3_000
PRECISION = timedelta(seconds=0.2)
DOUBT = timedelta(seconds=5)
"""What was made so shortly before the request left may be of it all the same: clocks differ a little."""
_NAMES = ("name", "full_name", "email", "domain", "title")


@dataclass(frozen=True, slots=True)
class Found:
    """The verdict, and what it is worth knowing beside it."""

    fit: Fit
    notes: dict[str, Any] = field(default_factory=dict)


async def find_made(
    client: NexlaClient,
    catalog: Catalog,
    operation: Operation,
    arguments: Mapping[str, Any],
    request: ApiRequest,
    began: float,
) -> Found:
    """Look through the list that a new thing would stand in.

    Raises:
        NexlaError: the list cannot be read.
    """
    path = operation.path
    copied = arguments.get(operation.required[0]) if path.endswith("/copy") and operation.required else None
    path = path.rsplit("/", 2)[0] if copied is not None else path
    listing = _listing(catalog, path, arguments)
    if listing is None or (listing[0].returns.shape == "object" and not listing[0].returns.rows):
        return Found(Fit("unknown", "no list shows what it would have made"))
    read, asked = listing
    notes: dict[str, Any] = {"find_out": {"tool": "nexla_read", "arguments": {"operation": read.name, "arguments": asked}}}
    wanted = _identity(request, copied)
    if not wanted:
        return Found(Fit("unknown", "it has no name to look for"), notes)
    rows, complete = await _rows(client, read, asked)
    sent_at = client.server_clock.at(began)
    rows = [row for row in rows if (request.path, identity_of(row)) not in client.made]
    alike = [row for row in rows if all(same(value, row.get(name)) for name, value in wanted.items())]
    fresh = [row for row in alike if _age(row, sent_at) == "new"]
    words = f"with {_words(wanted)}"
    if len(fresh) == 1:
        identity = fresh[0].get("id")
        client.remember(request.path, identity)
        notes["made"] = {"id": identity}
        notes["find_out"] = next_look(path.split("/")[1], identity) or notes["find_out"]
        return Found(Fit("applied", f"id {identity} {words} was made just then"), notes)
    if fresh:
        ids = ", ".join(str(row.get("id")) for row in fresh[:5])
        return Found(Fit("unknown", f"{len(fresh)} {words} were made since the call (ids {ids})"), notes)
    if any(_age(row, sent_at) != "old" for row in alike):
        return Found(Fit("unknown", f"something {words} is there, but not known for sure since when"), notes)
    nothing = f"nothing {words} was made since the call" + ("; older ones are there" if alike else "")
    if not complete:
        return Found(Fit("unknown", f"{nothing}, as far as the list was read"), notes)
    plain = path.count("/") == 1  # /data_sources keeps the name that is sent; lists inside a resource may not
    if any(_may_be_it(row, wanted, sent_at, plain=plain) for row in rows):
        return Found(Fit("unknown", f"{nothing}, but something new does not show by what name it was made"), notes)
    return Found(Fit("not applied", nothing), notes)


def _listing(catalog: Catalog, path: str, arguments: Mapping[str, Any]) -> tuple[Operation, dict[str, Any]] | None:
    for read in catalog.operations.values():
        if read.reads and read.method == "GET" and read.path == path and all(n in arguments for n in read.required):
            return read, {n: arguments[n] for n in read.required}
    return None


async def _rows(client: NexlaClient, read: Operation, asked: Mapping[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    rows: list[dict[str, Any]] = []
    async for reply in client.pages(read, asked, per_page=200):
        bodies = reply.body if isinstance(reply.body, list) and read.returns.rows else [reply.body]
        rows += [row for body in bodies for row in rows_of(read, body) if isinstance(row, dict)]
        if len(rows) >= MOST_ROWS:
            return rows, False
    return rows, True


def _identity(request: ApiRequest, copied: Any) -> dict[str, Any]:
    body = request.body if isinstance(request.body, dict) else {}
    if copied is not None:
        return {"copied_from_id": copied}
    name = next((n for n in _NAMES if body.get(n)), None)
    if name is not None:
        return {name: body[name]}
    return {n: v for n, v in body.items() if n.endswith("_id") or isinstance(v, str)}


def _age(row: Mapping[str, Any], sent_at: datetime | None) -> str:
    """new, old, close or unknown: whether a row was made since the request left."""
    try:
        made = datetime.fromisoformat(str(row.get("created_at")))
    except ValueError:
        return "unknown"
    if sent_at is None or made.tzinfo is None:
        return "unknown"
    if made >= sent_at - PRECISION:
        return "new"
    return "close" if made >= sent_at - DOUBT else "old"


def _may_be_it(row: Mapping[str, Any], wanted: Mapping[str, Any], sent_at: datetime | None, *, plain: bool) -> bool:
    """True for a row that is not old and does not show the name, or one that looks like the sent one with an addition."""
    age = _age(row, sent_at)
    if age == "old" or (age == "new" and not plain):
        return age == "new"
    for name, value in wanted.items():
        shown = row.get(name)
        if shown in (None, "") or (isinstance(value, str) and value.strip().lower() in str(shown).lower()):
            return True
    return False


def _words(wanted: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {str(value)[:80]!r}" for name, value in list(wanted.items())[:3])
