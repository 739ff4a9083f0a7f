"""Undocumented calls on a flow: its tags, its links with other flows, nodes put in and taken out, a run by profile.

No source shows the bodies of links, node changes and run profiles. ASSUMED, in the words that other routes use:
`{"links": [{"linked_flow_id": n}]}`, `{"flow_node_id": n, "name": "...", "transform_id": n}`, any object as a profile.
"""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import role_on, state_conflict
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.crud import checked
from nexla_mcp.sandbox.api.flows import flow_node, flow_reply, run_flow_now
from nexla_mcp.sandbox.api.lifecycle import discard
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.tags import changed_tags
from nexla_mcp.sandbox.engine.status import NOUN
from nexla_mcp.sandbox.lineage import Node, add_node, move_children, node_by_id, origin_node, origins
from nexla_mcp.sandbox.store import Doc

_LINKS = "flow_links"
_FEEDS = {"data_sets": "parent_data_set_id", "data_sinks": "data_set_id"}
"""The field that names the nexset which feeds a resource."""


@ROUTES.get("/flows/{flow_id}/tags")
def tags(call: Call, flow_id: int) -> list[str]:
    return _tags(call, origin_node(call.world.store, flow_node(call, flow_id)))


def _tags(call: Call, origin: Node) -> list[str]:
    return list(call.world.store.require(origin.kind, origin.resource_id).get("flow_tags") or [])


def _change_tags(call: Call, flow_id: int) -> list[str]:
    origin = origin_node(call.world.store, flow_node(call, flow_id, "admin"))
    after = changed_tags(call, _tags(call, origin))
    call.world.modify(origin.kind, origin.resource_id, {"flow_tags": after}, call.who.user_id, call.path)
    return after


@ROUTES.post("/flows/search_tags")
def search_tags(call: Call) -> Doc:
    wanted, store = set(call.items("tags")), call.world.store
    seen = [node for node in origins(store) if role_on(call, node.kind, store.require(node.kind, node.resource_id))]
    return flow_reply(call, [node for node in seen if wanted & set(_tags(call, node))])


@ROUTES.get("/flows/{flow_id}/links")
def links(call: Call, flow_id: int) -> list[Doc]:
    origin = flow_node(call, flow_id).origin
    keys = ("id", "flow_id", "linked_flow_id", "created_at")
    found = call.world.store.find(_LINKS, flow_id=origin)
    return [{key: doc[key] for key in keys} for doc in found if node_by_id(call.world.store, doc["linked_flow_id"])]


def _change_links(call: Call, flow_id: int) -> list[Doc]:
    """POST adds, PUT sets the whole list, DELETE takes off the named ones, or all when there is no body."""
    store, origin = call.world.store, flow_node(call, flow_id, "admin").origin
    have = {doc["linked_flow_id"]: doc for doc in store.find(_LINKS, flow_id=origin)}
    everything = call.method == "DELETE" and call.body is None
    named = list(have) if everything else [_linked(call, entry) for entry in call.items("links")]
    gone = named if call.method == "DELETE" else [other for other in have if call.method == "PUT" and other not in named]
    for other in gone:
        if other in have:
            store.remove(_LINKS, have[other]["id"])
    for other in named if call.method != "DELETE" else []:
        if other not in have and other != origin:
            call.world.create(_LINKS, {"flow_id": origin, "linked_flow_id": other}, call.who.user_id, audited=False)
    return links(call, flow_id)


def _linked(call: Call, entry: Any) -> int:
    other = entry.get("linked_flow_id") if isinstance(entry, dict) else entry
    if not isinstance(other, int):
        raise ApiError(400, "each link needs a linked_flow_id")
    return flow_node(call, other).origin


for _method in ("PUT", "POST", "DELETE"):
    ROUTES.add(_method, "/flows/{flow_id}/tags", _change_tags)
    ROUTES.add(_method, "/flows/{flow_id}/links", _change_links)


def _named_node(call: Call, flow_id: int) -> Node:
    """The node of this flow that the body names."""
    origin = flow_node(call, flow_id, "admin").origin
    node_id = checked(call.fields()).get("flow_node_id")
    node = node_by_id(call.world.store, node_id) if node_id is not None else None
    if node is None or node.origin != origin:
        raise ApiError(400, "flow_node_id must be a node of the flow")
    return node


def _feed(call: Call, moved: list[Node], data_set_id: int) -> None:
    for child in moved:
        changes = {_FEEDS[child.kind]: data_set_id}
        call.world.modify(child.kind, child.resource_id, changes, call.who.user_id, call.path)


@ROUTES.post("/flows/{flow_id}/insert_flow_node")
def insert_node(call: Call, flow_id: int) -> Doc:
    """A new nexset behind the named one; what was fed by that is fed by the new one from the next cycle on."""
    node, body, store = _named_node(call, flow_id), call.fields(), call.world.store
    if node.kind != "data_sets":
        raise ApiError(400, "a node can be put in behind a nexset only")
    transform_id = body.get("transform_id")
    if transform_id is not None and store.get("code_containers", transform_id) is None:
        raise ApiError(400, "Invalid transform_id")
    before = store.require("data_sets", node.resource_id)
    made = call.world.create(
        "data_sets",
        {
            "name": body.get("name") or f"behind {before.get('name')}",
            "data_source_id": None,
            "parent_data_set_id": before["id"],
            "transform_id": transform_id,
            "status": before["status"],
            "flow_type": before.get("flow_type", "streaming"),
        },
        call.who.user_id,
    )
    added = add_node(store, "data_sets", made["id"], node)
    _feed(call, move_children(store, node, added), made["id"])
    return flow_reply(call, [origin_node(store, node)])


@ROUTES.post("/flows/{flow_id}/remove_flow_node")
def remove_node(call: Call, flow_id: int) -> Doc:
    """Take a derived nexset or a destination out; what it fed is fed by what is before it."""
    node, store = _named_node(call, flow_id), call.world.store
    before = node_by_id(store, node.parent) if node.parent is not None else None
    if before is None or before.kind != "data_sets":
        raise ApiError(400, "only a derived nexset or a destination can be taken out")
    if store.require(node.kind, node.resource_id)["status"] == "ACTIVE":
        raise state_conflict(call, f"The {NOUN[node.kind]} must be paused before deletion", **{node.kind: [node.resource_id]})
    _feed(call, move_children(store, node, before), before.resource_id)
    discard(call, [node], [])
    return flow_reply(call, [origin_node(store, before)])


@ROUTES.post("/flows/{flow_id}/run_profiles/activate")
def activate_run_profile(call: Call, flow_id: int) -> Doc:
    """One cycle at once, as a scheduler outside would ask for it. The profile is given back and changes nothing else."""
    return {**run_flow_now(call, flow_id), "run_profile": call.fields()}
