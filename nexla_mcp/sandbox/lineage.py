"""Flow trees: which node stands for which resource, and what is upstream and downstream of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nexla_mcp.sandbox.store import Doc, Store


@dataclass(frozen=True)
class Node:
    """One node of a flow tree. The flow's id is the id of its origin node."""

    id: int
    origin: int
    parent: int | None
    kind: str
    resource_id: int


def add_node(store: Store, kind: str, resource_id: int, parent: Node | None, node_id: int | None = None) -> Node:
    new_id = node_id or _last_node(store) + 1
    node = Node(new_id, parent.origin if parent else new_id, parent.id if parent else None, kind, resource_id)
    store.db.execute("INSERT INTO nodes VALUES(?,?,?,?,?)", (node.id, node.origin, node.parent, kind, resource_id))
    store.version += 1
    return node


def _last_node(store: Store) -> int:
    """The highest id ever given: what is removed does not free its id."""
    return max(int(store.one("SELECT MAX(id) FROM nodes") or 7000), int(store.meta("last node") or 0))


def node_by_id(store: Store, node_id: int) -> Node | None:
    rows = store.rows("SELECT id, origin, parent, kind, resource_id FROM nodes WHERE id=?", (node_id,))
    return Node(*rows[0]) if rows else None


def origin_node(store: Store, node: Node) -> Node:
    """The origin of the flow that a node belongs to."""
    return node if node.parent is None else node_by_id(store, node.origin) or node


def node_of(store: Store, kind: str, resource_id: int) -> Node | None:
    rows = store.rows(
        "SELECT id, origin, parent, kind, resource_id FROM nodes WHERE kind=? AND resource_id=?",
        (kind, resource_id),
    )
    return Node(*rows[0]) if rows else None


def origins(store: Store) -> list[Node]:
    return [
        Node(*row)
        for row in store.rows("SELECT id, origin, parent, kind, resource_id FROM nodes WHERE parent IS NULL ORDER BY id")
    ]


def flow_nodes(store: Store, origin: int) -> list[Node]:
    """Every node of a flow, parents before children."""
    rows = store.rows("SELECT id, origin, parent, kind, resource_id FROM nodes WHERE origin=? ORDER BY id", (origin,))
    nodes = [Node(*row) for row in rows]
    if all(node.parent is None or node.parent < node.id for node in nodes):
        return nodes
    # A node that was put in between later has a higher id than those below it.
    ordered = [node for node in nodes if node.parent is None]
    for node in ordered:
        ordered += children(nodes, node)
    return ordered


def children(nodes: list[Node], node: Node) -> list[Node]:
    return [other for other in nodes if other.parent == node.id]


def downstream(store: Store, node: Node) -> list[Node]:
    """The node and everything below it."""
    nodes = flow_nodes(store, node.origin)

    def walk(current: Node) -> Iterator[Node]:
        yield current
        for child in children(nodes, current):
            yield from walk(child)

    return list(walk(node))


def move_children(store: Store, node: Node, parent: Node) -> list[Node]:
    """Hang what is directly below one node under another; answers what was moved."""
    moved = [child for child in children(flow_nodes(store, node.origin), node) if child.id != parent.id]
    store.db.executemany("UPDATE nodes SET parent=? WHERE id=?", [(parent.id, child.id) for child in moved])
    store.version += 1
    return moved


def remove_nodes(store: Store, nodes: list[Node]) -> None:
    store.set_meta("last node", str(_last_node(store)))
    store.db.executemany("DELETE FROM nodes WHERE id=?", [(node.id,) for node in nodes])
    store.version += 1


def origin_of(store: Store, kind: str, resource_id: int) -> Node | None:
    """Origin node of the flow that a resource belongs to."""
    node = node_of(store, kind, resource_id)
    return node_by_id(store, node.origin) if node else None


def credential_users(store: Store, credential_id: int) -> dict[str, list[int]]:
    """Ids of the sources and destinations that log in with a credential."""
    return {
        kind: [doc["id"] for doc in store.find(kind, data_credentials_id=credential_id)]
        for kind in ("data_sources", "data_sinks")
    }


def source_of(store: Store, kind: str, resource_id: int) -> Doc | None:
    """The source that feeds a resource."""
    origin = origin_of(store, kind, resource_id)
    return store.get("data_sources", origin.resource_id) if origin and origin.kind == "data_sources" else None
