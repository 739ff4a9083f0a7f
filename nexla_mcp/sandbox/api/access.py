"""Who is calling and what they may do: sessions, roles, and the checks that routes make."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexla_mcp.sandbox.api.call import ApiError
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import ROLES
from nexla_mcp.sandbox.world import World

if TYPE_CHECKING:
    from nexla_mcp.sandbox.api.call import Call

Grants = dict[tuple[str, int], str]


@dataclass(frozen=True)
class Principal:
    """The person behind a session."""

    user_id: int
    admin: bool


class Sessions:
    """Session tokens, alive until their expiry on the world's clock or a logout."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[int, int]] = {}

    def open(self, world: World, user_id: int) -> str:
        header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
        token = f"{header}.{secrets.token_urlsafe(24)}.{secrets.token_urlsafe(16)}"
        self._tokens[token] = (user_id, world.now() + world.config.token_ttl_s * 1000)
        return token

    def close(self, token: str) -> bool:
        return self._tokens.pop(token, None) is not None

    def principal(self, world: World, authorization: str | None) -> Principal | None:
        scheme, _, token = (authorization or "").partition(" ")
        user_id, expires = self._tokens.get(token.strip(), (0, 0))
        if scheme.lower() != "bearer" or not user_id or world.now() >= expires:
            return None
        if user_id == world.refuses_sessions_of:
            return None
        user = world.store.get("users", user_id)
        return Principal(user_id, bool(user.get("is_admin"))) if user and _may_enter(user) else None

    def clear(self) -> None:
        self._tokens.clear()


def _may_enter(user: Doc) -> bool:
    """Neither the account nor its membership in the org is switched off."""
    return bool(user["status"] != "DEACTIVATED" and user["membership"] == "ACTIVE")


def key_owner(world: World, authorization: str | None) -> Doc | None:
    """The active service key that a Basic header carries, verbatim or base64-coded; None when there is none."""
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    candidates = {value.strip()}
    try:
        decoded = base64.b64decode(value, validate=True).decode()
        candidates |= {decoded, *decoded.split(":", 1)}
    except (binascii.Error, UnicodeDecodeError):
        pass
    for key in world.store.find("service_keys", status="ACTIVE"):
        if key["api_key"] in candidates:
            return key if _may_enter(world.store.require("users", key["owner_id"])) else None
    return None


def grants_of(call: Call) -> Grants:
    """Roles that the caller was given by name, through a team or through the org, by kind and id."""
    world = call.world
    teams = [
        team["id"]
        for team in world.store.all("teams")
        if any(member["id"] == call.who.user_id for member in team.get("members", []))
    ]
    subjects = [("USER", call.who.user_id), ("ORG", world.org_id), *(("TEAM", team) for team in teams)]
    grants: Grants = {}
    for kind, resource_id, type_name, subject, roles in world.store.rows(
        "SELECT kind, resource_id, type, subject_id, roles FROM accessors"
    ):
        if (type_name, subject) in subjects:
            for role in json.loads(roles):
                _raise_to(grants, (kind, resource_id), role)
    for kind, resource_id, origin in world.store.rows("SELECT kind, resource_id, origin FROM nodes"):
        if ("flows", origin) in grants:
            _raise_to(grants, (kind, resource_id), grants["flows", origin])
            doc = world.store.get(kind, resource_id) or {}
            for linked, key in (
                ("data_credentials", "data_credentials_id"),
                ("code_containers", "transform_id"),
            ):
                if doc.get(key):
                    _raise_to(grants, (linked, doc[key]), "collaborator")
    return grants


def _raise_to(grants: Grants, key: tuple[str, int], role: str) -> None:
    if role in ROLES and (key not in grants or ROLES.index(role) > ROLES.index(grants[key])):
        grants[key] = role


def role_on(call: Call, kind: str, doc: Doc, grants: Grants | None = None) -> str | None:
    """The caller's strongest role on a resource, or None."""
    if doc.get("owner_id") == call.who.user_id:
        return "owner"
    if call.who.admin:
        return "admin"
    return (grants_of(call) if grants is None else grants).get((kind, doc["id"]))


def visible(call: Call, kind: str, docs: list[Doc]) -> list[Doc]:
    """What a list shows: resources on which the caller has at least the asked role (`owner` when not asked)."""
    asked = call.query.get("access_role", "owner").lower()
    if asked not in ROLES:
        raise ApiError(400, f"The property '#/access_role' value \"{asked}\" did not match one of the values {ROLES}")
    if asked == "owner":
        return [doc for doc in docs if doc.get("owner_id") == call.who.user_id]
    if call.who.admin:
        return docs
    grants = grants_of(call)
    floor = ROLES.index(asked)
    return [
        doc
        for doc in docs
        if ROLES.index(role_on(call, kind, doc, grants) or ROLES[0]) >= floor and role_on(call, kind, doc, grants)
    ]


def need(call: Call, kind: str, resource_id: int, role: str = "collaborator") -> Doc:
    """The resource, if the caller has the role on it: 404 for an unknown id, 403 with an empty body otherwise."""
    doc = call.world.store.get(kind, resource_id)
    if doc is None:
        raise ApiError(404)
    require_role(call, kind, doc, role)
    return doc


def require_role(call: Call, kind: str, doc: Doc, role: str) -> None:
    have = role_on(call, kind, doc)
    if have is None or ROLES.index(have) < ROLES.index(role):
        raise ApiError(403)


def need_admin(call: Call) -> None:
    if not call.who.admin:
        raise ApiError(403)


def state_conflict(call: Call, message: str, **ids: list[int]) -> ApiError:
    """The refusal of a request that the resource's state forbids, in the configured form."""
    config = call.world.config
    if config.state_conflict_body == "empty":
        return ApiError(config.state_conflict)
    lists = ids if config.state_conflict_body == "lists" else {}
    return ApiError(config.state_conflict, message, **lists)
