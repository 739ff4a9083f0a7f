"""Accessors and audit logs: the same routes on many collections."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nexla_mcp.sandbox.api.access import need, need_admin
from nexla_mcp.sandbox.api.asynchronous import answered_later
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.flows import flow_node
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.clock import DAY, day_start, iso
from nexla_mcp.sandbox.lineage import flow_nodes
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import ROLES

_AUDIT_QUERY = "from to event_filter change_filter page per_page"
_ITEM = {
    "data_sources": "DataSource",
    "data_sets": "DataSet",
    "data_sinks": "DataSink",
    "data_credentials": "DataCredentials",
    "data_maps": "DataMap",
    "code_containers": "CodeContainer",
    "projects": "Project",
    "teams": "Team",
    "users": "User",
    "orgs": "Org",
    "doc_containers": "DocContainer",
    "data_schemas": "DataSchema",
    "flow_triggers": "FlowTrigger",
    "service_keys": "ServiceKey",
}
_SHARED = (
    "data_sources",
    "data_sets",
    "data_sinks",
    "data_credentials",
    "data_maps",
    "projects",
    "teams",
    "code_containers",
    "data_schemas",
    "doc_containers",
)
_DEFERRABLE = ("data_sources", "code_containers", "doc_containers", "orgs", "projects", "teams", "users")
"""Collections whose audit log can be asked for with `async`."""


def audit_rows(call: Call, where: str, parameters: tuple[Any, ...]) -> list[Doc]:
    """Audit entries, newest first, within the asked dates."""
    clauses, values = [where], list(parameters)
    for name, sign, extra in (("from", ">=", 0), ("to", "<", DAY)):
        if call.query.get(name):
            try:
                values.append(day_start(call.query[name]) + extra)
            except ValueError:
                raise ApiError(400, f"The property '#/{name}' must be a date") from None
            clauses.append(f"at {sign} ?")
    if call.query.get("event_filter"):
        clauses.append("event = ?")
        values.append(call.query["event_filter"])
    if call.query.get("change_filter"):
        clauses.append("instr(changes, ?) > 0")
        values.append(f'"{call.query["change_filter"]}"')
    # Only fixed clauses go into the text; every value is a parameter.
    sql = f"""SELECT id, kind, resource_id, event, changes, user_id, at, url, agent FROM audit
              WHERE {" AND ".join(clauses)} ORDER BY at DESC, id DESC"""  # noqa: S608
    rows = call.world.store.rows(sql, values)
    return [_entry(call, *row) for row in rows]


def _entry(
    call: Call,
    id: int,
    kind: str,
    resource_id: int,
    event: str,
    changes: str,
    user_id: int,
    at: int,
    url: str,
    agent: str,
) -> Doc:
    user = call.world.store.get("users", user_id) or {}
    doc = call.world.store.get(kind, resource_id) or {}
    owner = call.world.store.get("users", doc.get("owner_id") or user_id) or user
    differences = json.loads(changes)
    entry: Doc = {
        "id": id,
        "item_type": _ITEM.get(kind, kind),
        "item_id": resource_id,
        "event": event,
        "change_summary": [f"{name} changed" for name in differences],
        "object_changes": differences,
        "association_resource": {"type": _ITEM.get(kind, kind), "id": resource_id},
        "request_ip": "192.0.2.10",
        "request_user_agent": agent,
        "request_url": url,
        "user": {"id": user.get("id"), "email": user.get("email")},
        "impersonator_id": None,
        "org_id": call.world.org_id,
        "owner_id": owner.get("id"),
        "owner_email": owner.get("email"),
        "created_at": iso(at),
    }
    if call.world.config.reply_shape == "seed":
        entry |= {"action": event, "details": differences}
    return entry


def _audit_of(kind: str) -> Callable[[Call, int], Any]:
    def audit_log(call: Call, id: int) -> Any:
        if kind == "users":
            if id != call.who.user_id:
                need_admin(call)
        elif kind == "orgs":
            _need_org(call, id)
        elif call.world.store.get(kind, id) is not None:
            need(call, kind, id)
        elif not call.world.store.one("SELECT 1 FROM audit WHERE kind=? AND resource_id=?", (kind, id)):
            raise ApiError(404)
        where, values = "kind=? AND resource_id=?", (kind, id)
        if kind == "users":
            where, values = "user_id=? AND ?", (str(id), 1)
        elif kind == "orgs" and id == call.world.org_id:
            where, values = "? AND ?", ("1", 1)
        rows = audit_rows(call, where, values)
        if call.flag("async") or call.query.get("request_id"):
            return answered_later(call, lambda: rows)
        return call.paged(rows)

    return audit_log


def _flow_audit(call: Call, flow_id: int) -> Any:
    node = flow_node(call, flow_id)
    pairs = [(n.kind, n.resource_id) for n in flow_nodes(call.world.store, node.origin)]
    where = "(" + " OR ".join("(kind=? AND resource_id=?)" for _ in pairs) + ")"
    rows = audit_rows(call, where, tuple(value for pair in pairs for value in pair))
    return answered_later(call, lambda: rows) if call.flag("async") or call.query.get("request_id") else call.paged(rows)


def _need_org(call: Call, org_id: int) -> None:
    need_admin(call)
    if call.world.store.get("orgs", org_id) is None:
        raise ApiError(404)


def _org_kind_audit(call: Call, org_id: int, kind: str) -> Any:
    _need_org(call, org_id)
    return call.paged(audit_rows(call, "kind=?", (kind,)) if org_id == call.world.org_id else [])


for _kind in (*_SHARED, "users", "orgs"):
    _extra = " async request_id" if _kind in _DEFERRABLE else ""
    ROUTES.add("GET", f"/{_kind}" + "/{id}/audit_log", _audit_of(_kind), _AUDIT_QUERY + _extra)
ROUTES.add("GET", "/flows/{flow_id}/audit_log", _flow_audit, _AUDIT_QUERY + " async request_id")
ROUTES.add("GET", "/orgs/{org_id}/{kind}/audit_log", _org_kind_audit, _AUDIT_QUERY)


def accessors_of(call: Call, kind: str, resource_id: int) -> list[Doc]:
    rows = call.world.store.rows(
        "SELECT type, subject_id, roles, created, updated FROM accessors WHERE kind=? AND "
        "resource_id=? ORDER BY type, subject_id",
        (kind, resource_id),
    )
    return [_accessor(call, *row) for row in rows]


def _accessor(call: Call, type_name: str, subject: int, roles: str, created: int, updated: int) -> Doc:
    shown: Doc = {
        "type": type_name,
        "id": subject,
        "org_id": call.world.org_id,
        "access_roles": json.loads(roles),
        "created_at": iso(created),
        "updated_at": iso(updated),
    }
    if type_name == "USER":
        shown["email"] = (call.world.store.get("users", subject) or {}).get("email")
    elif type_name == "TEAM":
        shown["name"] = (call.world.store.get("teams", subject) or {}).get("name")
    else:
        org = call.world.store.require("orgs", call.world.org_id)
        shown |= {"client_identifier": org.get("client_identifier"), "email_domain": org.get("email_domain")}
    return shown


def _subject(call: Call, entry: Any) -> tuple[str, int]:
    if not isinstance(entry, dict):
        raise ApiError(400, "accessors must be objects")
    type_name = str(entry.get("type", "")).upper()
    store = call.world.store
    identity = entry.get("id") or entry.get("team_id")
    if type_name == "USER":
        found = next(
            (
                user
                for user in store.all("users")
                if identity == user["id"] or (not identity and entry.get("email") == user["email"])
            ),
            None,
        )
    elif type_name == "TEAM":
        found = next(
            (
                team
                for team in store.all("teams")
                if identity == team["id"] or (not identity and entry.get("name") == team["name"])
            ),
            None,
        )
    elif type_name == "ORG":
        found = store.get("orgs", identity or call.world.org_id)
    else:
        raise ApiError(400, f"Unknown accessor type {entry.get('type')!r}")
    if found is None:
        raise ApiError(400, f"The {type_name.lower()} to give access to was not found")
    return type_name, found["id"]


def change_accessors(call: Call, kind: str, resource_id: int) -> list[Doc]:
    """PUT adds, POST replaces all, DELETE removes the listed ones, or all when there is no body."""
    store, now = call.world.store, call.world.now()
    before = accessors_of(call, kind, resource_id)
    entries = [] if call.method == "DELETE" and call.body is None else call.items("accessors")
    parsed = [(_subject(call, entry), entry.get("access_roles") or []) for entry in entries]
    for _, roles in parsed:
        if call.method != "DELETE" and (not roles or any(role not in ROLES for role in roles)):
            raise ApiError(400, f"access_roles must be some of {', '.join(ROLES)}")
    if call.method == "POST" or (call.method == "DELETE" and not entries):
        store.db.execute("DELETE FROM accessors WHERE kind=? AND resource_id=?", (kind, resource_id))
    for (type_name, subject), roles in parsed:
        if call.method == "DELETE":
            store.db.execute(
                "DELETE FROM accessors WHERE kind=? AND resource_id=? AND type=? AND subject_id=?",
                (kind, resource_id, type_name, subject),
            )
        else:
            store.db.execute(
                "INSERT OR REPLACE INTO accessors VALUES(?,?,?,?,?,?,?)",
                (kind, resource_id, type_name, subject, json.dumps(roles), now, now),
            )
    after = accessors_of(call, kind, resource_id)
    if [_short(row) for row in before] != [_short(row) for row in after]:
        call.world.audit(
            kind,
            resource_id,
            "update",
            {"accessors": [[_short(row) for row in before], [_short(row) for row in after]]},
            call.who.user_id,
            call.path,
            call.headers.get("user-agent", ""),
        )
    return after


def _short(row: Doc) -> Doc:
    return {key: row[key] for key in ("type", "id", "access_roles")}


def _reader(kind: str) -> Callable[[Call, int], list[Doc]]:
    def read(call: Call, id: int) -> list[Doc]:
        need(call, kind, id)
        return accessors_of(call, kind, id)

    return read


def _writer(kind: str) -> Callable[[Call, int], list[Doc]]:
    def write(call: Call, id: int) -> list[Doc]:
        need(call, kind, id, "admin")
        return change_accessors(call, kind, id)

    return write


def _read_flow(call: Call, flow_id: int) -> list[Doc]:
    return accessors_of(call, "flows", flow_node(call, flow_id).origin)


def _write_flow(call: Call, flow_id: int) -> list[Doc]:
    return change_accessors(call, "flows", flow_node(call, flow_id, "admin").origin)


for _kind in _SHARED:
    _path = f"/{_kind}" + "/{id}/accessors"
    ROUTES.add("GET", _path, _reader(_kind))
    for _method in ("PUT", "POST", "DELETE"):
        ROUTES.add(_method, _path, _writer(_kind))
for _path in ("/flows/{flow_id}/accessors", "/data_flows/{flow_id}/accessors"):
    ROUTES.add("GET", _path, _read_flow)
    for _method in ("PUT", "POST", "DELETE"):
        ROUTES.add(_method, _path, _write_flow)
