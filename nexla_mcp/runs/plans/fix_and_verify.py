"""nexla_fix_and_verify: pause the flow, make one change, start it again, watch the next run, say whether it is well.

Step 7 of the reference's troubleshooting. The flow is paused and started only if it is active; a change that
turns out wrong is taken back on request, with runs_cancel.
"""

from __future__ import annotations

from typing import Any

from nexla_mcp.arguments.check import check
from nexla_mcp.catalog.records import Operation, Risk
from nexla_mcp.policy.plan import arguments_hash
from nexla_mcp.policy.planning import make_plan
from nexla_mcp.runs.plans import PlanError, Planner
from nexla_mcp.runs.plans.flows_at_work import flow_at_work
from nexla_mcp.runs.records import Part, RunPlan, Step, fingerprint

DEFAULT_WAIT_MIN = 5


async def fix_and_verify(planner: Planner, arguments: dict[str, Any]) -> RunPlan:
    """The plan for ``flow_id``, ``operation`` and ``arguments`` of the change, ``wait_minutes``."""
    operation = _changing(planner, arguments["operation"])
    given = check(operation, arguments.get("arguments") or {})
    flow = await flow_at_work(planner, arguments["flow_id"])
    change = await make_plan(planner.client, planner.catalog, operation, given)
    plain, secrets = planner.kept_apart(operation, given)
    subject = change.target.words() if change.target else operation.name
    steps = [
        Step(key="change", title=f"{operation.title}: {subject}", operation=operation.name, arguments=plain, secrets=secrets)
    ]
    lines = change.text().split("\n")
    wait_s = 60 * int(arguments.get("wait_minutes", DEFAULT_WAIT_MIN))
    if flow.active:
        steps = [flow.pause(), *steps, *flow.activate()]
        steps += [flow.watch(wait_s).model_copy(update={"on_failure": "go on"})] if wait_s else []
        lines.append(f"Stopped meanwhile: {flow.stages}")
    else:
        lines.append(f"The flow is {flow.status}, and stays so; there will be no run to watch.")
    return RunPlan(
        runbook="nexla_fix_and_verify",
        title=f"Fix {flow.words} and verify",
        risk=Risk.DESTROY if change.risk is Risk.DESTROY else Risk.DISRUPT,
        phrase=change.phrase,
        lines=tuple(lines),
        targets=(flow.words, *change.targets),
        parts=(Part(title="the fix", steps=tuple(steps)),),
        state=fingerprint(change.fingerprint, flow.status),
        digest=arguments_hash({"flow_id": flow.id, "operation": operation.name, "arguments": given, "wait_s": wait_s}),
        after=("If it is not well: runs_cancel takes the change back.",),
    )


def _changing(planner: Planner, name: str) -> Operation:
    """The operation of the fix: one that changes what is there, and neither makes nor deletes."""
    record = planner.catalog.resolve(name)
    if not isinstance(record, Operation):
        near = ", ".join(planner.catalog.nearest(name))
        raise PlanError(f"There is no operation {name[:60]!r}.{f' Did you mean {near}?' if near else ''}")
    if record.method != "PUT" or record.creates:
        raise PlanError(
            f"{record.name} is no change of what is there. A fix is one update, such as transforms_update or sources_update."
        )
    return record
