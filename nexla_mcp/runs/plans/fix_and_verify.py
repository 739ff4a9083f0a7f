"""nexla_fix_and_verify: pause the flow, make one change, start it again, watch the next run, say whether it is well.

Step 7 of the reference's troubleshooting. The flow is paused and started only if it is active; a change that
turns out wrong is taken back on request, with runs_cancel.
"""

from __future__ import annotations

from typing import Any

from nexla_mcp.arguments.check import check
from nexla_mcp.catalog.records import Operation, Risk
from nexla_mcp.policy.plan import arguments_hash, rows_text
from nexla_mcp.policy.planning import make_plan
from nexla_mcp.runbooks.health_check import health_check
from nexla_mcp.runs.plans import PlanError, Planner
from nexla_mcp.runs.records import Part, RunPlan, Step, fingerprint

DEFAULT_WAIT_MIN = 5


async def fix_and_verify(planner: Planner, arguments: dict[str, Any]) -> RunPlan:
    """The plan for ``flow_id``, ``operation`` and ``arguments`` of the change, ``wait_minutes``."""
    operation = _changing(planner, arguments["operation"])
    given = check(operation, arguments.get("arguments") or {})
    diagnosis = await health_check(planner.facts, {"flow_id": arguments["flow_id"]})
    health = diagnosis.structured()
    flow_id = health.get("flow_id")
    if flow_id is None:
        raise PlanError(f"Flow {arguments['flow_id']} could not be read: {health.get('summary')} Nothing was changed.")
    change = await make_plan(planner.client, planner.catalog, operation, given)
    pausing = await make_plan(planner.client, planner.catalog, planner.catalog.operation("flows_pause"), {"flow_id": flow_id})
    flow = f'flow {flow_id} "{pausing.target.name}"' if pausing.target else f"flow {flow_id}"
    active = health.get("status") == "ACTIVE"
    secret = {n: given[n] for n, p in operation.parameters.items() if p.sensitive and n in given}
    kept = {n: planner.secrets.keep(f"{arguments_hash(given)[:16]}-{n}", value) for n, value in secret.items()}
    steps = [
        Step(
            key="change",
            title=f"{operation.title}: {change.target.words() if change.target else operation.name}",
            operation=operation.name,
            arguments={n: v for n, v in given.items() if n not in secret},
            secrets=kept,
        )
    ]
    if active:
        pause = Step(key="pause", title=f"Pause {flow}", operation="flows_pause", arguments={"flow_id": flow_id})
        start = Step(key="activate", title=f"Activate {flow}", operation="flows_activate", arguments={"flow_id": flow_id})
        steps = [pause, *steps, start]
    wait_s = 60 * int(arguments.get("wait_minutes", DEFAULT_WAIT_MIN))
    if active and wait_s:
        watching = {"flow_id": flow_id, "after": health.get("last_run") or "", "wait_s": wait_s}
        steps.append(
            Step(key="watch", title=f"Watch the next run of {flow}", check="next_run", arguments=watching, on_failure="go on")
        )
    stopped = [f"Stopped meanwhile: {rows_text(pausing.affected)}"] if active else []
    lines = [*change.text().split("\n"), *stopped]
    lines.append(f"The flow is {health.get('status')}." + ("" if active else " It stays as it is."))
    return RunPlan(
        runbook="nexla_fix_and_verify",
        title=f"Fix {flow} and verify",
        risk=Risk.DESTROY if change.risk is Risk.DESTROY else Risk.DISRUPT,
        phrase=change.phrase,
        lines=tuple(lines),
        targets=tuple([flow, *change.targets]),
        parts=(Part(title="the fix", steps=tuple(steps)),),
        state=fingerprint(change.fingerprint, health.get("status")),
        digest=arguments_hash({"flow_id": flow_id, "operation": operation.name, "arguments": given, "wait_s": wait_s}),
        after=("If it is not well: runs_cancel takes the change back.",),
    )


def _changing(planner: Planner, name: str) -> Operation:
    """The operation of the fix: one that changes what is there, and neither makes nor deletes."""
    record = planner.catalog.resolve(name)
    if not isinstance(record, Operation):
        near = ", ".join(planner.catalog.nearest(name))
        raise PlanError(f"There is no operation {name[:60]!r}.{f' Did you mean {near}?' if near else ''} Nothing was changed.")
    if record.method != "PUT" or record.creates:
        raise PlanError(
            f"{record.name} is no change of what is there. A fix is one update, such as transforms_update or sources_update."
            " Nothing was changed."
        )
    return record
