"""Approval requests: what waits for somebody's decision, and the decision. Only the two lists and the decisions are published."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import state_conflict
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.crud import checked
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.store import Doc

_KIND = "approval_requests"
_PATH = "/approval_requests/{request_id}"
_ASKED = ("request_type", "resource_type", "resource_id", "topic_id", "assignee_id", "reason")
"""What a person who asks may say. No source shows the body of a create or an update: ASSUMED the fields of a reply."""


def _concerns(call: Call, row: Doc) -> bool:
    return call.who.admin or call.who.user_id in (row["assignee_id"], row["requestor_id"])


def _request(call: Call, request_id: int) -> Doc:
    row = call.world.store.get(_KIND, request_id)
    if row is None:
        raise ApiError(404)
    if not _concerns(call, row):
        raise ApiError(403)
    return row


def _open(call: Call, request_id: int) -> Doc:
    row = _request(call, request_id)
    if row["status"] != "pending":
        raise state_conflict(call, "the request was already decided")
    return row


def _asked(call: Call) -> Doc:
    given = {key: value for key, value in checked(call.fields()).items() if key in _ASKED}
    assignee = given.get("assignee_id")
    if assignee is not None and call.world.store.get("users", assignee) is None:
        raise ApiError(400, "Invalid assignee_id")
    return given


@ROUTES.get("/approval_requests/pending")
def pending(call: Call) -> list[Doc]:
    rows = call.world.store.find(_KIND, status="pending")
    return [row for row in rows if call.who.admin or row["assignee_id"] == call.who.user_id]


@ROUTES.get("/approval_requests/requested")
def requested(call: Call) -> list[Doc]:
    return call.world.store.find(_KIND, requestor_id=call.who.user_id)


@ROUTES.get("/approval_requests", "page per_page")
def list_all(call: Call) -> Any:
    return call.paged([row for row in call.world.store.all(_KIND) if _concerns(call, row)])


@ROUTES.get(_PATH)
def get(call: Call, request_id: int) -> Doc:
    return _request(call, request_id)


@ROUTES.post("/approval_requests")
def create(call: Call) -> Doc:
    """Somebody who is not named decides for the org: its owner."""
    org = call.world.store.require("orgs", call.world.org_id)
    blank = dict.fromkeys(_ASKED)
    given = {**blank, "assignee_id": org["owner_id"], **_asked(call), "requestor_id": call.who.user_id}
    return call.world.create(_KIND, {**given, "status": "pending", "rejection_reason": None}, call.who.user_id)


@ROUTES.put(_PATH)
def update(call: Call, request_id: int) -> Doc:
    _open(call, request_id)
    return call.world.modify(_KIND, request_id, _asked(call), call.who.user_id, call.path)


@ROUTES.delete(_PATH)
def delete(call: Call, request_id: int) -> Doc:
    row = _request(call, request_id)
    call.world.audit(_KIND, request_id, "delete", {"status": [row["status"], None]}, call.who.user_id, call.path)
    call.world.store.remove(_KIND, request_id)
    return {"code": "200", "message": "Ok"}


def _decide(call: Call, request_id: int, status: str, reason: Any) -> Doc:
    row = _open(call, request_id)
    if not call.who.admin and row["assignee_id"] != call.who.user_id:
        raise ApiError(403)
    changes = {"status": status, "rejection_reason": reason}
    return call.world.modify(_KIND, request_id, changes, call.who.user_id, call.path)


@ROUTES.put(_PATH + "/approve")
def approve(call: Call, request_id: int) -> Doc:
    return _decide(call, request_id, "approved", None)


@ROUTES.delete(_PATH + "/reject")
def reject(call: Call, request_id: int) -> Doc:
    return _decide(call, request_id, "rejected", call.fields().get("reason"))
