"""The guardrails of the reference, as questions to a person: is there one already, does it run, who reads from it.

    found = await guardrails(client, catalog, operation, arguments, target, reach)
    found.reasons      # shown first in the preview
    found.instead      # ready calls that respect them

They stop nothing for good: a person who has read the reason can agree. But nothing passes them unasked, not
even with ``--confirm off``. Which operation has which is data (``guard`` of its record).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, Risk
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.output.untrusted import clean
from nexla_mcp.policy.diff import one_line
from nexla_mcp.policy.differences import body_fields, unnamed_fields
from nexla_mcp.policy.plan import Alternative, rows_text
from nexla_mcp.policy.seen import all_rows

TWINS_SHOWN = 5
MARKER_ROWS = 5
"""A tag on more rows than this is a grouping, not the mark of one run."""
_KINDS = {"data_sources": "source", "data_sets": "nexset", "data_sinks": "destination"}
_EXECUTORS = {Risk.WRITE: "nexla_write", Risk.DISRUPT: "nexla_confirmed_write", Risk.DESTROY: "nexla_confirmed_write"}


@dataclass(slots=True)
class Guarded:
    """What speaks against a change."""

    reasons: list[str] = field(default_factory=list)
    instead: list[Alternative] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    must_ask: bool = False


async def guardrails(
    client: NexlaClient,
    catalog: Catalog,
    operation: Operation,
    arguments: Mapping[str, Any],
    target: Any,
    reach: Sequence[Mapping[str, Any]],
) -> Guarded:
    """Hold a change against the habits of the reference; reads what it needs for that."""
    found = Guarded()
    if operation.guard.same_name is not None:
        await _look_for_twins(client, catalog, operation, arguments, found)
    structural = [name for name in body_fields(operation, arguments) if name in operation.guard.structural]
    structural += [name for name in operation.guard.structural if name == "more_fields" and arguments.get(name)]
    if structural:
        _hold_against_running(catalog, operation, arguments, target, reach, structural, found)
        _propose_child(catalog, operation, arguments, target, reach, found)
    if operation.preview is not None and operation.preview.change == "delete":
        _foretell_refusal(catalog, operation, arguments, target, reach, found)
    if operation.risk is Risk.WRITE and (hidden := unnamed_fields(operation, arguments)):
        found.reasons.append(f"It sends fields that this operation does not describe: {', '.join(map(one_line, hidden[:12]))}.")
        found.must_ask = True
    return found


def call_of(catalog: Catalog, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A ready call through the executor of an operation; what holds a secret is left to the caller to fill in."""
    shown = {n: v if clean({n: v}) == {n: v} else "(as you gave it)" for n, v in arguments.items()}
    return {"tool": _EXECUTORS[catalog.operation(name).risk], "arguments": {"operation": name, "arguments": shown}}


async def _look_for_twins(
    client: NexlaClient, catalog: Catalog, operation: Operation, arguments: Mapping[str, Any], found: Guarded
) -> None:
    """Is there something of the same name, or with the same marker tag, that this create would double?"""
    guard = operation.guard
    wanted, tags = _plain(arguments.get(guard.same_by)), _tags(arguments.get("tags"))
    rows, complete = await all_rows(client, catalog.operation(str(guard.same_name)))
    named = [row for row in rows if wanted and _plain(row.get(guard.same_by)) == wanted]
    tagged = [row for row in rows if tags and tags <= _tags(row.get("tags")) and row not in named]
    if len(tagged) > MARKER_ROWS:
        tagged = []
    word = str(guard.same_name).removesuffix("_list").removesuffix("s").replace("_", " ")
    for twins, how in ((named, f"of the same {guard.same_by}"), (tagged, f"with the tag {', '.join(sorted(tags))}")):
        if twins:
            shown = "; ".join(_row_words(word, row) for row in twins[:TWINS_SHOWN])
            more = f" and {len(twins) - TWINS_SHOWN} more" if len(twins) > TWINS_SHOWN else ""
            found.reasons.append(
                f"There is one {how} already: {shown}{more}. Agreeing makes a second one; updating it may be meant."
            )
            found.must_ask = True
    if not complete:
        found.gaps.append(f"whether one {f'called {arguments.get(guard.same_by)!r} ' if wanted else ''}exists already")
        found.must_ask = True
    update = operation.name.replace("_create", "_update")
    if named and update in catalog.operations and catalog.operation(update).required:
        identity = {catalog.operation(update).required[0]: named[0].get("id")}
        found.instead.append(Alternative("Update what is there", [call_of(catalog, update, identity)]))


