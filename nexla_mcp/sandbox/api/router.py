"""The route table: method and path pattern to handler, with the query parameters that the route knows.

    @ROUTES.get("/data_sources/{source_id}/runs", "page per_page")
    def list_runs(call: Call, source_id: int) -> Reply: ...

Path parameters named `id` or `..._id` are integers; a segment that is no integer does not match. Static segments win
over parameters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote

Handler = Callable[..., Any]
Choices = Mapping[str, tuple[str, ...]]
_H = TypeVar("_H", bound=Handler)
_ID = re.compile(r"[0-9]{1,18}")
"""An id that the database can hold."""


@dataclass(frozen=True)
class Route:
    """One entry of the table. `public` routes need no session."""

    method: str
    pattern: str
    handler: Handler
    query: frozenset[str]
    public: bool = False
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def segments(self) -> list[str]:
        return self.pattern.strip("/").split("/")

    def match(self, parts: list[str]) -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        choices = dict(self.choices)
        for segment, part in zip(self.segments, parts, strict=True):
            if not segment.startswith("{"):
                if segment != part:
                    return None
                continue
            name, text = segment[1:-1], unquote(part)
            if name == "id" or name.endswith("_id"):
                if not _ID.fullmatch(text):
                    return None
                found[name] = int(text)
            elif name in choices and text not in choices[name]:
                return None
            else:
                found[name] = text
        return found


class RouteTable:
    """All routes, found by method and number of segments."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, int], list[Route]] = {}

    def add(
        self,
        method: str,
        pattern: str,
        handler: Handler,
        query: str = "",
        choices: Choices | None = None,
        public: bool = False,
    ) -> None:
        route = Route(method, pattern, handler, frozenset(query.split()), public, tuple((choices or {}).items()))
        bucket = self._routes.setdefault((method, len(route.segments)), [])
        bucket.append(route)
        bucket.sort(key=lambda known: [segment.startswith("{") for segment in known.segments])

    def find(self, method: str, path: str) -> tuple[Route, dict[str, Any]] | None:
        parts = path.strip("/").split("/")
        for route in self._routes.get((method, len(parts)), []):
            found = route.match(parts)
            if found is not None:
                return route, found
        return None

    def patterns(self) -> list[tuple[str, str, frozenset[str]]]:
        """Method, pattern and query parameters of every route."""
        return [(route.method, route.pattern, route.query) for bucket in self._routes.values() for route in bucket]

    def get(self, pattern: str, query: str = "", **choices: tuple[str, ...]) -> Callable[[_H], _H]:
        return self._decorator("GET", pattern, query, choices)

    def post(self, pattern: str, query: str = "", **choices: tuple[str, ...]) -> Callable[[_H], _H]:
        return self._decorator("POST", pattern, query, choices)

    def put(self, pattern: str, query: str = "", **choices: tuple[str, ...]) -> Callable[[_H], _H]:
        return self._decorator("PUT", pattern, query, choices)

    def delete(self, pattern: str, query: str = "", **choices: tuple[str, ...]) -> Callable[[_H], _H]:
        return self._decorator("DELETE", pattern, query, choices)

    def _decorator(self, method: str, pattern: str, query: str, choices: Choices) -> Callable[[_H], _H]:
        def register(handler: _H) -> _H:
            self.add(method, pattern, handler, query, choices)
            return handler

        return register


ROUTES = RouteTable()
