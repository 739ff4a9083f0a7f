"""Sources, nexsets and destinations: what creating, changing, copying and deleting them entails."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need, state_conflict
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.lifecycle import delete_resource
from nexla_mcp.sandbox.api.tags import tag_routes
from nexla_mcp.sandbox.api.views import nexset_view, sink_view, source_view
from nexla_mcp.sandbox.engine.arrival import new_webhook_key, suppose_upstream
from nexla_mcp.sandbox.engine.quartz import parse_cron
from nexla_mcp.sandbox.engine.samples import refresh_samples
from nexla_mcp.sandbox.lineage import add_node, node_of
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import SEGMENTS


def _check_schedule(config: Doc) -> None:
    text = config.get("start.cron")
    if text is not None:
        try:
            parse_cron(str(text))
        except ValueError as error:
            raise ApiError(400, f"Invalid start.cron: {error}") from None


def _check_credential(call: Call, body: Doc) -> None:
    if body.get("data_credentials_id") is not None:
        try:
            need(call, "data_credentials", int(body["data_credentials_id"]))
        except ApiError:
            raise ApiError(400, "Invalid data_credentials_id") from None


def _create_source(call: Call, body: Doc) -> Doc:
    _check_schedule(body.get("source_config") or {})
    _check_credential(call, body)
    doc = call.world.create(
        "data_sources",
        {
            "data_credentials_id": None,
            "ingest_method": "POLL",
            "flow_type": "streaming",
            "status": "INIT",
            **body,
        },
        call.who.user_id,
    )
    add_node(call.world.store, "data_sources", doc["id"], None)
    if doc["source_type"] == "nexla_rest":
        new_webhook_key(call.world, doc)
    else:
        suppose_upstream(call.world, doc)
    return doc


def _update_source(call: Call, doc: Doc, body: Doc) -> Doc:
    if "source_config" in body:
        _check_schedule(body["source_config"] or {})
        _refuse_config_of_active(call, "data_sources", doc, body, "source_config")
    _check_credential(call, body)
    return body


def _refuse_config_of_active(call: Call, kind: str, doc: Doc, body: Doc, key: str) -> None:
    if doc["status"] == "ACTIVE" and body[key] != doc.get(key):
        what = "source" if kind == "data_sources" else "sink"
        raise state_conflict(call, f"configuration of an active {what} cannot be changed", **{kind: [doc["id"]]})


def _create_nexset(call: Call, body: Doc) -> Doc:
    store = call.world.store
    parent = store.get("data_sets", int(body["parent_data_set_id"]))
    parent_node = node_of(store, "data_sets", parent["id"]) if parent else None
    if parent is None or parent_node is None:
        raise ApiError(400, "Invalid parent_data_set_id")
    sinks = body.pop("data_sinks", None) or []
    doc = call.world.create(
        "data_sets",
        {
            "data_source_id": None,
            "transform_id": None,
            "status": "INIT",
            "flow_type": "streaming",
            **_with_transform(call, None, body),
        },
        call.who.user_id,
    )
    node = add_node(store, "data_sets", doc["id"], parent_node)
    for entry in sinks:
        sink = store.get("data_sinks", int(entry["id"] if isinstance(entry, dict) else entry))
        if sink and node_of(store, "data_sinks", sink["id"]) is None:
            store.change("data_sinks", sink["id"], data_set_id=doc["id"])
            add_node(store, "data_sinks", sink["id"], node)
    return doc


def _with_transform(call: Call, doc: Doc | None, body: Doc) -> Doc:
    """Turn an inline transform into a code container that the nexset refers to."""
    inline = body.pop("transform", None)
    body.pop("has_custom_transform", None)
    if body.get("transform_id") and call.world.store.get("code_containers", int(body["transform_id"])) is None:
        raise ApiError(400, "Invalid transform_id")
    if inline is not None:
        code = inline.get("code", inline.get("transforms", inline)) if isinstance(inline, dict) else inline
        current = doc.get("transform_id") if doc else None
        own = call.world.store.get("code_containers", current) if current else None
        if own and not own.get("reusable"):
            call.world.modify("code_containers", own["id"], {"code": code}, call.who.user_id, call.path)
        else:
            made = call.world.create(
                "code_containers",
                {
                    "name": f"transform of {(doc or body).get('name')}",
                    "resource_type": "transform",
                    "output_type": "record",
                    "code_type": "python",
                    "code_encoding": "base64",
                    "reusable": False,
                    "code": code,
                },
                call.who.user_id,
            )
            body["transform_id"] = made["id"]
    return body


def _update_nexset(call: Call, doc: Doc, body: Doc) -> Doc:
    return {key: value for key, value in _with_transform(call, doc, body).items() if key != "data_sinks"}


def _create_sink(call: Call, body: Doc) -> Doc:
    store = call.world.store
    _check_credential(call, body)
    nexset = store.get("data_sets", int(body["data_set_id"])) if body.get("data_set_id") else None
    parent = node_of(store, "data_sets", nexset["id"]) if nexset else None
    if body.get("data_set_id") and parent is None:
        raise ApiError(400, "Invalid data_set_id")
    doc = call.world.create(
        "data_sinks",
        {
            "data_credentials_id": None,
            "sink_format": None,
            "sink_config": {},
            "flow_type": "streaming",
            "status": "INIT",
            **body,
        },
        call.who.user_id,
    )
    if parent:
        add_node(store, "data_sinks", doc["id"], parent)
    return doc


def _update_sink(call: Call, doc: Doc, body: Doc) -> Doc:
    if "sink_config" in body:
        _refuse_config_of_active(call, "data_sinks", doc, body, "sink_config")
    _check_credential(call, body)
    return body


def _deleting(kind: str) -> Any:
    def delete(call: Call, doc: Doc) -> None:
        delete_resource(call, node_of(call.world.store, kind, doc["id"]), kind, doc)

    return delete


def _resample(call: Call, doc: Doc) -> None:
    refresh_samples(call.world, doc["id"])


_OPERATIONS = "list get create update delete search"
register(
    Collection(
        "data_sources",
        view=source_view,
        row=lambda call, doc: source_view(call, doc, False),
        required=("name", "source_type"),
        defaults=(("source_config", {}),),
        operations=_OPERATIONS,
        creating=_create_source,
        updating=_update_source,
        deleting=_deleting("data_sources"),
    )
)
register(
    Collection(
        "data_sets",
        view=nexset_view,
        required=("name", "parent_data_set_id"),
        operations=_OPERATIONS,
        creating=_create_nexset,
        updating=_update_nexset,
        updated=_resample,
        deleting=_deleting("data_sets"),
    )
)
register(
    Collection(
        "data_sinks",
        view=sink_view,
        row=lambda call, doc: sink_view(call, doc, False),
        required=("name", "sink_type"),
        operations=_OPERATIONS,
        creating=_create_sink,
        updating=_update_sink,
        deleting=_deleting("data_sinks"),
    )
)
for _kind in SEGMENTS:
    tag_routes(_kind)
