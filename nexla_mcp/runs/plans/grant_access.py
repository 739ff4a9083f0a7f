"""nexla_grant_access: the access patterns of the reference, shown as who gains and who loses what, on one thing or many.

Grant adds, remove takes away, replace leaves nobody but the owner and the new list. With ``project_id`` the same is
done to every source, nexset and destination of a project.
"""

from __future__ import annotations

from typing import Any

from nexla_mcp.arguments.check import check
from nexla_mcp.catalog.records import Operation, Risk
from nexla_mcp.policy.gate import MOST_TARGETS
from nexla_mcp.policy.plan import Plan, arguments_hash
from nexla_mcp.policy.planning import make_plan
from nexla_mcp.runs.plans import PlanError, Planner
from nexla_mcp.runs.records import Part, RunPlan, Step, fingerprint

_ACTIONS = {"grant": "add_accessors", "remove": "delete_accessors", "replace": "replace_accessors"}
_IN_A_PROJECT = {"data_sources": "source", "data_sets": "nexset", "data_sinks": "destination"}


async def grant_access(planner: Planner, arguments: dict[str, Any]) -> RunPlan:
    """The plan for ``action``, ``accessors``, and ``resource_type`` with ``resource_ids``, or ``project_id``."""
    resources = await _resources(planner, arguments)
    if not resources:
        raise PlanError(f"Project {arguments.get('project_id')} holds nothing that could be shared.")
    if len(resources) > MOST_TARGETS:
        raise PlanError(
            f"{len(resources)} things are too many for a person to read; at most {MOST_TARGETS} at once. Name some of them with"
            " resource_type and resource_ids."
        )
    made = [await _share(planner, arguments, kind, number) for kind, number in resources]
    plans = [plan for plan, _ in made]
    risk = Risk.DESTROY if any(p.risk is Risk.DESTROY for p in plans) else Risk.DISRUPT
    what = plans[0].target.words() if len(plans) == 1 and plans[0].target else f"{len(plans)} resources"
    phrase = "" if risk is not Risk.DESTROY else plans[0].phrase if len(plans) == 1 else f"{arguments['action']} {len(plans)}"
    return RunPlan(
        runbook="nexla_grant_access",
        title=f"{str(arguments['action']).capitalize()} access: {what}",
        risk=risk,
        phrase=phrase,
        lines=tuple(line for plan in plans for line in plan.text().split("\n")),
        targets=tuple(plan.target.words() if plan.target else plan.name for plan in plans),
        parts=(Part(title="who may do what", steps=tuple(step for _, step in made)),),
        state=fingerprint([plan.state for plan in plans]),
        digest=arguments_hash(arguments),
    )


async def _resources(planner: Planner, arguments: dict[str, Any]) -> list[tuple[str, int]]:
    kind, ids, project = arguments.get("resource_type"), arguments.get("resource_ids"), arguments.get("project_id")
    if (project is None) == (not ids) or bool(kind) != bool(ids):
        raise PlanError("Give resource_type with resource_ids, or project_id for all of a project.")
    if ids:
        return [(str(kind), number) for number in dict.fromkeys(ids)]
    reply = await planner.facts.fetch("projects_get_flows", project_id=project)
    if not reply.ok or not isinstance(reply.body, dict):
        raise PlanError(f"The flows of project {project} cannot be read ({reply.error or 'not a list'}).")
    found = [
        (word, int(row["id"]))
        for name, word in _IN_A_PROJECT.items()
        for row in reply.body.get(name) or []
        if isinstance(row, dict) and "id" in row
    ]
    return list(dict.fromkeys(found))


async def _share(planner: Planner, arguments: dict[str, Any], kind: str, number: int) -> tuple[Plan, Step]:
    name = f"{kind}s_{_ACTIONS[arguments['action']]}"
    operation = planner.catalog.operations.get(name)
    if not isinstance(operation, Operation):
        raise PlanError(f"Access to a {kind} is not given by a call of its own.")
    given = check(operation, {operation.required[0]: number, "accessors": arguments["accessors"]})
    plan = await make_plan(planner.client, planner.catalog, operation, given)
    title = f"{operation.title}: {plan.target.words() if plan.target else number}"
    return plan, Step(key=f"share_{kind}_{number}", title=title, operation=name, arguments=given)
