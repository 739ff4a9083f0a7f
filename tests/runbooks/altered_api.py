"""A wire that changes what comes back: other wordings, missing fields, refused routes, lists for objects.

    transport = AlteredApi(refuse={r"/notifications": 403}, change=[without("runtime_status", "meta")])

It stands between the real client and the sandbox's real socket, so nothing of the product is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

Change = Callable[[str, Any], Any]


class AlteredApi(httpx.AsyncBaseTransport):
    """Forwards to the network, counts what was asked, and alters the JSON of the replies."""

    def __init__(self, *, refuse: Mapping[str, int] | None = None, change: Sequence[Change] = ()) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._refuse = {re.compile(pattern): status for pattern, status in (refuse or {}).items()}
        self._change = change
        self.asked: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, request.url.path))
        for pattern, status in self._refuse.items():
            if pattern.search(request.url.path):
                return httpx.Response(status, request=request)
        response = await self._inner.handle_async_request(request)
        content = await response.aread()
        headers = [(k, v) for k, v in response.headers.items() if k.lower() not in ("content-length", "content-encoding")]
        if self._change and content and request.url.path != "/token":
            try:
                body = json.loads(content)
            except ValueError:
                body = None
            if body is not None:
                for change in self._change:
                    body = change(request.url.path, body)
                content = json.dumps(body).encode()
        return httpx.Response(response.status_code, headers=headers, content=content, request=request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def without(*keys: str) -> Change:
    """Leave fields out, wherever they occur."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k not in keys}
        return [strip(v) for v in value] if isinstance(value, list) else value

    return lambda _path, body: strip(body)


def null(*keys: str) -> Change:
    """Null instead of a value, wherever the fields occur."""

    def blank(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: None if k in keys else blank(v) for k, v in value.items()}
        return [blank(v) for v in value] if isinstance(value, list) else value

    return lambda _path, body: blank(body)


def lists_for_objects(path: str, body: Any) -> Any:
    """A list with one entry where an object is published."""
    single = re.fullmatch(r"/(flows|data_sources|data_sets|data_sinks|data_credentials|orgs)/\d+(/flow)?", path)
    return [body] if single and isinstance(body, dict) and "message" not in body else body


def reworded(pairs: Mapping[str, str]) -> Change:
    """Other words for texts, as patterns; applied to every text."""

    def replace(value: Any) -> Any:
        if isinstance(value, str):
            for pattern, text in pairs.items():
                value = re.sub(pattern, lambda _m, t=text: t, value)  # type: ignore[misc]
            return value
        if isinstance(value, dict):
            return {k: replace(v) for k, v in value.items()}
        return [replace(v) for v in value] if isinstance(value, list) else value

    return lambda _path, body: replace(body)


def scaled(factor: float) -> Change:
    """Other counts: records and errors times ``factor``, at least 1 where there were any."""
    names = {"records", "errors", "recordCount", "errorCount", "latestRecordCount", "latestErrorCount"}

    def scale(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                k: (max(1, round(v * factor)) if v else 0) if k in names and isinstance(v, int) else scale(v)
                for k, v in value.items()
            }
        return [scale(v) for v in value] if isinstance(value, list) else value

    return lambda _path, body: scale(body)
