"""The flows in list replies, each with the flat rows that belong to it."""

from __future__ import annotations

from typing import Any

from nexla_mcp.runbooks.facts import Fetched
from nexla_mcp.runbooks.flow_map import FlowMap
from nexla_mcp.runbooks.shapes.lenient import bodies, objects, pick, whole


def flows_in(fetched: Fetched) -> list[FlowMap]:
    """All flows of a list reply, with the flat rows that belong to each."""
    if not fetched.ok:
        return []
    return [flow for page in fetched.pages or [fetched.body] for flow in _flows_on(page)]


def _flows_on(page: Any) -> list[FlowMap]:
    ids = [
        whole(pick(n, "origin_node_id", "id"))
        for b in bodies(page)
        for n in (objects(b["flows"]) if isinstance(b.get("flows"), list | dict) else [b] if "origin_node_id" in b else [])
    ]
    found = [FlowMap.read(page, i) for i in dict.fromkeys(i for i in ids if i is not None)]
    return [f for f in found if f is not None]
