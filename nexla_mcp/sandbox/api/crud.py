"""Lists, single resources, create, update, delete and search: written once for all kinds.

A `Collection` says what differs: how a resource is shown, what a create needs, what a change or a delete entails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nexla_mcp.sandbox.api.access import require_role, role_on, visible
from nexla_mcp.sandbox.api.call import ApiError, Call, Reply
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import common
from nexla_mcp.sandbox.store import Doc

View = Callable[[Call, Doc], Doc]
_PROTECTED = frozenset(
    {
        "id",
        "owner",
        "org",
        "owner_id",
        "org_id",
        "access_roles",
        "created_at",
        "updated_at",
        "copied_from_id",
        "status",
        # Kept by the sandbox under names of its own.
        "flow_ids",
        "flow_name",
        "flow_description",
        "flow_tags",
        "custodian_ids",
        "memberships",
        "membership",
        "is_admin",
        "created_ms",
        "api_key",
        "last_rotated_key",
        "last_rotated_at",
    }
)


_TEXTS = frozenset({"name", "description", "full_name", "email", "email_domain", "domain", "map_primary_key", "code_encoding"})
_OBJECTS = frozenset({"source_config", "sink_config", "credentials", "output_validation_schema", "config"})


def checked(body: Doc, statuses: tuple[str, ...] = ()) -> Doc:
    """The fields of a create or an update, without those that a caller cannot set; 400 for a wrong type or status."""
    for name, value in body.items():
        wanted: type | None = None
        if name in _OBJECTS or name == "output_schema_annotations":
            wanted = dict
        elif name in _TEXTS or name.endswith("_type"):
            wanted = str
        elif name == "tags":
            wanted = list
        elif name.endswith("_id") and not name.endswith("_entity_id"):
            wanted = int
        if wanted and value is not None and not isinstance(value, wanted):
            words = {dict: "object", str: "string", list: "array", int: "integer"}
            raise ApiError(400, f"The property '#/{name}' did not match the type {words[wanted]}")
    if not all(isinstance(tag, str) for tag in body.get("tags") or []):
        raise ApiError(400, "The property '#/tags' must be an array of strings")
    given = {name: value for name, value in body.items() if name not in _PROTECTED}
    if statuses and "status" in body:
        if body["status"] not in statuses:
            raise ApiError(400, f"The property '#/status' did not match one of the values {', '.join(statuses)}")
        given["status"] = body["status"]
    return given


def _no_change(call: Call, doc: Doc, body: Doc) -> Doc:
    return body


def _deleted(call: Call, doc: Doc) -> None:
    return None


@dataclass(frozen=True)
class Collection:
    """One kind of resource. `kind` is the path segment and the store's kind (`stored` when they differ)."""

    kind: str
    stored: str = ""
    view: View | None = None
    row: View | None = None
    required: tuple[str, ...] = ()
    defaults: tuple[tuple[str, Any], ...] = ()
    operations: str = "list get create update delete"
    filters: str = ""
    list_query: str = "page per_page access_role"
    get_query: str = "expand"
    only: Callable[[Doc], bool] | None = None
    creating: Callable[[Call, Doc], Doc] | None = None
    updating: Callable[[Call, Doc, Doc], Doc] = _no_change
    updated: Callable[[Call, Doc], None] = _deleted
    deleting: Callable[[Call, Doc], None] = _deleted
    owned: bool = True
    admin_only: bool = False
    statuses: tuple[str, ...] = ()
    """Values of `status` that a create or an update may set; elsewhere only activate and pause change it."""

    @property
    def store_kind(self) -> str:
        return self.stored or self.kind

    def shown(self, call: Call, doc: Doc) -> Doc:
        return self.view(call, doc) if self.view else common(call, self.store_kind, doc)

    def shown_row(self, call: Call, doc: Doc) -> Doc:
        return (self.row or self.shown)(call, doc)

    def documents(self, call: Call) -> list[Doc]:
        docs = call.world.store.all(self.store_kind)
        return [doc for doc in docs if self.only(doc)] if self.only else docs

    def find(self, call: Call, resource_id: int, role: str) -> Doc:
        doc = call.world.store.get(self.store_kind, resource_id)
        if doc is None or (self.only and not self.only(doc)):
            raise ApiError(404)
        if self.admin_only and role != "collaborator" and not call.who.admin:
            raise ApiError(403)
        if self.owned and not self.admin_only:
            require_role(call, self.store_kind, doc, role)
        return doc


