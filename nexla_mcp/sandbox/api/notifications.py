"""Notifications, their types, channels and settings."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.asynchronous import answered_later
from nexla_mcp.sandbox.api.call import ApiError, Call, Reply
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import org_of, owner_of
from nexla_mcp.sandbox.store import Doc

_LIST = "page per_page access_role read level from to resource_type resource_id"


def view(call: Call, doc: Doc) -> Doc:
    keys = (
        "id",
        "level",
        "resource_id",
        "resource_type",
        "message_id",
        "message",
        "read_at",
        "created_at",
        "updated_at",
    )
    role = "owner" if doc["owner_id"] == call.who.user_id else "admin"
    return {
        **{key: doc.get(key) for key in keys},
        "owner": owner_of(call.world, doc),
        "org": org_of(call.world),
        "access_roles": [role],
    }


def _mine(call: Call) -> list[Doc]:
    """Notifications the caller may see: their own, all of the org for an administrator who asks for more."""
    rows = call.world.store.all("notifications")
    wide = call.who.admin and call.query.get("access_role", "admin") != "owner"
    return [row for row in rows if wide or row["owner_id"] == call.who.user_id]


@ROUTES.get("/notifications", _LIST)
def list_notifications(call: Call) -> Reply:
    rows = sorted(_mine(call), key=lambda row: -row["created_ms"])
    if "read" in call.query:
        rows = [row for row in rows if bool(row["read_at"]) == call.flag("read")]
    for name in ("level", "resource_type", "resource_id"):
        if name in call.query:
            rows = [row for row in rows if str(row[name]).upper() == call.query[name].upper()]
    start, end = call.number("from"), call.number("to")
    rows = [
        row
        for row in rows
        if (start is None or row["created_ms"] >= start * 1000) and (end is None or row["created_ms"] <= end * 1000)
    ]
    reply = call.paged(rows)
    return Reply([view(call, row) for row in reply.body], headers=reply.headers)


@ROUTES.get("/notifications/count", "read")
def count(call: Call) -> Doc:
    rows = _mine(call)
    if "read" in call.query:
        rows = [row for row in rows if bool(row["read_at"]) == call.flag("read")]
    return {"count": len(rows)}


@ROUTES.get("/notifications/{id}", "expand")
def get(call: Call, id: int) -> Doc:
    row = next((row for row in _mine(call) if row["id"] == id), None)
    if row is None:
        raise ApiError(404)
    return view(call, row)


def _mark(call: Call, read_at: str | None) -> Doc:
    wanted = call.query.get("notification_id")
    if wanted and wanted != "all":
        ids: set[Any] | None = {call.number("notification_id")}
    else:
        ids = None if wanted else {int(i) for i in call.items("notification_ids")}
    for row in _mine(call):
        if ids is None or row["id"] in ids:
            call.world.store.put("notifications", {**row, "read_at": read_at, "updated_at": call.world.stamp()})
    return {"status": "ok"}


@ROUTES.put("/notifications/mark_read", "notification_id async request_id")
def mark_read(call: Call) -> Any:
    if call.flag("async") or call.query.get("request_id"):
        return answered_later(call, lambda: _mark(call, call.world.stamp()))
    return _mark(call, call.world.stamp())


@ROUTES.put("/notifications/mark_unread", "notification_id")
def mark_unread(call: Call) -> Doc:
    return _mark(call, None)


@ROUTES.delete("/notifications/all", "async request_id")
def delete_all(call: Call) -> Any:
    def work() -> Doc:
        for row in _mine(call):
            call.world.store.remove("notifications", row["id"])
        return {"code": "200", "message": "Ok"}

    return answered_later(call, work) if call.query else work()


@ROUTES.delete("/notifications/{id}")
def delete(call: Call, id: int) -> Doc:
    get(call, id)
    call.world.store.remove("notifications", id)
    return {"code": "200", "message": "Ok"}


@ROUTES.get("/notification_types", "status")
def types(call: Call) -> list[Doc]:
    return call.world.notification_types()


@ROUTES.get("/notification_types/list", "event_type resource_type")
def one_type(call: Call) -> Doc:
    for row in call.world.notification_types():
        if (row["event_type"], row["resource_type"]) == (
            call.query.get("event_type"),
            call.query.get("resource_type"),
        ):
            return row
    raise ApiError(404)


def _setting(call: Call, doc: Doc) -> Doc:
    kind = next((row for row in call.world.notification_types() if row["id"] == doc["notification_type_id"]), None)
    if kind is None:
        raise ApiError(404)
    return {
        "id": doc["id"],
        "org_id": doc["org_id"],
        "owner_id": doc["owner_id"],
        "channel": doc["channel"],
        "notification_resource_type": doc.get("notification_resource_type", kind["resource_type"]),
        "resource_id": doc.get("resource_id"),
        "status": doc.get("status", "ACTIVE"),
        "notification_type_id": kind["id"],
        "name": kind["name"],
        "description": kind["description"],
        "code": kind["id"],
        "category": kind["category"],
        "event_type": kind["event_type"],
        "resource_type": kind["resource_type"],
        "config": doc.get("config") or {},
        "priority": doc.get("priority"),
    }


def _known_type(call: Call, body: Doc) -> Doc:
    known = {row["id"] for row in call.world.notification_types()}
    if "notification_type_id" in body and body["notification_type_id"] not in known:
        raise ApiError(400, "Invalid notification_type_id")
    return body


register(
    Collection(
        "notification_settings",
        view=_setting,
        creating=lambda call, body: call.world.create("notification_settings", _known_type(call, body), call.who.user_id),
        updating=lambda call, doc, body: _known_type(call, body),
        required=("channel", "notification_type_id"),
        operations="list get create update delete",
        list_query="event_type resource_type status",
        get_query="",
        defaults=(("status", "ACTIVE"),),
        statuses=("ACTIVE", "PAUSED"),
    )
)


def _settings(call: Call) -> list[Doc]:
    return [_setting(call, doc) for doc in call.world.store.all("notification_settings")]


@ROUTES.get("/notification_settings/notification_types/{notification_type_id}", "expand")
def settings_of_type(call: Call, notification_type_id: int) -> list[Doc]:
    return [row for row in _settings(call) if row["notification_type_id"] == notification_type_id]


@ROUTES.get(
    "/notification_settings/{resource_type}/{resource_id}",
    "expand filter_overridden_settings notification_type_id",
    resource_type=("ORG", "USER", "DATA_FLOW", "CUSTOM_DATA_FLOW", "SOURCE", "DATASET", "SINK"),
)
def settings_of_resource(call: Call, resource_type: str, resource_id: int) -> list[Doc]:
    return [
        row
        for row in _settings(call)
        if row["notification_resource_type"] == resource_type and row["resource_id"] in (None, resource_id)
    ]


register(
    Collection(
        "notification_channel_settings",
        required=("channel", "config"),
        list_query="",
        get_query="",
        view=lambda call, doc: {key: doc.get(key) for key in ("id", "owner_id", "org_id", "channel", "config")},
    )
)
