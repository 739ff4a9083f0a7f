"""What a change reaches: the parts of a flow downstream of a node, and the users of a credential.

affected(flow_reply, resource=("data_sources", 5023))     # source, nexsets and destinations that stop
"""

from __future__ import annotations

from typing import Any

from nexla_mcp.output.flow_view import FLAT_LISTS, WORDS, nodes, stages


def affected(
    flow: Any, *, node_id: int | None = None, resource: tuple[str, int] | None = None, whole: bool = False
) -> list[dict[str, Any]]:
    """The resources at and below a node as rows {resource_type, resource_id, name, status, ...}, in flow order.

    Without a node, or with ``whole``, all of the flow.
    """
    if not isinstance(flow, dict):
        return []
    if whole or (node_id is None and resource is None):
        return stages(flow)
    start = [n for n in nodes(flow.get("flows")) if _is(n, node_id, resource)][:1]
    return stages(flow, start or None)


def users_of(usage: Any) -> list[dict[str, Any]]:
    """Rows {resource_type, resource_id, name, status} out of a usage reply: lists of objects or ids by collection."""
    rows: list[dict[str, Any]] = []
    for name, items in usage.items() if isinstance(usage, dict) else ():
        for item in items if name in WORDS and isinstance(items, list) else ():
            row = item if isinstance(item, dict) else {"id": item}
            rows.append(
                {"resource_type": WORDS[name], "resource_id": row.get("id"), "name": row.get("name"), "status": row.get("status")}
            )
    return rows


def _is(node: dict[str, Any], node_id: int | None, resource: tuple[str, int] | None) -> bool:
    if resource is not None:
        key = next(k for k, name in FLAT_LISTS.items() if name == resource[0])
        return bool(node.get(key) == resource[1])
    return bool(node.get("id") == node_id)
