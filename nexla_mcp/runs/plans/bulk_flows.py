"""nexla_bulk_flows: pause or activate many flows, one after the other, each with a checkpoint of its own."""

from __future__ import annotations

from typing import Any

from nexla_mcp.catalog.records import Risk
from nexla_mcp.policy.gate import MOST_TARGETS
from nexla_mcp.policy.plan import arguments_hash
from nexla_mcp.runs.plans import PlanError, Planner
from nexla_mcp.runs.plans.flows_at_work import flow_at_work
from nexla_mcp.runs.records import Part, RunPlan, fingerprint


async def bulk_flows(planner: Planner, arguments: dict[str, Any]) -> RunPlan:
    """The plan for ``action`` (pause or activate) of ``flow_ids``; flows that are so already are left alone."""
    action, wanted = arguments["action"], list(dict.fromkeys(arguments["flow_ids"]))
    if len(wanted) > MOST_TARGETS:
        raise PlanError(f"{len(wanted)} flows are too many for a person to read; at most {MOST_TARGETS} at once.")
    flows = list({flow.id: flow for flow in [await flow_at_work(planner, number) for number in wanted]}.values())
    to_do = [flow for flow in flows if flow.active == (action == "pause")]
    if not to_do:
        raise PlanError(f"Nothing to {action}: {', '.join(f'{f.words} is {f.status}' for f in flows)}.")
    on_failure = "go on" if arguments.get("go_on_after_failure") else "roll back"
    switched = [flow.pause() if action == "pause" else flow.start() for flow in to_do]
    steps = [step.model_copy(update={"on_failure": on_failure}) for step in switched]
    left = [f"{f.words} is {f.status} already" for f in flows if f not in to_do]
    verb = "Stops" if action == "pause" else "Starts an ingestion at once for"
    return RunPlan(
        runbook="nexla_bulk_flows",
        title=f"{action.capitalize()} {len(to_do)} flows",
        risk=Risk.DISRUPT,
        lines=(*(f"{verb} {flow.words}: {flow.stages}" for flow in to_do), *left),
        targets=tuple(flow.words for flow in to_do),
        parts=(Part(title=f"{action} them", steps=tuple(steps)),),
        state=fingerprint([[f.id, f.status] for f in flows]),
        digest=arguments_hash(arguments),
    )
