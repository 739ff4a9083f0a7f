"""The engine: starts runs, goes on with them part by part, rolls them back, and takes over what a dead process left.

    run_id = await engine.start(plan, client_name="...")
    run = await engine.wait(run_id, seconds=30.0)
    await engine.go_on(run_id); await engine.roll_back(run_id, "the person asked for it")

A part is one durable workflow; so is a roll-back. Between parts nothing runs: a run that waits for its second
confirmation costs nothing, however long it waits.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio

from nexla_mcp.policy.decision import Channel, Evidence
from nexla_mcp.runs.durable import Durable
from nexla_mcp.runs.records import OPEN, Part, Progress, Run, RunPlan, Status, Step
from nexla_mcp.runs.steps import Steps
from nexla_mcp.state.run_log import SILENT_S, RunLog

_LOG = logging.getLogger(__name__)
BEAT_S = 5.0
_LOOK_S = 0.1
ROLLED_BACK: dict[bool, tuple[Status, str]] = {
    True: ("rolled back", "Everything it had changed was taken back."),
    False: ("failed", "Not everything could be taken back; see the steps."),
}


class Engine:
    """The runs of one principal in one process; opened by the first run that is started, or found left behind."""

    def __init__(self, steps: Steps, log: RunLog, folder: Path | None) -> None:
        self._steps = steps
        self._log = log
        self._folder = folder
        self._durable: Durable | None = None
        self._opening = anyio.Lock()
        self._beating: asyncio.Task[None] | None = None
        self._temporary: TemporaryDirectory[str] | None = None
        self._executor = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"

    async def start(self, plan: RunPlan, evidence: Evidence, *, client_name: str = "") -> str:
        """Write a confirmed plan down and begin its first part; returns the id of the run.

        Raises:
            StateError: it cannot be written down. Nothing was changed.
        """
        await self._open()
        run_id = f"r-{secrets.token_hex(4)}"
        now = self._log.store.clock()
        await self._log.add(Run(run_id, plan, "under way", 0, {}, "", client_name, now, now))
        await self._begin("part", run_id, {"run": run_id, "part": 0}, evidence)
        return run_id

    async def go_on(self, run_id: str, evidence: Evidence) -> bool:
        """Begin the part that a run waits to be allowed, or was stopped in; False when it does not wait (any more)."""
        run = await self._log.get(run_id)
        if run is None or not await self._take(run_id):
            return False
        await self._begin("part", run_id, {"run": run_id, "part": run.part}, evidence)
        return True

    async def roll_back(self, run_id: str, why: str, evidence: Evidence) -> bool:
        """Take back what a run has changed that waits, is unclear or done; one under way is told to do so after its step."""
        if await self._take(run_id) or await self._log.take(run_id, "done", "under way"):
            await self._log.save(run_id, cancelled=True, note=why)
            await self._begin("roll_back", run_id, {"run": run_id, "why": why}, evidence)
            return True
        run = await self._log.get(run_id)
        if run is None or run.status != "under way":
            return False
        await self._log.save(run_id, cancelled=True, note=why)
        return True

    async def wait(self, run_id: str, seconds: float) -> Run:
        """The run when it is no longer under way, or as it is after ``seconds``."""
        run = await self._get(run_id)
        with anyio.move_on_after(seconds):
            while run.status == "under way":
                await anyio.sleep(_LOOK_S)
                run = await self._get(run_id)
        return run

    async def recover(self) -> None:
        """Go on with what processes that are gone have left behind."""
        await self._open()

    async def close(self) -> None:
        """Stop; runs under way stay written down as such, and another process goes on with them."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        if self._durable is not None:
            await self._durable.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    # Workflows: the same inputs and the same step results lead to the same steps, in any process --------------------

    async def _part(self, inputs: dict[str, Any]) -> dict[str, Any]:
        run = await self._get(inputs["run"])
        part: Part = run.plan.parts[inputs["part"]]
        steps = self._with(inputs, run)
        results = {key: p.result for key, p in run.progress.items() if p.state == "done"}
        for step in part.steps:
            if (await self._once(f"cancelled before {step.key}", run.id, None, self._asked_to_stop)).state == "done":
                return await self._rolled_back(steps, run, (await self._get(run.id)).note or "It was cancelled.")
            made = await self._once(step.key, run.id, step, partial(self._make, steps=steps, step=step, results=results))
            if made.state == "done":
                results[step.key] = made.result
            elif made.state == "unclear":
                note = f"Stopped at: {step.title}. {made.text} Find out, then runs_resume or runs_cancel."
                return await self._ended(run.id, "unclear", note)
            elif step.on_failure == "roll back":
                return await self._rolled_back(steps, run, f"{step.title}: {made.text}")
        following = inputs["part"] + 1
        if following < len(run.plan.parts):
            return await self._ended(run.id, "waiting", "", part=following)
        return await self._ended(run.id, "done", "")

    async def _back(self, inputs: dict[str, Any]) -> dict[str, Any]:
        run = await self._get(inputs["run"])
        return await self._rolled_back(self._with(inputs, run), run, inputs["why"])

    async def _rolled_back(self, steps: Steps, run: Run, why: str) -> dict[str, Any]:
        """Undo the steps that changed something, the last one first."""
        complete = True
        for step in reversed([s for s in run.plan.steps if s.operation and s.undo]):
            back = await self._once(f"undo {step.key}", run.id, step, partial(steps.take_back, step=step))
            complete = complete and back.state != "not undone"
            for more in step.after_undo if back.state == "undone" else ():
                put_right = await self._once(more.key, run.id, more, partial(self._make, steps=steps, step=more, results={}))
                complete = complete and put_right.state == "done"
        status, words = ROLLED_BACK[complete]
        return await self._ended(run.id, status, f"{why} {words}")

    async def _once(self, name: str, run_id: str, step: Step | None, call: Callable[[str], Awaitable[Progress]]) -> Progress:
        """One step of a workflow: made once, its progress written down."""

        async def body() -> dict[str, Any]:
            progress = await call(run_id)
            if step is not None and progress.state != "skipped":
                await self._log.save(run_id, steps={step.key: progress})
            return progress.as_json()

        return Progress.of(await self._launched.once(name, body))

    async def _make(self, run_id: str, steps: Steps, step: Step, results: dict[str, dict[str, Any]]) -> Progress:
        earlier = (await self._get(run_id)).state_of(step)
        if earlier.state == "done":
            return earlier
        await self._log.save(run_id, steps={step.key: Progress("under way")})

        return await steps.make(run_id, step, results)

    async def _asked_to_stop(self, run_id: str) -> Progress:
        return Progress("done" if (await self._get(run_id)).cancelled else "to do")

    async def _ended(self, run_id: str, status: Status, note: str, part: int | None = None) -> dict[str, Any]:
        await self._log.save(run_id, status=status, note=note, part=part)
        return {"status": status}

    async def _take(self, run_id: str) -> bool:
        """Make a run that stands still ours; one of several that try gets it."""
        return await self._log.take(run_id, "waiting", "under way") or await self._log.take(run_id, "unclear", "under way")

    async def _begin(self, workflow: str, run_id: str, inputs: dict[str, Any], evidence: Evidence) -> None:
        durable = await self._open()
        agreed = {"channel": evidence.channel, "ticket": evidence.ticket, "answer_ms": evidence.answer_ms}
        await durable.start(workflow, f"{run_id}/{workflow}-{secrets.token_hex(3)}", inputs | {"agreed": agreed})

    def _with(self, inputs: dict[str, Any], run: Run) -> Steps:
        """The steps as a person agreed to them, in whatever process that was."""
        agreed = inputs["agreed"]
        channel = Channel(agreed["channel"]) if agreed["channel"] else None
        evidence = Evidence(channel, agreed["ticket"], agreed["answer_ms"])
        return replace(self._steps, evidence=evidence, client_name=run.client)

    # Opening ---------------------------------------------------------------------------------------------------------

    @property
    def _launched(self) -> Durable:
        if self._durable is None:
            raise RuntimeError("the engine is not open")
        return self._durable

    async def _open(self) -> Durable:
        async with self._opening:
            if self._durable is None:
                await self._log.beat(self._executor)
                self._durable = await Durable.launch(
                    self._url(),
                    app=f"nexla-mcp-{self._log.principal}",
                    executor=self._executor,
                    workflows={"part": self._part, "roll_back": self._back},
                )
                await self._take_over()
                await self._find_orphans()
                self._beating = asyncio.create_task(self._beat())
            return self._durable

    def _url(self) -> str:
        """Beside the state: a file of its own in the folder, or DBOS's own schema in the Postgres of the fleet."""
        if self._log.store.kind == "postgres":
            return self._log.store.url
        if self._folder is None or self._log.store.kind == "memory":
            self._temporary = TemporaryDirectory(prefix="nexla-mcp-runs-")
            return f"sqlite:///{self._temporary.name}/runs.db"
        os.close(os.open(self._folder / "runs.db", os.O_CREAT | os.O_RDWR, 0o600))
        return f"sqlite:///{self._folder}/runs.db"

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self._log.beat(self._executor)
                await self._take_over()
            except Exception as error:
                _LOG.warning("The runs of other processes could not be looked after (%s).", type(error).__name__)

    async def _take_over(self) -> None:
        dead = await self._log.dead_executors(self._executor)
        if dead:
            await self._launched.take_over(dead)
            for executor in dead:
                await self._log.forget_executor(executor)

    async def _find_orphans(self) -> None:
        """Runs whose process died between the line in the table and the start of the workflow: nothing goes on with them."""
        active = await self._launched.active()
        long_ago = self._log.store.clock() - SILENT_S
        for run in await self._log.find(limit=200, statuses=OPEN):
            if run.updated < long_ago and not any(workflow.startswith(f"{run.id}/") for workflow in active):
                note = "The server ended before this could begin. Go on with runs_resume, or take it back with runs_cancel."
                await self._log.take(run.id, "under way", "unclear")
                await self._log.save(run.id, note=note)

    async def _get(self, run_id: str) -> Run:
        run = await self._log.get(run_id)
        if run is None:
            raise LookupError(f"there is no run {run_id}")
        return run
