"""The pages for people say what is so: every command and option in them exists, every snippet is one that is understood."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from nexla_mcp.cli import app
from nexla_mcp.instances import read_instances
from tests.cli.conftest import Run, clean_environment

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {name: (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("cli", "configuration", "connect")}
SHOWN = sorted(
    {line.partition("#")[0].strip() for text in PAGES.values() for line in re.findall(r"^\$ (nexla-mcp .*)$", text, re.M)}
)


def blocks(language: str) -> list[str]:
    return [block for text in PAGES.values() for block in re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)]


@pytest.mark.parametrize("line", SHOWN)
def test_every_command_that_is_shown_exists_with_its_options(line: str) -> None:
    words = shlex.split(line.partition("<")[0])[1:]
    command: Any = typer.main.get_command(app)
    while words and getattr(command, "commands", None):
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("line", [line for line in SHOWN if "call" in line and "--sandbox" in line])
def test_a_call_on_the_sandbox_runs_as_it_is_shown(line: str, run: Run) -> None:
    done = run(*shlex.split(line)[1:])
    assert done.exit_code == 0, done.output
    assert "FAILING" in done.stdout


def test_every_snippet_can_be_read() -> None:
    assert all("nexla" in json.dumps(json.loads(block)) for block in blocks("json"))
    assert len(blocks("json")) == 10
    assert all(tomllib.loads(block) for block in blocks("toml"))


def test_the_file_of_instances_that_is_shown_is_understood(tmp_path: Path) -> None:
    shown = next(block for block in blocks("toml") if "[instances" in block)
    (tmp_path / "instances.toml").write_text(shown)
    assert list(read_instances(tmp_path / "instances.toml").settings) == ["prod", "staging"]


def test_links_lead_to_pages_that_are_there() -> None:
    for text in PAGES.values():
        for target in re.findall(r"\]\(([a-z/]+\.md)", text):
            assert (DOCS / target).is_file(), target


def test_the_command_line_imports_nothing_heavy_before_it_is_needed(home: Path) -> None:
    script = "import sys, nexla_mcp.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=clean_environment(home), capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {"keyring", "tomlkit", "tomllib", "mcp", "pydantic", "httpx", "sqlalchemy", "dbos", "anyio", "starlette"}
    assert not heavy & set(done.stdout.split())
