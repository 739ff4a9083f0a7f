"""The log of changes for people and models: list it, look at one change, take one back.

Operations of this server itself, reached like Nexla's: by an executor or by their own name. What they show was
cleaned when it was written down. Taking a change back is a change: it goes through the same gate, and the
preview says first what it cannot bring back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from nexla_mcp.arguments.check import ArgumentError, check
from nexla_mcp.output.render import table
from nexla_mcp.output.results import shape
from nexla_mcp.policy.taking_back import looking, read_now
from nexla_mcp.policy.undo import NoWayBackError, fill, way_back
from nexla_mcp.server.call import Call, Controls
from nexla_mcp.server.execute import TakingBack, change
from nexla_mcp.server.outcome import Outcome, failure
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.state.change import Change
from nexla_mcp.state.store import StateError

OUTCOMES = {
    "applied": "applied",
    "failed": "not applied",
    "unknown": "outcome unknown",
    "under way": "under way",
}
_COLUMNS = ("id", "time", "outcome", "operation", "target", "confirmed_by", "answer_ms", "note")
_LISTED = 50


async def list_changes(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``history_list_changes``."""
    states = {words: state for state, words in OUTCOMES.items()}
    limit = arguments.get("limit", 20)
    try:
        found = await call.runtime.changes.find(
            limit=limit + 1,
            before=arguments.get("before"),
            operation=arguments.get("operation"),
            state=states.get(arguments.get("outcome", "")),  # type: ignore[arg-type]
        )
    except StateError as error:
        return failure(str(error))
    rows = [summary(entry) for entry in found[:limit]]
    if not rows:
        where = "; the log is kept in memory and begins with this process" if call.runtime.state.kind == "memory" else ""
        return Outcome(f"No such change is recorded for this key{where}.", {"changes": [], "more": False}, rows=0)
    text = table(rows, _COLUMNS)
    if len(found) > limit:
        text += f"\nOlder ones: before={rows[-1]['id']}"
    if any(entry.state == "unknown" for entry in found[:limit]):
        text += "\nOutcome unknown: nobody knows whether it was applied. history_get_change names the call that shows it."
    return Outcome(text, {"changes": rows, "more": len(found) > limit}, rows=len(rows))


