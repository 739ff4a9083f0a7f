"""What administrators keep: service keys, webhook keys, runtimes, triggers; and the webhook itself."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from nexla_mcp.sandbox.api.access import need, need_admin
from nexla_mcp.sandbox.api.call import ApiError, Call, Reply
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import api_keys_of, common
from nexla_mcp.sandbox.engine.arrival import new_webhook_key, receive
from nexla_mcp.sandbox.lineage import node_of
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import ID_KEY, SEGMENTS

_KEY_FIELDS = (
    "id",
    "owner_id",
    "org_id",
    "name",
    "description",
    "status",
    "api_key",
    "last_rotated_key",
    "last_rotated_at",
    "data_source_id",
    "created_at",
    "updated_at",
)


def _key_view(call: Call, doc: Doc) -> Doc:
    return {key: doc.get(key) for key in _KEY_FIELDS}


def _create_key(call: Call, body: Doc) -> Doc:
    return call.world.create(
        "service_keys",
        {
            "status": "ACTIVE",
            "data_source_id": None,
            "last_rotated_key": None,
            "last_rotated_at": None,
            **body,
            "api_key": secrets.token_hex(16),
        },
        call.who.user_id,
    )


register(Collection("service_keys", view=_key_view, creating=_create_key, required=("name",), get_query=""))


def _rotated(doc: Doc, stamp: str) -> Doc:
    return {"last_rotated_key": doc["api_key"], "last_rotated_at": stamp, "api_key": secrets.token_hex(16)}


def _key_change(change: str) -> Any:
    def handler(call: Call, key_id: int) -> Doc:
        doc = need(call, "service_keys", key_id, "admin")
        changes = {"activate": {"status": "ACTIVE"}, "pause": {"status": "PAUSED"}}.get(change, {}) or _rotated(
            doc, call.world.stamp()
        )
        return _key_view(call, call.world.modify("service_keys", key_id, changes, call.who.user_id, call.path))

    return handler


for _change in ("activate", "pause", "rotate"):
    ROUTES.add("PUT", "/service_keys/{key_id}/" + _change, _key_change(_change))


def _keys(call: Call, kind: str, resource_id: int) -> list[Doc]:
    need(call, kind, resource_id)
    return api_keys_of(call, ID_KEY[kind], resource_id)


def _key(call: Call, kind: str, resource_id: int, api_key_id: int) -> Doc:
    found = next((row for row in _keys(call, kind, resource_id) if row["id"] == api_key_id), None)
    if found is None:
        raise ApiError(404)
    return found


def _new_key(call: Call, kind: str, resource_id: int) -> Doc:
    doc = need(call, kind, resource_id, "admin")
    if kind != "data_sources":
        raise ApiError(400, "only sources of type nexla_rest take data by key")
    made = new_webhook_key(call.world, doc)
    return _key(call, kind, resource_id, made["id"])


def _change_key(change: str) -> Any:
    def handler(call: Call, kind: str, resource_id: int, api_key_id: int) -> Doc:
        need(call, kind, resource_id, "admin")
        _key(call, kind, resource_id, api_key_id)
        store = call.world.store
        doc = store.require("api_keys", api_key_id)
        if change == "delete":
            store.remove("api_keys", api_key_id)
            return {"code": "200", "message": "Ok"}
        changes = {
            "activate": {"status": "ACTIVE"},
            "pause": {"status": "PAUSED"},
            "update": {k: v for k, v in (call.body or {}).items() if k in ("name", "description")},
        }.get(change)
        store.put("api_keys", {**doc, **(changes if changes is not None else _rotated(doc, call.world.stamp()))})
        call.world.audit(kind, resource_id, "update", {"api_key": [None, None]}, call.who.user_id, call.path)
        return _key(call, kind, resource_id, api_key_id)

    return handler


_BASE = "/{kind}/{resource_id}/api_keys"
ROUTES.add("GET", _BASE, _keys, choices={"kind": SEGMENTS})
ROUTES.add("POST", _BASE, _new_key, choices={"kind": SEGMENTS})
ROUTES.add("GET", _BASE + "/{api_key_id}", _key, choices={"kind": SEGMENTS})
ROUTES.add("PUT", _BASE + "/{api_key_id}", _change_key("update"), choices={"kind": SEGMENTS})
ROUTES.add("DELETE", _BASE + "/{api_key_id}", _change_key("delete"), choices={"kind": SEGMENTS})
for _change in ("activate", "pause", "rotate"):
    ROUTES.add("PUT", _BASE + "/{api_key_id}/" + _change, _change_key(_change), choices={"kind": SEGMENTS})


def _runtime_view(call: Call, doc: Doc) -> Doc:
    view = common(call, "runtimes", doc)
    if call.world.config.reply_shape == "seed":
        view["status"] = "ACTIVE" if doc.get("active") else "PAUSED"
    return view


register(
    Collection(
        "runtimes",
        view=_runtime_view,
        required=("name",),
        list_query="",
        get_query="",
        defaults=(("active", False), ("config", {}), ("managed", False)),
    )
)


def _set_runtime(active: bool) -> Any:
    def handler(call: Call, runtime_id: int) -> Doc:
        need_admin(call)
        need(call, "runtimes", runtime_id)
        doc = call.world.modify("runtimes", runtime_id, {"active": active}, call.who.user_id, call.path)
        return _runtime_view(call, doc)

    return handler


ROUTES.add("PUT", "/runtimes/{runtime_id}/activate", _set_runtime(True))
ROUTES.add("PUT", "/runtimes/{runtime_id}/pause", _set_runtime(False))


def _started_by(call: Call, origin: int) -> set[int]:
    """A flow and every flow that it starts, directly or through others."""
    found, todo = {origin}, [origin]
    triggers = call.world.store.all("flow_triggers")
    while todo:
        current = todo.pop()
        for row in triggers:
            if row["triggering_origin_node_id"] == current and row["triggered_origin_node_id"] not in found:
                found.add(row["triggered_origin_node_id"])
                todo.append(row["triggered_origin_node_id"])
    return found


def _create_trigger(call: Call, body: Doc) -> Doc:
    """One flow starts another; the same pair twice, or a circle, is refused."""
    source = need(call, "data_sources", int(body["triggered_resource_id"]), "operator")
    kind = f"{body['triggering_resource_type']}s"
    need(call, kind, int(body["triggering_resource_id"]))
    node = node_of(call.world.store, kind, int(body["triggering_resource_id"]))
    target = node_of(call.world.store, "data_sources", source["id"])
    if node is None or target is None or node.origin in _started_by(call, target.origin):
        raise ApiError(400, "a flow cannot trigger itself")
    if any(row["triggered_resource_id"] == source["id"] for row in triggers_of(call, kind, node.resource_id)):
        raise ApiError(409, "the trigger exists already")
    return call.world.create(
        "flow_triggers",
        {
            "status": "ACTIVE",
            "triggered_event_type": "DATA_SOURCE_READ_START",
            "triggered_resource_type": "data_source",
            "triggering_event_type": "DATA_SINK_WRITE_DONE",
            **body,
            "triggering_origin_node_id": node.origin,
            "triggering_flow_node_id": node.id,
            "triggered_origin_node_id": target.id,
        },
        call.who.user_id,
    )


register(
    Collection(
        "flow_triggers",
        creating=_create_trigger,
        operations="list get create delete",
        get_query="",
        required=("triggering_resource_type", "triggering_resource_id", "triggered_resource_id"),
    )
)


@ROUTES.get("/{kind}/{resource_id}/flow_triggers", kind=SEGMENTS)
def triggers_of(call: Call, kind: str, resource_id: int) -> list[Doc]:
    need(call, kind, resource_id)
    pair = (kind.removesuffix("s"), resource_id)
    return [
        doc
        for doc in call.world.store.all("flow_triggers")
        if pair
        in (
            (doc["triggering_resource_type"], doc["triggering_resource_id"]),
            (doc["triggered_resource_type"], doc["triggered_resource_id"]),
        )
    ]


def _set_trigger(status: str) -> Any:
    def handler(call: Call, flow_trigger_id: int) -> Doc:
        need(call, "flow_triggers", flow_trigger_id, "operator")
        return call.world.modify("flow_triggers", flow_trigger_id, {"status": status}, call.who.user_id, call.path)

    return handler


ROUTES.add("PUT", "/flow_triggers/{flow_trigger_id}/activate", _set_trigger("ACTIVE"))
ROUTES.add("PUT", "/flow_triggers/{flow_trigger_id}/pause", _set_trigger("PAUSED"))


def ingest(call: Call, source_id: int) -> Reply:
    """The webhook: one JSON object or an array of them, opened by a key instead of a session."""
    store = call.world.store
    source = store.get("data_sources", source_id)
    given = call.query.get("api_key") or _basic(call.headers.get("authorization", ""))
    keys = [row["api_key"] for row in store.find("api_keys", data_source_id=source_id, status="ACTIVE")]
    if source is None or given not in keys:
        return Reply(None, 403)
    if source["status"] != "ACTIVE":
        return Reply({"error": f"Source #{source_id} is {source['status']}"}, 500)
    records = call.body if isinstance(call.body, list) else [call.body]
    if not records or not all(isinstance(record, dict) for record in records):
        raise ApiError(400, "The payload must be a JSON object or an array of objects")
    data_set_id = receive(call.world, source, records)
    key = "dataset_id" if call.world.config.reply_shape == "seed" else "datasetId"
    return Reply({key: data_set_id, "processed": len(records)})


def _basic(header: str) -> str:
    value = header.removeprefix("Basic ").strip()
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except ValueError:
        return value
    return decoded if decoded.isprintable() and len(decoded) > 8 else value


ROUTES.add(
    "POST",
    "/data/{source_id}",
    ingest,
    "api_key include_headers include_url_params force_schema_detection",
    public=True,
)
