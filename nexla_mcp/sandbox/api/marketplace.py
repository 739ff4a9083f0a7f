"""Marketplace: domains with custodians and the nexsets that are offered in them."""

from __future__ import annotations

from nexla_mcp.sandbox.api.access import need, need_admin
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.governance import change_custodians, custodians_of, person
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.store import Doc

_KIND = "marketplace_domains"
_PATH = "/marketplace/domains"


def _view(doc: Doc) -> Doc:
    keys = ("id", "name", "description", "org_id", "owner_id", "parent_id", "created_at", "updated_at")
    return {**{key: doc.get(key) for key in keys}, "slug": str(doc["name"]).lower().replace(" ", "-")}


def _domain(call: Call, domain_id: int) -> Doc:
    doc = call.world.store.get(_KIND, domain_id)
    if doc is None:
        raise ApiError(404)
    return doc


@ROUTES.get(_PATH)
def domains(call: Call) -> list[Doc]:
    return [_view(doc) for doc in call.world.store.all(_KIND)]


@ROUTES.get(f"{_PATH}/for_org", "org_id")
def domains_for_org(call: Call) -> list[Doc]:
    return domains(call)


@ROUTES.post(_PATH)
def create(call: Call) -> Doc:
    need_admin(call)
    body = call.fields()
    if not body.get("name"):
        raise ApiError(400, "The property '#/' did not contain a required property of 'name'")
    people = body.get("custodians") or []
    entries = people.get("custodians", []) if isinstance(people, dict) else people
    given = {key: body.get(key) for key in ("name", "description", "parent_id")}
    custodians = [person(call, entry)["id"] for entry in entries]
    return _view(call.world.create(_KIND, {**given, "custodian_ids": custodians}, call.who.user_id))


@ROUTES.post(_PATH + "/{domain_id}")
def create_below(call: Call, domain_id: int) -> Doc:
    return create(call)


@ROUTES.get(_PATH + "/{domain_id}")
def get(call: Call, domain_id: int) -> Doc:
    return _view(_domain(call, domain_id))


@ROUTES.put(_PATH + "/{domain_id}")
def update(call: Call, domain_id: int) -> Doc:
    need_admin(call)
    _domain(call, domain_id)
    changes = {key: value for key, value in call.fields().items() if key in ("name", "description", "parent_id")}
    return _view(call.world.modify(_KIND, domain_id, changes, call.who.user_id, call.path))


@ROUTES.delete(_PATH + "/{domain_id}")
def delete(call: Call, domain_id: int) -> Doc:
    need_admin(call)
    _domain(call, domain_id)
    for item in call.world.store.find("marketplace_items", domain_id=domain_id):
        call.world.store.remove("marketplace_items", item["id"])
    call.world.store.remove(_KIND, domain_id)
    return {"code": "200", "message": "Ok"}


@ROUTES.get(_PATH + "/{domain_id}/items")
def items(call: Call, domain_id: int) -> list[Doc]:
    _domain(call, domain_id)
    keys = (
        "id",
        "domain_id",
        "name",
        "description",
        "resource_type",
        "resource_id",
        "created_at",
        "updated_at",
    )
    found = call.world.store.find("marketplace_items", domain_id=domain_id)
    return [{**{key: doc.get(key) for key in keys}, "data_samples": []} for doc in found]


@ROUTES.post(_PATH + "/{domain_id}/items")
def add_item(call: Call, domain_id: int) -> list[Doc]:
    need_admin(call)
    _domain(call, domain_id)
    body = call.fields()
    if not body.get("name") or not isinstance(body.get("data_set_id"), int):
        raise ApiError(400, "name and data_set_id are required")
    need(call, "data_sets", body["data_set_id"])
    given = {"name": body["name"], "description": body.get("description"), "domain_id": domain_id}
    resource = {"resource_type": "DATA_SET", "resource_id": body["data_set_id"]}
    call.world.create("marketplace_items", {**given, **resource}, call.who.user_id)
    return items(call, domain_id)


@ROUTES.get(_PATH + "/{domain_id}/custodians")
def custodians(call: Call, domain_id: int) -> list[Doc]:
    return custodians_of(call, _domain(call, domain_id))


def _change_custodians(call: Call, domain_id: int) -> list[Doc]:
    need_admin(call)
    return change_custodians(call, _KIND, _domain(call, domain_id))


for _method in ("PUT", "POST", "DELETE"):
    ROUTES.add(_method, _PATH + "/{domain_id}/custodians", _change_custodians)
