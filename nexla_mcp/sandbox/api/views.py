"""Resources as the API shows them: one view, list rows, and the flat rows of a flow."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import Grants, role_on
from nexla_mcp.sandbox.api.call import Call
from nexla_mcp.sandbox.clock import iso
from nexla_mcp.sandbox.engine.plan import stage_of
from nexla_mcp.sandbox.engine.rules import schema_of
from nexla_mcp.sandbox.lineage import credential_users, node_of
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import connector_kind
from nexla_mcp.sandbox.world import World

_HIDDEN = frozenset({"credentials", "owner_id", "org_id", "is_admin", "created_ms", "flow_name", "flow_description", "flow_tags"})


def owner_of(world: World, doc: Doc) -> Doc:
    user = world.store.get("users", doc.get("owner_id") or 0) or {}
    return {
        "id": user.get("id"),
        "full_name": user.get("full_name"),
        "email": user.get("email"),
        "email_verified_at": user.get("created_at"),
    }


def org_of(world: World) -> Doc:
    org = world.store.require("orgs", world.org_id)
    keys = (
        "id",
        "name",
        "email_domain",
        "email",
        "client_identifier",
        "org_webhook_host",
        "cluster_id",
        "new_cluster_id",
        "cluster_status",
        "status",
    )
    return {key: org.get(key) for key in keys}


def connector_of(world: World, type_name: str) -> Doc:
    """A connector as its users show it, with what was changed about it in the catalogue."""
    kind = connector_kind(type_name)
    shown = {
        "id": kind.id,
        "type": kind.type,
        "connection_type": kind.connection,
        "name": kind.name,
        "description": f"{kind.name} connector",
        "nexset_api_compatible": not kind.api,
    }
    return shown | (world.store.get("connectors", kind.id) or {})


def access_roles(call: Call, kind: str, doc: Doc, grants: Grants | None = None) -> list[str]:
    role = role_on(call, kind, doc, grants)
    return [role] if role else []


def common(call: Call, kind: str, doc: Doc) -> Doc:
    """The fields that nearly every resource shows."""
    shown = {key: value for key, value in doc.items() if key not in _HIDDEN}
    return {
        "id": doc["id"],
        "owner": owner_of(call.world, doc),
        "org": org_of(call.world),
        "access_roles": access_roles(call, kind, doc),
        **shown,
    }


def brief(doc: Doc) -> Doc:
    keys = ("id", "owner_id", "org_id", "name", "description", "created_at", "updated_at")
    return {**{key: doc.get(key) for key in keys}, "version": 1}


def credential_view(call: Call, doc: Doc, expand: bool = False) -> Doc:
    view = {
        **common(call, "data_credentials", doc),
        "credentials_version": "1",
        "managed": False,
        "connector": connector_of(call.world, doc["credentials_type"]),
        "api_keys": [],
        "template_config": None,
        "vendor": None,
    }
    if expand:
        view["referenced_resource_ids"] = credential_users(call.world.store, doc["id"])
    return view


def source_view(call: Call, doc: Doc, whole: bool = True) -> Doc:
    world = call.world
    nexsets = world.store.find("data_sets", data_source_id=doc["id"])
    runs = world.store.rows(
        "SELECT run_id FROM cycles WHERE source_id=? AND outcome<>'empty' ORDER BY run_id DESC LIMIT 10",
        (doc["id"],),
    )
    node = node_of(world.store, "data_sources", doc["id"])
    view = {
        **common(call, "data_sources", doc),
        **_flow_fields(doc, node),
        "data_sets": [brief(row) for row in nexsets],
        "managed": False,
        "auto_generated": False,
        "source_format": None,
        "connector_type": doc["source_type"],
        "connector": connector_of(world, doc["source_type"]),
        "run_ids": [{"id": run, "created_at": iso(run)} for (run,) in runs],
    }
    credential_id = view.pop("data_credentials_id", None)
    if call.world.config.reply_shape == "seed":
        view["data_credentials_id"] = credential_id
    if whole:
        credential = world.store.get("data_credentials", credential_id) if credential_id else None
        view |= {
            "poll_schedule": None,
            "runtime_status": "IDLE",
            "code_container_id": None,
            "data_credentials": credential_view(call, credential) if credential else None,
            "api_keys": api_keys_of(call, "data_source_id", doc["id"]),
        }
    else:
        view.pop("source_config", None)
        view |= {"has_template": False, "vendor_endpoint": None, "vendor": None}
    return view


def nexset_view(call: Call, doc: Doc) -> Doc:
    world = call.world
    view = common(call, "data_sets", doc)
    parent = world.store.get("data_sets", doc["parent_data_set_id"]) if doc.get("parent_data_set_id") else None
    source = world.store.get("data_sources", doc["data_source_id"]) if doc.get("data_source_id") else None
    sinks = world.store.find("data_sinks", data_set_id=doc["id"])
    node = node_of(world.store, "data_sets", doc["id"])
    view |= {
        **_flow_fields(doc, node),
        "parent_data_sets": [brief(parent)] if parent else [],
        "data_source": _short_source(source) if source else None,
        "data_sinks": [
            {key: sink.get(key) for key in ("id", "owner_id", "org_id", "name", "status", "sink_type")} for sink in sinks
        ],
        "output_schema": output_schema(world, doc),
    }
    view.pop("parent_data_set_id", None)
    if world.config.reply_shape == "seed":
        view |= {
            "has_custom_transform": bool(doc.get("transform_id")),
            "parent_data_set_id": doc.get("parent_data_set_id"),
        }
    return view


def output_schema(world: World, doc: Doc) -> Doc:
    """Schema of what the nexset puts out now; empty until data has arrived."""
    if not world.store.one("SELECT 1 FROM samples WHERE data_set_id=? LIMIT 1", (doc["id"],)):
        return {}
    schema = schema_of([record for _, record in stage_records(world, "data_sets", doc["id"])])
    notes = (doc.get("output_schema_annotations") or {}).get("properties")
    for name, note in notes.items() if isinstance(notes, dict) else ():
        if name in schema["properties"] and isinstance(note, dict):
            schema["properties"][name] |= note
    return schema


def stage_records(world: World, kind: str, resource_id: int) -> list[tuple[int, Doc]]:
    stage = stage_of(world, kind, resource_id)
    return list(stage.passed) if stage else []


def sink_view(call: Call, doc: Doc, whole: bool = True) -> Doc:
    world = call.world
    node = node_of(world.store, "data_sinks", doc["id"])
    nexset = world.store.get("data_sets", doc["data_set_id"]) if doc.get("data_set_id") else None
    view = {
        **common(call, "data_sinks", doc),
        **_flow_fields(doc, node),
        "connector_type": doc["sink_type"],
        "connector": connector_of(world, doc["sink_type"]),
        "managed": False,
        "data_map_id": None,
        "data_source_id": None,
        "sink_format": doc.get("sink_format"),
        "in_memory": False,
        "data_set": {"id": nexset["id"], "name": nexset.get("name") or f"nexset {nexset['id']}"} if nexset else None,
        "data_map": None,
    }
    credential_id = view.pop("data_credentials_id", None)
    if world.config.reply_shape == "seed":
        view["data_credentials_id"] = credential_id
    if whole:
        credential = world.store.get("data_credentials", credential_id) if credential_id else None
        view |= {
            "sink_schedule": None,
            "runtime_status": runtime_status(world, doc),
            "data_credentials": credential_view(call, credential) if credential else None,
        }
    else:
        view.pop("sink_config", None)
        view |= {"has_template": False, "vendor": None, "vendor_endpoint": None}
    return view


def runtime_status(world: World, sink: Doc) -> str:
    """PROCESSING for a destination that waits for a target that is not there, IDLE when nothing runs."""
    stage = stage_of(world, "data_sinks", sink["id"])
    return "PROCESSING" if stage and stage.state == "stuck" else "IDLE"


def resource_view(call: Call, kind: str, doc: Doc, whole: bool = True) -> Doc:
    if kind == "data_sources":
        return source_view(call, doc, whole)
    if kind == "data_sinks":
        return sink_view(call, doc, whole)
    return nexset_view(call, doc) if kind == "data_sets" else common(call, kind, doc)


def api_keys_of(call: Call, key: str, resource_id: int) -> list[Doc]:
    """Webhook keys; `url` is the address a sender posts to, key included."""
    return [
        {**row, "url": f"{call.base_url}/data/{resource_id}?api_key={row['api_key']}"}
        for row in call.world.store.find("api_keys", **{key: resource_id})
    ]


def flat_row(call: Call, kind: str, doc: Doc, origin: int, node_id: int, grants: Grants | None) -> Doc:
    """A resource in the flat lists of a flow: the only place with a plain data_credentials_id."""
    row: dict[str, Any] = {
        **{
            key: doc.get(key)
            for key in (
                "id",
                "owner_id",
                "org_id",
                "name",
                "description",
                "status",
                "tags",
                "copied_from_id",
                "created_at",
                "updated_at",
            )
        },
        "flow_node_id": node_id,
        "origin_node_id": origin,
        "managed": False,
        "access_roles": access_roles(call, kind, doc, grants),
    }
    if kind == "data_sets":
        sinks = call.world.store.find("data_sinks", data_set_id=doc["id"])
        return row | {
            "data_source_id": doc.get("data_source_id"),
            "parent_data_set_id": doc.get("parent_data_set_id"),
            "code_container_id": doc.get("transform_id"),
            "public": False,
            "data_sink_ids": [sink["id"] for sink in sinks],
        }
    type_key = "source_type" if kind == "data_sources" else "sink_type"
    connector = connector_kind(doc[type_key])
    row |= {
        type_key: doc[type_key],
        "connector_type": connector.type,
        "connection_type": connector.connection,
        "data_credentials_id": doc.get("data_credentials_id"),
        "template_config": None,
        "vendor": None,
    }
    if kind == "data_sources":
        return row | {"data_sink_id": None, "auto_generated": False}
    return row | {"data_set_id": doc.get("data_set_id"), "data_source_id": None}


def _flow_fields(doc: Doc, node: Any) -> Doc:
    return {
        "flow_type": doc.get("flow_type", "streaming"),
        "flow_node_id": node.id if node else None,
        "origin_node_id": node.origin if node else None,
    }


def _short_source(source: Doc) -> Doc:
    keys = ("id", "name", "description", "status", "source_type", "created_at", "updated_at")
    return {key: source.get(key) for key in keys} | {"tags": source.get("tags") or []}
