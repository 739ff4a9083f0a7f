"""``nexla-mcp install CLIENT`` and ``uninstall CLIENT``: put this server into a client's configuration, and take it out."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexla_mcp.cli.common import (
    FAILED,
    ConfirmOffOption,
    ConfirmOption,
    InstanceOption,
    JsonOption,
    ProfileOption,
    ReadOnlyOption,
    SandboxOption,
    ToolsetsOption,
    print_json,
    settings_from,
    stop,
)

if TYPE_CHECKING:
    from nexla_mcp.cli.clients.config_file import ConfigFile
    from nexla_mcp.cli.clients.entry import KeyFrom
    from nexla_mcp.cli.clients.records import Client
    from nexla_mcp.settings import Settings

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,18}")
_TAKEN_ALONG = ("NEXLA_API_URL", "NEXLA_SERVICE_KEY_FILE", "NEXLA_MCP_CONFIG_FILE", "NEXLA_MCP_STATE_DIR", "NEXLA_MCP_ALLOW_HTTP")
"""Variables of the environment that the entry repeats: a client starts servers without the person's shell. None is a secret."""
_PATHS = ("NEXLA_SERVICE_KEY_FILE", "NEXLA_MCP_CONFIG_FILE", "NEXLA_MCP_STATE_DIR")


class ClientName(StrEnum):
    """The clients that install knows; the records are in :mod:`nexla_mcp.cli.clients.records`."""

    CLAUDE_DESKTOP = "claude-desktop"
    CLAUDE_CODE = "claude-code"
    CURSOR = "cursor"
    VSCODE = "vscode"
    GEMINI = "gemini"
    CODEX = "codex"


ClientArgument = Annotated[ClientName, typer.Argument(help="The client.", show_default=False)]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The client's configuration, where it is not in the usual place.")
]
NameOption = Annotated[
    str | None,
    typer.Option("--name", help="Name of the server in the client.", show_default="nexla, nexla-sandbox or nexla-INSTANCE"),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]


