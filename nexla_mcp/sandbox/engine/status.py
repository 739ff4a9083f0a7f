"""Changing a resource's status: the audit entry and the notification that go with it."""

from __future__ import annotations

from nexla_mcp.sandbox.lineage import Node
from nexla_mcp.sandbox.vocabulary import WORD
from nexla_mcp.sandbox.world import World

NOUN = {"data_sources": "source", "data_sets": "nexset", "data_sinks": "sink"}


def set_status(world: World, node: Node, status: str, user_id: int, url: str = "", agent: str = "") -> bool:
    """Change one resource's status; False when it had it already."""
    doc = world.store.require(node.kind, node.resource_id)
    if doc["status"] == status:
        return False
    verb, event = ("activated", "ACTIVATE") if status == "ACTIVE" else ("paused", "PAUSE")
    world.modify(
        node.kind,
        node.resource_id,
        {"status": status},
        user_id,
        url or f"/{node.kind}/{node.resource_id}/{event.lower()}",
        agent,
    )
    world.notify(
        "INFO",
        event,
        WORD[node.kind],
        node.resource_id,
        doc["owner_id"],
        f"{NOUN[node.kind].capitalize()} {doc.get('name')} was {verb}",
    )
    return True
