"""DBOS Transact as this server uses it: workflows of one principal, in the state folder or in the fleet's Postgres.

    durable = await Durable.launch(url, app="nexla-mcp-ab12", executor="host:41:9f", workflows={...})
    await durable.start("part", "r-7f3a/0", {...})
    await durable.take_over(["host:40:77"])       # what a dead process was at
    await durable.close()                         # what is under way stays pending, and is taken over later

Importing DBOS takes a second, so it happens here, in a thread, when the first run is started or found. It is a
singleton of its process: the second ``launch`` of a process has to wait for the first one's ``close``. A workflow runs
as a task of the event loop that launched it, where the shared client lives. When its process dies it stays PENDING
under the dead executor's id; ``take_over`` puts it back into DBOS's queue, which hands it to exactly one process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Self

import anyio

APPLICATION_VERSION = "1"
"""Of the form of plans and steps: processes go on with each other's runs as long as it is the same."""
Workflow = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
StepCall = Callable[[], Awaitable[dict[str, Any]]]


class Durable:
    """A launched DBOS; ``launch`` is the only way to one."""

    def __init__(self, executor: str) -> None:
        self.executor = executor
        self._workflows: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @classmethod
    async def launch(cls, url: str, *, app: str, executor: str, workflows: Mapping[str, Workflow]) -> Self:
        """Open DBOS's tables (and make them, the first time), and take part in the work of ``app``.

        Raises:
            Exception: whatever SQLAlchemy or DBOS raises when the database cannot be used.
        """
        await anyio.to_thread.run_sync(_import)
        from dbos import DBOS, DBOSConfig
        from dbos._serialization import DBOSPortableJSON

        logging.getLogger("dbos").setLevel(logging.ERROR)
        durable = cls(executor)
        config = DBOSConfig(
            name=app,
            system_database_url=url,
            application_version=APPLICATION_VERSION,
            executor_id=executor,
            log_level="ERROR",
            serializer=DBOSPortableJSON,
            max_executor_threads=8,
        )
        DBOS(config=config)
        for name, workflow in workflows.items():
            durable._workflows[name] = DBOS.workflow(name=name)(durable._tracked(workflow))
        DBOS.launch()
        return durable

    async def start(self, name: str, workflow_id: str, inputs: dict[str, Any]) -> None:
        """Begin a workflow, once: a second start under the same id changes nothing."""
        from dbos import DBOS, SetWorkflowID

        with SetWorkflowID(workflow_id):
            await DBOS.start_workflow_async(self._workflows[name], inputs)

    async def once(self, name: str, call: StepCall) -> dict[str, Any]:
        """Inside a workflow: carry out ``call``, or give back what it returned before the process died."""
        from dbos import DBOS

        result: dict[str, Any] = await DBOS.run_step_async({"name": name}, _coroutine(call))
        return result

    async def take_over(self, executors: list[str]) -> None:
        """Go on with the workflows of processes that are gone; of several that try, one gets each."""
        from dbos import DBOS

        await anyio.to_thread.run_sync(DBOS._recover_pending_workflows, executors)

    async def active(self) -> list[str]:
        """The ids of the workflows that some process is at, or will be."""
        from dbos import DBOS

        found = await DBOS.list_workflows_async(status=["PENDING", "ENQUEUED"], load_input=False, load_output=False)
        return [workflow.workflow_id for workflow in found]

    async def close(self) -> None:
        """Stop working. Workflows under way are broken off between or inside steps and stay pending."""
        from dbos import DBOS

        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await anyio.to_thread.run_sync(lambda: DBOS.destroy(destroy_registry=True))

    def _tracked(self, workflow: Workflow) -> Workflow:
        async def tracked(inputs: dict[str, Any]) -> dict[str, Any]:
            task = asyncio.current_task()
            if task is not None:
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            return await workflow(inputs)

        return tracked


def _coroutine(call: StepCall) -> Callable[[], Coroutine[Any, Any, dict[str, Any]]]:
    async def body() -> dict[str, Any]:
        return await call()

    return body


def _import() -> None:
    import dbos  # noqa: F401  (a second of work, off the event loop)
