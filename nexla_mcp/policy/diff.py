"""What an update or a replacement changes, field by field, before it is sent.

    field_changes(before, {"source_config": {"path": "/in"}})
    # [FieldChange("source_config", ..., vanishing=("start.cron",))]

Config objects are replaced whole by the API (QUIRKS 19): keys that are not sent again are lost, which is
the most common way to break a flow, so the lost keys are named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NOT_COMPARED = frozenset({"created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field: what it is now, what it would be, and the keys that would vanish from it."""

    field: str
    before: Any
    after: Any
    vanishing: tuple[str, ...] = ()

    def sentence(self) -> str:
        """For a person."""
        lost = f" The keys {', '.join(self.vanishing)} would be lost: the object is replaced whole." if self.vanishing else ""
        return f"{self.field}: {_brief(self.before)} -> {_brief(self.after)}.{lost}"


def field_changes(before: Any, after: Mapping[str, Any]) -> list[FieldChange]:
    """The fields of ``after`` that differ from ``before``."""
    known = before if isinstance(before, dict) else {}
    changes = []
    for field, value in after.items():
        old = known.get(field)
        if old == value:
            continue
        lost = tuple(k for k in old if k not in value) if isinstance(old, dict) and isinstance(value, dict) else ()
        changes.append(FieldChange(field, old, value, lost))
    return changes


def list_changes(before: Any, after: Any) -> tuple[list[str], list[str]]:
    """(gained, lost) when the list ``before`` is replaced by ``after``, each entry in a few words."""
    old = {_entry(item): None for item in before or []} if isinstance(before, list) else {}
    new = {_entry(item): None for item in after or []} if isinstance(after, list) else {}
    return [e for e in new if e not in old], [e for e in old if e not in new]


def _entry(item: Any) -> str:
    """How a person would name one entry of a list."""
    if not isinstance(item, dict):
        return str(item)
    who = item.get("email") or item.get("name") or item.get("id") or item.get("email_domain") or "?"
    roles = item.get("access_roles")
    kind = str(item.get("type") or "").lower()
    return " ".join(filter(None, [kind, str(who), f"({', '.join(map(str, roles))})" if isinstance(roles, list) else ""]))


def _brief(value: Any) -> str:
    if value is None:
        return "(not set)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 160 else text[:157] + "..."
