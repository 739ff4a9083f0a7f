"""What one cycle of a flow will do, worked out from state: sources, code, rules, credentials, external systems.

A plan is computed once per state version and applied to every cycle, so a cycle costs a few additions. Records are
represented by the producer's variants, each with its share; a stage passes or refuses variants.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nexla_mcp.sandbox.engine import externals
from nexla_mcp.sandbox.engine.python_subset import RecordError
from nexla_mcp.sandbox.engine.rules import cast_error, schema_violation
from nexla_mcp.sandbox.engine.transforms import parse_transform, script_of
from nexla_mcp.sandbox.lineage import Node, children, flow_nodes, node_of, origin_of
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import FILE_TYPES, WORD
from nexla_mcp.sandbox.world import World

State = Literal["flowing", "stopped", "refused", "unreadable", "empty", "stuck"]


@dataclass(frozen=True)
class Stage:
    """One node of the flow in this state of the world.

    `passed` and `refused` name variants by index; `refused` adds the error. `state`: flowing; stopped (not ACTIVE:
    no rows); refused (login refused: an error row); unreadable (no rows, an error log); empty (nothing new);
    stuck (a destination that waits for its target: no rows, an error log in every cycle).
    """

    node: Node
    data_set_id: int
    owner_id: int
    name: str
    state: State
    passed: tuple[tuple[int, Doc], ...] = ()
    refused: tuple[tuple[int, Doc, str], ...] = ()
    log: str | None = None
    children: tuple[Stage, ...] = ()
    upstream: Doc = field(default_factory=dict)
    triggers: tuple[int, ...] = ()
    files: bool = False

    @property
    def word(self) -> str:
        return WORD[self.node.kind]

    def find(self, kind: str, resource_id: int) -> Stage | None:
        """This stage or the one below it that stands for a resource."""
        if (self.node.kind, self.node.resource_id) == (kind, resource_id):
            return self
        return next((found for child in self.children if (found := child.find(kind, resource_id))), None)


def plan_for(world: World, source_id: int) -> Stage | None:
    """The plan of the flow that a source starts, or None when the source has no node."""
    cached = world.plans.get(source_id)
    if cached and cached[0] == world.store.version:
        return cached[1]
    node = node_of(world.store, "data_sources", source_id)
    if node is None:
        return None
    plan = _source_stage(world, world.store.require("data_sources", source_id), node)
    world.plans[source_id] = (world.store.version, plan)
    return plan


def stage_of(world: World, kind: str, resource_id: int) -> Stage | None:
    """The stage of one resource in the plan of its flow."""
    origin = origin_of(world.store, kind, resource_id)
    plan = plan_for(world, origin.resource_id) if origin and origin.kind == "data_sources" else None
    return plan.find(kind, resource_id) if plan else None


def credential_of(world: World, doc: Doc) -> Doc | None:
    credential_id = doc.get("data_credentials_id")
    return world.store.get("data_credentials", credential_id) if credential_id else None


def _source_stage(world: World, source: Doc, node: Node) -> Stage:
    store = world.store
    upstream = store.get("upstreams", source["id"]) or {}
    credential = credential_of(world, source)
    variants = tuple((i, variant["record"]) for i, variant in enumerate(upstream.get("variants", [])))
    nodes = flow_nodes(store, node.origin)
    below = children(nodes, node)
    detected = next((child.resource_id for child in below if child.kind == "data_sets"), 0)
    state: State = "flowing"
    log: str | None = None
    if source["status"] != "ACTIVE":
        state = "stopped"
    elif refusal := externals.login_refusal(store, credential):
        state, log = "refused", f"Could not read from {source['name']}: {refusal}"
    elif fault := externals.source_fault(store, source, credential):
        state, log = "unreadable", fault
    elif upstream.get("no_data") or not variants:
        state = "empty"
    return Stage(
        node=node,
        data_set_id=detected,
        owner_id=source["owner_id"],
        name=source["name"],
        state=state,
        log=log,
        passed=variants,
        upstream=upstream,
        files=source["source_type"] in FILE_TYPES,
        children=tuple(_stage(world, child, nodes, variants, detected) for child in below),
    )


def _stage(world: World, node: Node, nodes: list[Node], given: tuple[tuple[int, Doc], ...], parent_set: int) -> Stage:
    if node.kind == "data_sets":
        return _nexset_stage(world, node, nodes, given)
    return _sink_stage(world, node, given, parent_set)


def _nexset_stage(world: World, node: Node, nodes: list[Node], given: tuple[tuple[int, Doc], ...]) -> Stage:
    nexset = world.store.require("data_sets", node.resource_id)
    passed: list[tuple[int, Doc]] = []
    refused: list[tuple[int, Doc, str]] = []
    container = world.store.get("code_containers", nexset["transform_id"]) if nexset.get("transform_id") else None
    script = script_of(container) if container else None
    transform = parse_transform(script) if script else None
    rules = nexset.get("output_validation_schema") if nexset.get("output_schema_validation_enabled") else None
    for index, record in given:
        result = record
        if transform and not transform.broken:
            try:
                result = transform.apply(record)
            except RecordError as error:
                refused.append((index, record, str(error)))
                continue
            if not isinstance(result, dict):
                continue
        violation = schema_violation(result, rules) if rules else None
        if violation:
            refused.append((index, result, violation))
        else:
            passed.append((index, result))
    onward = tuple(passed)
    return Stage(
        node=node,
        data_set_id=nexset["id"],
        owner_id=nexset["owner_id"],
        name=nexset.get("name") or f"nexset {nexset['id']}",
        state="flowing" if nexset["status"] == "ACTIVE" else "stopped",
        passed=onward,
        refused=tuple(refused),
        log=transform.broken if transform else None,
        children=tuple(_stage(world, child, nodes, onward, nexset["id"]) for child in children(nodes, node)),
    )


def _sink_stage(world: World, node: Node, given: tuple[tuple[int, Doc], ...], parent_set: int) -> Stage:
    store = world.store
    sink = store.require("data_sinks", node.resource_id)
    credential = credential_of(world, sink)
    system = externals.external_of(store, credential)
    target = externals.target_name(sink)
    state: State = "flowing"
    passed = given
    refused: tuple[tuple[int, Doc, str], ...] = ()
    log: str | None = None
    if sink["status"] != "ACTIVE":
        state = "stopped"
    elif refusal := externals.login_refusal(store, credential):
        state, log = "refused", f"Could not write to {sink['name']}: {refusal}"
    elif missing := externals.missing_target(store, sink, credential):
        state, log = "stuck", f"ERROR: {missing}"
    else:
        errors = [(index, record, _write_error(system, target, record)) for index, record in given]
        passed = tuple((index, record) for index, record, error in errors if not error)
        refused = tuple((index, record, error) for index, record, error in errors if error)
        log = refused[0][2] if refused else None
    triggers = tuple(
        trigger["triggered_resource_id"]
        for trigger in store.find("flow_triggers", status="ACTIVE")
        if (trigger["triggering_resource_type"], trigger["triggering_resource_id"]) == ("data_sink", sink["id"])
    )
    return Stage(
        node=node,
        data_set_id=parent_set,
        owner_id=sink["owner_id"],
        name=sink["name"],
        state=state,
        passed=passed,
        refused=refused,
        log=log,
        triggers=triggers,
    )


def _write_error(system: Doc, target: str | None, record: Doc) -> str | None:
    if target in system.get("write_denied", []):
        return externals.worded(system, "denied", f"permission denied for table {target}", str(target))
    missing = [name for name in system.get("required_fields", []) if record.get(name) is None]
    if missing:
        usual = f'HTTP 422 Unprocessable Entity: {{"detail":"field {missing[0]} is required"}}'
        return externals.worded(system, "field", usual, missing[0])
    columns: dict[str, str] = (system.get("tables") or {}).get(target or "", {})
    broken = cast_error(record, columns)
    if broken is None:
        return None
    column = broken.rsplit("(column ", 1)[-1].rstrip(")")
    return externals.worded(system, "cast", broken, column, str(record.get(column)))
