"""Incidents of a flow, each a change of state at a moment; what it looks like follows from running the flow.

The numbers are those of the incident catalogue. Every function takes the world (its clock pinned to the moment) and
the ids of the flow that it happens to.
"""

from __future__ import annotations

from collections.abc import Callable

from nexla_mcp.sandbox.engine.externals import external_of, target_name
from nexla_mcp.sandbox.engine.samples import refresh_samples
from nexla_mcp.sandbox.engine.status import set_status
from nexla_mcp.sandbox.engine.transforms import encoded
from nexla_mcp.sandbox.lineage import Node, downstream, node_of
from nexla_mcp.sandbox.seed.records import ONE_ARGUMENT
from nexla_mcp.sandbox.seed.spec import ENGINEER, FlowIds
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.world import World

Incident = Callable[[World, FlowIds], None]
EMAIL_PATTERN = "^[a-z0-9.]+@[a-z0-9.]+$"
NEVER = "0 0 9 29 2 ? *"


def _system(world: World, credential_id: int) -> Doc:
    return external_of(world.store, world.store.require("data_credentials", credential_id))


def _upstream(world: World, ids: FlowIds, **changes: object) -> None:
    world.store.change("upstreams", ids.source, **changes)


def _node(world: World, kind: str, resource_id: int) -> Node:
    node = node_of(world.store, kind, resource_id)
    if node is None:
        raise LookupError(f"{kind} {resource_id} has no node")
    return node


def credential_refused(world: World, ids: FlowIds) -> None:
    """1: the external system no longer takes the source's key."""
    credential = world.store.require("data_credentials", ids.source_credential)
    world.store.put(
        "externals",
        {
            **_system(world, ids.source_credential),
            "refusal": "access key expired",
            "revoked": [
                value
                for key, value in credential["credentials"].items()
                if value not in credential["credentials_non_secure_data"].values()
            ],
        },
    )


def write_denied(world: World, ids: FlowIds) -> None:
    """2: the destination's account may log in but not insert."""
    target = target_name(world.store.require("data_sinks", ids.sink))
    world.store.put("externals", {**_system(world, ids.sink_credential), "write_denied": [target]})


def paused_by_person(world: World, ids: FlowIds) -> None:
    """7: a colleague paused the source, and with it what is downstream."""
    for node in downstream(world.store, _node(world, "data_sources", ids.source)):
        set_status(world, node, "PAUSED", ENGINEER)


def nexset_paused(world: World, ids: FlowIds) -> None:
    """8: only the derived nexset is paused."""
    set_status(world, _node(world, "data_sets", ids.derived), "PAUSED", ENGINEER)


def nothing_new(world: World, ids: FlowIds) -> None:
    """9: the producer delivers nothing."""
    _upstream(world, ids, no_data=True)


def cron_that_never_fires(world: World, ids: FlowIds) -> None:
    """10: the schedule was changed to one that matches almost never."""
    source = world.store.require("data_sources", ids.source)
    config = {**source["source_config"], "start.cron": NEVER}
    world.modify("data_sources", ids.source, {"source_config": config}, ENGINEER)


def rate_limited(world: World, ids: FlowIds) -> None:
    """11: the org has used up its data volume."""
    world.store.change("data_sources", ids.source, status="RATE_LIMITED", updated_at=world.stamp())
    org = world.store.require("orgs", world.org_id)
    tier = {**org["org_tier"], "record_count_limit": 50_000}
    world.store.change("orgs", world.org_id, status="SOURCE_DATA_CAPPED", org_tier=tier, account_tier=tier)


def bad_file(world: World, ids: FlowIds) -> None:
    """12: one file of the next cycle cannot be parsed."""
    _upstream(world, ids, bad_file="unterminated quoted field")


def column_dropped(world: World, ids: FlowIds) -> None:
    """13: a column that the source's query names was removed."""
    system = _system(world, ids.source_credential)
    tables = {name: dict(columns) for name, columns in system["tables"].items()}
    query = world.store.require("data_sources", ids.source)["source_config"]["query"]
    table = query.rsplit(" ", 1)[-1]
    tables[table].pop(query.removeprefix("SELECT ").split(" FROM ")[0].split(", ")[-1])
    world.store.put("externals", {**system, "tables": tables})


def transform_with_one_argument(world: World, ids: FlowIds) -> None:
    """16: the transform's function cannot be called by the engine; records pass through unchanged."""
    world.modify("code_containers", ids.transform, {"code": encoded(ONE_ARGUMENT)}, ENGINEER)
    refresh_samples(world, ids.derived)


def null_last_names(world: World, ids: FlowIds, share: float = 0.13) -> None:
    """17: part of the records has no last name, and the transform calls a text method on it."""
    add_variant(world, ids, share, last_name=None)


def strict_validation(world: World, ids: FlowIds) -> None:
    """18: somebody switched on a rule that some addresses break."""
    rule = {"type": "object", "properties": {"email": {"type": "string", "pattern": EMAIL_PATTERN}}}
    world.modify(
        "data_sets",
        ids.derived,
        {"output_schema_validation_enabled": True, "output_validation_schema": rule},
        ENGINEER,
    )


def amount_as_text(world: World, ids: FlowIds) -> None:
    """19: upstream began to send amounts as text."""
    add_variant(world, ids, 0.042, amount="1,200.50")


def config_lost(world: World, ids: FlowIds) -> None:
    """24: a partial update replaced the whole source configuration."""
    source = world.store.require("data_sources", ids.source)
    config = {key: value for key, value in source["source_config"].items() if key != "start.cron"}
    world.modify("data_sources", ids.source, {"source_config": config}, ENGINEER)


def payload_rejected(world: World, ids: FlowIds) -> None:
    """25: the target API wants a field that the records do not have."""
    world.store.put("externals", {**_system(world, ids.sink_credential), "required_fields": ["customer_ref"]})


def volume_drop(world: World, ids: FlowIds) -> None:
    """29: far fewer records, no error."""
    _upstream(world, ids, volume=0.115)


def filtered_away(world: World, ids: FlowIds) -> None:
    """29, variant nexset: a new filter in the transform drops most records."""
    script = 'def transform(record, *args):\n    if record["country"] != "PT":\n        return None\n    return dict(record)\n'
    world.modify("code_containers", ids.transform, {"code": encoded(script)}, ENGINEER)
    refresh_samples(world, ids.derived)


def cluster_moving(world: World, ids: FlowIds) -> None:
    """33: the org's cluster is being moved; nothing runs and no state can be changed."""
    world.store.change("orgs", world.org_id, cluster_status="MIGRATING", new_cluster_id=8)


def add_variant(world: World, ids: FlowIds, share: float, **changes: object) -> None:
    """Let a share of the records, taken from the commonest kind, arrive with other values."""
    upstream = world.store.require("upstreams", ids.source)
    first, *rest = upstream["variants"]
    added = {"share": share, "record": {**first["record"], **changes}}
    _upstream(world, ids, variants=[{**first, "share": first["share"] - share}, *rest, added])
