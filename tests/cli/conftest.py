"""The command line in this process with a home of its own; ``command`` runs the real program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nexla_mcp.cli.commands import app
from tests.conftest import SCRIPT

Run = Callable[..., Result]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """An environment with an empty home, and nothing of Nexla or of a client in it."""
    own = ("NEXLA", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_", "APPDATA", "LOCALAPPDATA", "PYTHON_KEYRING", "DBUS_", "DISPLAY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return kept | {"HOME": str(home), "USERPROFILE": str(home), "COLUMNS": "200"} | more


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("install", "cursor", input="...", NEXLA_API_URL="...")``: a command in this process."""
    monkeypatch.setattr(sys, "argv", [SCRIPT])

    def invoke(*arguments: str, input: str | None = None, **variables: str) -> Result:
        wanted = clean_environment(home, **variables)
        gone = dict.fromkeys(set(os.environ) - set(wanted))
        return CliRunner().invoke(app, list(arguments), input=input, env=wanted | gone)

    return invoke


@pytest.fixture
def command(home: Path) -> Command:
    """``command("doctor", "--json")``: the real program as a process, with nothing on stdin unless given."""

    def start(*arguments: str, input: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, *arguments],
            env=clean_environment(home, **variables),
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start
