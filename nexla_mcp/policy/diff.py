"""What an update or a replacement changes, field by field and entry by entry, before it is sent.

    field_changes(before, {"source_config": {"path": "/in"}})
    # [FieldChange("source_config", ..., vanishing=("start.cron",))]
    list_changes(before, after)
    # ListChange(gained=["team analytics (collaborator)"], lost=[], changed=["user bob@example.com: operator -> admin"])

Config objects are replaced whole by the API (QUIRKS 19): keys that are not sent again are lost, which is
the most common way to break a flow, so the lost keys are named.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.output.untrusted import clean

READ_ONLY_KEYS = frozenset({"created_at", "updated_at"})
_IDENTITIES = ("id", "data_source_id", "data_set_id", "email", "client_identifier", "email_domain", "name")
_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field: what it is now, what it would be, and the keys that would vanish from it."""

    field: str
    before: Any
    after: Any
    vanishing: tuple[str, ...] = ()
    readable: bool = True

    def loss(self) -> str:
        """The warning that comes first."""
        return f"These keys would be lost from {self.field}, which is replaced whole: {', '.join(self.vanishing)}."

    def sentence(self) -> str:
        """For a person."""
        if isinstance(self.before, list) and isinstance(self.after, list):
            return f"{self.field}: {list_changes(self.before, self.after).sentence()}"
        return f"{self.field}: {_brief(self.before) if self.readable else '(cannot be read)'} -> {_brief(self.after)}."


@dataclass(frozen=True, slots=True)
class ListChange:
    """Entries of a list that come, go, or stay with other contents; each in a few words."""

    gained: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @property
    def touched(self) -> list[str]:
        """Everything that is not left as it is."""
        return [*self.lost, *self.changed, *self.gained]

    def sentence(self) -> str:
        """For a person, losses first."""
        parts = [("Lost", self.lost), ("Changed", self.changed), ("Gained", self.gained)]
        return ". ".join(f"{word}: {', '.join(names)}" for word, names in parts if names) or "no difference"


def field_changes(
    before: Any, after: Mapping[str, Any], read_back: Callable[[str], str | None] = lambda name: name
) -> list[FieldChange]:
    """The fields of ``after`` that differ from ``before``; ``read_back`` tells where a field stands, None for nowhere."""
    changes = []
    for name, value in after.items():
        path = read_back(name)
        if path is None:
            changes.append(FieldChange(name, None, value, readable=False))
        elif (old := reach(before, path)) != value:
            lost = tuple(_lost_keys(old, value)) if isinstance(old, dict) and isinstance(value, dict) else ()
            changes.append(FieldChange(name, old, value, lost))
    return changes


def list_changes(before: Any, after: Any, names: Mapping[str, str] | None = None) -> ListChange:
    """What happens when the list ``before`` is replaced by ``after``; ``names`` tells the names of bare ids."""
    old = list(before) if isinstance(before, list) else []
    gained: list[str] = []
    changed: list[str] = []
    kept: list[str] = []
    for item in after if isinstance(after, list) else []:
        match = next((entry for entry in old if same_entry(entry, item)), _UNKNOWN)
        if match is _UNKNOWN:
            gained.append(entry_words(item, names))
            continue
        old.remove(match)
        difference = _difference(match, item)
        (changed if difference else kept).append(entry_words(match, names) + (f": {difference}" if difference else ""))
    return ListChange(gained, [entry_words(item, names) for item in old], changed, kept)


def same_entry(old: Any, new: Any) -> bool:
    """True when two entries mean the same thing: the same id or address, or a bare id and the row that has it."""
    if not isinstance(old, dict):
        return bool(old == new) if not isinstance(new, dict) else same_entry(new, old)
    if not isinstance(new, dict):
        return any(old.get(key) == new for key in ("id", "email", "name"))
    kinds = [str(entry["type"]).lower() for entry in (old, new) if entry.get("type")]
    if len(set(kinds)) > 1:
        return False
    shared = [key for key in _IDENTITIES if old.get(key) is not None and new.get(key) is not None]
    return bool(shared) and old[shared[0]] == new[shared[0]]


def entry_words(item: Any, names: Mapping[str, str] | None = None) -> str:
    """How a person would name one entry of a list."""
    if not isinstance(item, dict):
        name = (names or {}).get(str(item))
        return f'{item} "{one_line(name)}"' if name else one_line(item)
    identity = next((item[k] for k in ("id", "data_source_id", "data_set_id") if item.get(k) is not None), None)
    name = next((item[k] for k in ("email", "full_name", "name", "email_domain", "client_identifier") if item.get(k)), None)
    name = name or (names or {}).get(str(identity))
    if identity is None and name is None:
        return one_line(_plain(item), 400)
    who = " ".join(str(part) for part in (identity if name is None else None, name) if part is not None)
    roles = item.get("access_roles") if item.get("type") else None
    kind = str(item.get("type") or "").lower()
    return " ".join(filter(None, [kind, one_line(who), f"({', '.join(map(str, roles))})" if isinstance(roles, list) else ""]))


def _plain(item: dict[str, Any]) -> str:
    """An entry that has neither id nor name, with code in base64 decoded: nobody should agree to what cannot be read."""
    spec = item.get("spec")
    script = spec.get("script") if isinstance(spec, dict) else None
    if isinstance(spec, dict) and isinstance(script, str) and spec.get("encoding") == "base64":
        with suppress(ValueError):
            item = {**item, "spec": {**spec, "script": base64.b64decode(script, validate=True).decode()}}
    return json.dumps(clean(item), ensure_ascii=False, default=str)


def one_line(value: Any, limit: int = 120) -> str:
    """``value`` without line breaks and not longer than ``limit``, so that it cannot look like another line."""
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def reach(value: Any, path: str, default: Any = None) -> Any:
    """The value at a dotted path; digits index lists."""
    for key in path.split("."):
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return default
    return value


def _difference(old: Any, new: Any) -> str:
    """In which of the keys that both entries have they differ."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return ""
    words = []
    for key, value in new.items():
        if (
            key in READ_ONLY_KEYS
            or key not in old
            or old[key] == value
            or (key == "type" and str(old[key]).lower() == str(value).lower())
        ):
            continue
        before, after = (next(iter(clean({key: side}).values())) for side in (old[key], value))
        words.append(f"{key} {_brief(before, 60)} -> {_brief(after, 60)}")
    return ", ".join(words)


def _lost_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in old.items():
        if key not in new:
            yield prefix + str(key)
        elif isinstance(value, dict) and isinstance(new[key], dict):
            yield from _lost_keys(value, new[key], f"{prefix}{key}.")


def _brief(value: Any, limit: int = 160) -> str:
    if value is None:
        return "(not set)"
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), limit)
