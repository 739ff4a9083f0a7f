"""The servers of a client's configuration as text: read them, add one, remove one, in JSON or TOML.

    after = with_server(client, text, "nexla", entry)
    servers(client, after)["nexla"]
    without_server(client, after, "nexla")

Everything else in the text stays as it is, comments included, and that is checked: a change whose result does not say
exactly what was there plus the entry is refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from nexla_mcp.cli.clients import jsonc
from nexla_mcp.cli.clients.entry import Entry, input_id
from nexla_mcp.cli.clients.records import Client


class DocumentError(Exception):
    """The text cannot be read or changed; the message says why."""


def content(client: Client, text: str) -> dict[str, Any]:
    """What the text says.

    Raises:
        DocumentError: it is no JSON or TOML, or its servers are no table.
    """
    try:
        found = jsonc.value(text) if client.form == "json" else tomllib.loads(text.removeprefix("\ufeff"))
    except (jsonc.BrokenTextError, ValueError) as error:
        raise DocumentError(f"it is no valid {client.form.upper()}: {error}") from None
    if not isinstance(found, dict):
        raise DocumentError("it holds no table of settings")
    table = found.get(client.table, {})
    if not isinstance(table, dict):
        raise DocumentError(f"{client.table} is no table of servers")
    return found


def servers(client: Client, text: str) -> dict[str, Any]:
    """The servers that the text configures, by name.

    Raises:
        DocumentError: as :func:`content`.
    """
    table: dict[str, Any] = content(client, text).get(client.table, {})
    return table


def with_server(client: Client, text: str, name: str, entry: Entry) -> str:
    """The text with a server of this name, in place of an earlier one.

    Raises:
        DocumentError: it cannot be read, or cannot be changed without touching the rest.
    """
    expected = content(client, text)
    expected[client.table] = expected.get(client.table, {}) | {name: dict(entry.server)}
    if client.form == "toml":
        after = _with_table(text, client.table, name, entry.server)
    else:
        after = jsonc.put(text, (client.table, name), dict(entry.server))
        for asked in entry.inputs:
            there = expected.get("inputs", [])
            if not isinstance(there, list):
                raise DocumentError("inputs is no list")
            if not any(isinstance(i, dict) and i.get("id") == asked["id"] for i in there):
                after = jsonc.append(after, ("inputs",), dict(asked))
                expected["inputs"] = [*there, dict(asked)]
    return _checked(client, after, expected)


def without_server(client: Client, text: str, name: str, *, keep_empty: bool = False) -> str:
    """The text without the server of this name and without what only it used.

    An emptied table is removed as well unless ``keep_empty``.

    Raises:
        DocumentError: as :func:`with_server`.
    """
    expected = content(client, text)
    table = expected.get(client.table, {})
    if name not in table:
        return text
    del table[name]
    if client.form == "toml":
        after = _without_table(text, client.table, name)
        if not table and client.table not in content(client, after):
            del expected[client.table]
        return _checked(client, after, expected)
    gone = not table and not keep_empty
    if gone:
        del expected[client.table]
    after = jsonc.drop(text, (client.table, name))
    if gone:
        after = jsonc.drop(after, (client.table,))
    inputs = expected.get("inputs")
    if isinstance(inputs, list) and "${input:" + input_id(name) + "}" not in after:
        index = next((i for i, asked in enumerate(inputs) if isinstance(asked, dict) and asked.get("id") == input_id(name)), None)
        if index is not None:
            after = jsonc.drop(after, ("inputs", index))
            del inputs[index]
            if not inputs:
                after = jsonc.drop(after, ("inputs",))
                del expected["inputs"]
    return _checked(client, after, expected)


def snippet(client: Client, name: str, entry: Entry) -> str:
    """The entry alone, as it would stand in an empty configuration."""
    return with_server(client, "", name, entry).rstrip() + "\n"


def _checked(client: Client, after: str, expected: Mapping[str, Any]) -> str:
    if content(client, after) != expected:
        raise DocumentError("it could not be changed without touching other settings")
    return after


def _with_table(text: str, table: str, name: str, server: Mapping[str, Any]) -> str:
    """TOML with the table of a server: at the end where it is new, so that nothing else is touched."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    line = "\r\n" if "\r\n" in text else "\n"
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    before = text.removeprefix(mark)
    try:
        document = tomlkit.parse(before)
        if name in document.get(table, {}):
            document[table][name] = dict(server)
            return mark + _line_ends(tomlkit.dumps(document), line)
        block = tomlkit.dumps({table: {name: dict(server)}})
    except (TOMLKitError, TypeError, AttributeError) as error:
        raise DocumentError(f"its {table} cannot be changed ({type(error).__name__})") from None
    gap = "" if not before else line if before.endswith("\n") else line * 2
    return mark + before + gap + _line_ends(block, line)


def _without_table(text: str, table: str, name: str) -> str:
    """TOML without the tables of a server; a comment above the next table stays."""
    own = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\.\s*[\"']?{re.escape(name)}[\"']?\s*[.\]]")
    lines = text.splitlines(keepends=True)
    kept: list[str] = []
    at = 0
    while at < len(lines):
        if not own.match(lines[at]):
            kept.append(lines[at])
            at += 1
            continue
        end = next((n for n in range(at + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
        while end > at + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
            end -= 1
        at = end
    return "".join(kept) if len(kept) < len(lines) else _deleted(text, table, name)


def _deleted(text: str, table: str, name: str) -> str:
    """TOML without a server that stands in a table of another form."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    mark = "\ufeff" if text.startswith("\ufeff") else ""
    try:
        document = tomlkit.parse(text.removeprefix(mark))
        del document[table][name]
        return mark + tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, AttributeError) as error:
        raise DocumentError(f"its {table} cannot be changed ({type(error).__name__})") from None


def _line_ends(text: str, line: str) -> str:
    return re.sub(r"\r?\n", line, text)
