"""``nexla_list`` and ``nexla_get``: any kind of resource, by id or by name, yours and what is shared with you.

The API lists only what the caller owns unless it is asked for another role (FACTS 1.5), knows few filters
and refuses the others, and pages every list. So both lists are read, joined and filtered here, and a
resource that the caller merely does not own is never reported as missing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from nexla_mcp.catalog.kinds import Kind, resource_kinds
from nexla_mcp.client.client import rows_of
from nexla_mcp.client.errors import AuthorizationError, NexlaError, NotFoundError, ValidationError
from nexla_mcp.client.paging import identity_of
from nexla_mcp.output.flow_view import flat_row, with_owner
from nexla_mcp.output.render import pick, table
from nexla_mcp.output.results import shape
from nexla_mcp.output.untrusted import clean, clean_text
from nexla_mcp.server.call import Call
from nexla_mcp.server.execute import read
from nexla_mcp.server.outcome import Outcome, failure

ROWS_AT_MOST = 5_000
ROLES = ("owner", "collaborator")
_PARTS = frozenset({"INIT", "PAUSED", "ACTIVE", "RATE_LIMITED"})
STATUSES = {
    **dict.fromkeys(("flow", "source", "nexset", "destination"), _PARTS),
    "async_task": frozenset({"PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"}),
}
"""Kinds whose statuses are published."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows of one kind, and whether the end was reached."""

    rows: list[dict[str, Any]]
    complete: bool


