"""Flows: the tree with its flat lists, lifecycle, copy, docs, and the flow of a resource."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import Grants, grants_of, need, require_role, state_conflict, visible
from nexla_mcp.sandbox.api.asynchronous import answered_later
from nexla_mcp.sandbox.api.call import ApiError, Call, Reply
from nexla_mcp.sandbox.api.lifecycle import activate, copy_flow, delete_flow, pause
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import access_roles, flat_row, org_of, owner_of
from nexla_mcp.sandbox.clock import day_of, day_start, iso
from nexla_mcp.sandbox.engine.cycle import run_now
from nexla_mcp.sandbox.lineage import Node, children, flow_nodes, node_by_id, node_of, origin_node, origins
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import ID_KEY, SEGMENTS

_VIEW = "flows_only include_run_metrics"


def flow_node(call: Call, flow_id: int, role: str = "collaborator") -> Node:
    """A node by id, if the caller has the role on its flow."""
    node = node_by_id(call.world.store, flow_id)
    if node is None:
        raise ApiError(404)
    origin = origin_node(call.world.store, node)
    doc = call.world.store.require(origin.kind, origin.resource_id)
    require_role(call, origin.kind, doc, role)
    return node


def resource_node(call: Call, kind: str, resource_id: int, role: str = "collaborator") -> Node:
    need(call, kind, resource_id, role)
    node = node_of(call.world.store, kind, resource_id)
    if node is None:
        raise ApiError(404)
    return node


def flow_reply(call: Call, found: list[Node]) -> Doc:
    """The one object that every flow operation answers, for the flows with these origins."""
    store = call.world.store
    grants = None if call.who.admin else grants_of(call)
    reply: Doc = {"flows": []}
    lists: dict[str, dict[int, Doc]] = {kind: {} for kind in SEGMENTS}
    for origin in found:
        nodes = flow_nodes(store, origin.id)
        for node in nodes:
            lists[node.kind].setdefault(node.resource_id, {"node": node})
        reply["flows"].append(_tree(call, origin, nodes))
    if not call.flag("flows_only"):
        reply |= _flat_lists(call, lists, grants)
    if call.flag("include_run_metrics"):
        reply["metrics"] = [row for origin in found for row in _run_metrics(call, origin)]
    return reply


def _tree(call: Call, origin: Node, nodes: list[Node]) -> Doc:
    doc = call.world.store.require(origin.kind, origin.resource_id)

    def shape(node: Node) -> Doc:
        ids: Doc = {key: node.resource_id if kind == node.kind else None for kind, key in ID_KEY.items()}
        return {
            "id": node.id,
            "origin_node_id": node.origin,
            "parent_node_id": node.parent,
            **ids,
            "children": [shape(child) for child in children(nodes, node)],
        }

    project = next((row["id"] for row in call.world.store.all("projects") if origin.id in row["flow_ids"]), None)
    return {
        **shape(origin),
        "shared_origin_node_id": None,
        "status": doc["status"],
        "project_id": project,
        "flow_type": doc.get("flow_type", "streaming"),
        "ingestion_mode": doc.get("ingestion_mode"),
        "name": doc.get("flow_name") or doc["name"],
        "description": doc.get("flow_description"),
    }


def _flat_lists(call: Call, lists: dict[str, dict[int, Doc]], grants: Grants | None) -> Doc:
    store = call.world.store
    rows: dict[str, list[Doc]] = {}
    credentials: set[int] = set()
    containers: set[int] = set()
    owners: set[int] = set()
    for kind in SEGMENTS:
        rows[kind] = []
        for resource_id, entry in lists[kind].items():
            doc, node = store.require(kind, resource_id), entry["node"]
            rows[kind].append(flat_row(call, kind, doc, node.origin, node.id, grants))
            owners.add(doc["owner_id"])
            if doc.get("data_credentials_id"):
                credentials.add(doc["data_credentials_id"])
            if doc.get("transform_id"):
                containers.add(doc["transform_id"])
    keys = (
        "id",
        "owner_id",
        "org_id",
        "name",
        "description",
        "credentials_type",
        "verified_status",
        "tags",
        "copied_from_id",
        "created_at",
        "updated_at",
    )
    shown: list[Doc] = []
    for credential_id in sorted(credentials):
        doc = store.require("data_credentials", credential_id)
        shown.append(
            {
                **{key: doc.get(key) for key in keys},
                "managed": False,
                "template_config": None,
                "vendor": None,
                "access_roles": access_roles(call, "data_credentials", doc, grants),
            }
        )
    code_keys = (
        "id",
        "owner_id",
        "org_id",
        "name",
        "description",
        "data_credentials_id",
        "reusable",
        "resource_type",
        "output_type",
        "code_type",
        "code_encoding",
        "tags",
        "copied_from_id",
        "created_at",
        "updated_at",
    )
    code = [
        {**{key: doc.get(key) for key in code_keys}, "public": False, "managed": False}
        for doc in (store.require("code_containers", container) for container in sorted(containers))
    ]
    org = {
        key: value
        for key, value in org_of(call.world).items()
        if key in ("id", "name", "email_domain", "email", "client_identifier")
    }
    people = [
        {key: value for key, value in owner_of(call.world, {"owner_id": owner}).items() if key in ("id", "full_name", "email")}
        for owner in sorted(owners)
    ]
    origin_ids = {entry["node"].origin for kind in SEGMENTS for entry in lists[kind].values()}
    projects = [
        {key: row.get(key) for key in ("id", "owner_id", "org_id", "name", "description")}
        for row in store.all("projects")
        if origin_ids & set(row["flow_ids"])
    ]
    return {
        "code_containers": code,
        **rows,
        "data_credentials": shown,
        "shared_data_sets": [],
        "orgs": [org],
        "users": people,
        "projects": projects,
    }


def _run_metrics(call: Call, origin: Node) -> list[Doc]:
    rows = call.world.store.rows(
        "SELECT run_id, SUM(records), SUM(size), SUM(errors) FROM stage_rows WHERE kind=? AND resource_id=? "
        "GROUP BY run_id ORDER BY run_id DESC LIMIT 10",
        (origin.kind, origin.resource_id),
    )
    return [
        {
            "origin_node_id": origin.id,
            "records": records,
            "size": size,
            "errors": errors,
            "run_id": run,
            "reporting_date": iso(day_start(day_of(run))),
        }
        for run, records, size, errors in rows
    ]


@ROUTES.get("/flows", f"page per_page access_role {_VIEW}")
def list_flows(call: Call) -> Reply:
    store = call.world.store
    found = {(node.kind, node.resource_id): node for node in origins(store)}
    docs = [store.require(kind, resource_id) | {"_node": node} for (kind, resource_id), node in found.items()]
    shown = visible(call, "data_sources", docs)
    rows, page, size, pages = call.page_of(shown)
    headers = call.paging_headers(len(shown), page, size, pages)
    return Reply(flow_reply(call, [row["_node"] for row in rows]), headers=headers)


@ROUTES.post("/flows/search", "page per_page")
def search_flows(call: Call) -> Doc:
    from nexla_mcp.sandbox.api.crud import matches

    filters = call.items("filters")
    store = call.world.store
    found = []
    for node in origins(store):
        doc = store.require(node.kind, node.resource_id)
        if access_roles(call, node.kind, doc) and matches(doc, filters):
            found.append(node)
    return flow_reply(call, found)


@ROUTES.get("/flows/{flow_id}", _VIEW)
def get_flow(call: Call, flow_id: int) -> Doc:
    return flow_reply(call, [origin_node(call.world.store, flow_node(call, flow_id))])


@ROUTES.get("/{kind}/{resource_id}/flow", "flows_only", kind=SEGMENTS)
def flow_of_resource(call: Call, kind: str, resource_id: int) -> Doc:
    return get_flow(call, resource_node(call, kind, resource_id).id)


@ROUTES.put("/flows/{flow_id}/activate", "all full_tree")
def activate_flow(call: Call, flow_id: int) -> Doc:
    node = flow_node(call, flow_id, "operator")
    activate(call, node, _whole(call))
    return get_flow(call, node.origin)


@ROUTES.put("/flows/{flow_id}/pause", "all full_tree async request_id")
def pause_flow(call: Call, flow_id: int) -> Any:
    node = flow_node(call, flow_id, "operator")

    def work() -> Doc:
        pause(call, node, _whole(call))
        return get_flow(call, node.origin)

    if (call.flag("async") and _whole(call)) or call.query.get("request_id"):
        return answered_later(call, work)
    return work()


def _whole(call: Call) -> bool:
    return call.flag("all") or call.flag("full_tree")


@ROUTES.delete("/flows/{flow_id}")
def remove_flow(call: Call, flow_id: int) -> Doc:
    return delete_flow(call, flow_node(call, flow_id, "admin"))


@ROUTES.delete("/{kind}/{resource_id}/flow", kind=SEGMENTS)
def remove_flow_of_resource(call: Call, kind: str, resource_id: int) -> Doc:
    return delete_flow(call, resource_node(call, kind, resource_id, "admin"))


@ROUTES.post("/flows/{flow_id}/copy")
def copy(call: Call, flow_id: int) -> Doc:
    made = copy_flow(call, flow_node(call, flow_id))
    return flow_reply(call, [made])


@ROUTES.post("/flows/{flow_id}/run_now")
def run_flow_now(call: Call, flow_id: int) -> Doc:
    node = flow_node(call, flow_id, "operator")
    origin = origin_node(call.world.store, node)
    source = call.world.store.require("data_sources", origin.resource_id)
    if source["status"] != "ACTIVE":
        raise state_conflict(call, "the source must be active to run", data_sources=[source["id"]])
    return {"status": "ok", "run_id": run_now(call.world, source["id"])}
