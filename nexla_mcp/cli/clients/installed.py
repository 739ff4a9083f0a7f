"""Which clients on this machine have this server, and whether what they would start is there.

for found in installed():
    found.client.title, found.name, found.problem
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nexla_mcp.cli.clients.config_file import ConfigFile
from nexla_mcp.cli.clients.document import DocumentError, servers
from nexla_mcp.cli.clients.entry import KEY, is_ours
from nexla_mcp.cli.clients.records import CLIENTS, Client


@dataclass(frozen=True, slots=True)
class Installed:
    """This server in a client's configuration, or a configuration that cannot be read (``name`` is empty then)."""

    client: Client
    path: Path
    name: str
    problem: str = ""
    fix: str = ""


def installed() -> Iterator[Installed]:
    """Every entry of this server in a configuration of this person."""
    for client in CLIENTS.values():
        for path in client.paths():
            yield from _of(client, path)


def _of(client: Client, path: Path) -> Iterator[Installed]:
    try:
        file = ConfigFile.read(path)
        found = servers(client, file.text)
    except (OSError, DocumentError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield Installed(
            client, path, "", f"{path} cannot be read: {reason}", f"Correct it: {client.title} ignores a broken file."
        )
        return
    for name, server in found.items():
        if is_ours(server):
            problem, fix = _problem(client, server)
            yield Installed(client, path, name, problem, fix)


def _problem(client: Client, server: dict[str, Any]) -> tuple[str, str]:
    command = str(server.get("command", ""))
    again = f"nexla-mcp install {client.name}"
    if not os.path.isabs(command):
        if shutil.which(command) is None:
            return f"{command!r} is not on PATH", again
        return f"{command!r} is no absolute path: the client may have another PATH", again
    if not Path(command).is_file() or not os.access(command, os.X_OK):
        return f"{command} does not exist or cannot be run", again
    env = server.get("env")
    written = str(env.get(KEY, "")) if isinstance(env, dict) else ""
    if written and not written.startswith("$"):
        return "the key stands in the file in plain text", f"nexla-mcp login, then {again}"
    return "", ""
