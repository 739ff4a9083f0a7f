"""How a change is taken back: the words before it, the ready call after it, the whole way back from the log.

    undo_words(operation, arguments)                        # for a preview
    picked_values(operation, reply.body)                    # what the log has to keep of the reply
    way_back(catalog, change, now)                          # for history_revert_change

A template (``undo`` of the record) takes ``$name`` from the arguments, ``$result.x`` from the reply, and
``$before`` or ``$before.x`` from what was there before. The before-image is masked, so a secret in it come
back: policy/masked.py fills it in from what is there now where that is still the same; otherwise it is named as lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, ValueSchema
from nexla_mcp.output.flow_view import stages
from nexla_mcp.output.untrusted import clean
from nexla_mcp.policy.diff import READ_ONLY_KEYS, one_line, reach
from nexla_mcp.policy.masked import holds_mask, restored
from nexla_mcp.state.change import Change

_MISSING = object()


class NoWayBackError(Exception):
    """A change cannot be taken back; the text says why and what can be done by hand."""


@dataclass(slots=True)
class WayBack:
    """The call that takes a change back, and what it does not bring back."""

    operation: Operation
    arguments: dict[str, Any] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    changed_again: list[str] = field(default_factory=list)
    note: str = ""


def fill(template: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """``$name`` replaced by the argument; a template value whose argument was not given is left out."""
    filled = {k: arguments.get(v[1:]) if isinstance(v, str) and v.startswith("$") else v for k, v in template.items()}
    return {k: v for k, v in filled.items() if v is not None}


def undo_words(operation: Operation, arguments: Mapping[str, Any]) -> str:
    """One line for a preview, or nothing where there is no way back."""
    undo = operation.undo
    if undo is None:
        return ""
    if undo.operation is None:
        return undo.note
    filled = clean({name: value for name, value in fill(undo.arguments, arguments).items() if not str(value).startswith("$")})
    shown = json.dumps(filled, ensure_ascii=False, default=str) if filled else ""
    return f"{undo.operation} {shown if len(shown) <= 200 else ''}".strip() + (f". {undo.note}" if undo.note else "")


def picked_values(operation: Operation, body: Any) -> dict[str, Any]:
    """The values of the reply that the undo needs, by their path."""
    paths = _paths(operation, "$result.")
    return {path: value for path in paths if (value := reach(body, path)) is not None and not isinstance(value, dict | list)}


def ready_call(catalog: Catalog, operation: Operation, arguments: Mapping[str, Any], body: Any) -> dict[str, Any] | None:
    """The arguments of the undo when the reply and the call alone tell them, else None."""
    undo = operation.undo
    if undo is None or undo.operation is None or _paths(operation, "$before"):
        return None
    picked = {f"$result.{path}": value for path, value in picked_values(operation, body).items()}
    filled = {
        name: value if not str(value).startswith("$") else picked.get(str(value), arguments.get(str(value)[1:]))
        for name, value in undo.arguments.items()
    }
    filled = {name: value for name, value in filled.items() if value is not None}
    return clean(filled) if all(name in filled for name in catalog.operation(undo.operation).required) else None


def way_back(catalog: Catalog, change: Change, now: Any) -> WayBack:
    """The call that takes ``change`` back; ``now`` is what its target reads today, as far as it can be read.

    Raises:
        NoWayBackError: the record knows no undo, or what it needs is not known.
    """
    operation = catalog.operations.get(change.operation)
    undo = operation.undo if operation else None
    if operation is None or undo is None or undo.operation is None:
        raise NoWayBackError((undo.note if undo else "") or "The API has no call that takes this back.")
    back = WayBack(catalog.operation(undo.operation), note=undo.note)
    itself = undo.operation == operation.name
    kept = [name for name, template in undo.arguments.items() if str(template).startswith("$before")]
    wanted = _touched(operation, change)
    for name, template in undo.arguments.items():
        touched = not itself or name in wanted or name in back.operation.required
        value, lost = _value(template, change, now) if touched else (None, "")
        if value is None and not lost and touched and itself and name in kept:
            value, lost = _unset(back.operation.parameters[name])
        if value is None:
            back.lost += [f"{name} ({lost})"] if lost else []
            continue
        accepted = _accepted(back.operation.parameters[name], value)
        back.arguments[name] = accepted
        if itself and str(template).startswith("$before") and name in change.arguments:
            _note_change_since(back, name, str(template), change, now)
    if itself:
        listed = operation.preview.targets if operation.preview else ()
        unsaid = [n for n in change.arguments if n in operation.parameters and n not in (*undo.arguments, *listed)]
        back.lost += [f"{name} (the API does not tell what it was)" for name in unsaid]
        if not any(name in back.arguments for name in kept):
            raise NoWayBackError(f"Nothing of it can be put back: {'; '.join(back.lost)}. {undo.note}".strip())
    missing = [n for n in back.operation.required if n not in back.arguments]
    if missing:
        reasons = "; ".join(back.lost) or f"{', '.join(missing)} is not known"
        raise NoWayBackError(f"{back.operation.name} cannot be filled in: {reasons}. {undo.note}".strip())
    back.note = " ".join([back.note, *_not_running_before(operation, change)]).strip()
    return back


def _touched(operation: Operation, change: Change) -> set[str]:
    """The arguments that a change was about; two forms of one list (flows, data_flows) are the same thing."""
    given = set(change.arguments)
    targets = set(operation.preview.targets) if operation.preview else set()
    return given | targets if given & targets else given


def _paths(operation: Operation, start: str) -> list[str]:
    undo = operation.undo
    values = undo.arguments.values() if undo else ()
    return [v.removeprefix(start) for v in values if isinstance(v, str) and v.startswith(start)]


def _value(template: Any, change: Change, now: Any) -> tuple[Any, str]:
    """The value for one argument, or None and why there is none; nothing at all where it was not set before."""
    if not isinstance(template, str) or not template.startswith("$"):
        return template, ""
    if template.startswith("$result."):
        value = change.picked.get(template.removeprefix("$result."))
        return value, "" if value is not None else "the reply did not tell it"
    if template.startswith("$before"):
        if not change.before_whole:
            return None, "what was there before was too large to keep"
        path = template.removeprefix("$before").lstrip(".")
        value = reach(change.before, path) if path else change.before
        current = reach(now, path) if path else now
        lost = restored(value, current)[1]
        return (None, f"a secret in it is not kept: {', '.join(lost)}") if lost else (value, "")
    value = change.arguments.get(template[1:])
    return (None, "it holds a secret that is not kept") if holds_mask(value) else (value, "")


def _unset(schema: ValueSchema) -> tuple[Any, str]:
    """What is sent for a field that was not set before: an empty text; other kinds cannot be unset, null is not sent."""
    if schema.type == "string" and not schema.enum and not schema.known_values:
        return "", ""
    return None, "it was not set before, which the API has no way to say"


def _accepted(schema: ValueSchema, value: Any) -> Any:
    """Rows of a reply as the operation takes them: its keys only, nothing that is set by the API, nothing unset."""
    if schema.type == "array" and isinstance(value, list) and schema.items is not None:
        return [_accepted_row(schema.items.properties, row) if isinstance(row, dict) else row for row in value]
    return value


def _accepted_row(keys: Mapping[str, ValueSchema], row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {
        str(key).rstrip("?").removeprefix("is_") if str(key).endswith("?") else str(key): value for key, value in row.items()
    }
    known = {
        key: value
        for key, value in plain.items()
        if value is not None and key not in READ_ONLY_KEYS and (not keys or key in keys)
    }
    return known or {key: value for key, value in plain.items() if value is not None and key not in READ_ONLY_KEYS}


def _note_change_since(back: WayBack, name: str, template: str, change: Change, now: Any) -> None:
    """Name what somebody has changed again after this change: taking it back takes that back too."""
    path = template.removeprefix("$before").lstrip(".")
    today = clean(reach(now, path, _MISSING) if path else now)
    sent, was = change.arguments[name], reach(change.before, path) if path else change.before
    if today is None or now is None or today is _MISSING or isinstance(sent, list) or holds_mask(sent):
        return
    if today not in (sent, was):
        back.changed_again.append(f"{name} is {one_line(json.dumps(today, ensure_ascii=False, default=str), 100)} now")


def _not_running_before(operation: Operation, change: Change) -> Iterator[str]:
    """For a pause that is taken back: the parts that did not run before either, and would be started."""
    preview = operation.preview
    if preview is None or preview.change != "stop" or not isinstance(change.before, dict) or "flows" not in change.before:
        return
    idle = [r for r in stages(change.before) if r["status"] not in (None, "ACTIVE")]
    if idle:
        names = ", ".join(f'{r["resource_type"]} {r["resource_id"]} "{one_line(r["name"] or "")}"' for r in idle[:10])
        yield f"These did not run before and would be started: {names}."
