"""Data that arrives for new sources: the first payload creates the detected nexset."""

from __future__ import annotations

import secrets

from nexla_mcp.sandbox.engine.cycle import run_now
from nexla_mcp.sandbox.engine.detection import detect_nexset
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.world import World

_SUPPOSED = [
    {"share": 0.6, "record": {"id": 1, "name": "first", "value": 12.5, "active": True}},
    {"share": 0.4, "record": {"id": 2, "name": "second", "value": 7.25, "active": False}},
]


def suppose_upstream(world: World, source: Doc) -> None:
    """Give a source that somebody just created something to read."""
    world.store.put("upstreams", {"id": source["id"], "records": 500, "jitter": 0.05, "variants": _SUPPOSED})


def new_webhook_key(world: World, source: Doc) -> Doc:
    stamp = world.stamp()
    return world.store.put(
        "api_keys",
        {
            "owner_id": source["owner_id"],
            "org_id": source["org_id"],
            "data_source_id": source["id"],
            "data_set_id": None,
            "data_sink_id": None,
            "user_id": None,
            "name": "ingest key",
            "description": None,
            "status": "ACTIVE",
            "scope": "all",
            "api_key": secrets.token_hex(16),
            "last_rotated_key": None,
            "last_rotated_at": None,
            "created_at": stamp,
            "updated_at": stamp,
        },
    )


def receive(world: World, source: Doc, records: list[Doc]) -> int:
    """Take records that a sender posted; answers the id of the nexset that got them."""
    data_set_id = detect_nexset(world, source)
    before = world.store.get("upstreams", source["id"])
    share = 1 / len(records)
    world.store.put(
        "upstreams",
        {
            "id": source["id"],
            "records": len(records),
            "jitter": 0.0,
            "variants": [{"share": share, "record": record} for record in records],
        },
    )
    run_now(world, source["id"])
    if before and before.get("arrivals"):
        world.store.put("upstreams", before)
    return data_set_id
