"""Transforms, attribute transforms and code containers (one kind, three views), and the test calls."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need, state_conflict
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.lifecycle import copy_document
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.tags import tag_routes
from nexla_mcp.sandbox.api.views import common
from nexla_mcp.sandbox.engine.samples import refresh_samples
from nexla_mcp.sandbox.store import Doc

_KIND = "code_containers"


def _users(call: Call, container_id: int) -> list[int]:
    return [doc["id"] for doc in call.world.store.find("data_sets", transform_id=container_id)]


def view(call: Call, doc: Doc) -> Doc:
    shown = common(call, _KIND, doc)
    # nexla-sdk 1.0.8 types access_roles of code as an object and fails on the list that other resources show.
    shown.pop("access_roles")
    return {
        "public": False,
        "managed": False,
        "data_credentials": None,
        "runtime_data_credentials": None,
        "code_config": None,
        "custom_config": None,
        **shown,
        "data_sets": _users(call, doc["id"]),
    }


def _changed(call: Call, doc: Doc) -> None:
    for data_set_id in _users(call, doc["id"]):
        refresh_samples(call.world, data_set_id)


def _refuse_in_use(call: Call, doc: Doc) -> None:
    users = _users(call, doc["id"])
    if users:
        raise state_conflict(call, "code is still used by nexsets", data_sets=users)


def _collection(kind: str, output_type: str, only: Any) -> Collection:
    return Collection(
        kind,
        stored=_KIND,
        view=view,
        required=("name", "code"),
        only=only,
        updated=_changed,
        deleting=_refuse_in_use,
        operations="list get create update delete",
        defaults=(
            ("resource_type", "transform"),
            ("output_type", output_type),
            ("reusable", True),
            ("code_type", "python"),
            ("code_encoding", "base64"),
        ),
    )


register(_collection("code_containers", "record", None))
register(_collection("transforms", "record", lambda doc: doc.get("output_type") == "record"))
register(_collection("attribute_transforms", "attribute", lambda doc: doc.get("output_type") == "attribute"))
for _name in ("code_containers", "transforms"):
    tag_routes(_name)


def _public(call: Call) -> list[Doc]:
    return [view(call, doc) for doc in call.world.store.find(_KIND, public=True)]


for _name in ("code_containers", "transforms", "attribute_transforms"):
    ROUTES.add("GET", f"/{_name}/public", _public)


def _copy(call: Call, id: int) -> Doc:
    need(call, _KIND, id)
    made = call.world.store.put(_KIND, copy_document(call, _KIND, id, call.who.user_id))
    call.world.audit(_KIND, made["id"], "create", {"copied_from_id": [None, id]}, call.who.user_id, call.path)
    return view(call, made)


for _name in ("code_containers", "transforms"):
    ROUTES.add("POST", f"/{_name}" + "/{id}/copy", _copy)


def _tested() -> Doc:
    """What the real test calls answer for good and for broken code alike."""
    return {"output": [], "errors": []}


@ROUTES.post("/transform")
def test_code(call: Call) -> Doc:
    return _tested()


@ROUTES.post("/transforms/{transform_id}/transform")
def test_stored(call: Call, transform_id: int) -> Doc:
    need(call, _KIND, transform_id)
    return _tested()


@ROUTES.post("/data_sets/{set_id}/transform")
def test_on_nexset(call: Call, set_id: int) -> Doc:
    if call.world.store.get("data_sets", set_id) is None:
        raise ApiError(404)
    return _tested()
