"""Change one member of a JSON text with comments, and nothing else: comments, order, line ends and indents stay.

    text = put(text, ("mcpServers", "nexla"), {"command": "/usr/bin/nexla-mcp"})
    text = drop(text, ("mcpServers", "nexla"))
    value(text)                                   # what the text says, as plain values

Comments (// and /* */), trailing commas and a byte order mark are understood, as editors write them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\r\n]*|/\*.*?\*/)*", re.S)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_PLAIN = re.compile(r"-?\d[0-9.eE+-]*|true|false|null")
_REST_OF_LINE = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/[ \t]*(?=\r?\n|$))?")
DEEPEST = 200


class BrokenTextError(Exception):
    """The text is no JSON; the message says where."""


@dataclass(slots=True)
class Node:
    """A value and where it stands; ``members`` of an object by key, ``items`` of both, each with where it begins."""

    value: Any
    start: int
    end: int
    members: dict[str, int] = field(default_factory=dict)
    items: list[tuple[int, Node, int | None]] = field(default_factory=list)
    """Begin (of the key, in an object), value, and where its comma stands, if it has one."""


def value(text: str) -> Any:
    """What the text says; an empty text is an empty object.

    Raises:
        BrokenTextError: it is no JSON.
    """
    return parse(text).value


def parse(text: str) -> Node:
    """The text as a tree with places.

    Raises:
        BrokenTextError: it is no JSON.
    """
    at = _skip(text, 0)
    if at == len(text):
        return Node({}, at, at)
    node = _node(text, at, 0)
    if (end := _skip(text, node.end)) != len(text):
        raise _broken(text, end, "nothing more was expected")
    return node


def put(text: str, path: Sequence[str], new: Any) -> str:
    """``text`` with the member at ``path`` set; the objects on the way are made where they are missing.

    Raises:
        BrokenTextError: it is no JSON, or something on the way is no object.
    """
    root = parse(text)
    if root.start == root.end:
        text, root = text + "{}", parse(text + "{}")
    node = root
    for depth, key in enumerate(path):
        if not isinstance(node.value, dict):
            raise BrokenTextError(f"{'.'.join(path[:depth]) or 'the whole'} is no object")
        if key not in node.members:
            inner = new
            for missing in reversed(path[depth + 1 :]):
                inner = {missing: inner}
            return _insert(text, node, inner, key)
        node = node.items[node.members[key]][1]
    return text[: node.start] + _written(text, new, _indent_at(text, node.start)) + text[node.end :]


def append(text: str, path: Sequence[str], new: Any) -> str:
    """``text`` with one more item in the list at ``path``, which is made where it is missing.

    Raises:
        BrokenTextError: it is no JSON, or what is there is no list.
    """
    node = _find(parse(text), path)
    if node is None:
        return put(text, path, [new])
    if not isinstance(node.value, list):
        raise BrokenTextError(f"{'.'.join(path)} is no list")
    return _insert(text, node, new, None)


def drop(text: str, path: Sequence[str | int]) -> str:
    """``text`` without the member or item at ``path``; unchanged when there is none."""
    parent = _find(parse(text), path[:-1])
    last = path[-1]
    if parent is None:
        return text
    index = last if isinstance(last, int) else parent.members.get(last)
    if index is None:
        return text
    begin, node, comma = parent.items[index]
    lead = re.search(r"(?:\r?\n)?[ \t]*$", text[:begin])
    begin = lead.start() if lead else begin
    if comma is not None:
        text = text[:begin] + text[comma + 1 :]
    else:
        text = text[:begin] + text[node.end :]
        before = parent.items[index - 1][2] if index else None
        if before is not None:
            text = text[:before] + text[before + 1 :]
    if len(parent.items) == 1:
        inside = parent.start + 1
        return text[:inside] + re.sub(r"\A\s*(?=[}\]])", "", text[inside:])
    return text


def _find(node: Node, path: Sequence[str | int]) -> Node | None:
    for key in path:
        index = key if isinstance(key, int) else node.members.get(key)
        if index is None or index >= len(node.items):
            return None
        node = node.items[index][1]
    return node


def _insert(text: str, parent: Node, new: Any, key: str | None) -> str:
    """A member after the last one: its comma behind the value, the member behind a comment on that line."""
    line = "\r\n" if "\r\n" in text else "\n"
    outer = _indent_at(text, parent.start)
    inner = (
        _indent_at(text, parent.items[0][0]) if parent.items and _begins_line(text, parent.items[0][0]) else outer + _step(text)
    )
    member = ("" if key is None else json.dumps(key, ensure_ascii=False) + ": ") + _written(text, new, inner)
    if not parent.items:
        comments = text[parent.start + 1 : parent.end - 1].rstrip()
        return text[: parent.start + 1] + comments + line + inner + member + line + outer + text[parent.end - 1 :]
    _, last, comma = parent.items[-1]
    one_line = not _begins_line(text, parent.items[-1][0])
    after = (comma if comma is not None else last.end - 1) + 1
    rest = _REST_OF_LINE.match(text, after)
    place = after if one_line or rest is None else rest.end()
    if text[after:place].strip() == "":
        place = after
    gap = " " if one_line else line + inner
    text = text[:place] + gap + member + ("," if comma is not None else "") + text[place:]
    return text if comma is not None else text[: last.end] + "," + text[last.end :]


def _written(text: str, new: Any, indent: str) -> str:
    line = "\r\n" if "\r\n" in text else "\n"
    return json.dumps(new, ensure_ascii=False, indent=_step(text)).replace("\n", line + indent)


def _step(text: str) -> str:
    found = re.search(r"^([ \t]+)\S", text, re.M)
    return found[1] if found else "  "


def _begins_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip(" \t\ufeff")


def _indent_at(text: str, at: int) -> str:
    found = re.match(r"[ \t]*", text[text.rfind("\n", 0, at) + 1 :])
    return found[0] if found else ""


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _node(text: str, at: int, depth: int) -> Node:
    if depth > DEEPEST:
        raise _broken(text, at, "nested too deeply")
    first = text[at : at + 1]
    if first in ("{", "["):
        return _container(text, at, depth, "}" if first == "{" else "]")
    found = _STRING.match(text, at) or _PLAIN.match(text, at)
    if found is None:
        raise _broken(text, at, "a value was expected")
    try:
        return Node(json.loads(found[0]), at, found.end())
    except ValueError:
        raise _broken(text, at, "this is no value") from None


def _container(text: str, start: int, depth: int, close: str) -> Node:
    node = Node({} if close == "}" else [], start, start)
    at, comma_needed = _skip(text, start + 1), False
    while text[at : at + 1] != close:
        if comma_needed:
            raise _broken(text, at, f"a comma or {close} was expected")
        begin = at
        if close == "}":
            found = _STRING.match(text, at)
            if found is None:
                raise _broken(text, at, "a name in double quotes was expected")
            key = json.loads(found[0])
            at = _skip(text, found.end())
            if text[at : at + 1] != ":":
                raise _broken(text, at, "a colon was expected")
            at = _skip(text, at + 1)
        inner = _node(text, at, depth + 1)
        at = _skip(text, inner.end)
        comma = at if text[at : at + 1] == "," else None
        if close == "}":
            node.value[key] = inner.value
            node.members[key] = len(node.items)
        else:
            node.value.append(inner.value)
        node.items.append((begin, inner, comma))
        comma_needed = comma is None
        at = at if comma is None else _skip(text, comma + 1)
    node.end = at + 1
    return node


def _broken(text: str, at: int, expected: str) -> BrokenTextError:
    line = text.count("\n", 0, at) + 1
    return BrokenTextError(f"line {line}, column {at - text.rfind(chr(10), 0, at)}: {expected}")