def _hold_against_running(
    catalog: Catalog,
    operation: Operation,
    arguments: Mapping[str, Any],
    target: Any,
    reach: Sequence[Mapping[str, Any]],
    structural: Sequence[str],
    found: Guarded,
) -> None:
    """A structural change of something that runs: pause, change, activate is the order that loses nothing."""
    running = list(_running(operation, arguments, target, reach))
    if not running:
        return
    fields = "" if list(structural) == ["more_fields"] else f" ({', '.join(structural)})"
    many = f"{len(running)} resources that use it are" if len(running) > 1 else "A resource that uses it is"
    what = "It is ACTIVE" if running[0][0] == "" else f"{many} ACTIVE"
    found.reasons.append(
        f"{what}, and this changes how data flows{fields}. Safer: pause first, change, check, then activate again."
        " Agreeing changes it while it runs."
    )
    found.must_ask = True
    stops = [c for kind, identity in running[:5] if (c := _switch(catalog, operation, kind, identity, "pause"))]
    starts = [c for kind, identity in running[:5] if (c := _switch(catalog, operation, kind, identity, "activate"))]
    if stops and starts:
        calls = [*stops, call_of(catalog, operation.name, arguments), *starts]
        found.instead.append(Alternative("Pause, change, activate", calls))


def _foretell_refusal(
    catalog: Catalog,
    operation: Operation,
    arguments: Mapping[str, Any],
    target: Any,
    reach: Sequence[Mapping[str, Any]],
    found: Guarded,
) -> None:
    """A delete that Nexla will refuse: of what runs (FACTS 4 and 7), of a credential in use."""
    if operation.preview is not None and operation.preview.users is not None and reach:
        found.reasons.append("It is in use, so Nexla will probably refuse: move its users first.")
        return
    running = list(_running(operation, arguments, target, ()))
    pause = _switch(catalog, operation, "", running[0][1], "pause") if running else None
    if pause is not None:
        found.reasons.append("It is ACTIVE, and Nexla deletes nothing that runs: this will be refused unless it is paused first.")
        found.instead.append(Alternative("Pause, delete", [pause, call_of(catalog, operation.name, arguments)]))


def _running(
    operation: Operation, arguments: Mapping[str, Any], target: Any, reach: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Any]]:
    """("", id) for the target when it runs itself, else (kind, id) of each of its users that does."""
    row = target if isinstance(target, dict) else {}
    if isinstance(row.get("flows"), list):
        row = next((f for f in row["flows"] if isinstance(f, dict)), {})
    identity = next((arguments[n] for n, p in operation.parameters.items() if p.location == "path" and n in arguments), None)
    if row.get("status") == "ACTIVE" or (row.get("status") is None and row.get("active") is True):
        yield "", identity
    elif "status" not in row and "active" not in row:
        yield from ((str(r["resource_type"]), r["resource_id"]) for r in reach if r["status"] == "ACTIVE")


def _switch(catalog: Catalog, operation: Operation, kind: str, identity: Any, way: str) -> dict[str, Any] | None:
    toolset = f"{kind}s" if kind else catalog.toolset_of(operation)
    switch = catalog.operations.get(f"{toolset}_{way}")
    return call_of(catalog, switch.name, {switch.required[0]: identity}) if switch and switch.required else None


def _propose_child(
    catalog: Catalog,
    operation: Operation,
    arguments: Mapping[str, Any],
    target: Any,
    reach: Sequence[Mapping[str, Any]],
    found: Guarded,
) -> None:
    """A change of a base nexset reaches everybody who reads from it: a child of its own does not."""
    child = operation.guard.child
    if child is None or not isinstance(target, dict):
        return
    identity = next(arguments[n] for n, p in operation.parameters.items() if p.location == "path")
    readers = [r for r in reach if (r["resource_type"], r["resource_id"]) != (operation_kind(operation), identity)]
    if not readers:
        return
    found.reasons.append(
        f"Others read from it: {rows_text(readers)}. Safer: make a child nexset with the change, and move them one by one."
    )
    found.must_ask = True
    filled = {
        name: target.get(value.removeprefix("$before.")) if str(value).startswith("$before.") else arguments.get(str(value)[1:])
        for name, value in child.arguments.items()
    }
    filled = {name: value for name, value in filled.items() if value is not None}
    filled["name"] = f"{filled.get('name') or operation_kind(operation)}_v2"
    filled.setdefault("has_custom_transform", False)
    found.instead.append(Alternative("A child with the change", [call_of(catalog, child.operation, filled)]))


def operation_kind(operation: Operation) -> str:
    """The public word for what an operation is about: source, nexset, destination."""
    return _KINDS.get(operation.path.split("/")[1], "") if operation.path.startswith("/") else ""


def _row_words(word: str, row: Mapping[str, Any]) -> str:
    owner = row.get("owner")
    who = (owner.get("full_name") or owner.get("email")) if isinstance(owner, dict) else None
    facts = ", ".join(one_line(clean(str(part)), 60) for part in (row.get("status"), f"owner {who}" if who else None) if part)
    name = one_line(clean(str(row.get("name") or row.get("email") or "")))
    return f'{word} {row.get("id")} "{name}"' + (f" ({facts})" if facts else "")


def _plain(value: Any) -> str:
    return " ".join(str(value).split()).casefold() if isinstance(value, str) else ""


def _tags(value: Any) -> set[str]:
    entries = value if isinstance(value, list) else []
    return {str(t.get("name") if isinstance(t, dict) else t) for t in entries}