async def list_resources(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``nexla_list``."""
    kind = resource_kinds(call.runtime.catalog)[arguments["resource_type"]]
    limit = arguments.get("limit", 50)
    filters = {k: arguments[k] for k in ("filter", "status", "owner", "access_role") if k in arguments}
    offset = _offset(arguments.get("cursor"), kind, filters)
    listing = await read_all(call, kind, arguments.get("access_role", "any"))
    rows = [row for row in listing.rows if await _matches(call, row, arguments)]
    if not rows:
        _refuse_unknown_status(kind, listing, arguments.get("status"))
    page = rows[offset : offset + limit]
    following = _cursor(offset + limit, kind, filters) if offset + limit < len(rows) else None
    heading = _heading(kind, len(rows), len(listing.rows), filters, listing.complete)
    if not rows and "status" in filters and (known := _statuses(kind, listing)):
        heading += f" Statuses there are: {', '.join(map(clean_text, known[:12]))}."
    columns = tuple(dict.fromkeys((*kind.listing.returns.summary_fields, "owner_name")))
    shaped = shape(
        call.runtime.results,
        kind.listing.name,
        clean(page, kind.listing.returns.sensitive_fields),
        columns=columns,
        fields=call.view.fields,
        full=call.view.full,
        heading=heading,
        total=len(rows),
        next_cursor=following,
    )
    return Outcome(
        shaped.text, shaped.structured, rows=len(page), truncated=shaped.structured["truncated"], operation=kind.listing.name
    )


def _statuses(kind: Kind, listing: Listing) -> list[str]:
    """The statuses of the rows, and of flows, their parts and tasks all that there are (FACTS 2)."""
    seen = {str(row["status"]).upper() for row in listing.rows if isinstance(row.get("status"), str) and row["status"]}
    return sorted(seen | STATUSES.get(kind.word, frozenset()))


def _refuse_unknown_status(kind: Kind, listing: Listing, wanted: Any) -> None:
    """An empty table would look like an answer to a status that does not exist."""
    word = str(wanted or "").strip()
    if word and kind.word in STATUSES and word.upper() not in (known := _statuses(kind, listing)):
        raise ValidationError(
            f"A {kind.word} has no status {clean_text(word)[:40]!r}. There are {', '.join(known)}.",
            operation="nexla_list",
            hint="Take one of these, or leave status out: every row shows its own.",
        )


async def get_resource(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``nexla_get``."""
    kind = resource_kinds(call.runtime.catalog)[arguments["resource_type"]]
    identity, name = arguments.get("id"), arguments.get("name")
    if (identity is None) == (name is None):
        return failure("nexla_get: give either id or name. Nothing was sent.", decision="invalid")
    if identity is None:
        matches = _by_name((await read_all(call, kind, "any")).rows, str(name))
        if len(matches) != 1:
            return _not_one(kind, str(name), matches)
        identity = identity_of(matches[0])
        if identity is None:
            return failure(f"The {kind.word} called {name!r} was listed without an id, so it cannot be read.")
    return await read(call, kind.getting, {kind.id_argument: identity}, call.view)


async def read_all(call: Call, kind: Kind, access_role: str) -> Listing:
    """All rows of a kind for one role, or for owner and collaborator together, without doubles."""
    has_roles = "access_role" in kind.listing.parameters
    roles: tuple[str | None, ...] = (None,)
    if has_roles:
        roles = ROLES if access_role == "any" else (access_role,)
    found: dict[str | None, Listing] = {}
    errors: list[NexlaError] = []

    async def one(role: str | None) -> None:
        try:
            found[role] = await _pages(call, kind, role)
        except NexlaError as error:
            errors.append(error)

    await call.progress(1, None, f"reading {kind.listing.name}")
    async with anyio.create_task_group() as group:
        for role in roles:
            group.start_soon(one, role)
    if serious := [e for e in errors if not found or not isinstance(e, AuthorizationError | ValidationError)]:
        raise serious[0]
    rows: dict[Any, dict[str, Any]] = {}
    for role in roles:
        for index, row in enumerate(found[role].rows if role in found else ()):
            identity = identity_of(row)
            rows.setdefault((role, index) if identity is None else identity, row)
    return Listing(list(rows.values()), all(listing.complete for listing in found.values()))


async def _pages(call: Call, kind: Kind, role: str | None) -> Listing:
    rows: list[dict[str, Any]] = []
    asked = {} if role in (None, "owner") else {"access_role": role}
    async for reply in call.runtime.client.pages(kind.listing, asked):
        body = reply.body
        bodies = body if kind.word == "flow" and isinstance(body, list) else [body]
        for part in bodies:
            found = [row for row in rows_of(kind.listing, part) if isinstance(row, dict)]
            rows += [_flow_row(part, row) for row in found] if kind.word == "flow" and isinstance(part, dict) else found
        if len(rows) >= ROWS_AT_MOST:
            return Listing(rows, complete=False)
    return Listing(rows, complete=True)


def _flow_row(body: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """An origin node with its name and owner from the flat lists, without the tree below it."""
    source = flat_row(body, "data_sources", node.get("data_source_id"))
    row = {k: v for k, v in with_owner(body, node).items() if k != "children"}
    return row | {k: source[k] for k in ("tags", "updated_at") if k in source and k not in row}


async def _matches(call: Call, row: dict[str, Any], arguments: Mapping[str, Any]) -> bool:
    owner = row.get("owner")
    names = [str(owner.get(k) or "") for k in ("full_name", "email", "name")] if isinstance(owner, dict) else []
    row.setdefault("owner_name", next((n for n in names if n), None))
    if wanted := arguments.get("filter"):
        listed = row.get("tags")
        tags = [str(t.get("name") if isinstance(t, dict) else t) for t in listed] if isinstance(listed, list) else []
        texts = [row.get("name"), row.get("full_name"), row.get("email"), row.get("description"), row.get("message"), *tags]
        if not any(str(wanted).lower() in str(t).lower() for t in texts if t):
            return False
    if (status := arguments.get("status")) and str(row.get("status", "")).lower() != str(status).lower():
        return False
    if person := arguments.get("owner"):
        if str(person).lower() == "me":
            return bool(isinstance(owner, dict) and owner.get("id") == await _own_id(call))
        return any(str(person).lower() in name.lower() for name in names)
    return True


async def _own_id(call: Call) -> Any:
    body = (await call.runtime.client.call(call.runtime.catalog.operation("users_get_current"), {})).body
    return pick(body, "id") if pick(body, "id") is not None else pick(body, "user.id")


def _by_name(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Exact matches, else matches in another case, else rows that contain the name."""
    wanted = name.strip().lower()
    names = [(str(row.get("name") or row.get("full_name") or row.get("email") or ""), row) for row in rows]
    for fits in (lambda n: n == name, lambda n: n.lower() == wanted, lambda n: wanted in n.lower()):
        if found := [row for text, row in names if text and fits(text)]:
            return found
    return []


def _not_one(kind: Kind, name: str, matches: list[dict[str, Any]]) -> Outcome:
    if not matches:
        raise NotFoundError(
            f"No {kind.word} with a name like {name!r} among those you own or that are shared with you.",
            operation=kind.listing.name,
            hint="Others may own one that is not shared with you: ask its owner or an administrator for access, or use its id.",
        )
    rows = clean([{**m, "owner": pick(m, "owner.full_name") or pick(m, "owner.email")} for m in matches[:20]])
    listed = table(rows, ("id", "name", "status", "owner", "updated_at"))
    return failure(f"{len(matches)} of kind {kind.word} match {name!r}. Call again with one id:\n{listed}", decision="ambiguous")


def _heading(kind: Kind, matching: int, seen: int, filters: Mapping[str, Any], complete: bool) -> str:
    filtered = any(k != "access_role" for k in filters)
    text = f"{matching} of {seen} {kind.word}s match." if filtered else f"{seen} {kind.word}s."
    if not matching:
        text += " Only what you own or what is shared with you can be seen; others may exist."
    return text if complete else text + f" The list was cut at {ROWS_AT_MOST:,} rows."


def _cursor(offset: int, kind: Kind, filters: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([offset, _query_hash(kind, filters)]).encode()).decode().rstrip("=")


def _offset(cursor: str | None, kind: Kind, filters: Mapping[str, Any]) -> int:
    if not cursor:
        return 0
    try:
        offset, query = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if query == _query_hash(kind, filters) and isinstance(offset, int) and offset >= 0:
            return offset
    except (ValueError, TypeError):
        pass
    raise ValidationError(
        "cursor: it does not belong to this list and these filters. Call without cursor to start over. Nothing was sent.",
        sent=False,
    )


def _query_hash(kind: Kind, filters: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([kind.word, filters], sort_keys=True).encode()).hexdigest()[:12]
