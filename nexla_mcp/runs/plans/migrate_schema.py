"""nexla_migrate_schema: a nexset's new shape is built beside the old one, compared, and only then takes over.

The eight steps of the reference: a child nexset with the new schema, its samples compared with that schema, a
parallel destination for each old one, both watched side by side, and, on a confirmation of its own, the old
destinations paused. Nothing old is changed before that, and nothing is deleted at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexla_mcp.catalog.records import Risk
from nexla_mcp.output.untrusted import clean
from nexla_mcp.policy.gate import MOST_TARGETS
from nexla_mcp.policy.plan import arguments_hash
from nexla_mcp.runs.plans import PlanError, Planner
from nexla_mcp.runs.plans.flows_at_work import flow_at_work
from nexla_mcp.runs.records import Part, RunPlan, Step, fingerprint

DEFAULT_WAIT_MIN = 10
_SAME_PLACE = 'Both "{name}" and its new twin write to the same place until the old one is paused: rows may be doubled there.'


async def migrate_schema(planner: Planner, arguments: dict[str, Any]) -> RunPlan:
    """The plan for ``nexset_id``, ``schema`` (JSON Schema), and optionally ``transform_id`` and ``sink_configs``."""
    nexset_id, schema = arguments["nexset_id"], arguments["schema"]
    _usable(schema)
    nexset = await _read(planner, "nexsets_get", set_id=nexset_id)
    name = str(nexset.get("name") or nexset_id)
    reply = await planner.facts.fetch("flows_get_by_resource", resource_type="data_sets", resource_id=nexset_id)
    origin = next((n for n in (reply.body or {}).get("flows", []) if isinstance(n, dict)), {}) if reply.ok else {}
    if not origin.get("id"):
        raise PlanError(f"The flow of nexset {nexset_id} cannot be read ({reply.error or 'no flow in the reply'}).")
    flow = await flow_at_work(planner, int(origin["id"]))
    sinks = [await _read(planner, "destinations_get", sink_id=number) for number in _sink_ids(reply.body, nexset_id)]
    if len(sinks) > MOST_TARGETS:
        raise PlanError(f"{len(sinks)} destinations read from nexset {nexset_id}: too many for one plan.")
    changed: Mapping[str, Any] = arguments.get("sink_configs") or {}
    running = [s for s in sinks if s.get("status") == "ACTIVE"]
    steps = [_child(arguments, nexset_id, name), _start_child()]
    steps.append(_compare_samples(arguments))
    for sink in sinks:
        steps.append(_twin(planner, sink, changed.get(str(sink["id"]))))
    steps += [_start_twin(sink) for sink in running]
    wait_s = 60 * int(arguments.get("wait_minutes", DEFAULT_WAIT_MIN))
    pairs = [{"old": s["id"], "new": f"$twin_{s['id']}.id"} for s in running]
    if pairs and wait_s:
        watching = {"pairs": pairs, "wait_s": wait_s, "since": "$child.at"}
        steps.append(Step(key="side_by_side", title="Compare old and new destinations", check="side_by_side", arguments=watching))
    parts = [Part(title="the new schema beside the old one", steps=tuple(steps))]
    if running:
        parts.append(Part(title="the old destinations are paused", steps=tuple(_stop(sink) for sink in running)))
    doubled = [_SAME_PLACE.format(name=s.get("name")) for s in sinks if str(s["id"]) not in changed]
    return RunPlan(
        runbook="nexla_migrate_schema",
        title=f'Migrate nexset {nexset_id} "{name}" to a new schema',
        risk=Risk.DISRUPT,
        lines=(f"In {flow.words} ({flow.status}): {flow.stages}", *doubled),
        targets=(f'nexset {nexset_id} "{name}"', *(f'destination {s["id"]} "{s.get("name")}"' for s in sinks)),
        parts=tuple(parts),
        state=fingerprint(nexset.get("updated_at"), [[s["id"], s.get("status"), s.get("updated_at")] for s in sinks]),
        digest=arguments_hash(arguments),
        after=("The old nexset and its paused destinations stay, so that you can go back. Delete them when you are sure.",),
    )


def _child(arguments: dict[str, Any], nexset_id: int, name: str) -> Step:
    made: dict[str, Any] = {
        "name": arguments.get("new_name") or f"{name}_v2",
        "parent_data_set_id": nexset_id,
        "has_custom_transform": "transform_id" in arguments,
        "output_schema_validation_enabled": True,
        "output_validation_schema": arguments["schema"],
    }
    if "transform_id" in arguments:
        made["transform_id"] = arguments["transform_id"]
    return Step(key="child", title=f'Make nexset "{made["name"]}" below it', operation="nexsets_create", arguments=made)


def _start_child() -> Step:
    return Step(key="start", title="Activate the new nexset", operation="nexsets_activate", arguments={"set_id": "$child.id"})


def _compare_samples(arguments: dict[str, Any]) -> Step:
    parent = {} if "transform_id" in arguments else {"parent_id": arguments["nexset_id"]}
    arguments = {"set_id": "$child.id", "schema": arguments["schema"], **parent}
    return Step(key="samples", title="Compare samples with the new schema", check="samples_fit", arguments=arguments)


def _twin(planner: Planner, sink: Mapping[str, Any], changed: Any) -> Step:
    """The step for a second destination; a configuration that holds a secret is kept in memory, never in the plan."""
    credential = sink.get("data_credentials") or {}
    config = {**(sink.get("sink_config") or {}), **(changed or {})}
    made = {
        "name": f"{sink.get('name')}_v2",
        "sink_type": sink.get("sink_type"),
        "data_set_id": "$child.id",
        "data_credentials_id": sink.get("data_credentials_id") or credential.get("id"),
        "sink_config": config,
    }
    secrets = {}
    if clean(config) != config:
        secrets["sink_config"] = planner.secrets.keep(f"sink-{sink['id']}-{arguments_hash(config)[:16]}", config)
        del made["sink_config"]
    given = {key: value for key, value in made.items() if value is not None}
    title = f'Make destination "{made["name"]}"'
    return Step(key=f"twin_{sink['id']}", title=title, operation="destinations_create", arguments=given, secrets=secrets)


def _start_twin(sink: Mapping[str, Any]) -> Step:
    arguments = {"sink_id": f"$twin_{sink['id']}.id"}
    title = f'Activate destination "{sink.get("name")}_v2"'
    return Step(key=f"start_{sink['id']}", title=title, operation="destinations_activate", arguments=arguments)


def _stop(sink: Mapping[str, Any]) -> Step:
    title = f'Pause destination {sink["id"]} "{sink.get("name")}"'
    return Step(key=f"stop_{sink['id']}", title=title, operation="destinations_pause", arguments={"sink_id": sink["id"]})


def _sink_ids(flow: Mapping[str, Any], nexset_id: int) -> list[int]:
    """The destinations that read from this very nexset, not those further down."""
    rows = [r for r in flow.get("data_sinks") or [] if isinstance(r, dict) and "id" in r]
    return [int(r["id"]) for r in rows if str(r.get("data_set_id")) == str(nexset_id)]


async def _read(planner: Planner, operation: str, **arguments: Any) -> dict[str, Any]:
    reply = await planner.facts.fetch(operation, **arguments)
    if not reply.ok or not isinstance(reply.body, dict):
        number = next(iter(arguments.values()))
        raise PlanError(f"{operation} of {number} cannot be read ({reply.error or 'no object in the reply'}).")
    return reply.body


def _usable(schema: Any) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise PlanError(f"schema is no JSON Schema: {error.message[:200]}.") from None
