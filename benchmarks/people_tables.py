"""What the pages for people show of the program itself: its commands, exit codes, settings, and each client's entry.

people_tables()     # name of a mark -> Markdown, as benchmarks.guide_tables wants it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from nexla_mcp.cli.clients.document import snippet
from nexla_mcp.cli.clients.entry import KeyFrom, make_entry
from nexla_mcp.cli.clients.records import CLIENTS, Client
from nexla_mcp.cli.commands import app
from nexla_mcp.cli.common import EXIT_CODES
from nexla_mcp.instances import KNOWN
from nexla_mcp.settings import Settings

COMMAND = "/path/to/nexla-mcp"
_SYSTEMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
_HOME = {"linux": "~", "darwin": "~", "win32": "%USERPROFILE%"}
_WINDOWS = {"APPDATA": "%APPDATA%", "LOCALAPPDATA": "%LOCALAPPDATA%"}


def people_tables() -> dict[str, str]:
    """Every generated part by the name of its marks."""
    entries = {client.name.replace("-", ""): _entry(client) for client in CLIENTS.values()}
    codes = table(("code", "meaning"), ([str(code), text] for code, text in EXIT_CODES.items()))
    return {"commands": _commands(), "codes": codes, "settings": _settings(), "clients": _clients(), **entries}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |\n" for row in (head, ["---"] * len(head), *rows))


def _commands() -> str:
    return "\n".join(_command(name, command) for name, command in _leaves("", typer.main.get_command(app)))


def _leaves(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command that does something, under its whole name."""
    for name, inner in getattr(command, "commands", {}).items():
        whole = f"{path} {name}".strip()
        if getattr(inner, "commands", None):
            yield from _leaves(whole, inner)
        else:
            yield whole, inner


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if not p.opts[0].startswith("-")]
    options = [p for p in command.params if p.opts[0].startswith("-")]
    shape = " ".join([f"nexla-mcp {name}", *(_metavar(p) for p in arguments), *(["[OPTIONS]"] if options else [])])
    rows = [[f"`{_metavar(p)}`", _help(p), ""] for p in arguments]
    rows += [[f"`{_option(p)}`", _help(p), _default(p)] for p in options]
    described = table(("argument or option", "meaning", "default"), rows) if rows else ""
    return f"### {name}\n\n{str(command.help).strip()}\n\n```text\n{shape}\n```\n" + (f"\n{described}" if described else "")


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _option(parameter: Any) -> str:
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} {parameter.metavar or parameter.type_descriptor.annotation.__name__.upper()}"


def _help(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    choices = [str(member.value) for member in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []
    return f"{parameter.help} {'Of ' + ', '.join(f'`{c}`' for c in choices) + '.' if choices else ''}".strip()


def _default(parameter: Any) -> str:
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    return "" if parameter.is_flag or parameter.default is None else f"`{parameter.default}`"


def _settings() -> str:
    rows = [
        [
            f"`{name}`",
            f"`{Settings.variable(name)}`",
            _value(field.default),
            field.description or "",
            "yes" if name in KNOWN else "no",
        ]
        for name, field in Settings.model_fields.items()
    ]
    return table(("setting", "variable", "default", "meaning", "in the file"), rows)


def _value(default: Any) -> str:
    if default is None or default == ():
        return "-"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _clients() -> str:
    asks = {"form": "a form", "ticket": "preview and ticket", "either": "a form in newer versions, else preview and ticket"}
    rows = [
        [f"[{c.title}](#{c.title.lower().replace(' ', '-')})", f"`nexla-mcp install {c.name}`", asks[c.asks_by], _key(c)]
        for c in CLIENTS.values()
    ]
    return table(("client", "command", "asks by", "key, where none is stored on this machine"), rows)


def _key(client: Client) -> str:
    if client.inputs:
        return "the client asks once and keeps it"
    if client.variable or client.passes_on:
        return "taken from the client's environment by name"
    return "needs `nexla-mcp login`"


def _entry(client: Client) -> str:
    """Where the file is, and what belongs into it, for the sandbox and for a stored key or a key from elsewhere."""
    where = table(("system", "file"), ([_SYSTEMS[system], f"`{place}`"] for system, place in _places(client)))
    key = KeyFrom.INPUT if client.inputs else KeyFrom.VARIABLE if client.variable or client.passes_on else KeyFrom.STORED
    trial = snippet(client, "nexla-sandbox", make_entry(client, "nexla-sandbox", [COMMAND], ["--sandbox"], KeyFrom.NOWHERE, {}))
    real = snippet(client, "nexla", make_entry(client, "nexla", [COMMAND], [], key, {}))
    return f"{where}\nThe sandbox:\n\n```{client.form}\n{trial}```\n\nA real Nexla:\n\n```{client.form}\n{real}```\n"


def _places(client: Client) -> Iterator[tuple[str, str]]:
    for system in _SYSTEMS:
        for path in client.paths(system, _WINDOWS if system == "win32" else {}, Path(_HOME[system])):
            yield system, str(path).replace("/", "\\") if system == "win32" else str(path)
