"""Organizations and who belongs to them. All resources stand in the org of the session; others hold people only."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need_admin, role_on, state_conflict
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.people import account_summary, add_person, user_view
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.store import Doc

_HIDDEN = ("owner_id", "org_id", "billing_owner_id", "memberships")
_PEOPLE = ("billing_owner", "billing_owner_id", "members", "memberships")
_NOBODY = 0
_Membership = dict[str, Any]
"""{id, is_admin, membership}: on the user for the org of the session, in a list of its own for the others."""


def org(call: Call, org_id: int) -> Doc:
    """The organization, or 404."""
    doc = call.world.store.get("orgs", org_id)
    if doc is None:
        raise ApiError(404)
    return doc


def _memberships(call: Call, doc: Doc) -> list[_Membership]:
    if doc["id"] != call.world.org_id:
        return list(doc.get("memberships", []))
    return [
        {"id": user["id"], "is_admin": bool(user["is_admin"]), "membership": user["membership"]}
        for user in call.world.store.all("users")
        if user["membership"]
    ]


def _set_membership(call: Call, doc: Doc, row: _Membership) -> None:
    if doc["id"] == call.world.org_id:
        changes = {key: row[key] for key in ("is_admin", "membership")}
        call.world.modify("users", row["id"], changes, call.who.user_id, call.path)
        return
    current = org(call, doc["id"])
    others = [other for other in _memberships(call, current) if other["id"] != row["id"]]
    call.world.modify("orgs", doc["id"], {"memberships": [*others, row]}, call.who.user_id, call.path)


def _view(call: Call, doc: Doc) -> Doc:
    require = call.world.store.require
    admins = [row["id"] for row in _memberships(call, doc) if row["is_admin"]]
    return {
        **{key: value for key, value in doc.items() if key not in _HIDDEN},
        "owner": user_view(call, require("users", doc["owner_id"])),
        "billing_owner": user_view(call, require("users", doc.get("billing_owner_id") or doc["owner_id"])),
        "admins": [user_view(call, require("users", user_id)) for user_id in admins],
        "access_roles": [role_on(call, "orgs", doc) or "collaborator"],
    }


def _person(call: Call, name: str) -> int | None:
    """The user that `<name>_id` or {full_name, email} under `<name>` stands for; somebody unknown gets an account."""
    body = call.fields()
    given = body.get(name) or {"id": body.get(f"{name}_id")}
    if not isinstance(given, dict):
        raise ApiError(400, f"The property '#/{name}' did not match the type object")
    if given.get("email"):
        return add_person(call, given, membership=None)
    if given.get("id") is None:
        return None
    if call.world.store.get("users", given["id"]) is None:
        raise ApiError(400, f"Invalid {name}_id")
    return int(given["id"])


def _create(call: Call, body: Doc) -> Doc:
    owner = _person(call, "owner") or call.who.user_id
    billing = _person(call, "billing_owner") or owner
    rows = {owner: {"id": owner, "is_admin": True, "membership": "ACTIVE"}}
    for entry in body.get("members") or []:
        user_id = add_person(call, entry, None)
        rows.setdefault(user_id, {"id": user_id, "is_admin": bool(entry.get("admin")), "membership": "ACTIVE"})
    plain = {key: value for key, value in body.items() if key not in _PEOPLE}
    standing = {"cluster_status": "ACTIVE", "status": "ACTIVE", "org_tier": None}
    given = {**standing, **plain, "billing_owner_id": billing, "memberships": list(rows.values())}
    return call.world.create("orgs", given, owner)


def _update(call: Call, doc: Doc, body: Doc) -> Doc:
    changes = {key: value for key, value in body.items() if key not in (*_PEOPLE, "cluster_status")}
    for name in ("owner", "billing_owner"):
        user_id = _person(call, name)
        if user_id is not None:
            changes[f"{name}_id"] = user_id
    return changes


def _delete(call: Call, doc: Doc) -> None:
    if doc["id"] == call.world.org_id:
        raise state_conflict(call, "the organization still holds resources and the session that asks")


register(
    Collection(
        "orgs",
        view=_view,
        required=("name", "email_domain"),
        creating=_create,
        updating=_update,
        deleting=_delete,
        owned=False,
        admin_only=True,
    )
)


@ROUTES.get("/orgs/account_summary")
def current_account_summary(call: Call) -> Doc:
    return org_account_summary(call, call.world.org_id)


@ROUTES.get("/orgs/{org_id}/account_summary")
def org_account_summary(call: Call, org_id: int) -> Doc:
    summary = account_summary(call, None if org(call, org_id)["id"] == call.world.org_id else _NOBODY)
    return {
        "org_id": org_id,
        "data_sources": summary["data_sources"],
        "data_sinks": summary["data_sinks"],
        "data_sets": {"derived": summary["data_sets"], "detected": summary["data_sets"]},
    }


@ROUTES.get("/orgs/{org_id}/members")
def members(call: Call, org_id: int) -> list[Doc]:
    shown = []
    for row in _memberships(call, org(call, org_id)):
        user = call.world.store.require("users", row["id"])
        shown.append(
            {
                "id": user["id"],
                "full_name": user["full_name"],
                "email": user["email"],
                "is_admin?": row["is_admin"],
                "access_role": ["admin" if row["is_admin"] else "collaborator"],
                "org_membership_status": row["membership"],
                "user_status": user["status"],
            }
        )
    return shown


def _named(call: Call, doc: Doc, entry: Any) -> _Membership:
    """The membership that an entry of a body names; only PUT and POST bring in somebody new."""
    if not isinstance(entry, dict):
        raise ApiError(400, "members must be objects")
    rows = {row["id"]: row for row in _memberships(call, doc)}
    for user in call.world.store.all("users"):
        if entry.get("id") == user["id"] or (not entry.get("id") and entry.get("email") == user["email"]):
            return rows.get(user["id"], {"id": user["id"], "is_admin": False, "membership": "ACTIVE"})
    if call.method == "DELETE" or not entry.get("email"):
        raise ApiError(400, "The member was not found")
    return {"id": add_person(call, entry, None), "is_admin": False, "membership": "ACTIVE"}


def _change_members(call: Call, org_id: int) -> list[Doc]:
    """PUT merges, POST replaces all, activate and deactivate change the membership; DELETE deactivates (users stay known)."""
    need_admin(call)
    doc = org(call, org_id)
    status = "DEACTIVATED" if call.method == "DELETE" or call.path.endswith("/deactivate") else "ACTIVE"
    entries = call.items("members")
    changed: dict[int, _Membership] = {}
    for entry in entries:
        row = _named(call, doc, entry)
        admin = entry.get("admin", entry.get("is_admin", row["is_admin"]))
        changed[row["id"]] = {**row, "is_admin": bool(admin), "membership": status}
    if call.method == "POST":
        left = [row for row in _memberships(call, doc) if row["id"] not in changed]
        changed |= {row["id"]: {**row, "membership": "DEACTIVATED"} for row in left}
    for row in changed.values():
        _set_membership(call, doc, row)
    return members(call, org_id)


for _method, _path in (("PUT", ""), ("POST", ""), ("DELETE", ""), ("PUT", "/activate"), ("PUT", "/deactivate")):
    ROUTES.add(_method, "/orgs/{org_id}/members" + _path, _change_members)
