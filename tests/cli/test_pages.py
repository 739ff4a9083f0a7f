"""What the pages of the command line promise beyond what tests/docs runs: the file that is shown, and a quick start."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.people_tables import people_tables
from nexla_mcp.cli.clients.records import CLIENTS
from nexla_mcp.instances import read_instances
from tests.cli.conftest import Command, Run, clean_environment

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_file_of_instances_that_is_shown_is_understood(tmp_path: Path) -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```toml\n(.*?)^```$", text, re.M | re.S)
    (tmp_path / "instances.toml").write_text(shown[0])
    assert list(read_instances(tmp_path / "instances.toml").settings) == ["prod", "staging"]


def test_every_client_has_a_section_with_its_entry() -> None:
    text = (DOCS / "connect.md").read_text(encoding="utf-8")
    for client in CLIENTS.values():
        assert f"## {client.title}\n" in text
        assert people_tables()[client.name.replace("-", "")] in text


def test_the_command_line_imports_nothing_heavy_before_it_is_needed(home: Path) -> None:
    script = "import sys, nexla_mcp.cli.commands; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=clean_environment(home), capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {"keyring", "tomlkit", "tomllib", "mcp", "pydantic", "httpx", "sqlalchemy", "dbos", "anyio", "starlette"}
    assert not heavy & set(done.stdout.split())


def test_serve_is_the_same_command_when_it_is_made_alone(command: Command, run: Run) -> None:
    alone, among_others = command("serve", "--help").stdout, run("serve", "--help").stdout
    assert alone.split()[:4] == ["Usage:", "nexla-mcp", "serve", "[OPTIONS]"]
    options = re.findall(r"--[a-z-]+", alone)
    assert options == re.findall(r"--[a-z-]+", among_others)
    assert "--read-only" in options
