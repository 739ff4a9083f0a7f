"""What a call would make different, in words: fields of an update, entries of a list, records that are sent.

Which words depends on ``preview.change`` of the operation; the differences themselves come from policy/diff.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from nexla_mcp.catalog.records import Operation, Wire
from nexla_mcp.client.wire import ApiRequest
from nexla_mcp.output.untrusted import clean, mask
from nexla_mcp.policy.diff import FieldChange, ListChange, entry_words, field_changes, list_changes, reach, same_entry


@dataclass(slots=True)
class Differences:
    """Fields that change, sentences about the rest, and the name of everything that a list touches."""

    changes: list[FieldChange] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)


def differences(
    operation: Operation, arguments: Mapping[str, Any], request: ApiRequest, target: Any, current: Any, names: Mapping[str, str]
) -> Differences:
    """What would be different afterwards."""
    preview = operation.preview
    change = preview.change if preview else ""
    told = Differences()
    if change == "update" or (operation.risk.gated and change not in ("replace", "grant", "revoke")):
        told.changes = _fields(operation, arguments, target, only_unnamed=change != "update")
    if change == "update" and not told.changes and current is None:
        told.effects.append("No field would change.")
    if request.leaves_the_api:
        told.effects.append(_sent(request))
    if preview is None or not preview.targets:
        if change == "replace":
            _lists(told, change, operation, _body(operation, arguments), _listed(operation, target, current), names)
        return told
    if change in ("replace", "grant", "revoke"):
        given = {name: arguments[name] for name in preview.targets if arguments.get(name) is not None}
        _lists(told, change, operation, given, _listed(operation, target, current), names)
    else:
        for name in preview.targets:
            told.targets += dict.fromkeys(_target_words(clean(arguments.get(name)), names))
        if told.targets:
            told.effects.append(f"Touches: {', '.join(told.targets)}")
    return told


def body_fields(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that go into the body, those of a free object that joins it too: nothing hides in there."""
    fields: dict[str, Any] = {}
    for name, value in _body(operation, arguments).items():
        fields |= dict(value) if operation.parameters[name].wire is Wire.MERGE and isinstance(value, dict) else {name: value}
    return fields


def unnamed_fields(operation: Operation, arguments: Mapping[str, Any]) -> list[str]:
    """Keys of a free object that joins the body and that the operation does not describe."""
    merged = [
        v for n, v in arguments.items() if (p := operation.parameters.get(n)) and p.wire is Wire.MERGE and isinstance(v, dict)
    ]
    known = {p.wire_name or name for name, p in operation.parameters.items()}
    return [str(key) for value in merged for key in value if key not in known]


def stored_under(operation: Operation, target: Any) -> Callable[[str], str | None]:
    """Where the reply keeps each field: by the record, by the undo that puts it back, else under its own name."""
    undo = operation.undo
    template = undo.arguments if undo and undo.operation == operation.name else None

    def path(name: str) -> str | None:
        parameter = operation.parameters.get(name)
        if parameter is not None and parameter.read_back:
            return parameter.read_back
        value = template.get(name) if template else None
        if isinstance(value, str) and value.startswith("$before."):
            return value.removeprefix("$before.")
        return name if template is None or (isinstance(target, dict) and name in target) else None

    return path


