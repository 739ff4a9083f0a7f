"""Reading a list to its end, whatever form its pages have, and saying when it cannot be trusted.

    async for reply in read_pages(call, operation, arguments, per_page=100):
        rows += rows_of(operation, reply.body)
        remarks += reply.notices

Pages are asked for by ``page`` and ``per_page`` (or ``size``), or not at all. The end is where the headers
(X-Total-Count, Link) or the body's meta, in either spelling, say so; without them it is a page that is
shorter than what was asked for (QUIRKS 58). A server that ignores ``page`` and sends the same rows again, or one
that never ends, is noticed; so is a list that changed while it was read.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nexla_mcp.catalog.records import Operation
from nexla_mcp.client.errors import ServerError
from nexla_mcp.client.replies import Reply

MOST_PAGES = 200
USUAL_SIZES = frozenset({10, 20, 25, 30, 50, 100, 200, 250, 500})
"""A page with as many rows as one of these, and fewer than asked for, may have been cut by the server."""
_ROW_KEYS = ("data", "items", "results", "records", "rows", "entries")
_META = {
    "total": ("totalCount", "total_count", "total"),
    "pages": ("pageCount", "pages_count", "page_count", "total_pages"),
    "page": ("currentPage", "current_page", "page"),
}
Call = Callable[[Operation, Mapping[str, Any]], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Meta:
    """What a reply says about its list; None where it says nothing."""

    total: int | None = None
    pages: int | None = None
    page: int | None = None


def rows_of(operation: Operation, body: Any) -> list[Any]:
    """The rows of a list reply, wherever the operation keeps them."""
    found = _find_rows(operation, body)
    return found if found is not None else []


def _find_rows(operation: Operation, body: Any) -> list[Any] | None:
    """The rows; None when the reply has no list at all. A list that is null is an empty one (QUIRKS 54)."""
    if isinstance(body, list):
        return body
    value = body
    for key in (operation.returns.rows or "").split("."):
        if isinstance(value, dict) and key in value:
            value = value[key]
            if value is None:
                return []
        elif key:
            value = None
    if isinstance(value, list):
        return value
    if isinstance(body, dict) and operation.returns.shape == "list":
        return next((body[key] for key in _ROW_KEYS if isinstance(body.get(key), list)), None)
    return None


def meta_of(body: Any) -> Meta:
    """The ``meta`` of a body, at its top or beside its rows, in camel case or snake case."""
    if not isinstance(body, dict):
        return Meta()
    places = [body, *(v for v in body.values() if isinstance(v, dict))]
    meta = next((p["meta"] for p in places if isinstance(p.get("meta"), dict)), None)
    if meta is None:
        return Meta()
    return Meta(**{name: _count(meta, keys) for name, keys in _META.items()})


def _count(meta: dict[str, Any], keys: tuple[str, ...]) -> int | None:
    for key in keys:
        value = meta.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


async def read_pages(
    call: Call, operation: Operation, arguments: Mapping[str, Any], *, per_page: int = 100
) -> AsyncIterator[Reply]:
    """The pages of a list from the first on.

    Raises:
        NexlaError: as ``call``; a ServerError when the answer is no list.
    """
    size_name = "per_page" if "per_page" in operation.parameters else "size"
    paged = "page" in operation.parameters and size_name in operation.parameters
    seen = _Seen()
    page = 1
    while True:
        extra = {"page": page, size_name: per_page} if paged else {}
        reply = await call(operation, {**arguments, **extra})
        rows = _find_rows(operation, reply.body)
        if rows is None:
            raise _no_list(operation, reply)
        told = meta_of(reply.body)
        total = reply.total if reply.total is not None else told.total
        if page > 1 and seen.is_repeated(rows):
            yield replace(reply, body=_without_rows(reply.body), total=total, has_next=False, notices=seen.closing(total, True))
            return
        fresh = seen.add(rows, total)
        more = paged and bool(rows) and _goes_on(reply, told, page, len(rows), seen.count, total, per_page)
        if more and page >= MOST_PAGES:
            cut = f"The list was cut after {MOST_PAGES} pages; it goes on."
            yield replace(reply, total=total, has_next=True, notices=(*fresh, cut))
            return
        yield replace(reply, total=total, has_next=more, notices=fresh if more else (*fresh, *seen.closing(total, False)))
        if not more:
            return
        page += 1


def _goes_on(reply: Reply, told: Meta, page: int, rows: int, seen: int, total: int | None, per_page: int) -> bool:
    """Whether another page is worth asking for; the stronger sign first."""
    if total is not None and seen < total:
        return True
    if reply.has_next is not None:
        return reply.has_next
    if total is not None:
        return False
    if told.pages is not None:
        return page < told.pages
    return rows >= per_page or rows in USUAL_SIZES


def _no_list(operation: Operation, reply: Reply) -> ServerError:
    what = "with an empty body" if reply.body is None else f"with {_KINDS.get(type(reply.body), 'something')} that holds no list"
    return ServerError(
        f"{operation.name}: Nexla answered {reply.status_code} {what}, where a list belongs. Nothing can be said about its rows.",
        operation=operation.name,
        status_code=reply.status_code,
        hint="Try again; if it goes on, NEXLA_API_URL may point to another service.",
    )


_KINDS: dict[type, str] = {dict: "an object", str: "a text", int: "a number", float: "a number", bool: "a truth value"}


def _without_rows(body: Any) -> Any:
    return [] if isinstance(body, list) else {}


class _Seen:
    """The rows read so far: how many, which, and what does not fit together."""

    def __init__(self) -> None:
        self.count = 0
        self._keys: set[str] = set()
        self._total: int | None = None
        self._doubles = 0
        self._changed = False
        self._last: list[str] = []

    def add(self, rows: list[Any], total: int | None) -> tuple[str, ...]:
        """Count a page; the notices that it gives rise to."""
        keys = [_key(row) for row in rows]
        doubles = sum(key in self._keys for key in keys)
        notices = []
        if doubles and not self._doubles:
            notices.append("The list changed while it was read: rows came twice, and others may be missing. Read it again.")
        if self._total is not None and total is not None and total != self._total and not self._changed:
            self._changed = True
            notices.append(f"The list changed while it was read: {self._total} rows at first, then {total}. Read it again.")
        self._doubles += doubles
        self._keys.update(keys)
        self._last = keys
        self._total = self._total if total is None else total
        self.count += len(rows)
        return tuple(notices)

    def is_repeated(self, rows: list[Any]) -> bool:
        """True for a page with the very rows of the one before: the server does not look at ``page``."""
        return bool(rows) and [_key(row) for row in rows] == self._last

    def closing(self, total: int | None, repeated: bool) -> tuple[str, ...]:
        """What to say at the end."""
        if total is not None and total > self.count and not self._changed:
            why = " (the server sends the same page again)" if repeated else ""
            return (f"The API says that there are {total} rows, but only {self.count} came{why}.",)
        return ()


def identity_of(row: Any) -> int | str | None:
    """The id of a row, when it is one."""
    identity = row.get("id") if isinstance(row, dict) else None
    return identity if isinstance(identity, int | str) else None


def _key(row: Any) -> str:
    identity = identity_of(row)
    return f"id {identity!r}" if identity is not None else json.dumps(row, sort_keys=True, default=str)
