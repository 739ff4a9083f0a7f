"""Lookups (data maps) and their entries."""

from __future__ import annotations

import fnmatch
from typing import Any

from nexla_mcp.sandbox.api.access import need
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.tags import tag_routes
from nexla_mcp.sandbox.api.views import common
from nexla_mcp.sandbox.engine.rules import schema_of
from nexla_mcp.sandbox.store import Doc

_KIND = "data_maps"


def view(call: Call, doc: Doc) -> Doc:
    entries = doc.get("entries", [])
    shown = {
        **common(call, _KIND, doc),
        "description": doc.get("description") or "",
        "data_sink_id": None,
        "data_set_id": None,
        "map_entry_count": len(entries),
        "map_entry_schema": schema_of(entries[:20]),
    }
    if not call.flag("expand"):
        shown.pop("entries", None)
    return shown


def _with_entries(body: Doc) -> Doc:
    """The entries of a static lookup come as `data_map` or `entries`."""
    given = {key: value for key, value in body.items() if key not in ("entries", "data_map")}
    entries = body.get("entries") or body.get("data_map")
    if entries is None:
        return given
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ApiError(400, "The property '#/data_map' must be an array of objects")
    return {**given, "entries": entries}


def _create(call: Call, body: Doc) -> Doc:
    return call.world.create(_KIND, {"entries": [], **_with_entries(body)}, call.who.user_id)


register(
    Collection(
        _KIND,
        view=view,
        required=("name", "map_primary_key"),
        creating=_create,
        updating=lambda call, doc, body: _with_entries(body),
        operations="list get create update delete search",
        defaults=(
            ("public", False),
            ("managed", False),
            ("data_type", "string"),
            ("data_format", None),
            ("emit_data_default", False),
            ("use_versioning", False),
            ("data_defaults", {}),
        ),
    )
)
tag_routes(_KIND)


def _matching(doc: Doc, keys: str) -> list[Doc]:
    patterns = [key for key in keys.split(",") if key]
    primary = doc["map_primary_key"]
    return [
        entry
        for entry in doc.get("entries", [])
        if any(fnmatch.fnmatchcase(str(entry.get(primary)), pattern) for pattern in patterns)
    ]


@ROUTES.put("/data_maps/{id}/entries")
def upsert(call: Call, id: int) -> list[Doc]:
    doc = need(call, _KIND, id, "admin")
    primary = doc["map_primary_key"]
    given = {str(entry.get(primary)): entry for entry in call.items("entries")}
    kept = [entry for entry in doc.get("entries", []) if str(entry.get(primary)) not in given]
    call.world.modify(_KIND, id, {"entries": [*kept, *given.values()]}, call.who.user_id, call.path)
    return list(given.values())


@ROUTES.get("/data_maps/{id}/entries/{entry_keys}")
def read(call: Call, id: int, entry_keys: str) -> list[Doc]:
    return _matching(need(call, _KIND, id), entry_keys)


@ROUTES.delete("/data_maps/{id}/entries/{entry_keys}")
def remove(call: Call, id: int, entry_keys: str) -> Any:
    doc = need(call, _KIND, id, "admin")
    gone = _matching(doc, entry_keys)
    kept = [entry for entry in doc.get("entries", []) if entry not in gone]
    call.world.modify(_KIND, id, {"entries": kept}, call.who.user_id, call.path)
    return {"code": "200", "message": "Ok"}
