"""Users, what they own, and their quarantine settings."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need_admin
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
        ]
        if doc["membership"]
        else [],
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


def _create_user(call: Call, body: Doc, membership: str | None = "ACTIVE") -> Doc:
    return call.world.create(
        "users",
        {
            "full_name": body["full_name"],
            "email": body["email"],
            "status": body.get("status", "ACTIVE"),
            "membership": membership,
            "is_admin": False,
            "user_tier": "FREE",
            "api_key": "not-issued",
            "name": body["full_name"],
        },
        call.who.user_id,
    )


def add_person(call: Call, entry: Any, membership: str | None) -> int:
    """Id of the user with the address in {full_name, email}; an account is made when there is none."""
    if not isinstance(entry, dict) or not isinstance(entry.get("email"), str):
        raise ApiError(400, "a person needs an email")
    known = call.world.store.find("users", email=entry["email"])
    if known:
        return int(known[0]["id"])
    name = str(entry.get("full_name") or entry["email"])
    return int(_create_user(call, {"full_name": name, "email": entry["email"]}, membership)["id"])


def _update_user(call: Call, doc: Doc, body: Doc) -> Doc:
    return {("full_name" if key == "name" else key): value for key, value in body.items() if key != "is_admin"}


register(
    Collection(
        "users",
        view=_one_user,
        required=("full_name", "email"),
        creating=_create_user,
        only=lambda doc: doc["membership"] is not None,
        updating=_update_user,
        list_query="page per_page access_role expand",
        owned=False,
        admin_only=True,
        statuses=("ACTIVE", "DEACTIVATED", "SOURCE_COUNT_CAPPED", "SOURCE_DATA_CAPPED", "TRIAL_EXPIRED"),
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
            **body,
            "id": user_id,
            "owner_id": user_id,
            "resource_type": "USER",
            "resource_id": user_id,
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
