"""Where in a spec file a mistake is, and what it is called: imported only when there is one.

    tool_specs/flows.json:812: operation flows_pause > risk: Input should be 'read', 'write', 'disrupt' or 'destroy'
    tool_specs/flows.json:44: not JSON: Expecting ',' delimiter (column 7)

The line is that of the key that is wrong, or, for something missing, of what it is missing in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nexla_mcp.catalog import records

Key = str | int
_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[\s,:]*")


def shown(path: Path, root: Path) -> str:
    """A spec file as it is called from the top of a checkout: ``tool_specs/flows.json``."""
    return str(path.relative_to(root.parent)) if path.is_relative_to(root.parent) else str(path)


def line_of(text: str, keys: Sequence[Key]) -> int:
    """The line, from 1, of the value at ``keys`` in a JSON text; of the deepest part on the way that exists."""
    position = start = _skip(text, 0)
    for key in keys:
        found = _child(text, position, key)
        if found is None:
            break
        start, position = found
    return text.count("\n", 0, start) + 1


def explain(path: Path, root: Path, error: ValidationError) -> list[str]:
    """One line a problem: file and line, entry by name, key, what is wrong."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        content = json.loads(text)
    except ValueError as broken:
        line, column = getattr(broken, "lineno", 1), getattr(broken, "colno", 1)
        return [f"{shown(path, root)}:{line}: not JSON: {getattr(broken, 'msg', broken)} (column {column})"]
    lines = []
    for problem in error.errors(include_url=False):
        keys = [key for key in problem["loc"] if isinstance(key, int | str)]
        where = " > ".join([_entry(content, keys[:2]), *map(str, keys[2:])] if _is_entry(content, keys) else map(str, keys))
        lines.append(f"{shown(path, root)}:{line_of(text, keys)}: {where or 'file'}: {_said(problem)}")
    return lines


def _is_entry(content: Any, keys: Sequence[Key]) -> bool:
    return len(keys) >= 2 and keys[0] == "operations" and isinstance(keys[1], int) and isinstance(content, dict)


def _entry(content: dict[str, Any], keys: Sequence[Key]) -> str:
    number = int(keys[1])
    entry = content["operations"][number]
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"operation {name or f'number {number + 1}'}"


def _said(problem: Any) -> str:
    if problem["type"] != "extra_forbidden":
        return str(problem["msg"]).removeprefix("Value error, ")
    key = str(problem["loc"][-1])
    known = {f.alias or name for r in _records() for name, f in r.model_fields.items()}
    near = get_close_matches(key, known, n=1, cutoff=0.6)
    return f"there is no key {key!r} here" + (f"; did you mean {near[0]!r}?" if near else ".")


def _records() -> list[type[records.Record]]:
    return [r for r in vars(records).values() if isinstance(r, type) and issubclass(r, records.Record)]


def _child(text: str, position: int, key: Key) -> tuple[int, int] | None:
    """Where the member ``key`` of the object or array at ``position`` begins, and where its value does; or None."""
    opening, count = text[position], 0
    if opening not in "{[" or isinstance(key, str) is (opening == "["):
        return None
    position = _skip(text, position + 1)
    while text[position] not in "}]":
        start, name = position, count
        if opening == "{":
            name, position = _DECODER.raw_decode(text, position)
            position = _skip(text, position)
        if name == key:
            return start, position
        _, position = _DECODER.raw_decode(text, position)
        position, count = _skip(text, position), count + 1
    return None


def _skip(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return found.end() if found else position
