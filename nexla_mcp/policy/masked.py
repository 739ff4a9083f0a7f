"""Masked secrets that come back: a reader of ``***(1a2b3c4d)`` must never overwrite the secret behind it.

    value, lost = restored(sent, stored)     # masks of secrets that are stored unchanged, put back; paths of the others

Whoever reads a config, merges a change into it and writes it whole (the API replaces it whole) sends the masks
along. Where the stored value still has the same hash it takes the place of its mask; any other mask is refused.
"""

from __future__ import annotations

import re
from typing import Any

from nexla_mcp.output.untrusted import clean, mask

_MASK = re.compile(r"\*\*\*\([0-9a-f]{8}\)")


def holds_mask(value: Any) -> bool:
    """True when a masked secret stands anywhere in ``value``."""
    return bool(restored(value, None)[1])


def restored(value: Any, stored: Any, path: str = "") -> tuple[Any, list[str]]:
    """``value`` with its masks filled in from ``stored``, and the paths of the masks that do not fit it."""
    lost: list[str] = []
    if isinstance(value, dict):
        whole: dict[Any, Any] = {}
        for key, content in value.items():
            inner = stored.get(key) if isinstance(stored, dict) else None
            whole[key], missing = restored(content, inner, f"{path}.{key}" if path else str(key))
            lost += missing
        return whole, lost
    if isinstance(value, list):
        others = stored if isinstance(stored, list) and len(stored) == len(value) else [None] * len(value)
        items = [restored(item, other, f"{path}.{index}") for index, (item, other) in enumerate(zip(value, others, strict=True))]
        return [item for item, _ in items], [p for _, missing in items for p in missing]
    if isinstance(value, str) and _MASK.search(value):
        same = stored is not None and (mask(stored) == value or clean({"_": stored})["_"] == value)
        return (stored, []) if same else (value, [path or "value"])
    return value, lost
