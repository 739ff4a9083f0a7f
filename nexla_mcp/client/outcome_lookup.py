"""What became of a change whose reply was lost: read what it was about, and say applied, not applied or unknown.

    reply = await send_and_settle(client, catalog, operation, arguments, permit, before)
    # a NexlaError of it carries details["outcome"] = {"verdict", "evidence", "find_out", ...}, and says so in words

A change is never sent again to find out. Its target is read instead: the status after activate and pause, the
sent fields after an update, the list after a grant, nothing at all after a delete, and after a create the
newest of that name. A change that left no trace so far is looked at twice; after a timeout it may
still be under way, so then "not applied" is never said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import anyio

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import NexlaError, NotFoundError
from nexla_mcp.client.explain import NextCall, next_look
from nexla_mcp.client.made_lookup import DOUBT, PRECISION, find_made
from nexla_mcp.client.outcome_compare import Fit, Verdict, fields_fit, list_fit, status_fit, status_of
from nexla_mcp.client.paging import rows_of
from nexla_mcp.client.permits import Permit
from nexla_mcp.client.replies import Reply
from nexla_mcp.client.retry import Deadline
from nexla_mcp.client.unreachable import MAYBE
from nexla_mcp.client.wire import ApiRequest

LOOK_S = 10.0
SECOND_LOOK_AFTER_S = 0.5
_NOW = {
    "applied": "The reply was lost, but the change was applied: {seen}. Do not repeat it.",
    "not applied": "The change was not applied: {seen}. Nothing was changed; it may be sent again.",
    "unknown": "It is not known whether the change was applied: {seen}. Do not repeat it before you have found out.",
}


@dataclass(frozen=True, slots=True)
class _Question:
    """Everything that is known about a change before somebody looks."""

    client: NexlaClient
    catalog: Catalog
    operation: Operation
    arguments: Mapping[str, Any]
    request: ApiRequest
    before: Any
    began: float
    late: bool
    notes: dict[str, Any] = field(default_factory=dict)


async def send_and_settle(
    client: NexlaClient,
    catalog: Catalog,
    operation: Operation,
    arguments: Mapping[str, Any],
    permit: Permit,
    before: Any = None,
) -> Reply:
    """Send a change; when its reply is lost, find out what became of it.

    ``before`` is what the operation's preview read before, when it did.

    Raises:
        NexlaError: as ``client.send``, with ``details["outcome"]``.
    """
    request = client.request(operation, arguments)
    began = client.server_clock.monotonic()
    try:
        return await client.send(request, permit)
    except NexlaError as error:
        await _settle(client, catalog, operation, arguments, request, error, before, began)
        raise


async def look_up(
    client: NexlaClient,
    catalog: Catalog,
    operation: Operation,
    arguments: Mapping[str, Any],
    before: Any,
    age_s: float,
) -> tuple[Verdict, str, Any]:
    """What became of a change that was sent ``age_s`` seconds ago by a process that is gone.

    Returns the verdict, what was seen, and of a create what was made.
    """
    request = client.request(operation, arguments)
    began = client.server_clock.monotonic() - age_s
    question = _Question(client, catalog, operation, arguments, request, before, began, late=False)
    fit = await _find_out(question)
    return fit.verdict, fit.seen, question.notes.get("made")


async def _settle(
    client: NexlaClient,
    catalog: Catalog,
    operation: Operation,
    arguments: Mapping[str, Any],
    request: ApiRequest,
    error: NexlaError,
    before: Any,
    began: float,
) -> None:
    """Put the outcome into ``error``."""
    if not error.undecided:
        why = "it did not reach Nexla" if error.sent is False else f"Nexla refused it ({error.status_code})"
        error.details = error.details | {"outcome": {"verdict": "not applied", "evidence": why}}
        return
    late = error.context.get("reason") == "no answer in time" or error.status_code == 504
    question = _Question(client, catalog, operation, arguments, request, before, began, late)
    fit = await _find_out(question)
    shown = next_look(request.resource_type, request.resource_id)
    find_out = question.notes.get("find_out") or shown or _how(catalog, operation, arguments)
    made = question.notes.get("made")
    outcome: dict[str, Any] = {"verdict": fit.verdict, "evidence": fit.seen, "find_out": find_out, "made": made}
    error.details = error.details | {"outcome": {k: v for k, v in outcome.items() if v is not None}}
    words = _NOW[fit.verdict].format(seen=fit.seen)
    error.message = f"{error.message.removesuffix(MAYBE).rstrip()} {words}"
    error.args = (error.message,)
    error.next_call = find_out or error.next_call
    error.retry_after = error.retry_after if fit.verdict == "not applied" else None
    error.hint = _hint(fit.verdict, find_out)


def _hint(verdict: Verdict, find_out: NextCall | None) -> str:
    if verdict == "not applied":
        return "A fault on the far side or on the way. Make the call again when Nexla answers."
    where = f" See it with {find_out['tool']} {find_out['arguments']}." if find_out else ""
    if verdict == "applied":
        return f"Go on as if the call had succeeded.{where}"
    return f"Find out first, then decide.{where}" if where else "Ask the person who looks after it, or look in Nexla's own pages."


async def _find_out(question: _Question) -> Fit:
    """One look, and a second one when the first found nothing of the change; never longer than 10 s."""
    fit = Fit("unknown", "there was no time to look")
    limit = min(LOOK_S, Deadline.of_this_call().left())
    with anyio.move_on_after(limit):
        fit = await _look(question)
        if fit.verdict == "not applied":
            seen = fit
            fit = Fit("unknown", f"{seen.seen}, but there was no time for a second look")
            await anyio.sleep(SECOND_LOOK_AFTER_S)
            fit = await _look(question)
    if fit.verdict == "not applied" and question.late:
        return Fit("unknown", f"{fit.seen} so far, but Nexla may still be at it")
    return fit


async def _look(question: _Question) -> Fit:
    try:
        if question.operation.creates:
            found = await find_made(
                question.client, question.catalog, question.operation, question.arguments, question.request, question.began
            )
            question.notes.update(found.notes)
            return found.fit
        return await _look_at_target(question)
    except NexlaError as error:
        return Fit("unknown", f"it could not be read either ({error.status_code or type(error).__name__})")


async def _look_at_target(question: _Question) -> Fit:
    operation, reading = question.operation, _reading(question)
    if reading is None:
        return Fit("unknown", "no operation shows what it changed")
    read, arguments = reading
    question.notes["find_out"] = {"tool": "nexla_read", "arguments": {"operation": read.name, "arguments": arguments}}
    removes = operation.method == "DELETE" and not question.request.has_body
    try:
        body = (await question.client.call(read, arguments)).body
    except NotFoundError:
        if removes and read.path == operation.path and question.before is not None:
            return Fit("applied", "it is not there any more")
        return Fit("unknown", "what it was about is not there (404)")
    if removes and (gone := _removal(question, read, body)):
        return gone
    touched = _touched(question, body)
    if expected := _expected_status(operation):
        kind, identity = question.request.resource_type, question.request.resource_id
        was = status_of(question.before, kind, identity)
        return status_fit(expected, was, status_of(body, kind, identity), touched)
    sent = question.request.body
    if operation.method == "PUT" and isinstance(sent, dict) and isinstance(body, dict) and read.path == operation.path:
        hidden = [p.wire_name or n for n, p in operation.parameters.items() if p.sensitive]
        return fields_fit(sent, question.before, body, hidden=hidden, touched=touched)
    rows = _listed(question, read, body)
    if rows is not None:
        return list_fit(_way(operation), _sent_list(question.request), _listed(question, read, question.before), rows)
    return Fit("unknown", "what it started leaves no trace in the resource itself")


def _reading(question: _Question) -> tuple[Operation, dict[str, Any]] | None:
    """The read that shows the change: what the preview reads, else the GET of the same path."""
    operation, preview = question.operation, question.operation.preview
    call = (preview.current or preview.target) if preview else None
    if call is not None:
        arguments = {k: question.arguments.get(v[1:]) if str(v).startswith("$") else v for k, v in call.arguments.items()}
        return question.catalog.operation(call.operation), {k: v for k, v in arguments.items() if v is not None}
    return same_path(question.catalog, operation.path, question.arguments)


def same_path(catalog: Catalog, path: str, arguments: Mapping[str, Any]) -> tuple[Operation, dict[str, Any]] | None:
    """The read operation of ``path`` with the arguments it needs, when they are at hand."""
    for read in catalog.operations.values():
        if read.reads and read.method == "GET" and read.path == path and all(name in arguments for name in read.required):
            return read, {name: arguments[name] for name in read.required}
    return None


def _how(catalog: Catalog, operation: Operation, arguments: Mapping[str, Any]) -> NextCall | None:
    found = same_path(catalog, operation.path, arguments)
    return {"tool": "nexla_read", "arguments": {"operation": found[0].name, "arguments": found[1]}} if found else None


def _removal(question: _Question, read: Operation, body: Any) -> Fit | None:
    """For a DELETE without a body whose target can still be read."""
    path = question.operation.path
    if read.path == path:
        if isinstance(body, list):
            return list_fit("remove", None, question.before, body)
        return Fit("unknown", "it is empty now") if body in (None, "", {}) else Fit("not applied", "it is still there")
    if read.path == path.rsplit("/", 1)[0] and question.request.resource_id is not None:
        identity = str(question.request.resource_id)
        there, was = (
            any(isinstance(row, dict) and str(row.get("id")) == identity for row in rows_of(read, rows))
            for rows in (body, question.before)
        )
        if there:
            return Fit("not applied", "it is still in the list")
        return Fit("applied", "it is not in the list any more") if was else Fit("unknown", "it is not in the list")
    return None


def _ids(rows: list[Any]) -> set[str]:
    return {str(row.get("id")) for row in rows if isinstance(row, dict)}


def _expected_status(operation: Operation) -> str | None:
    parts = operation.path.split("/")
    if len(parts) > 1 and parts[-2].startswith("{"):
        return {"activate": "ACTIVE", "pause": "PAUSED"}.get(parts[-1])
    return None


def _way(operation: Operation) -> Literal["add", "remove", "replace"]:
    """PUT adds, POST replaces, DELETE removes (QUIRKS 20), unless the record says otherwise (custodians: QUIRKS 21)."""
    change = operation.preview.change if operation.preview else ""
    said: dict[str, Literal["add", "remove", "replace"]] = {"grant": "add", "revoke": "remove", "replace": "replace"}
    methods: dict[str, Literal["add", "remove", "replace"]] = {"PUT": "add", "DELETE": "remove"}
    return said.get(change) or methods.get(operation.method, "replace")


def _sent_list(request: ApiRequest) -> list[Any] | None:
    if isinstance(request.body, list):
        return request.body
    lists = [v for v in request.body.values() if isinstance(v, list)] if isinstance(request.body, dict) else []
    return lists[0] if len(lists) == 1 else None


def _listed(question: _Question, read: Operation, body: Any) -> list[Any] | None:
    """The list that the change was about, in a reply: the reply itself, or what stands there under the sent name."""
    request, path = question.request, question.operation.path
    if _sent_list(request) is None and request.has_body:
        return None
    if read.path == path:
        return body if isinstance(body, list) else rows_of(read, body) or None if read.returns.shape == "list" else None
    if read.path != path.rsplit("/", 1)[0] or not isinstance(body, dict) or not isinstance(request.body, dict):
        return None
    found = body.get(next(iter(request.body), ""))
    return found if isinstance(found, list) else None


def _touched(question: _Question, after: Any) -> bool | None:
    """Whether the resource was changed since the request left, by its own time stamp; None when that says nothing."""
    now = after.get("updated_at") if isinstance(after, dict) else None
    if not isinstance(now, str):
        return None
    if isinstance(question.before, dict) and isinstance(question.before.get("updated_at"), str):
        return bool(now != question.before["updated_at"])
    sent_at = question.client.server_clock.at(question.began)
    try:
        early = None if sent_at is None else sent_at - datetime.fromisoformat(now)
    except (ValueError, TypeError):
        return None
    if early is None or PRECISION < early < DOUBT:
        return None
    return early <= PRECISION
