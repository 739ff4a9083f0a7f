"""A flow reply as rows: the tree of nodes joined with the flat lists that carry names and statuses.

    stages(flow_reply)     # [{"resource_type": "source", "resource_id": 5023, "name": ..., "status": ..., ...}, ...]

In the API's reply children carry no status (QUIRKS 35); it stands in data_sources, data_sets, data_sinks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

FLAT_LISTS = {"data_source_id": "data_sources", "data_set_id": "data_sets", "data_sink_id": "data_sinks"}
WORDS = {"data_sources": "source", "data_sets": "nexset", "data_sinks": "destination", "data_credentials": "credential"}


def is_flow(body: Any) -> bool:
    """True for a reply of the flow form: a node tree beside flat lists."""
    return isinstance(body, dict) and isinstance(body.get("flows"), list) and any(name in body for name in WORDS)


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none where no list stands."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def nodes(roots: Any) -> Iterator[dict[str, Any]]:
    """Every node of a tree, parents first, in flow order."""
    waiting = objects(roots)
    while waiting:
        node = waiting.pop(0)
        yield node
        waiting = objects(node.get("children")) + waiting


def stages(flow: Any, start: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Source, nexsets and destinations below ``start`` (all of the flow without it), in flow order."""
    rows: dict[tuple[str, Any], dict[str, Any]] = {}
    for node in nodes(start if start is not None else flow.get("flows")):
        for key, name in FLAT_LISTS.items():
            if not isinstance(node.get(key), int | str):
                continue
            flat = flat_row(flow, name, node[key])
            rows.setdefault(
                (name, node[key]),
                {
                    "resource_type": WORDS[name],
                    "resource_id": node[key],
                    "name": flat.get("name") or node.get("name"),
                    "status": flat.get("status") or (node.get("status") if node.get("parent_node_id") is None else None),
                    "node_id": node.get("id"),
                    "credential_id": flat.get("data_credentials_id"),
                },
            )
    return list(rows.values())


def with_owner(flow: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """An origin node with name, status and owner taken from the flat row of its source where it lacks them."""
    source = flat_row(flow, "data_sources", node.get("data_source_id"))
    owner = next((u for u in objects(flow.get("users")) if u.get("id") == source.get("owner_id")), None)
    filled = {k: node.get(k) or source.get(k) for k in ("name", "status")}
    return node | filled | ({"owner": owner} if owner and "owner" not in node else {})


def flat_row(flow: dict[str, Any], name: str, identity: Any) -> dict[str, Any]:
    """The flat row of a resource in a flow reply, or an empty one."""
    return next((row for row in objects(flow.get(name)) if row.get("id") == identity), {})