def _body(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {n: v for n, v in arguments.items() if (p := operation.parameters.get(n)) and p.location == "body" and v is not None}


def _listed(operation: Operation, target: Any, current: Any) -> list[Any] | None:
    """The list as it is now, or None when it could not be read."""
    found = current if current is not None else target
    path = operation.preview.listed if operation.preview else None
    if path:
        found = reach(found, path)
    if isinstance(found, dict):
        found = next((v for v in found.values() if isinstance(v, list)), None)
    return clean(found) if isinstance(found, list) else None


def _lists(
    told: Differences,
    change: str,
    operation: Operation,
    given: Mapping[str, Any],
    listed: list[Any] | None,
    names: Mapping[str, str],
) -> None:
    """One list of the arguments against the list that there is."""
    entries = next((clean(v) for v in given.values() if isinstance(v, list)), None)
    access = any(word in operation.name for word in ("accessor", "member", "custodian"))
    if change == "revoke":
        found = _revoked(entries, listed, names)
        lost, word = found, "Loses access" if access else "Taken out"
        if entries is None:
            told.effects.append("No list was given: this removes every entry.")
        told.targets += lost
        if lost or entries is not None:
            told.effects.append(f"{word}: {', '.join(lost) or 'nobody' if access else ', '.join(lost) or 'nothing'}")
        return
    if entries is None:
        return
    difference = list_changes(listed, entries, names)
    if change == "grant":
        told.targets += [*difference.changed, *difference.gained]
        told.effects.append(f"Gains access: {', '.join(difference.gained) or 'nobody new'}")
        told.effects += [f"Changed: {', '.join(difference.changed)}"] if difference.changed else []
        return
    told.targets += difference.touched
    told.effects += _replaced(difference, access, known=listed is not None)


def _replaced(difference: ListChange, access: bool, *, known: bool) -> list[str]:
    lost = ("Loses access" if access else "Lost", difference.lost)
    gained = ("Gains access" if access else "Gained", difference.gained)
    lines = [f"{word}: {', '.join(names) or 'nothing'}" for word, names in (lost, gained)]
    if difference.changed:
        lines.append(f"Changed: {', '.join(difference.changed)}")
    if difference.kept:
        lines.append(f"Stays as it is: {len(difference.kept)}")
    return lines if known else [*lines, "Not known: what is there now, and so what would be lost."]


def _revoked(entries: list[Any] | None, listed: list[Any] | None, names: Mapping[str, str]) -> list[str]:
    """Who is taken out: named as the list names them, also those that the list does not have."""
    if entries is None:
        return [entry_words(row, names) for row in listed or []]
    found = []
    for entry in entries:
        match = next((row for row in listed or [] if same_entry(row, entry)), None)
        absent = " (not there now)" if match is None and listed is not None else ""
        found.append(entry_words(entry if match is None else match, names) + absent)
    return found


def _fields(operation: Operation, arguments: Mapping[str, Any], target: Any, *, only_unnamed: bool) -> list[FieldChange]:
    fields = body_fields(operation, arguments)
    if only_unnamed:
        fields = {name: value for name, value in fields.items() if name not in arguments}
    skipped = set(operation.preview.targets if operation.preview else ()) if only_unnamed else set()
    changes = []
    for found in field_changes(target, {n: v for n, v in fields.items() if n not in skipped}, stored_under(operation, target)):
        parameter = operation.parameters.get(found.field)
        hidden = parameter is not None and parameter.sensitive
        before = "(not shown)" if hidden else _shown(found.field, found.before)
        after = _masked(found.after) if hidden else _shown(found.field, found.after)
        changes.append(FieldChange(found.field, before, after, tuple(clean(list(found.vanishing))), found.readable))
    return changes


def _shown(name: str, value: Any) -> Any:
    """A value without secrets, its own name included in the judgement."""
    return clean({name: value})[name] if name == clean(name) else clean(value)


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _masked(v) for k, v in value.items()}
    return [_masked(v) for v in value] if isinstance(value, list) else mask(value)


def _sent(request: ApiRequest) -> str:
    """What leaves for a webhook: how much and where to, never the key or the path that may hold it."""
    count = len(request.body) if isinstance(request.body, list) else 1
    return f"Sends {count} record{'' if count == 1 else 's'} to {urlsplit(request.path).hostname or '?'}, into a live flow."


def _target_words(value: Any, names: Mapping[str, str]) -> Iterator[str]:
    """The entries of every list in a value, and the ids that stand alone."""
    if isinstance(value, list):
        for item in value:
            yield entry_words(clean(item), names)
    elif isinstance(value, dict):
        for key, content in value.items():
            if isinstance(content, list | dict):
                yield from _target_words(content, names)
            elif str(key).endswith("_id"):
                yield f"{str(key).removesuffix('_id').replace('_', ' ')} {entry_words(content, names)}"
