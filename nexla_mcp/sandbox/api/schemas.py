"""Stored schemas (undocumented apart from sharing and history), and what the fields of a nexset mean."""

from __future__ import annotations

from nexla_mcp.sandbox.api.access import need
from nexla_mcp.sandbox.api.call import Call
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import output_schema
from nexla_mcp.sandbox.store import Doc

register(Collection("data_schemas", operations="list get create update delete", get_query=""))


@ROUTES.get("/data_sets/{set_id}/semantic_schemas")
def semantic_schemas(call: Call, set_id: int) -> list[Doc]:
    """The org's semantic schemas that name fields of this nexset, cut to those fields. The form is ASSUMED."""
    fields = output_schema(call.world, need(call, "data_sets", set_id)).get("properties", {})
    found = []
    for doc in call.world.store.all("semantic_schemas"):
        meanings = {name: meaning for name, meaning in doc["fields"].items() if name in fields}
        if meanings:
            found.append({"id": doc["id"], "name": doc["name"], "data_set_id": set_id, "fields": meanings})
    return found