COLLECTIONS: dict[str, Collection] = {}


def register(collection: Collection) -> None:
    """Add the routes that a collection asks for."""
    COLLECTIONS[collection.kind] = collection
    base, wanted = f"/{collection.kind}", set(collection.operations.split())
    if "list" in wanted:
        ROUTES.add("GET", base, _lister(collection), f"{collection.list_query} {collection.filters}")
    if "get" in wanted:
        ROUTES.add("GET", base + "/{id}", _getter(collection), collection.get_query)
    if "create" in wanted:
        ROUTES.add("POST", base, _creator(collection))
    if "update" in wanted:
        ROUTES.add("PUT", base + "/{id}", _updater(collection))
    if "delete" in wanted:
        ROUTES.add("DELETE", base + "/{id}", _deleter(collection))
    if "search" in wanted:
        ROUTES.add("POST", base + "/search", _searcher(collection), "page per_page")


def _lister(collection: Collection) -> Callable[[Call], Reply]:
    def list_all(call: Call) -> Reply:
        docs = collection.documents(call)
        for name in collection.filters.split():
            if name in call.query:
                docs = [doc for doc in docs if str(doc.get(name)) == call.query[name]]
        if collection.owned and "access_role" in collection.list_query:
            docs = visible(call, collection.store_kind, docs)
        reply = call.paged(docs)
        return Reply([collection.shown_row(call, doc) for doc in reply.body], headers=reply.headers)

    return list_all


def _getter(collection: Collection) -> Callable[[Call, int], Doc]:
    def get(call: Call, id: int) -> Doc:
        return collection.shown(call, collection.find(call, id, "collaborator"))

    return get


def _creator(collection: Collection) -> Callable[[Call], Doc]:
    def create(call: Call) -> Doc:
        body = call.fields()
        for name in collection.required:
            if body.get(name) in (None, ""):
                raise ApiError(400, f"The property '#/' did not contain a required property of '{name}'")
        if collection.admin_only and not call.who.admin:
            raise ApiError(403)
        given = {**dict(collection.defaults), **checked(body, collection.statuses)}
        if collection.creating:
            doc = collection.creating(call, given)
        else:
            doc = call.world.create(collection.store_kind, given, call.who.user_id)
        return collection.shown(call, call.world.store.require(collection.store_kind, doc["id"]))

    return create


def _updater(collection: Collection) -> Callable[[Call, int], Doc]:
    def update(call: Call, id: int) -> Doc:
        doc = collection.find(call, id, "admin")
        body = checked(call.fields(), collection.statuses)
        for name in collection.required:
            if name != "name" and name in body and body[name] in (None, ""):
                raise ApiError(400, f"The property '#/{name}' cannot be empty")
        changes = collection.updating(call, doc, body)
        after = call.world.modify(
            collection.store_kind,
            id,
            changes,
            call.who.user_id,
            call.path,
            call.headers.get("user-agent", ""),
        )
        collection.updated(call, after)
        return collection.shown(call, after)

    return update


def _deleter(collection: Collection) -> Callable[[Call, int], Doc]:
    def delete(call: Call, id: int) -> Doc:
        doc = collection.find(call, id, "admin")
        collection.deleting(call, doc)
        if call.world.store.get(collection.store_kind, id) is not None:
            call.world.audit(
                collection.store_kind,
                id,
                "delete",
                {"name": [doc.get("name"), None]},
                call.who.user_id,
                call.path,
            )
            call.world.store.remove(collection.store_kind, id)
        return {"code": "200", "message": "Ok"}

    return delete


def _searcher(collection: Collection) -> Callable[[Call], Reply]:
    def search(call: Call) -> Reply:
        filters = call.items("filters")
        docs = [doc for doc in collection.documents(call) if role_on(call, collection.store_kind, doc) and matches(doc, filters)]
        reply = call.paged(docs)
        return Reply([collection.shown_row(call, doc) for doc in reply.body], headers=reply.headers)

    return search


def matches(doc: Doc, filters: list[Any]) -> bool:
    """All filters hold: {field, operator eq|contains|in, value}. The grammar is not published."""
    for entry in filters:
        value, wanted = doc.get(entry.get("field", "")), entry.get("value")
        operator = str(entry.get("operator", "eq")).lower()
        if operator in ("contains", "like"):
            if str(wanted).lower() not in str(value or "").lower():
                return False
        elif operator == "in":
            if value not in (wanted or []):
                return False
        elif value != wanted:
            return False
    return True
