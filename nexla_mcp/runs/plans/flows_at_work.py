"""The flows behind resources, and the steps that stop and start them: only what was active is paused and started again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.policy.plan import rows_text
from nexla_mcp.runbooks.flow_map import FlowMap
from nexla_mcp.runbooks.health_check import health_check
from nexla_mcp.runs.plans import PlanError, Planner
from nexla_mcp.runs.records import Step

SEGMENTS = {"source": "data_sources", "nexset": "data_sets", "destination": "data_sinks"}
_IDS = {"source": "source_id", "nexset": "set_id", "destination": "sink_id"}


@dataclass(frozen=True, slots=True)
class FlowAtWork:
    """One flow as it was when the plan was made."""

    id: int
    name: str
    status: str
    stages: str
    last_run: str = field(default="", compare=False)
    verdict: str = field(default="", compare=False)
    odd: tuple[tuple[str, int, str, str], ...] = ()
    """What an activation of the whole flow would leave in another state than it was: kind, id, name, pause or activate."""

    @property
    def active(self) -> bool:
        """Whether it was running, so that it has to be paused, and started again."""
        return self.status == "ACTIVE"

    @property
    def words(self) -> str:
        """``flow 6010 "orders"``."""
        return f'flow {self.id} "{self.name}"'

    def pause(self) -> Step:
        """The step that stops it. Its undo starts the whole flow, so what was idle is stopped again after that."""
        back = self._put_right("_back")
        title, arguments = f"Pause {self.words}", {"flow_id": self.id}
        return Step(key=f"pause_{self.id}", title=title, operation="flows_pause", arguments=arguments, after_undo=back)

    def activate(self) -> tuple[Step, ...]:
        """The steps that start what ran before, and nothing else."""
        return self.start(), *self._put_right("")

    def start(self) -> Step:
        """The step that starts all of it."""
        title, arguments = f"Activate {self.words}", {"flow_id": self.id}
        return Step(key=f"activate_{self.id}", title=title, operation="flows_activate", arguments=arguments)

    def _put_right(self, mark: str) -> tuple[Step, ...]:
        return tuple(
            Step(
                key=f"{action}_{kind}_{number}{mark}",
                title=f'{action.capitalize()} {kind} {number} "{name}" again, as it was',
                operation=f"{kind}s_{action}",
                arguments={_IDS[kind]: number},
                undo=False,
            )
            for kind, number, name, action in self.odd
        )

    def watch(self, wait_s: int) -> Step:
        """The step that waits for its next run and judges it."""
        arguments = {"flow_id": self.id, "after": self.last_run, "was": self.verdict, "wait_s": wait_s}
        return Step(key=f"watch_{self.id}", title=f"Watch the next run of {self.words}", check="next_run", arguments=arguments)


async def flows_of(planner: Planner, resources: Iterable[tuple[str, int]]) -> list[FlowAtWork]:
    """The flows that sources, nexsets and destinations belong to, each once.

    Raises:
        PlanError: one of them cannot be read, so it would be changed unseen.
    """
    asked = [
        ("flows_get_by_resource", {"resource_type": kind, "resource_id": number}) for kind, number in dict.fromkeys(resources)
    ]
    replies = await planner.facts.fetch_all(*asked)
    found: dict[int, FlowAtWork] = {}
    for (_, arguments), reply in zip(asked, replies, strict=True):
        flow = FlowMap.read(reply.body) if reply.ok else None
        if flow is None or flow.flow_id is None:
            what = f"{arguments['resource_type']} {arguments['resource_id']}"
            raise PlanError(f"The flow of {what} cannot be read ({reply.error or 'no flow in the reply'}).")
        if flow.flow_id not in found:
            found[flow.flow_id] = await _at_work(planner, flow.flow_id, flow)
    return list(found.values())


async def flow_at_work(planner: Planner, flow_id: int) -> FlowAtWork:
    """One flow by the id of any of its nodes.

    Raises:
        PlanError: it cannot be read.
    """
    reply = await planner.facts.fetch("flows_get", flow_id=flow_id)
    flow = FlowMap.read(reply.body, wanted=flow_id) if reply.ok else None
    if flow is None or flow.flow_id is None:
        raise PlanError(f"Flow {flow_id} cannot be read ({reply.error or 'no flow in the reply'}).")
    return await _at_work(planner, flow.flow_id, flow)


async def _at_work(planner: Planner, flow_id: int, flow: FlowMap) -> FlowAtWork:
    rows = [{"resource_type": s.kind, "resource_id": s.id, "name": s.name, "status": s.status} for s in flow.stages]
    health: dict[str, Any] = {}
    if flow.status == "ACTIVE":  # only what runs is watched, and judged by what came before
        health = (await health_check(planner.facts, {"flow_id": flow_id})).structured()
    last_run, verdict = health.get("last_run") or "", health.get("verdict") or ""
    return FlowAtWork(flow_id, flow.name, flow.status, rows_text(rows), last_run, verdict, _odd(flow))


def _odd(flow: FlowMap) -> tuple[tuple[str, int, str, str], ...]:
    """The calls that bring a wholly active flow into the state it is in now.

    Activate and pause act on a resource and everything below it (FACTS 5), so they are made from the top down.
    """
    state = {stage.key: "ACTIVE" for stage in flow.stages}
    calls = []
    for stage in flow.stages:
        wanted = "ACTIVE" if stage.status == "ACTIVE" else "PAUSED"
        if state[stage.key] != wanted:
            calls.append((stage.kind, stage.id, stage.name, "activate" if wanted == "ACTIVE" else "pause"))
            state |= {below.key: wanted for below in (stage, *flow.downstream(stage))}
    return tuple(calls)
