"""Putting right what stands outside Nexla: no API call can make a producer deliver or a table exist."""

from __future__ import annotations

from nexla_mcp.sandbox.engine.externals import external_of, target_name
from nexla_mcp.sandbox.engine.plan import credential_of
from nexla_mcp.sandbox.lineage import flow_nodes, node_by_id
from nexla_mcp.sandbox.world import World


def repair_flow(world: World, flow_id: int) -> list[str]:
    """Restore the producer, the target's table and its rights for one flow; answers what was changed."""
    done: list[str] = []
    node = node_by_id(world.store, flow_id)
    if node is None:
        raise LookupError(f"flow {flow_id} does not exist")
    for current in flow_nodes(world.store, node.origin):
        doc = world.store.require(current.kind, current.resource_id)
        if current.kind == "data_sources":
            upstream = world.store.get("upstreams", doc["id"])
            if upstream and upstream.get("healthy"):
                world.store.put("upstreams", {**upstream, **upstream["healthy"], "no_data": False, "volume": 1.0})
                done.append("the producer delivers as before")
        elif current.kind == "data_sinks":
            system = external_of(world.store, credential_of(world, doc))
            table = target_name(doc)
            if system and table and table not in system.get("tables", {}):
                world.store.put("externals", {**system, "tables": {**system.get("tables", {}), table: {}}})
                done.append(f"table {table} exists")
            if system and system.get("write_denied"):
                world.store.put("externals", {**world.store.require("externals", system["id"]), "write_denied": []})
                done.append("the right to write is granted")
    return done