async def get_change(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``history_get_change``."""
    try:
        entry = await call.runtime.changes.get(arguments["change_id"])
    except StateError as error:
        return failure(str(error))
    if entry is None:
        return _no_such(arguments["change_id"])
    facts = whole(entry) | {"next": _next(call, entry)}
    facts = {key: value for key, value in facts.items() if value not in (None, "", {}, [])}
    shaped = shape(call.runtime.results, "history_get_change", facts, full=True, heading=_headline(entry))
    small = {key: value for key, value in facts.items() if key not in ("before", "result", "arguments")}
    whole_or_not = {key: value for key, value in shaped.structured.items() if key != "data"}
    change = shaped.structured.get("data", small)
    return Outcome(shaped.text, {"change": change} | whole_or_not, truncated=shaped.structured["truncated"])


async def revert_change(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``history_revert_change``."""
    number = arguments["change_id"]
    try:
        entry = await call.runtime.changes.get(number)
    except StateError as error:
        return failure(str(error))
    if entry is None:
        return _no_such(number)
    if entry.state == "under way":
        return failure(f"Change {number} is still under way. Nothing was changed.", decision="invalid")
    if entry.state == "failed":
        return failure(
            f"Change {number} was not applied, so there is nothing to take back. Nothing was changed.", decision="invalid"
        )
    if entry.taken_back_by is not None:
        return failure(
            f"Change {number} was taken back by change {entry.taken_back_by} already. Nothing was changed.", decision="invalid"
        )
    catalog = call.runtime.catalog
    try:
        back = way_back(catalog, entry, await read_now(call.runtime.client, catalog, entry))
        fitted = check(back.operation, back.arguments)
    except NoWayBackError as error:
        return failure(f"Change {number} cannot be taken back. {error} Nothing was changed.", decision="invalid")
    except ArgumentError as error:
        return failure(f"Change {number} cannot be taken back: what was kept does not fit any more. {error}", decision="invalid")
    reasons = [f"This takes back change {number}: {_headline(entry)}"]
    if entry.state == "unknown":
        reasons.append("It is not known whether that change was applied.")
    reasons += [f"Changed again since then, and taken back with it: {what}." for what in back.changed_again]
    reasons += [f"Not brought back: {what}." for what in back.lost]
    reasons += [f"Mind: {back.note}"] if back.note else []
    controls = Controls(bool(arguments.get("dry_run")), arguments.get("ticket"), arguments.get("typed_name"))
    return await change(call, back.operation, fitted, controls, TakingBack(number, tuple(reasons)))


async def read_changes(runtime: Runtime, uri: str) -> str | None:
    """The resource ``nexla://changes`` or ``nexla://changes/{id}`` as JSON, or None when there is none."""
    _, _, rest = uri.removeprefix("nexla://").partition("/")
    try:
        if not rest:
            return json.dumps(
                [summary(entry) for entry in await runtime.changes.find(limit=_LISTED)], ensure_ascii=False, indent=1
            )
        entry = await runtime.changes.get(int(rest)) if rest.isdigit() and len(rest) < 18 else None
    except StateError as error:
        raise MCPError(types.INTERNAL_ERROR, str(error)) from None
    return json.dumps(whole(entry), ensure_ascii=False, indent=1, default=str) if entry else None


def summary(entry: Change) -> dict[str, Any]:
    """One change as a row."""
    target = entry.target
    name = " ".join(filter(None, [target["type"], target["id"], f'"{target["name"]}"' if target["name"] else ""]))
    notes = []
    if entry.taken_back_by is not None:
        notes.append(f"taken back by {entry.taken_back_by}")
    if entry.takes_back is not None:
        notes.append(f"takes back {entry.takes_back}")
    if entry.suspiciously_fast:
        notes.append("answered too fast to have been read")
    row = {
        "id": entry.id,
        "time": _time(entry.started),
        "outcome": OUTCOMES[entry.state],
        "operation": entry.operation,
        "target": name,
        "confirmed_by": entry.channel or "nobody: additive",
        "answer_ms": entry.answer_ms,
        "note": "; ".join(notes),
    }
    return {key: value for key, value in row.items() if value not in (None, "")}


def whole(entry: Change) -> dict[str, Any]:
    """Everything that is kept of one change."""
    return summary(entry) | {
        "title": entry.title,
        "risk": entry.risk,
        "request": f"{entry.method} {entry.path}",
        "arguments": entry.arguments,
        "before": entry.before,
        "before_is_whole": entry.before_whole,
        "result": entry.result,
        "status": entry.status,
        "error": entry.error,
        "duration_ms": entry.duration_ms,
        "ticket": entry.ticket,
        "suspiciously_fast": entry.suspiciously_fast,
        "client": entry.client,
        "run_id": entry.run_id,
        "takes_back": entry.takes_back,
        "taken_back_by": entry.taken_back_by,
    }


def _headline(entry: Change) -> str:
    words = ", ".join(filter(None, [entry.title, summary(entry).get("target")]))
    return f"{words}, at {_time(entry.started)}: {OUTCOMES[entry.state]}."


def _next(call: Call, entry: Change) -> dict[str, Any] | None:
    """The one call that makes sense next: see what is there now when nobody knows, else take it back."""
    catalog = call.runtime.catalog
    operation = catalog.operations.get(entry.operation)
    if operation is None:
        return None
    if entry.state == "unknown":
        read = looking(operation)
        if read is None:
            return None
        return {
            "tool": "nexla_read",
            "arguments": {"operation": read.operation, "arguments": fill(read.arguments, entry.arguments)},
        }
    if entry.state == "applied" and entry.taken_back_by is None and operation.undo and operation.undo.operation:
        return {
            "tool": "nexla_confirmed_write",
            "arguments": {"operation": "history_revert_change", "arguments": {"change_id": entry.id}},
        }
    return None


def _no_such(number: int) -> Outcome:
    return failure(
        f"There is no change {number} of this key, or it is not kept any more. See history_list_changes.", decision="invalid"
    )


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
