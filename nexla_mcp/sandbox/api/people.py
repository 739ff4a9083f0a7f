"""Users, their quarantine settings, the org and its members."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need_admin, role_on
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import org_of
from nexla_mcp.sandbox.store import Doc


def user_view(call: Call, doc: Doc) -> Doc:
    org = call.world.store.require("orgs", call.world.org_id)
    keys = ("id", "email", "full_name", "status", "user_tier", "created_at", "updated_at")
    return {
        **{key: doc.get(key) for key in keys},
        "super_user": False,
        "impersonated": False,
        "account_locked": False,
        "email_verified_at": doc["created_at"],
        "tos_signed_at": doc["created_at"],
        "default_org": {"id": org["id"], "name": org["name"]},
        "org_memberships": [
            {
                "id": org["id"],
                "name": org["name"],
                "is_admin?": bool(doc.get("is_admin")),
                "org_membership_status": doc["membership"],
                "api_key": doc["api_key"],
            }
        ],
        "api_key": doc["api_key"],
    }


def _one_user(call: Call, doc: Doc) -> Doc:
    view = user_view(call, doc)
    return {**view, "account_summary": account_summary(call, doc["id"])} if call.flag("expand") else view


def account_summary(call: Call, owner_id: int | None) -> Doc:
    summary: Doc = {}
    for kind in ("data_sources", "data_sets", "data_sinks", "data_maps"):
        docs = call.world.store.all(kind)
        mine = [doc for doc in docs if owner_id is None or doc["owner_id"] == owner_id]
        summary[kind] = {
            "total": len(mine),
            "owner": len(mine),
            "collaborator": 0,
            **{word.lower(): sum(doc.get("status") == word for doc in mine) for word in ("ACTIVE", "PAUSED")},
            "draft": sum(doc.get("status") == "INIT" for doc in mine),
        }
    return summary


def _create_user(call: Call, body: Doc) -> Doc:
    return call.world.create(
        "users",
        {
            "full_name": body["full_name"],
            "email": body["email"],
            "status": "ACTIVE",
            "membership": "ACTIVE",
            "is_admin": False,
            "user_tier": "FREE",
            "api_key": "not-issued",
            "name": body["full_name"],
        },
        call.who.user_id,
    )


def _update_user(call: Call, doc: Doc, body: Doc) -> Doc:
    return {("full_name" if key == "name" else key): value for key, value in body.items() if key != "is_admin"}


register(
    Collection(
        "users",
        view=_one_user,
        required=("full_name", "email"),
        creating=_create_user,
        updating=_update_user,
        list_query="page per_page access_role expand",
        owned=False,
        admin_only=True,
    )
)


@ROUTES.get("/users/current")
def current_user(call: Call) -> Doc:
    doc = call.world.store.require("users", call.who.user_id)
    return {
        **user_view(call, doc),
        "org": org_of(call.world),
        "org_membership": {
            "api_key": doc["api_key"],
            "status": doc["membership"],
            "is_admin?": doc["is_admin"],
        },
    }


@ROUTES.get("/user_settings")
def user_settings(call: Call) -> list[Doc]:
    return []


@ROUTES.get("/users/{user_id}/transferable", "org_id")
def transferable(call: Call, user_id: int) -> Doc:
    need_admin(call)
    store = call.world.store
    return {
        kind: [doc["id"] for doc in store.find(kind, owner_id=user_id)]
        for kind in ("data_sources", "data_sets", "data_sinks", "data_credentials", "projects", "teams")
    }


@ROUTES.put("/users/{user_id}/transfer")
def transfer(call: Call, user_id: int) -> Doc:
    need_admin(call)
    body = call.fields()
    new_owner = int(body.get("delegate_owner_id") or body.get("owner_id") or 0)
    if call.world.store.get("users", new_owner) is None:
        raise ApiError(400, "Invalid delegate_owner_id")
    moved = transferable(call, user_id)
    for kind, ids in moved.items():
        for resource_id in ids:
            call.world.modify(kind, resource_id, {"owner_id": new_owner}, call.who.user_id, call.path)
    return moved


def _quarantine_settings(call: Call, user_id: int) -> Any:
    if user_id != call.who.user_id:
        need_admin(call)
    store = call.world.store
    doc = store.get("quarantine_settings", user_id)
    if call.method == "POST" or (call.method == "PUT" and doc):
        body = call.fields()
        stored = {
            **(doc or {}),
            "id": user_id,
            "owner_id": user_id,
            "resource_type": "USER",
            "resource_id": user_id,
            **body,
        }
        return store.put("quarantine_settings", stored)
    if doc is None:
        raise ApiError(404)
    if call.method == "DELETE":
        store.remove("quarantine_settings", user_id)
        return {"code": "200", "message": "Ok"}
    return doc


for _method in ("GET", "POST", "PUT", "DELETE"):
    ROUTES.add(_method, "/users/{user_id}/quarantine_settings", _quarantine_settings)


def _org_view(call: Call, doc: Doc) -> Doc:
    owner = call.world.store.require("users", doc["owner_id"])
    admins = [user_view(call, user) for user in call.world.store.find("users", is_admin=True)]
    shown = {key: value for key, value in doc.items() if key not in ("owner_id", "org_id")}
    return {
        **shown,
        "owner": user_view(call, owner),
        "billing_owner": user_view(call, owner),
        "admins": admins,
        "access_roles": [role_on(call, "orgs", doc) or "collaborator"],
    }


register(Collection("orgs", view=_org_view, operations="list get update", owned=False, admin_only=True))


@ROUTES.get("/orgs/account_summary")
def current_account_summary(call: Call) -> Doc:
    return org_account_summary(call, call.world.org_id)


@ROUTES.get("/orgs/{org_id}/account_summary")
def org_account_summary(call: Call, org_id: int) -> Doc:
    summary = account_summary(call, None)
    return {
        "org_id": org_id,
        "data_sources": summary["data_sources"],
        "data_sinks": summary["data_sinks"],
        "data_sets": {"derived": summary["data_sets"], "detected": summary["data_sets"]},
    }


@ROUTES.get("/orgs/{org_id}/members")
def members(call: Call, org_id: int) -> list[Doc]:
    return [
        {
            "id": doc["id"],
            "full_name": doc["full_name"],
            "email": doc["email"],
            "is_admin?": bool(doc["is_admin"]),
            "access_role": ["admin" if doc["is_admin"] else "collaborator"],
            "org_membership_status": doc["membership"],
            "user_status": doc["status"],
        }
        for doc in call.world.store.all("users")
    ]


def _change_members(call: Call, org_id: int) -> list[Doc]:
    """PUT merges; activate and deactivate change the membership; DELETE deactivates (users stay known)."""
    need_admin(call)
    store = call.world.store
    status = "DEACTIVATED" if call.method == "DELETE" or call.path.endswith("deactivate") else "ACTIVE"
    for entry in call.items("members"):
        user = next(
            (
                row
                for row in store.all("users")
                if entry.get("id") == row["id"] or (not entry.get("id") and entry.get("email") == row["email"])
            ),
            None,
        )
        if user is None:
            if call.method == "DELETE" or not entry.get("email"):
                raise ApiError(400, "The member was not found")
            user = _create_user(call, {"full_name": entry.get("full_name", entry["email"]), "email": entry["email"]})
        changes: Doc = {"membership": status}
        if "admin" in entry or "is_admin" in entry:
            changes["is_admin"] = bool(entry.get("admin", entry.get("is_admin")))
        call.world.modify("users", user["id"], changes, call.who.user_id, call.path)
    return members(call, org_id)


for _method, _path in (("PUT", ""), ("DELETE", ""), ("PUT", "/activate"), ("PUT", "/deactivate")):
    ROUTES.add(_method, "/orgs/{org_id}/members" + _path, _change_members)
