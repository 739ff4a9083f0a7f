"""Reading for runbooks: fetch side by side, remember, and never mistake a failure for a fact.

    facts = Facts(client, catalog)
    flow, health = await facts.fetch_all(("flows_get", {"flow_id": 5059}), ("flows_get_flow_health", {"flow_id": 5059}))
    if health.ok:
        ...
    facts.not_checked        # ["flows_get_flow_health: not permitted (403)", ...]

Only reads can be asked for: the client refuses anything else without a permit, and a runbook has none.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import anyio

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.client import NexlaClient, rows_of
from nexla_mcp.client.errors import NexlaError

Progress = Callable[[float, float | None, str], Awaitable[None]]
Asked = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """The outcome of one read: a body, or the error that came instead."""

    operation: str
    arguments: Mapping[str, Any]
    body: Any = None
    error: NexlaError | None = None
    rows: list[Any] = field(default_factory=list)
    total: int | None = None
    has_next: bool | None = None
    pages: list[Any] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when the API answered; an empty body is an answer too."""
        return self.error is None


async def _no_progress(_done: float, _total: float | None, _message: str) -> None:
    return None


class Facts:
    """What one investigation has read so far. One request per distinct question."""

    def __init__(self, client: NexlaClient, catalog: Catalog, progress: Progress = _no_progress) -> None:
        self._client = client
        self._catalog = catalog
        self._progress = progress
        self._known: dict[str, Fetched] = {}
        self.requests = 0
        self.not_checked: list[str] = []

    @property
    def catalog(self) -> Catalog:
        """What can be asked for, and the risk of what may be proposed."""
        return self._catalog

    @property
    def server_now(self) -> datetime | None:
        """The platform's own time, from the Date headers of its replies; None when they do not tell."""
        clock = self._client.server_clock
        return clock.at(clock.monotonic())

    async def fetch(self, operation: str, **arguments: Any) -> Fetched:
        """One read; an error of the API comes back as ``error`` and is noted in ``not_checked``."""
        return (await self.fetch_all((operation, arguments)))[0]

    async def fetch_all(self, *asked: Asked) -> list[Fetched]:
        """Several reads that do not depend on each other, at the same time; results in the order asked."""
        keys = [_key(name, arguments) for name, arguments in asked]
        missing = {key: question for key, question in zip(keys, asked, strict=True) if key not in self._known}
        async with anyio.create_task_group() as group:
            for key, (name, arguments) in missing.items():
                group.start_soon(self._read, key, name, arguments)
        return [self._known[key] for key in keys]

    async def fetch_again(self, operation: str, **arguments: Any) -> Fetched:
        """As ``fetch``, also when the same was read before: for what changes while one waits."""
        self._known.pop(_key(operation, arguments), None)
        return await self.fetch(operation, **arguments)

    async def tell(self, message: str) -> None:
        """Report progress in words."""
        await self._progress(self.requests, None, message)

    async def fetch_pages(self, operation: str, *, per_page: int = 100, limit: int = 2000, **arguments: Any) -> Fetched:
        """A whole list, page by page, up to ``limit`` rows; ``has_next`` is True when it was cut there.

        ``pages`` keeps every page's body: some lists carry more than their rows.
        """
        record = self._catalog.operation(operation)
        rows: list[Any] = []
        pages: list[Any] = []
        told = 0
        body: Any = None
        try:
            async for reply in self._client.pages(record, arguments, per_page=per_page):
                self.requests += 1
                body = reply.body
                pages.append(body)
                told = max(told, reply.total or 0)
                rows.extend(rows_of(record, reply.body))
                await self._progress(self.requests, None, f"read {len(rows)} rows of {operation}")
                if len(rows) >= limit:
                    return Fetched(operation, arguments, body, rows=rows, total=reply.total, has_next=True, pages=pages)
        except NexlaError as error:
            self._note(operation, error)
            return Fetched(operation, arguments, body, error, rows, pages=pages)
        return Fetched(operation, arguments, body, rows=rows, total=max(told, len(rows)), has_next=told > len(rows), pages=pages)

    def known(self, operation: str, **arguments: Any) -> Fetched | None:
        """What was read before; None when it was not asked for."""
        return self._known.get(_key(operation, arguments))

    def skip(self, what: str) -> None:
        """Say in the answer that something was not looked at, and why."""
        if what not in self.not_checked:
            self.not_checked.append(what)

    def unskip(self, operation: str) -> None:
        """Take back what was noted about an operation: its refusal was an answer."""
        self.not_checked = [note for note in self.not_checked if not note.startswith((f"{operation}:", f"{operation} of "))]

    async def _read(self, key: str, name: str, arguments: Mapping[str, Any]) -> None:
        record = self._catalog.operation(name)
        self.requests += 1
        try:
            reply = await self._client.call(record, arguments)
        except NexlaError as error:
            self._note(name, error)
            self._known[key] = Fetched(name, arguments, error=error)
        else:
            self._known[key] = Fetched(
                name, arguments, reply.body, rows=rows_of(record, reply.body), total=reply.total, has_next=reply.has_next
            )
        await self._progress(self.requests, None, f"read {name}")

    def _note(self, operation: str, error: NexlaError) -> None:
        if type(error).__name__ == "CredentialError":
            return  # a refused credential is an answer, not a gap
        target = f" of {error.resource_type} {error.resource_id}" if error.resource_id is not None else ""
        reason = f"{error.status_code}" if error.status_code else type(error).__name__
        self.skip(f"{operation}{target}: {reason}: {error.server_message or error.message}"[:240])


def _key(operation: str, arguments: Mapping[str, Any]) -> str:
    return operation + json.dumps(arguments, sort_keys=True, default=str)
