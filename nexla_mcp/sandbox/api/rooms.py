"""Every module that adds routes, and the reply to a token exchange."""

from __future__ import annotations

from importlib import import_module

from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.world import World

ROOMS = (
    "flows",
    "rewiring",
    "sources",
    "stages",
    "credentials",
    "sharing",
    "metrics",
    "health",
    "logs",
    "notifications",
    "people",
    "orgs",
    "approvals",
    "groups",
    "code",
    "lookups",
    "tasks",
    "documentation",
    "schemas",
    "admin",
    "connectors",
    "templates",
    "governance",
    "marketplace",
    "inspection",
)


def load() -> None:
    """Import the rooms, so that the route table is complete."""
    for room in ROOMS:
        import_module(f"nexla_mcp.sandbox.api.{room}")


def session_reply(world: World, key: Doc, token: str) -> Doc:
    """The body of `POST /token`."""
    user = world.store.require("users", key["owner_id"])
    org = world.store.require("orgs", world.org_id)
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": world.config.token_ttl_s,
        "user": {
            "id": user["id"],
            "full_name": user["full_name"],
            "email": user["email"],
            "org": {"id": org["id"], "name": org["name"]},
            "impersonated": False,
        },
        "org": {name: org.get(name) for name in ("id", "name", "email_domain", "email", "client_identifier", "org_webhook_host")},
        "org_membership": {
            "api_key": user["api_key"],
            "status": user["membership"],
            "is_admin?": user["is_admin"],
        },
    }
