"""The runs of one principal in the state store: what was planned, how far it is, and which process goes on with it.

    await log.add(run); await log.save(run_id, status="waiting"); await log.get(run_id); await log.find(limit=20)
    await log.beat(executor); await log.dead_executors(executor)

What is written here is for people, and for finding what was left behind; which step is done is remembered by DBOS.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nexla_mcp.runs.records import Progress, Run, RunPlan, Status
from nexla_mcp.state.changes import is_dead
from nexla_mcp.state.store import StateStore, upsert

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

KEPT_S = 90 * 86_400.0
SILENT_S = 30.0
"""A process of another machine that has not been heard of for so long is gone."""


@dataclass(slots=True)
class RunLog:
    """The runs of one principal; nobody else's are shown."""

    store: StateStore
    principal: str

    async def add(self, run: Run) -> None:
        """Write down a run before its first step.

        Raises:
            StateError: it cannot be written down; then it must not be started.
        """
        row = {
            "id": run.id,
            "principal": self.principal,
            "status": run.status,
            "runbook": run.plan.runbook,
            "plan": run.plan.model_dump_json(),
            "part": run.part,
            "progress": "{}",
            "note": run.note,
            "client": run.client[:80],
            "cancelled": False,
            "started": run.started,
            "updated": run.updated,
        }

        def work(connection: Connection) -> None:
            from nexla_mcp.state.tables import RUNS

            old = RUNS.c.started < self.store.clock() - KEPT_S
            connection.execute(RUNS.delete().where(old, RUNS.c.status.not_in(["under way", "waiting"])))
            connection.execute(RUNS.insert().values(**row))

        await self.store.run(work)

    async def save(
        self,
        run_id: str,
        *,
        status: Status | None = None,
        part: int | None = None,
        note: str | None = None,
        cancelled: bool | None = None,
        steps: Mapping[str, Progress] | None = None,
    ) -> None:
        """Write down how far a run is; only what is given changes."""
        facts = {"status": status, "part": part, "note": note, "cancelled": cancelled}
        values: dict[str, Any] = {k: v for k, v in facts.items() if v is not None}

        def work(connection: Connection) -> None:
            from sqlalchemy import select

            from nexla_mcp.state.tables import RUNS

            this = (RUNS.c.id == run_id, RUNS.c.principal == self.principal)
            if steps:
                known = json.loads(connection.execute(select(RUNS.c.progress).where(*this).with_for_update()).scalar() or "{}")
                values["progress"] = json.dumps(known | {key: p.as_json() for key, p in steps.items()}, ensure_ascii=False)
            connection.execute(RUNS.update().where(*this).values(updated=self.store.clock(), **values))

        await self.store.run(work)

    async def take(self, run_id: str, expected: Status, status: Status) -> bool:
        """Move a run from one status to another; False when somebody was quicker."""

        def work(connection: Connection) -> bool:
            from nexla_mcp.state.tables import RUNS

            this = (RUNS.c.id == run_id, RUNS.c.principal == self.principal, RUNS.c.status == expected)
            moved = RUNS.update().where(*this).values(status=status, updated=self.store.clock()).returning(RUNS.c.id)
            return connection.execute(moved).first() is not None

        return await self.store.run(work)

    async def get(self, run_id: str) -> Run | None:
        """One run, or None when there is none of this principal."""

        def work(connection: Connection) -> Run | None:
            from sqlalchemy import select

            from nexla_mcp.state.tables import RUNS

            row = connection.execute(select(RUNS).where(RUNS.c.id == run_id, RUNS.c.principal == self.principal)).first()
            return _run(row) if row else None

        return await self.store.run(work)

    async def find(self, *, limit: int = 20, statuses: tuple[Status, ...] = ()) -> list[Run]:
        """The latest runs, newest first."""

        def work(connection: Connection) -> list[Run]:
            from sqlalchemy import select

            from nexla_mcp.state.tables import RUNS

            query = select(RUNS).where(RUNS.c.principal == self.principal).order_by(RUNS.c.started.desc()).limit(limit)
            if statuses:
                query = query.where(RUNS.c.status.in_(statuses))
            return [_run(row) for row in connection.execute(query)]

        return await self.store.run(work)

    async def beat(self, executor: str) -> None:
        """Say that the process behind ``executor`` is alive."""

        def work(connection: Connection) -> None:
            from nexla_mcp.state.tables import EXECUTORS

            now = self.store.clock()
            values = {"principal": self.principal, "host": socket.gethostname()[:255], "pid": os.getpid(), "beat": now}
            statement = upsert(connection, EXECUTORS).values(id=executor, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=[EXECUTORS.c.id], set_={"beat": now}))

        await self.store.run(work)

    async def dead_executors(self, executor: str) -> list[str]:
        """The other executors of this principal whose process is gone."""

        def work(connection: Connection) -> list[str]:
            from sqlalchemy import select

            from nexla_mcp.state.tables import EXECUTORS

            others = select(EXECUTORS).where(EXECUTORS.c.principal == self.principal, EXECUTORS.c.id != executor)
            now = self.store.clock()
            return [r.id for r in connection.execute(others) if now - r.beat > SILENT_S or is_dead(r.host, r.pid)]

        return await self.store.run(work)

    async def forget_executor(self, executor: str) -> None:
        """What was left behind was taken over, or there was nothing."""

        def work(connection: Connection) -> None:
            from nexla_mcp.state.tables import EXECUTORS

            connection.execute(EXECUTORS.delete().where(EXECUTORS.c.id == executor))

        await self.store.run(work)


def _run(row: Row[Any]) -> Run:
    progress = {key: Progress.of(value) for key, value in json.loads(row.progress).items()}
    plan = RunPlan.model_validate_json(row.plan)
    return Run(
        row.id, plan, row.status, row.part, progress, row.note, row.client, row.started, row.updated, cancelled=row.cancelled
    )