def install(
    client: ClientArgument,
    sandbox: SandboxOption = False,
    instance: InstanceOption = None,
    profile: ProfileOption = None,
    toolsets: ToolsetsOption = None,
    read_only: ReadOnlyOption = False,
    confirm: ConfirmOption = None,
    confirm_off: ConfirmOffOption = None,
    name: NameOption = None,
    config: ConfigOption = None,
    print_only: Annotated[bool, typer.Option("--print", help="Print the entry to paste it yourself; change nothing.")] = False,
    dry_run: DryRunOption = False,
    force: Annotated[bool, typer.Option("--force", help="Replace another server of the same name.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put this server into a client's configuration; a backup stays beside it, and no key is written."""
    from nexla_mcp.cli.clients.document import DocumentError, servers, snippet, with_server
    from nexla_mcp.cli.clients.entry import is_ours, make_entry, own_command, passing
    from nexla_mcp.cli.clients.records import CLIENTS

    record = CLIENTS[client.value]
    chosen = _name(name, sandbox, instance)
    settings = settings_from(
        instance=instance,
        profile=profile,
        toolsets=toolsets,
        read_only=read_only or None,
        confirm=confirm,
        confirm_off=confirm_off,
    )
    _check_tools(settings)
    named = None if sandbox else instance or settings.instance
    given = {"profile": profile, "toolsets": toolsets, "confirm": confirm, "confirm-off-operations": confirm_off}
    options = [
        *(["--sandbox"] if sandbox else []),
        *(["--instance", named] if named else []),
        *(["--read-only"] if read_only else []),
    ]
    for option, text in given.items():
        options += [f"--{option}", text] if text is not None else []
    key = _key_from(record, settings, sandbox)
    entry = make_entry(record, chosen, own_command(), options, key, _environment(sandbox, named))
    if print_only:
        if as_json:
            return print_json({"client": record.name, "name": chosen, "key": key, "entry": entry.server, "inputs": entry.inputs})
        sys.stdout.write(snippet(record, chosen, entry))
        return None
    file = _read(record, config)
    try:
        there = servers(record, file.text).get(chosen)
        if there is not None and not is_ours(there) and not force:
            stop(
                f"{record.title} has another server named {chosen!r} in {file.path}. Nothing was changed."
                " Choose another --name, or replace it with --force.",
                FAILED,
            )
        after = file.text if there == dict(entry.server) else with_server(record, file.text, chosen, entry)
    except DocumentError as error:
        sys.stderr.write(f"To do it by hand, add this to {file.path}:\n{snippet(record, chosen, entry)}")
        stop(f"{file.path} was not changed: {error}.", FAILED)
    report = {"client": record.name, "path": str(file.path), "name": chosen, "key": key, "entry": dict(entry.server)}
    notes = _notes(record, key, named, temporary=passing([str(entry.server["command"])]))
    _carry_out(record, file, after, report, notes, dry_run=dry_run, as_json=as_json, done=f"{chosen} is in {file.path}.")
    return None


def uninstall(
    client: ClientArgument,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="The entry that install --sandbox made.")] = False,
    instance: Annotated[str | None, typer.Option("--instance", help="The entry of this instance.")] = None,
    name: NameOption = None,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    force: Annotated[bool, typer.Option("--force", help="Also when the entry starts another program.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take this server out of a client's configuration; the rest is as it was before."""
    from nexla_mcp.cli.clients.document import DocumentError, servers, without_server
    from nexla_mcp.cli.clients.entry import is_ours
    from nexla_mcp.cli.clients.records import CLIENTS

    record = CLIENTS[client.value]
    chosen = _name(name, sandbox, instance)
    file = _read(record, config)
    try:
        found = servers(record, file.text)
        if chosen not in found:
            ours = ", ".join(n for n, server in found.items() if is_ours(server)) or "none"
            stop(
                f"{record.title} has no server {chosen!r} in {file.path} (of this program: {ours}). Nothing was changed.", FAILED
            )
        if not is_ours(found[chosen]) and not force:
            stop(f"{chosen!r} in {file.path} starts another program. Nothing was changed. Remove it with --force.", FAILED)
        after = without_server(record, file.text, chosen)
        after = file.like_before(after, without_server(record, file.text, chosen, keep_empty=True)) or after
    except DocumentError as error:
        stop(f"{file.path} was not changed: {error}.", FAILED)
    report = {"client": record.name, "path": str(file.path), "name": chosen}
    _carry_out(
        record, file, after, report, [record.then], dry_run=dry_run, as_json=as_json, done=f"{chosen} is out of {file.path}."
    )


def _name(given: str | None, sandbox: bool, instance: str | None) -> str:
    name = given or ("nexla-sandbox" if sandbox else f"nexla-{instance}" if instance else "nexla")
    if _NAME.fullmatch(name):
        return name
    stop(f"{name!r} cannot name a server in every client: use --name with at most 19 letters, digits and dashes.")


def _check_tools(settings: Settings) -> None:
    """Stop when the server would refuse to start with these options."""
    from nexla_mcp.catalog.loader import SpecError, load_catalog
    from nexla_mcp.server.listing import UnknownToolsetError, check_names, listed_tools

    try:
        catalog = load_catalog()
        listed_tools(catalog, settings)
        check_names(catalog, settings)
    except (SpecError, UnknownToolsetError) as error:
        stop(str(error))


def _key_from(client: Client, settings: Settings, sandbox: bool) -> KeyFrom:
    """The safest way to a key that is there: stored on this machine, else asked for by the client, else a variable by name."""
    from nexla_mcp.cli.clients.entry import KeyFrom

    if sandbox:
        return KeyFrom.NOWHERE
    if settings.key_store is not None or settings.service_key_file is not None:
        return KeyFrom.STORED
    if client.inputs:
        return KeyFrom.INPUT
    if settings.service_key is not None and (client.variable or client.passes_on):
        return KeyFrom.VARIABLE
    return KeyFrom.MISSING


def _environment(sandbox: bool, instance: str | None) -> Mapping[str, str]:
    """What the entry repeats of this environment; an instance brings its own address and key."""
    if sandbox:
        return {}
    of_the_instance = ("NEXLA_API_URL", "NEXLA_SERVICE_KEY_FILE") if instance else ()
    values = {name: os.environ.get(name, "").strip() for name in _TAKEN_ALONG if name not in of_the_instance}
    return {name: os.path.abspath(value) if name in _PATHS else value for name, value in values.items() if value}


def _notes(client: Client, key: KeyFrom, instance: str | None, *, temporary: bool) -> list[str]:
    """What the person has to know or do now."""
    from nexla_mcp.cli.clients.entry import KEY, KeyFrom

    login = f"nexla-mcp login --instance {instance}" if instance else "nexla-mcp login"
    told = {
        KeyFrom.NOWHERE: "It uses the built-in sandbox: no key, nothing real.",
        KeyFrom.STORED: "The key is read from where it is stored on this machine; it is not in this file.",
        KeyFrom.INPUT: "The key is not in this file: the client asks for it once and keeps it.",
        KeyFrom.VARIABLE: f"The key is not in this file: {client.title} takes {KEY} from the environment that it was started in.",
        KeyFrom.MISSING: f"It has no key yet: run {login}",
    }
    warning = ["The command lies in a temporary environment. Install it for good: pipx install nexla-mcp, or uv tool install."]
    return [*(warning if temporary else []), told[key], client.then]


def _read(client: Client, config: Path | None) -> ConfigFile:
    from nexla_mcp.cli.clients.config_file import ConfigFile
    from nexla_mcp.cli.clients.document import DocumentError

    path = Path(os.path.abspath(config.expanduser())) if config else client.path()
    try:
        return ConfigFile.read(path)
    except (OSError, DocumentError) as error:
        stop(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}. Nothing was changed.", FAILED)


def _carry_out(
    client: Client,
    file: ConfigFile,
    after: str,
    report: dict[str, Any],
    notes: list[str],
    *,
    dry_run: bool,
    as_json: bool,
    done: str,
) -> None:
    """Write, or show what would be written, and say what was done."""
    from nexla_mcp.cli.clients.document import DocumentError

    changed = after != file.text
    backup: Path | None = None
    if dry_run:
        report |= {"changed": False, "would_change": changed, "difference": file.difference(after)}
        if not as_json:
            sys.stdout.write((report["difference"] or f"{file.path} would stay as it is.") + "\n")
            sys.stderr.write("Dry run. Nothing was changed.\n")
    else:
        try:
            if changed and after.strip() in ("", "{}") and not file.backups():
                file.remove()
            elif changed:
                backup = file.write(after)
        except (OSError, DocumentError) as error:
            reason = getattr(error, "strerror", None) or error
            stop(
                f"{file.path} cannot be written: {reason}. Nothing was changed. install --print shows what belongs there.", FAILED
            )
        report |= {"changed": changed, "backup": str(backup) if backup else None, "notes": notes}
        if not as_json:
            lines = [done if changed else f"Nothing to do: {done}", *([f"Before: {backup}"] if backup else []), *notes]
            sys.stdout.write("\n".join(lines) + "\n")
    if as_json:
        print_json({key: value for key, value in report.items() if value is not None})
