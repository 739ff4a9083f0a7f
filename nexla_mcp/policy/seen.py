"""What the caller can see of a list: all pages, what is theirs and what is shared with them.

    rows, complete = await all_rows(client, catalog.operation("sources_list"))

The API lists only what the caller owns unless another role is asked for (FACTS 1.5), so both are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, Preview, Users
from nexla_mcp.client.client import NexlaClient, rows_of
from nexla_mcp.client.errors import AuthenticationError, NexlaError, NotConfiguredError
from nexla_mcp.client.paging import identity_of
from nexla_mcp.output.flow_view import FLAT_LISTS, WORDS, is_flow, objects

MOST_ROWS = 5_000
_ROLES = ("owner", "collaborator")


async def all_bodies(client: NexlaClient, listing: Operation) -> tuple[list[Any], bool]:
    """The replies of every page for every role, and whether all of them could be read."""
    bodies: list[Any] = []
    complete, count = True, 0
    for role in _ROLES if "access_role" in listing.parameters else (None,):
        try:
            async for reply in client.pages(listing, {} if role in (None, "owner") else {"access_role": role}):
                bodies.append(reply.body)
                count += len(rows_of(listing, reply.body))
                if count >= MOST_ROWS:
                    return bodies, False
        except (AuthenticationError, NotConfiguredError):
            raise
        except NexlaError:
            complete = False
    return bodies, complete


async def all_rows(client: NexlaClient, listing: Operation) -> tuple[list[dict[str, Any]], bool]:
    """The rows of every page for every role without doubles, and whether all of them could be read."""
    bodies, complete = await all_bodies(client, listing)
    rows: dict[Any, dict[str, Any]] = {}
    for body in bodies:
        for row in rows_of(listing, body):
            if isinstance(row, dict):
                identity = identity_of(row)
                rows.setdefault(id(row) if identity is None else ("id", identity), row)
    return list(rows.values()), complete


async def find_users(client: NexlaClient, catalog: Catalog, users: Users, identity: Any) -> tuple[list[dict[str, Any]], bool]:
    """Rows {resource_type, resource_id, name, status} of everything whose ``users.key`` is ``identity``."""
    listing = catalog.operation(users.listing)
    bodies, complete = await all_bodies(client, listing)
    found: dict[tuple[str, Any], dict[str, Any]] = {}
    for body in bodies:
        for kind, row in _typed_rows(catalog, listing, body):
            if str(row.get(users.key)) == str(identity):
                shown = {
                    "resource_type": kind,
                    "resource_id": row.get("id"),
                    "name": row.get("name"),
                    "status": row.get("status"),
                }
                found.setdefault((kind, identity_of(row)), shown)
    return list(found.values()), complete


async def find_names(
    client: NexlaClient, catalog: Catalog, preview: Preview | None, arguments: Mapping[str, Any]
) -> dict[str, str]:
    """The names of the ids that the targets of a call consist of, as text; what cannot be found has none."""
    if preview is None or not preview.names:
        return {}
    asked: dict[str, set[str]] = {}
    for name in preview.targets:
        for key, identity in _ids(name, arguments.get(name)):
            if key in preview.names:
                asked.setdefault(preview.names[key], set()).add(str(identity))
    names: dict[str, str] = {}
    for listing, wanted in asked.items():
        rows, _ = await all_rows(client, catalog.operation(listing))
        names |= {
            str(row["id"]): str(row.get("name") or row.get("full_name") or row.get("email") or "")
            for row in rows
            if str(row.get("id")) in wanted
        }
    return names


def _ids(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every plain value with the key that it stands under, however deep."""
    if isinstance(value, dict):
        for inner, content in value.items():
            yield from _ids(str(inner), content)
    elif isinstance(value, list):
        for item in value:
            yield from _ids(key, item)
    elif value is not None:
        yield key, value


def _typed_rows(catalog: Catalog, listing: Operation, body: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in body if isinstance(body, list) and body and all(is_flow(b) for b in body) else [body]:
        if is_flow(part):
            for name in FLAT_LISTS.values():
                yield from ((WORDS[name], row) for row in objects(part.get(name)))
        else:
            word = catalog.toolset_of(listing).removesuffix("s")
            yield from ((word, row) for row in rows_of(listing, part) if isinstance(row, dict))
