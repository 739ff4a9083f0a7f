"""The log of changes: what was there before, what was sent, what came of it; and who agreed to it.

    number = await log.begin(NewChange(...))       # before the request leaves
    await log.settle(number, "applied", ...)       # after the reply
    await log.find(limit=20); await log.get(number)

The first line is written before the request, so that a change cannot happen unseen. When the process dies
in between, the next opening of the store finds the line and calls its outcome unknown. Everything is
cleaned and masked by the caller; age, number and size are bounded here.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nexla_mcp.state.change import Change, NewChange, State
from nexla_mcp.state.store import StateStore

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

KEPT_S = 90 * 86_400.0
KEPT_CHANGES = 5_000
KEPT_BYTES = 64_000_000
BEFORE_BYTES = 256_000
RESULT_BYTES = 16_000
_LONGEST_S = 120.0
"""No request takes longer; a line of another machine that is still open then has lost its process."""
_PROCESS = secrets.token_hex(8)


@dataclass(slots=True)
class ChangeLog:
    """The changes of one principal; nobody else's are shown."""

    store: StateStore
    principal: str
    _writes: int = field(default=0)

    def __post_init__(self) -> None:
        self.store.on_open += [self._recover, self._trim]

    async def begin(self, change: NewChange) -> int:
        """Write down what is about to be sent, and return the number of the change.

        Raises:
            StateError: it cannot be written down; then it must not be sent.
        """
        before, whole = _bounded(change.before, BEFORE_BYTES)
        arguments, _ = _bounded(dict(change.arguments), BEFORE_BYTES)
        kind, identity, name = change.target
        row = {
            "principal": self.principal,
            "state": "under way",
            "operation": change.operation,
            "title": change.title,
            "risk": change.risk,
            "method": change.method,
            "path": change.path[:2_000],
            "arguments": arguments,
            "target_kind": kind[:80],
            "target_id": identity[:80],
            "target_name": name[:400],
            "before": before,
            "before_whole": whole,
            "result": "null",
            "picked": "{}",
            "error": "",
            "channel": change.channel,
            "ticket": change.ticket[:16],
            "answer_ms": change.answer_ms,
            "client": change.client[:80],
            "run_id": change.run_id[:64],
            "takes_back": change.takes_back,
            "started": self.store.clock(),
            "size": len(before) + len(arguments),
            "host": socket.gethostname()[:255],
            "pid": os.getpid(),
            "process": _PROCESS,
        }
        self._writes += 1
        trim = self._writes % 100 == 0

        def work(connection: Connection) -> int:
            from nexla_mcp.state.tables import CHANGES

            number = connection.execute(CHANGES.insert().values(**row)).inserted_primary_key
            if trim:
                self._trim(connection)
            return int(number[0]) if number else 0

        return await self.store.run(work)

    async def settle(
        self,
        number: int,
        state: State,
        *,
        result: Any = None,
        picked: Mapping[str, Any] | None = None,
        status: int | None = None,
        error: str = "",
    ) -> None:
        """Write down what came of a change; ``picked`` are the values that its undo will need."""
        text, _ = _bounded(result, RESULT_BYTES)
        chosen = json.dumps(dict(picked or {}), ensure_ascii=False, default=str)

        def work(connection: Connection) -> None:
            from sqlalchemy import select

            from nexla_mcp.state.tables import CHANGES

            this = CHANGES.c.id == number
            begun = connection.execute(select(CHANGES.c.started, CHANGES.c.takes_back, CHANGES.c.size).where(this)).one()
            took = max(0, round((self.store.clock() - begun.started) * 1000))
            connection.execute(
                CHANGES.update()
                .where(this)
                .values(
                    state=state,
                    result=text,
                    picked=chosen,
                    status=status,
                    error=error[:2_000],
                    duration_ms=took,
                    size=begun.size + len(text),
                )
            )
            if state == "applied" and begun.takes_back is not None:
                connection.execute(CHANGES.update().where(CHANGES.c.id == begun.takes_back).values(taken_back_by=number))

        await self.store.run(work)

    async def find(
        self, *, limit: int = 20, before: int | None = None, operation: str | None = None, state: State | None = None
    ) -> list[Change]:
        """The latest changes, newest first; ``before`` is the number to go on from."""

        def work(connection: Connection) -> list[Change]:
            from sqlalchemy import select

            from nexla_mcp.state.tables import CHANGES

            self._recover(connection)
            query = select(CHANGES).where(CHANGES.c.principal == self.principal).order_by(CHANGES.c.id.desc()).limit(limit)
            if before is not None:
                query = query.where(CHANGES.c.id < before)
            if operation:
                query = query.where(CHANGES.c.operation == operation)
            if state:
                query = query.where(CHANGES.c.state == state)
            return [_change(row) for row in connection.execute(query)]

        return await self.store.run(work)

    async def of_step(self, run_id: str) -> Change | None:
        """The newest change that a step of a run has made, or None when it has sent nothing."""

        def work(connection: Connection) -> Change | None:
            from sqlalchemy import select

            from nexla_mcp.state.tables import CHANGES

            self._recover(connection)
            mine = (CHANGES.c.principal == self.principal, CHANGES.c.run_id == run_id)
            row = connection.execute(select(CHANGES).where(*mine).order_by(CHANGES.c.id.desc()).limit(1)).first()
            return _change(row) if row else None

        return await self.store.run(work)

    async def get(self, number: int) -> Change | None:
        """One change by its number, or None when there is none (any more) of this principal."""

        def work(connection: Connection) -> Change | None:
            from sqlalchemy import select

            from nexla_mcp.state.tables import CHANGES

            self._recover(connection)
            query = select(CHANGES).where(CHANGES.c.principal == self.principal, CHANGES.c.id == number)
            row = connection.execute(query).first()
            return _change(row) if row else None

        return await self.store.run(work)

    def _recover(self, connection: Connection) -> None:
        """Find the changes whose process died before the reply: nobody knows what came of them."""
        from sqlalchemy import select

        from nexla_mcp.state.tables import CHANGES

        columns = CHANGES.c
        open_rows = select(columns.id, columns.host, columns.pid, columns.process, columns.started).where(
            columns.state == "under way", columns.process != _PROCESS
        )
        now = self.store.clock()
        lost = [r.id for r in connection.execute(open_rows) if now - r.started > _LONGEST_S or is_dead(r.host, r.pid)]
        if lost:
            words = "The server ended before the reply came."
            connection.execute(CHANGES.update().where(columns.id.in_(lost)).values(state="unknown", error=words))

    def _trim(self, connection: Connection) -> None:
        """Forget what is too old, and the oldest of what is too much."""
        from sqlalchemy import func, select

        from nexla_mcp.state.tables import CHANGES

        columns = CHANGES.c
        connection.execute(CHANGES.delete().where(columns.started < self.store.clock() - KEPT_S))
        newest = select(columns.id, func.sum(columns.size).over(order_by=columns.id.desc()).label("bytes")).subquery()
        kept = select(func.min(newest.c.id)).where(newest.c.bytes <= KEPT_BYTES)
        first = connection.execute(kept).scalar()
        by_count = connection.execute(select(columns.id).order_by(columns.id.desc()).offset(KEPT_CHANGES - 1).limit(1)).scalar()
        oldest = max(int(first or 0), int(by_count or 0))
        connection.execute(CHANGES.delete().where(columns.id < oldest))


