"""What is written into a client's configuration for this server: a command with an absolute path, and never a secret.

    entry = make_entry(CLIENTS["vscode"], "nexla", command, ["serve"], KeyFrom.INPUT, {})

The key is named, not written: an input that the client asks for and keeps, a variable of its environment, or nothing at
all where this server finds it by itself (keyring, key file, sandbox).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from nexla_mcp.cli.clients.records import Client

KEY = "NEXLA_SERVICE_KEY"


class KeyFrom(StrEnum):
    """Where the server that a client starts gets its key."""

    NOWHERE = "sandbox"
    STORED = "stored"
    INPUT = "input"
    VARIABLE = "variable"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Entry:
    """A server's part of a configuration, and the inputs that it refers to."""

    server: Mapping[str, Any]
    inputs: tuple[Mapping[str, Any], ...] = ()


def input_id(name: str) -> str:
    """The id of the input that asks for the key of a server."""
    return f"{name}-service-key"


def make_entry(
    client: Client, name: str, command: Sequence[str], options: Sequence[str], key: KeyFrom, environment: Mapping[str, str]
) -> Entry:
    """The entry of this server for a client; ``environment`` are plain values, none of them a secret."""
    env = dict(environment)
    inputs: tuple[Mapping[str, Any], ...] = ()
    passed: list[str] = []
    if key is KeyFrom.INPUT:
        env[KEY] = "${input:" + input_id(name) + "}"
        inputs = ({"type": "promptString", "id": input_id(name), "description": "Nexla service key", "password": True},)
    elif key is KeyFrom.VARIABLE and client.passes_on:
        passed = [KEY]
    elif key is KeyFrom.VARIABLE and client.variable:
        env[KEY] = client.variable % KEY
    server: dict[str, Any] = {"type": "stdio"} if client.typed else {}
    server |= {"command": command[0], "args": [*command[1:], "serve", *options]}
    server |= {"env": env} if env else {}
    server |= {client.passes_on: passed} if client.passes_on and passed else {}
    return Entry(server | dict(client.extra), inputs)


def own_command() -> list[str]:
    """How to start this program from anywhere: an absolute path, since clients start servers with a short PATH."""
    started = Path(sys.argv[0])
    if started.stem == "nexla-mcp":
        found = shutil.which(str(started)) or str(started)
        return [os.path.abspath(found)]
    return [os.path.abspath(sys.executable), "-m", "nexla_mcp"]


def passing(command: Sequence[str]) -> bool:
    """True when the command lies where uv or npx keep what they may clean up at any time."""
    return any(part in ("archive-v0", "environments-v2") for part in Path(command[0]).parts)


def is_ours(server: Any) -> bool:
    """True when an entry starts this program, however it was written."""
    if not isinstance(server, Mapping):
        return False
    arguments = server.get("args")
    words = [server.get("command"), *(arguments if isinstance(arguments, list) else [])]
    texts = [word for word in words if isinstance(word, str)]
    names = {word.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".exe") for word in texts}
    return bool(names & {"nexla-mcp", "nexla_mcp"})
