"""doctor: what is right, what is not, what to do about it; the same number of tools as a client sees."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from nexla_mcp.cli.checking import _clock
from nexla_mcp.sandbox import SERVICE_KEY
from tests.cli.conftest import Command, Run


def checks(output: str) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in json.loads(output)["checks"]}


def test_an_empty_home_is_told_what_to_do_first(command: Command) -> None:
    done = command("doctor", "--json")
    found = checks(done.stdout)
    assert done.returncode == 1
    assert found["key"]["status"] == "fail"
    assert "nexla-mcp login" in found["key"]["fix"]
    assert "nexla-mcp install" in found["client"]["fix"]
    assert [name for name, check in found.items() if check["status"] == "fail"] == ["key"]


@pytest.mark.parametrize("options", [(), ("--profile", "lean"), ("--toolsets", "flows")])
def test_it_counts_the_tools_that_a_client_sees(run: Run, options: tuple[str, ...]) -> None:
    found = checks(run("doctor", "--sandbox", "--json", *options).stdout)
    listed = json.loads(run("tools", "--json", *options).stdout)["tools"]
    assert found["tools"]["found"].startswith(f"{len(listed)} tools are listed")


def test_a_good_set_up_is_all_right(sandbox: Any, run: Run, home: Path) -> None:
    run("install", "cursor", "--sandbox")
    done = run("doctor", "--json", NEXLA_API_URL=sandbox.url, NEXLA_SERVICE_KEY=SERVICE_KEY)
    found = checks(done.stdout)
    assert done.exit_code == 0, done.output
    assert found["key"]["found"] == "service key from NEXLA_SERVICE_KEY"
    assert "administrator of" in found["permissions"]["found"]
    assert found["clock"]["status"] == "ok"
    assert found["client"]["found"] == f"Cursor: nexla-sandbox in {home / '.cursor/mcp.json'}"
    assert json.loads(done.stdout)["ok"] is True


@pytest.mark.parametrize(
    ("variables", "name", "said"),
    [
        ({"NEXLA_SERVICE_KEY": "wrong"}, "api", "refused the service key"),
        ({"NEXLA_SERVICE_KEY": "k", "NEXLA_API_URL": "http://n.example"}, "api", "unencrypted"),
        ({"NEXLA_SERVICE_KEY": "k", "NEXLA_API_URL": "http://127.0.0.1:9/nexla-api"}, "api", "Could not reach"),
        ({"NEXLA_SERVICE_KEY_FILE": "/nowhere/key"}, "key", "cannot be read"),
        ({"NEXLA_MCP_STATE_DIR": "/dev/null/state"}, "state folder", "cannot be written"),
    ],
)
def test_what_is_wrong_fails_with_what_to_do(variables: dict[str, str], name: str, said: str, sandbox: Any, run: Run) -> None:
    done = run("doctor", "--json", **({"NEXLA_API_URL": sandbox.url} | variables))
    found = checks(done.stdout)[name]
    assert done.exit_code == 1
    assert found["status"] == "fail"
    assert said in found["found"]
    assert found["fix"]


def test_entries_of_clients_are_looked_at(run: Run, home: Path) -> None:
    (home / ".cursor").mkdir()
    servers = {
        "gone": {"command": "/gone/nexla-mcp", "args": ["serve"]},
        "short": {"command": "nexla-mcp-none", "args": ["-m", "nexla_mcp"]},
        "other": {"command": "npx"},
    }
    (home / ".cursor/mcp.json").write_text(json.dumps({"mcpServers": servers}))
    (home / ".gemini").mkdir()
    (home / ".gemini/settings.json").write_text("{ broken")
    run("install", "claude-code", "--name", "plain", "--sandbox")
    path = home / ".claude.json"
    entry = json.loads(path.read_text())
    entry["mcpServers"]["plain"]["env"] = {"NEXLA_SERVICE_KEY": "sk-in-plain-text"}
    path.write_text(json.dumps(entry))
    done = run("doctor", "--sandbox", "--json")
    found = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "client"]
    told = " | ".join(check["found"] for check in found)
    for said in (
        "/gone/nexla-mcp does not exist",
        "is not on PATH",
        "plain text",
        "settings.json cannot be read: it is no valid JSON",
    ):
        assert said in told
    assert len(found) == 4
    assert done.exit_code == 1
    assert "sk-in-plain-text" not in done.output


def test_a_clock_that_is_off_is_warned_of() -> None:
    now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    assert [c.status for c in _clock(format_datetime(now + timedelta(seconds=90)), now)] == ["ok"]
    assert [c.status for c in _clock(format_datetime(now - timedelta(seconds=200)), now)] == ["warn"]
    assert _clock("", now) == _clock("no date", now) == []
