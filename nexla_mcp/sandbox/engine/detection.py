"""Schema detection: the first data of a source creates its detected nexset."""

from __future__ import annotations

from nexla_mcp.sandbox.lineage import add_node, node_of
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.world import World


def detect_nexset(world: World, source: Doc) -> int:
    """Id of the detected nexset of a source; it is created when there is none yet."""
    for nexset in world.store.find("data_sets", data_source_id=source["id"]):
        return int(nexset["id"])
    made = world.create(
        "data_sets",
        {
            "name": f"1 - {source['name']}",
            "data_source_id": source["id"],
            "parent_data_set_id": None,
            "transform_id": None,
            "status": "ACTIVE",
            "flow_type": source.get("flow_type", "streaming"),
        },
        source["owner_id"],
    )
    add_node(world.store, "data_sets", made["id"], node_of(world.store, "data_sources", source["id"]))
    world.notify(
        "INFO",
        "CREATE",
        "DATASET",
        made["id"],
        source["owner_id"],
        f"A nexset was detected in {source['name']}",
    )
    return int(made["id"])
