"""The flows in list replies, each with the flat rows that belong to it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from nexla_mcp.runbooks.facts import Fetched
from nexla_mcp.runbooks.flow_map import FlowMap
from nexla_mcp.runbooks.shapes.lenient import bodies, objects, pick, whole

_FLAT = ("data_sources", "data_sets", "data_sinks")


def flows_in(fetched: Fetched) -> list[FlowMap]:
    """All flows of a list reply, with the flat rows that belong to each."""
    if not fetched.ok:
        return []
    return [flow for page in fetched.pages or [fetched.body] for flow in _flows_on(page)]


def code_changes_in(fetched: Fetched) -> dict[int, Any]:
    """When each piece of code that a list reply names was last changed, as it says."""
    rows = [r for page in fetched.pages or [fetched.body] for b in bodies(page) for r in objects(b.get("code_containers") or [])]
    return {i: pick(r, "updated_at") for r in rows if (i := whole(r.get("id"))) is not None}


def _flows_on(page: Any) -> list[FlowMap]:
    replies = bodies(page)
    nodes = [
        n
        for b in replies
        for n in (objects(b["flows"]) if isinstance(b.get("flows"), list | dict) else [b] if "origin_node_id" in b else [])
    ]
    ids = [whole(pick(n, "origin_node_id", "id")) for n in nodes]
    parts = _parts(replies, nodes)
    found = [FlowMap.read(parts.get(i, page), i) for i in dict.fromkeys(i for i in ids if i is not None)]
    return [f for f in found if f is not None]


def _parts(replies: list[dict[str, Any]], nodes: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """One reply per flow, so that a page of a hundred is not read a hundred times; none when a row does not say its flow."""
    rows = {key: [r for b in replies for r in objects(b.get(key) or [])] for key in _FLAT}
    if any(whole(r.get("origin_node_id")) is None for part in rows.values() for r in part):
        return {}
    shared = {key: [r for b in replies for r in objects(b.get(key) or [])] for key in ("data_credentials", "orgs")}
    credentials = {whole(r.get("id")): r for r in shared["data_credentials"]}
    parts: dict[int, dict[str, Any]] = defaultdict(
        lambda: {"flows": [], **{key: [] for key in _FLAT}, "orgs": shared["orgs"][:1]}
    )
    for node in nodes:
        if (origin := whole(pick(node, "origin_node_id", "id"))) is not None:
            parts[origin]["flows"].append(node)
    for key, part in rows.items():
        for row in part:
            parts[whole(row["origin_node_id"]) or 0][key].append(row)
    for body in parts.values():
        used = {whole(r.get("data_credentials_id")) for key in _FLAT for r in body[key]}
        body["data_credentials"] = [credentials[i] for i in used if i in credentials]
    return dict(parts)