def is_dead(host: str, pid: int) -> bool:
    """True when the process of a line surely is gone: it ran on this machine, and its number is free or ours."""
    if host != socket.gethostname()[:255] or os.name != "posix":
        return False
    if pid == os.getpid():
        return True  # the number of this process now; the line was begun by an earlier one
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _bounded(value: Any, most: int) -> tuple[str, bool]:
    """``value`` as JSON of at most ``most`` characters, and whether it is whole."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= most:
        return text, True
    return json.dumps({"left_out": f"{len(text):,} characters were too many to keep", "begins": text[:2_000]}), False


def _change(row: Row[Any]) -> Change:
    return Change(
        id=row.id,
        state=row.state,
        operation=row.operation,
        title=row.title,
        risk=row.risk,
        method=row.method,
        path=row.path,
        arguments=json.loads(row.arguments),
        target={"type": row.target_kind, "id": row.target_id, "name": row.target_name},
        before=json.loads(row.before),
        before_whole=row.before_whole,
        result=json.loads(row.result),
        picked=json.loads(row.picked),
        status=row.status,
        error=row.error,
        channel=row.channel,
        ticket=row.ticket,
        answer_ms=row.answer_ms,
        client=row.client,
        run_id=row.run_id,
        takes_back=row.takes_back,
        taken_back_by=row.taken_back_by,
        started=row.started,
        duration_ms=row.duration_ms,
    )
