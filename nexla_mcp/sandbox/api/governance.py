"""Who decides: custodians, login configuration, self sign-up."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need_admin
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.orgs import org
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import common, org_of
from nexla_mcp.sandbox.store import Doc


def person(call: Call, entry: Any) -> Doc:
    """The user that {id} or {email} names."""
    for user in call.world.store.all("users"):
        if isinstance(entry, dict) and (
            entry.get("id") == user["id"] or (not entry.get("id") and entry.get("email") == user["email"])
        ):
            return user
    raise ApiError(400, "The user was not found")


def custodians_of(call: Call, doc: Doc) -> list[Doc]:
    keys = ("id", "email", "full_name")
    users = [call.world.store.require("users", user_id) for user_id in doc.get("custodian_ids", [])]
    return [{key: user[key] for key in keys} for user in users]


def change_custodians(call: Call, kind: str, doc: Doc) -> list[Doc]:
    """PUT sets the list, POST adds to it, DELETE takes the named ones out; bare array or wrapped."""
    given = [person(call, entry)["id"] for entry in call.items("custodians")]
    have = list(doc.get("custodian_ids", []))
    after = {
        "PUT": given,
        "POST": [*have, *(user for user in given if user not in have)],
        "DELETE": [user for user in have if user not in given],
    }[call.method]
    changes = {"custodian_ids": after}
    return custodians_of(call, call.world.modify(kind, doc["id"], changes, call.who.user_id, call.path))


def _org_custodians(call: Call, org_id: int) -> list[Doc]:
    return custodians_of(call, org(call, org_id))


def _change_org_custodians(call: Call, org_id: int) -> list[Doc]:
    need_admin(call)
    return change_custodians(call, "orgs", org(call, org_id))


ROUTES.add("GET", "/orgs/{org_id}/custodians", _org_custodians)
for _method in ("PUT", "POST", "DELETE"):
    ROUTES.add(_method, "/orgs/{org_id}/custodians", _change_org_custodians)

register(Collection("api_auth_configs", required=("protocol", "name"), list_query="", get_query="", admin_only=True))


@ROUTES.get("/api_auth_configs/all")
def all_auth_configs(call: Call) -> list[Doc]:
    return [common(call, "api_auth_configs", doc) for doc in call.world.store.all("api_auth_configs")]


def _auth_setting(call: Call, doc: Doc) -> Doc:
    config = call.world.store.get("api_auth_configs", doc["auth_config_id"])
    keys = ("id", "enabled", "created_at", "updated_at")
    shown = {key: doc.get(key) for key in keys}
    return {
        **shown,
        "org": org_of(call.world),
        "auth_config": common(call, "api_auth_configs", config or doc),
    }


@ROUTES.get("/orgs/{org_id}/auth_settings")
def auth_settings(call: Call, org_id: int) -> list[Doc]:
    org(call, org_id)
    return [_auth_setting(call, doc) for doc in call.world.store.all("auth_settings")]


@ROUTES.put("/orgs/{org_id}/auth_settings/{auth_setting_id}")
def change_auth_setting(call: Call, org_id: int, auth_setting_id: int) -> Doc:
    need_admin(call)
    org(call, org_id)
    if call.world.store.get("auth_settings", auth_setting_id) is None:
        raise ApiError(404)
    changes = {"enabled": bool(call.fields().get("enabled"))}
    doc = call.world.modify("auth_settings", auth_setting_id, changes, call.who.user_id, call.path)
    return _auth_setting(call, doc)


def _signup_view(call: Call, doc: Doc) -> Doc:
    keys = ("id", "status", "email", "full_name", "invite_id", "created_at", "updated_at")
    return {key: doc.get(key) for key in keys}


@ROUTES.get("/self_signup_requests")
def signup_requests(call: Call) -> list[Doc]:
    need_admin(call)
    return [_signup_view(call, doc) for doc in call.world.store.all("self_signup_requests")]


@ROUTES.get("/self_signup_requests/{request_id}")
def signup_request(call: Call, request_id: int) -> Doc:
    need_admin(call)
    doc = call.world.store.get("self_signup_requests", request_id)
    if doc is None:
        raise ApiError(404)
    return _signup_view(call, doc)


@ROUTES.put("/self_signup_requests/{request_id}/approve")
def approve_signup(call: Call, request_id: int) -> Doc:
    need_admin(call)
    if call.world.store.get("self_signup_requests", request_id) is None:
        raise ApiError(404)
    changes = {"status": "approved"}
    doc = call.world.modify("self_signup_requests", request_id, changes, call.who.user_id, call.path)
    return _signup_view(call, doc)


@ROUTES.post("/signup")
def sign_up(call: Call) -> Doc:
    body = call.fields()
    if not body.get("email"):
        raise ApiError(400, "The property '#/' did not contain a required property of 'email'")
    given = {
        "email": body["email"],
        "full_name": body.get("full_name"),
        "status": "requested",
        "invite_id": None,
    }
    return _signup_view(call, call.world.create("self_signup_requests", given, call.who.user_id))


@ROUTES.get("/signup/verify_email", "token")
def verify_email(call: Call) -> Doc:
    """A GET that changes state: every request that waits becomes verified."""
    for doc in call.world.store.find("self_signup_requests", status="requested"):
        call.world.modify("self_signup_requests", doc["id"], {"status": "email_verified"}, call.who.user_id)
    return {"status": "ok"}


register(
    Collection(
        "self_signup_blocked_domains",
        view=lambda call, doc: {"id": doc["id"], "domain": doc["domain"]},
        required=("domain",),
        operations="list create update delete",
        list_query="",
        admin_only=True,
    )
)
