"""One request as a route sees it, and the replies a route can give."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from nexla_mcp.sandbox.store import LARGEST, Doc
from nexla_mcp.sandbox.world import World

if TYPE_CHECKING:
    from nexla_mcp.sandbox.api.access import Principal

_TRUE = frozenset({"1", "true", "yes"})
_MAX_PAGE = 1000


@dataclass(frozen=True)
class Reply:
    """Status, body (None = empty) and headers of an answer."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """An answer that ends a request early."""

    def __init__(self, status: int, message: str | None = None, **extra: Any) -> None:
        super().__init__(message)
        body = None if message is None else {"message": message, **extra}
        self.reply = Reply(body, status)


@dataclass
class Call:
    """A routed request: who asks, what for, with which query and body."""

    world: World
    who: Principal
    method: str
    path: str
    base_url: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]

    def __post_init__(self) -> None:
        try:
            json.dumps(self.body, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):  # half a surrogate pair, NaN, nested without end: no JSON to give back
            raise ApiError(400, "The request body is not valid JSON") from None

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in _TRUE

    def number(self, name: str) -> int | None:
        text = self.query.get(name)
        if text in (None, ""):
            return None
        try:
            number = int(str(text))
        except ValueError:
            raise ApiError(400, f"The property '#/{name}' of type string did not match the type integer") from None
        if abs(number) > LARGEST:
            raise ApiError(400, f"The property '#/{name}' is out of range")
        return number

    def fields(self) -> Doc:
        """The body as an object; 400 when it is something else."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise ApiError(400, "The request body must be an object")
        return self.body

    def items(self, key: str) -> list[Any]:
        """A list that comes bare or wrapped under a key."""
        if isinstance(self.body, list):
            return self.body
        found = self.fields().get(key)
        if not isinstance(found, list):
            raise ApiError(400, f"The property '#/' did not contain a required property of '{key}'")
        return found

    def page_of(self, rows: Sequence[Any], size_key: str = "per_page") -> tuple[list[Any], int, int, int]:
        """Rows of the asked page, page number, page size and number of pages. No paging asked = everything."""
        page, size = self.number("page"), self.number(size_key)
        if page is None and size is None:
            return list(rows), 1, max(len(rows), 1), 1
        page, size = max(page or 1, 1), min(max(size or 10, 1), _MAX_PAGE)
        pages = max(-(-len(rows) // size), 1)
        return list(rows[(page - 1) * size : page * size]), page, size, pages

    def paging_headers(self, total: int, page: int, size: int, pages: int) -> dict[str, str]:
        headers = {"X-Total-Count": str(total), "X-Current-Page": str(page), "X-Page-Count": str(pages)}
        links = []
        for relation, number in (("next", page + 1), ("previous", page - 1)):
            if 1 <= number <= pages:
                query = urlencode({**self.query, "page": number, "per_page": size})
                links.append(f'<{self.base_url}{self.path}?{query}>; rel="{relation}"')
        if links:
            headers["Link"] = ", ".join(links)
        return headers

    def paged(self, rows: Sequence[Any]) -> Reply:
        """A bare list with the paging headers."""
        shown, page, size, pages = self.page_of(rows)
        return Reply(shown, headers=self.paging_headers(len(rows), page, size, pages))
