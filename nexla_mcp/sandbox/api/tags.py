"""Tags (undocumented): the same routes on many collections."""

from __future__ import annotations

from nexla_mcp.sandbox.api.access import need, role_on
from nexla_mcp.sandbox.api.call import Call
from nexla_mcp.sandbox.api.crud import COLLECTIONS
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.store import Doc


def changed_tags(call: Call, have: list[str]) -> list[str]:
    """PUT adds, POST sets the whole list, DELETE takes off."""
    given = [str(tag) for tag in call.items("tags")]
    if call.method == "PUT":
        return [*have, *(tag for tag in given if tag not in have)]
    return given if call.method == "POST" else [tag for tag in have if tag not in given]


def tag_routes(kind: str) -> None:
    """Tags of one collection: read, add, set, remove, and a search by tag."""
    base = f"/{kind}" + "/{id}/tags"

    def store_kind() -> str:
        return COLLECTIONS[kind].store_kind

    def read(call: Call, id: int) -> list[str]:
        return list(need(call, store_kind(), id).get("tags") or [])

    def change(call: Call, id: int) -> list[str]:
        tags = changed_tags(call, list(need(call, store_kind(), id, "admin").get("tags") or []))
        call.world.modify(store_kind(), id, {"tags": tags}, call.who.user_id, call.path)
        return tags

    def search(call: Call) -> list[Doc]:
        wanted = set(call.items("tags"))
        collection = COLLECTIONS[kind]
        return [
            collection.shown_row(call, doc)
            for doc in collection.documents(call)
            if role_on(call, collection.store_kind, doc) and wanted & set(doc.get("tags") or [])
        ]

    ROUTES.add("GET", base, read)
    for method in ("PUT", "POST", "DELETE"):
        ROUTES.add(method, base, change)
    ROUTES.add("POST", f"/{kind}/search_tags", search)
