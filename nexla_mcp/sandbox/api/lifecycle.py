"""Activate, pause, delete and copy: the changes of state that flows, sources, nexsets and destinations share."""

from __future__ import annotations

from nexla_mcp.sandbox.api.access import state_conflict
from nexla_mcp.sandbox.api.call import Call
from nexla_mcp.sandbox.engine.cycle import drain, run_now
from nexla_mcp.sandbox.engine.status import NOUN, set_status
from nexla_mcp.sandbox.lineage import Node, add_node, downstream, flow_nodes, remove_nodes
from nexla_mcp.sandbox.store import Doc


def _reach(call: Call, node: Node, whole: bool) -> list[Node]:
    """The node and what is downstream; the whole flow when that was asked."""
    return flow_nodes(call.world.store, node.origin) if whole else downstream(call.world.store, node)


def _refuse_when_blocked(call: Call, nodes: list[Node]) -> None:
    org = call.world.store.require("orgs", call.world.org_id)
    if org.get("cluster_status") != "ACTIVE":
        raise state_conflict(call, "cluster change in progress")
    for node in nodes:
        doc = call.world.store.require(node.kind, node.resource_id)
        if doc["status"] == "RATE_LIMITED":
            raise state_conflict(call, "source is rate limited", data_sources=[doc["id"]])


def set_status_for(call: Call, node: Node, status: str) -> bool:
    return set_status(call.world, node, status, call.who.user_id, call.path, call.headers.get("user-agent", ""))


def activate(call: Call, node: Node, whole: bool = False) -> None:
    """Activate a node and everything downstream; a source that starts ingests at once."""
    nodes = _reach(call, node, whole)
    _refuse_when_blocked(call, nodes)
    started = [current for current in nodes if set_status_for(call, current, "ACTIVE")]
    for current in started:
        if current.kind == "data_sources":
            run_now(call.world, current.resource_id)
        elif current.parent not in {other.id for other in started}:
            drain(call.world, current)


def pause(call: Call, node: Node, whole: bool = False) -> None:
    nodes = _reach(call, node, whole)
    _refuse_when_blocked(call, [])
    for current in nodes:
        set_status_for(call, current, "PAUSED")


def delete_resource(call: Call, node: Node | None, kind: str, doc: Doc) -> Doc:
    """Delete one source, nexset or destination: refused while it is ACTIVE or while something hangs on it."""
    if doc.get("status") == "ACTIVE":
        raise state_conflict(call, f"The {NOUN[kind]} must be paused before deletion", **{kind: [doc["id"]]})
    below = downstream(call.world.store, node)[1:] if node else []
    if kind == "data_sets" and below:
        ids = [current.resource_id for current in below if current.kind == below[0].kind]
        raise state_conflict(call, "The nexset still feeds other resources", **{below[0].kind: ids})
    gone = [node, *below] if node else []
    for current in below:
        inner = call.world.store.require(current.kind, current.resource_id)
        if inner["status"] == "ACTIVE":
            raise state_conflict(
                call,
                f"The {NOUN[current.kind]} must be paused before deletion",
                **{current.kind: [inner["id"]]},
            )
    discard(call, gone, [(kind, doc["id"])])
    return {"code": "200", "message": "Ok"}


def delete_flow(call: Call, node: Node) -> Doc:
    """Delete a node and what is downstream; credentials stay."""
    nodes = downstream(call.world.store, node)
    active: dict[str, list[int]] = {}
    for current in nodes:
        if call.world.store.require(current.kind, current.resource_id)["status"] == "ACTIVE":
            active.setdefault(current.kind, []).append(current.resource_id)
    if active:
        raise state_conflict(call, "Active flow resources must be paused before flow deletion", **active)
    discard(call, nodes, [])
    return {"code": "200", "message": "Ok"}


def discard(call: Call, nodes: list[Node], loose: list[tuple[str, int]]) -> None:
    """Delete nodes with what they stand for, and resources that have no node."""
    store = call.world.store
    for kind, resource_id in {(node.kind, node.resource_id) for node in nodes} | set(loose):
        name = (store.get(kind, resource_id) or {}).get("name")
        call.world.audit(
            kind,
            resource_id,
            "delete",
            {"name": [name, None]},
            call.who.user_id,
            call.path,
            call.headers.get("user-agent", ""),
        )
        store.remove(kind, resource_id)
    remove_nodes(store, nodes)


def copy_flow(call: Call, node: Node) -> Node:
    """Copy a whole flow, paused; credentials are shared or copied as asked."""
    world, store, body = call.world, call.world.store, call.fields()
    owner_id = int(body.get("owner_id") or call.who.user_id)
    nodes: dict[int, Node] = {}
    ids: dict[tuple[str, int], int] = {}
    credentials: dict[int, int] = {}
    for old in flow_nodes(store, node.origin):
        doc = copy_document(call, old.kind, old.resource_id, owner_id)
        for key, kind in (
            ("data_source_id", "data_sources"),
            ("data_set_id", "data_sets"),
            ("parent_data_set_id", "data_sets"),
        ):
            if doc.get(key) and (kind, doc[key]) in ids:
                doc[key] = ids[kind, doc[key]]
        credential_id = doc.get("data_credentials_id")
        if credential_id and not body.get("reuse_data_credentials"):
            if credential_id not in credentials:
                copied = copy_document(call, "data_credentials", credential_id, owner_id)
                credentials[credential_id] = store.put("data_credentials", copied)["id"]
            doc["data_credentials_id"] = credentials[credential_id]
        made = store.put(old.kind, doc)
        world.audit(
            old.kind,
            made["id"],
            "create",
            {"copied_from_id": [None, old.resource_id]},
            call.who.user_id,
            call.path,
        )
        ids[old.kind, old.resource_id] = made["id"]
        nodes[old.id] = add_node(store, old.kind, made["id"], nodes.get(old.parent or 0))
        if old.kind == "data_sources" and (upstream := store.get("upstreams", old.resource_id)):
            store.put("upstreams", {**upstream, "id": made["id"]})
    return nodes[node.origin]


def copy_document(call: Call, kind: str, resource_id: int, owner_id: int) -> Doc:
    """A copy of a resource under the next id, not ACTIVE, not yet stored."""
    original = call.world.store.require(kind, resource_id)
    stamp = call.world.stamp()
    made = {
        **original,
        "id": call.world.store.next_id(kind),
        "owner_id": owner_id,
        "copied_from_id": resource_id,
        "name": f"{original.get('name')} (copy)",
        "created_at": stamp,
        "updated_at": stamp,
    }
    if made.get("flow_name"):
        made["flow_name"] += " (copy)"
    if "status" in made:
        made["status"] = "PAUSED"
    return made
