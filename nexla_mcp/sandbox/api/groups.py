"""Teams with their members, and projects with their flows."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.crud import Collection, matches, register
from nexla_mcp.sandbox.api.flows import flow_reply
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.tags import tag_routes
from nexla_mcp.sandbox.api.views import common
from nexla_mcp.sandbox.lineage import node_by_id, node_of
from nexla_mcp.sandbox.store import Doc


def _team_view(call: Call, doc: Doc) -> Doc:
    return {
        **common(call, "teams", doc),
        "description": doc.get("description") or "",
        "members": _team_members(call, doc),
        "member": any(member["id"] == call.who.user_id for member in doc.get("members", [])),
    }


def _team_members(call: Call, doc: Doc) -> list[Doc]:
    return [
        {
            "id": row["id"],
            "email": (call.world.store.get("users", row["id"]) or {}).get("email"),
            "admin": bool(row.get("admin")),
        }
        for row in doc.get("members", [])
    ]


def _create_team(call: Call, body: Doc) -> Doc:
    given = [_member(call, entry) for entry in body.pop("members", None) or []]
    return call.world.create("teams", {**body, "members": given}, call.who.user_id)


def _update_team(call: Call, doc: Doc, body: Doc) -> Doc:
    return {**body, "members": [_member(call, entry) for entry in body["members"]]} if "members" in body else body


register(
    Collection(
        "teams",
        view=_team_view,
        required=("name",),
        creating=_create_team,
        updating=_update_team,
        operations="list get create update delete",
    )
)


def _member(call: Call, entry: Any) -> Doc:
    for user in call.world.store.all("users"):
        if isinstance(entry, dict) and (
            entry.get("id") == user["id"] or (not entry.get("id") and entry.get("email") == user["email"])
        ):
            return {"id": user["id"], "admin": bool(entry.get("admin"))}
    raise ApiError(400, "The member was not found")


@ROUTES.get("/teams/{team_id}/members")
def team_members(call: Call, team_id: int) -> list[Doc]:
    return _team_members(call, need(call, "teams", team_id))


def _change_team(call: Call, team_id: int) -> list[Doc]:
    doc = need(call, "teams", team_id, "admin")
    given = [] if call.method == "DELETE" and call.body is None else [_member(call, e) for e in call.items("members")]
    ids = {row["id"] for row in given}
    have = doc.get("members", [])
    kept = [row for row in have if row["id"] not in ids]
    if call.method == "PUT":
        after = [*kept, *given]
    elif call.method == "POST":
        after = given
    else:
        after = kept if given else []
    return _team_members(call, call.world.modify("teams", team_id, {"members": after}, call.who.user_id, call.path))


for _method in ("PUT", "POST", "DELETE"):
    ROUTES.add(_method, "/teams/{team_id}/members", _change_team)


def _project_view(call: Call, doc: Doc) -> Doc:
    view = common(call, "projects", doc)
    flow_ids = view.pop("flow_ids")
    rows = [row for flow_id in flow_ids if (row := _project_flow(call, doc, flow_id))]
    return {
        **view,
        "description": doc.get("description") or "",
        "data_flows": rows,
        "flows": rows,
        "flows_count": len(rows),
        "client_identifier": None,
        "client_url": None,
    }


def _project_flow(call: Call, project: Doc, flow_id: int) -> Doc | None:
    node = node_by_id(call.world.store, flow_id)
    if node is None:
        return None
    source = call.world.store.require(node.kind, node.resource_id)
    return {
        "id": flow_id,
        "project_id": project["id"],
        "data_source_id": source["id"],
        "data_set_id": None,
        "data_sink_id": None,
        "name": source["name"],
        "description": source.get("description"),
        "created_at": project["created_at"],
        "updated_at": project["updated_at"],
    }


def _create_project(call: Call, body: Doc) -> Doc:
    flow_ids = [int(flow) for flow in body.pop("flows", None) or [] if isinstance(flow, int)]
    body.pop("data_flows", None)
    return call.world.create("projects", {**body, "flow_ids": flow_ids}, call.who.user_id)


register(
    Collection(
        "projects",
        view=_project_view,
        required=("name",),
        creating=_create_project,
        operations="list get create update delete search",
        list_query="page per_page access_role expand",
    )
)
for _name in ("projects", "teams"):
    tag_routes(_name)


def _project_flows(call: Call, project_id: int) -> Doc:
    doc = need(call, "projects", project_id)
    nodes = [node for flow_id in doc["flow_ids"] if (node := node_by_id(call.world.store, flow_id))]
    return flow_reply(call, nodes)


@ROUTES.post("/projects/{project_id}/flows/search")
def search_project_flows(call: Call, project_id: int) -> Doc:
    doc = need(call, "projects", project_id)
    store, filters = call.world.store, call.items("filters")
    nodes = [node for flow_id in doc["flow_ids"] if (node := node_by_id(store, flow_id))]
    return flow_reply(call, [node for node in nodes if matches(store.require(node.kind, node.resource_id), filters)])


def _flow_id(call: Call, entry: Any) -> int:
    node = None
    if isinstance(entry, int):
        node = node_by_id(call.world.store, entry)
    elif isinstance(entry, dict):
        for key, kind in (("data_source_id", "data_sources"), ("data_set_id", "data_sets")):
            if entry.get(key):
                node = node_of(call.world.store, kind, int(entry[key]))
    if node is None:
        raise ApiError(400, "The flow was not found")
    return node.origin


def _change_flows(call: Call, project_id: int) -> list[Doc]:
    doc = need(call, "projects", project_id, "admin")
    body = call.fields()
    entries = body.get("flows") or body.get("data_flows") or []
    given = [_flow_id(call, entry) for entry in entries]
    have = list(doc["flow_ids"])
    if call.method == "PUT":
        after = [*have, *(flow for flow in given if flow not in have)]
    elif call.method == "POST":
        after = given
    else:
        after = [flow for flow in have if flow not in given] if given else []
    after_doc = call.world.modify("projects", project_id, {"flow_ids": after}, call.who.user_id, call.path)
    return [row for flow in after if (row := _project_flow(call, after_doc, flow))]


for _segment in ("flows", "data_flows"):
    ROUTES.add("GET", "/projects/{project_id}/" + _segment, _project_flows)
    for _method in ("PUT", "POST", "DELETE"):
        ROUTES.add(_method, "/projects/{project_id}/" + _segment, _change_flows)
