"""The state store: what has to outlive a call, or be shared by several processes, in one small database.

    store = StateStore(folder)                    # state.db in the folder; opened by the first change
    await store.spend(nonce, expires)             # True for the first who spends it, in any process
    await store.run(lambda connection: ...)       # one transaction, in a worker thread

SQLite in a file (WAL, mode 0600) by default; Postgres where a fleet shares it (``NEXLA_MCP_STATE_URL``); in
memory where nothing can be written, which whoami then says. SQLAlchemy is imported on first use, so that a
server that starts and reads does not pay for it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

import anyio

from nexla_mcp.state.folder import writable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_KEPT_S = 3600.0
_HOUR_S = 3600

Work = Callable[["Connection"], _Result]


class StateError(Exception):
    """The store cannot be read or written; nothing that has to be recorded may go on."""


class StateStore:
    """One database; every call is one transaction. ``close`` gives the connections back."""

    def __init__(self, folder: Path | None, url: str | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.on_open: list[Work[None]] = []
        self._file = folder / "state.db" if folder is not None and url is None and writable(folder) else None
        self._url = (
            url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1) if url else ""
        )
        self._made: Engine | None = None
        self._opening = threading.Lock()
        self._alone: Any = nullcontext()

    @property
    def kind(self) -> Literal["postgres", "file", "memory"]:
        """Where things are kept; memory means that they end with this process."""
        if self._url:
            return "postgres" if self._url.startswith("postgresql") else "file"
        return "file" if self._file is not None else "memory"

    @property
    def place(self) -> str:
        """The file or the host, without a password, for people."""
        if self._url:
            parts = urlsplit(self._url)
            return f"{parts.hostname or ''}{parts.path}" if self.kind == "postgres" else parts.path
        return str(self._file) if self._file is not None else "the memory of this process"

    @property
    def url(self) -> str:
        """As SQLAlchemy wants it; with the password, so never to be shown."""
        if self._url:
            return self._url
        return f"sqlite:///{self._file}" if self._file is not None else "sqlite://"

    async def run(self, work: Work[_Result]) -> _Result:
        """Carry out ``work(connection)`` as one transaction in a worker thread.

        Raises:
            StateError: the database cannot be opened, read or written.
        """
        return await anyio.to_thread.run_sync(partial(self._transact, work))

    async def spend(self, nonce: str, expires: float) -> bool:
        """Mark a ticket as used; False when somebody was quicker, in this process or another."""

        def work(connection: Connection) -> bool:
            from nexla_mcp.state.tables import SPENT_TICKETS

            connection.execute(SPENT_TICKETS.delete().where(SPENT_TICKETS.c.expires < self.clock() - _KEPT_S))
            statement = upsert(connection, SPENT_TICKETS).values(nonce=nonce, expires=expires)
            won = statement.on_conflict_do_nothing().returning(SPENT_TICKETS.c.nonce)
            return connection.execute(won).first() is not None

        return await self.run(work)

    async def reserve(self, principal: str, risk: str, limit: int) -> bool:
        """Take one of the ``limit`` changes that a principal has in this hour; False when none is left."""

        def work(connection: Connection) -> bool:
            from nexla_mcp.state.tables import BUDGETS

            hour = self._hour()
            connection.execute(BUDGETS.delete().where(BUDGETS.c.hour < hour - 24))
            if limit < 1:
                return False
            statement = upsert(connection, BUDGETS).values(principal=principal, risk=risk, hour=hour, count=1)
            more = statement.on_conflict_do_update(
                index_elements=[BUDGETS.c.principal, BUDGETS.c.risk, BUDGETS.c.hour],
                set_={"count": BUDGETS.c.count + 1},
                where=BUDGETS.c.count < limit,
            )
            return connection.execute(more.returning(BUDGETS.c.count)).first() is not None

        return await self.run(work)

    async def used(self, principal: str, risk: str) -> int:
        """How many changes of a risk class a principal has made in this hour."""

        def work(connection: Connection) -> int:
            from sqlalchemy import select

            from nexla_mcp.state.tables import BUDGETS

            columns = BUDGETS.c
            mine = select(columns.count).where(columns.principal == principal, columns.risk == risk, columns.hour == self._hour())
            return int(connection.execute(mine).scalar() or 0)

        return await self.run(work)

    async def remember_refusal(self, call: str, until: float, *, declined: bool) -> None:
        """Keep in mind that a person said no to ``call``, or dismissed the question once more."""

        def work(connection: Connection) -> None:
            from sqlalchemy import or_

            from nexla_mcp.state.tables import REFUSALS

            connection.execute(REFUSALS.delete().where(REFUSALS.c.until < self.clock()))
            statement = upsert(connection, REFUSALS).values(
                call=call, declined=declined, dismissed=int(not declined), until=until
            )
            again = {
                "declined": or_(REFUSALS.c.declined, statement.excluded.declined),
                "dismissed": REFUSALS.c.dismissed + statement.excluded.dismissed,
                "until": until,
            }
            connection.execute(statement.on_conflict_do_update(index_elements=[REFUSALS.c.call], set_=again))

        await self.run(work)

    async def refusal(self, call: str) -> tuple[bool, int]:
        """(declined, how often dismissed) of a call, as far as that still counts."""

        def work(connection: Connection) -> tuple[bool, int]:
            from sqlalchemy import select

            from nexla_mcp.state.tables import REFUSALS

            columns = REFUSALS.c
            query = select(columns.declined, columns.dismissed).where(columns.call == call, columns.until >= self.clock())
            row = connection.execute(query).first()
            return (bool(row[0]), int(row[1])) if row else (False, 0)

        return await self.run(work)

    def close(self) -> None:
        """Give the connections back; the store opens again when it is used again."""
        with self._opening:
            engine, self._made = self._made, None
        if engine is not None:
            engine.dispose()

    def _hour(self) -> int:
        return int(self.clock() // _HOUR_S)

    def _transact(self, work: Work[_Result]) -> _Result:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            engine = self._engine()
            with self._alone, engine.begin() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise StateError(f"The record of changes at {self.place} cannot be used ({type(cause).__name__}).") from error

    def _engine(self) -> Engine:
        with self._opening:
            if self._made is None:
                try:
                    self._made = self._open()
                except Exception as error:
                    if self._file is None:
                        raise
                    _LOG.warning("%s cannot be opened (%s); state is kept in memory.", self._file, type(error).__name__)
                    self._file = None
                    self._made = self._open()
            return self._made

    def _open(self) -> Engine:
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import StaticPool

        from nexla_mcp.state.tables import METADATA

        if self.kind == "memory":
            self._alone = threading.Lock()
            engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        elif self.kind == "file":
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o600))
            engine = create_engine(self.url, connect_args={"timeout": 15})
        else:
            engine = create_engine(self.url, pool_size=2, max_overflow=8, pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_immediately)
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7268441)")  # two processes, one creates
            METADATA.create_all(connection)
            for work in self.on_open:
                work(connection)
        return engine


def upsert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT; both databases spell it the same way."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert

        return insert(table)
    from sqlalchemy.dialects.postgresql import insert as insert_postgres

    return insert_postgres(table)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by hand, below
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_immediately(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # a reader that turns writer would be refused, not made to wait
