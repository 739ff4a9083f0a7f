"""install and uninstall: every client's real format, what was there before stays, no secret is written."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from nexla_mcp.cli.clients.jsonc import value
from nexla_mcp.cli.clients.records import CLIENTS
from nexla_mcp.cli.installing import ClientName
from tests.cli.conftest import Run, clean_environment
from tests.conftest import SCRIPT

KEY = "sk-0123456789abcdef-not-to-be-written"
JSON_CLIENTS = [name for name, client in CLIENTS.items() if client.form == "json"]
EXISTING = {
    "claude-desktop": '{\n  "mcpServers": {\n    "f": {"command": "npx", "args": ["-y", "f"]}\n  },\n  "globalShortcut": ""\n}',
    "claude-code": '{\n  "numStartups": 12,\n  "projects": {"/p": {"mcpServers": {}}},\n  "mcpServers": {}\n}\n',
    "cursor": '{"mcpServers":{"a":{"url":"https://a.example/mcp"}}}',
    "vscode": '{\n\t// mine\n\t"servers": {\n\t\t"a": { "url": "https://a.example/mcp" }, // remote\n\t},\n\t"inputs": [],\n}\n',
    "gemini": '{\r\n  "ui": { "theme": "x" }, // colours\r\n  "mcpServers": {\r\n    "a": { "command": "a" }\r\n  }\r\n}\r\n',
    "codex": '# mine\nmodel = "m"   # the model\n\n[mcp_servers.a]\ncommand = "a"\nargs = [\n"x", # one\n]\n\n# z\n[t]\nx = 1\n',
}


def read(name: str, path: Path) -> dict[str, Any]:
    """The servers of a configuration."""
    text = path.read_bytes().decode()
    found = tomllib.loads(text) if CLIENTS[name].form == "toml" else value(text)
    servers: dict[str, Any] = found[CLIENTS[name].table]
    return servers


def test_the_command_knows_the_clients_that_have_a_record() -> None:
    assert [client.value for client in ClientName] == list(CLIENTS)


@pytest.mark.parametrize("name", CLIENTS)
async def test_the_written_entry_really_starts_and_lists_tools(name: str, run: Run, home: Path, tmp_path: Path) -> None:
    installed = run("install", name, "--sandbox", "--profile", "lean", "--json")
    assert installed.exit_code == 0, installed.output
    path = Path(json.loads(installed.stdout)["path"])
    assert path.is_relative_to(home)
    entry = read(name, path)["nexla-sandbox"]
    assert os.path.isabs(entry["command"])
    parameters = StdioServerParameters(
        command=entry["command"],
        args=entry["args"],
        cwd=tmp_path,
        env={"PATH": "/nowhere", "HOME": str(home)} | entry.get("env", {}),
    )
    async with Client(parameters) as client:
        assert (await client.list_tools()).tools[0].name == "nexla_whoami"


@pytest.mark.parametrize("name", EXISTING)
def test_what_was_there_stays_and_uninstall_restores_it_to_the_byte(name: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(EXISTING[name].encode())
    path.chmod(0o640)
    installed = run("install", name, "--config", str(path), "--sandbox", "--json")
    assert installed.exit_code == 0, installed.output
    report = json.loads(installed.stdout)
    assert Path(report["backup"]).read_bytes() == EXISTING[name].encode()
    assert path.stat().st_mode & 0o777 == 0o640
    servers = read(name, path)
    assert servers.pop("nexla-sandbox") == report["entry"]
    before = tmp_path / "before"
    before.write_bytes(EXISTING[name].encode())
    assert servers == read(name, before)
    for line in re.findall(r"(?://|#) .*", EXISTING[name]):
        assert line.strip() in path.read_text()
    assert run("install", name, "--config", str(path), "--sandbox", "--json").exit_code == 0
    assert len(list(tmp_path.glob("*.bak"))) == 1, "the same again changes nothing"
    assert run("uninstall", name, "--config", str(path), "--sandbox").exit_code == 0
    assert path.read_bytes() == EXISTING[name].encode()


@pytest.mark.parametrize("name", CLIENTS)
def test_a_configuration_that_install_made_is_gone_after_uninstall(name: str, run: Run, home: Path) -> None:
    path = CLIENTS[name].path(home=home, environment={})
    assert run("install", name, "--sandbox").exit_code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert run("uninstall", name, "--sandbox").exit_code == 0
    assert not path.exists()


@pytest.mark.parametrize("name", CLIENTS)
def test_no_key_is_ever_written(name: str, run: Run, home: Path) -> None:
    installed = run("install", name, NEXLA_SERVICE_KEY=KEY, NEXLA_ACCESS_TOKEN=KEY, NEXLA_API_URL="https://n.example/nexla-api")
    assert installed.exit_code == 0, installed.output
    assert KEY not in installed.output
    written = [path for path in home.rglob("*") if path.is_file()]
    assert written
    assert all(KEY not in path.read_text() for path in written)
    entry = read(name, CLIENTS[name].path(home=home, environment={}))["nexla"]
    assert entry["env"]["NEXLA_API_URL"] == "https://n.example/nexla-api"
    named = {
        "claude-code": "${NEXLA_SERVICE_KEY}",
        "cursor": "${env:NEXLA_SERVICE_KEY}",
        "vscode": "${input:nexla-service-key}",
        "gemini": "$NEXLA_SERVICE_KEY",
    }
    assert entry["env"].get("NEXLA_SERVICE_KEY") == named.get(name)
    assert entry.get("env_vars") == (["NEXLA_SERVICE_KEY"] if name == "codex" else None)
    assert ("nexla-mcp login" in installed.output) == (name == "claude-desktop")


def test_vs_code_asks_for_the_key_once_and_uninstall_takes_the_question_away(run: Run, home: Path) -> None:
    path = CLIENTS["vscode"].path(home=home, environment={})
    path.parent.mkdir(parents=True)
    path.write_text('{\n  "inputs": [\n    {"type": "promptString", "id": "a"}\n  ]\n}\n')
    before = path.read_text()
    assert run("install", "vscode").exit_code == 0
    asked = value(path.read_text())["inputs"]
    assert asked[1] == {"type": "promptString", "id": "nexla-service-key", "description": "Nexla service key", "password": True}
    assert run("uninstall", "vscode").exit_code == 0
    assert path.read_text() == before


def test_a_key_file_and_an_instance_are_named_by_absolute_paths(run: Run, home: Path) -> None:
    assert run("install", "cursor", NEXLA_SERVICE_KEY_FILE="keys/prod").exit_code == 0
    entry = read("cursor", home / ".cursor/mcp.json")["nexla"]
    assert entry["env"] == {"NEXLA_SERVICE_KEY_FILE": os.path.abspath("keys/prod")}
    instances = home / "instances.toml"
    instances.write_text('[instances.prod]\nkey_store = "keyring"\n')
    options = ("--instance", "prod", "--read-only", "--toolsets", "flows,metrics", "--confirm", "deny")
    result = run("install", "vscode", *options, NEXLA_MCP_CONFIG_FILE=str(instances), NEXLA_API_URL="https://other.example")
    assert result.exit_code == 0, result.output
    entry = read("vscode", CLIENTS["vscode"].path(home=home, environment={}))["nexla-prod"]
    assert entry["env"] == {"NEXLA_MCP_CONFIG_FILE": str(instances)}
    assert entry["args"][:4] == ["serve", "--instance", "prod", "--read-only"]
    assert entry["args"][4:] == ["--toolsets", "flows,metrics", "--confirm", "deny"]


@pytest.mark.parametrize("name", ["cursor", "codex"])
def test_another_server_of_the_same_name_is_not_overwritten(name: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config"
    theirs = {"cursor": '{"mcpServers": {"nexla": {"command": "theirs"}}}', "codex": '[mcp_servers.nexla]\ncommand = "theirs"\n'}
    path.write_text(theirs[name])
    for command in ("install", "uninstall"):
        refused = run(command, name, "--config", str(path))
        assert refused.exit_code == 1
        assert "Nothing was changed" in refused.output
        assert path.read_text() == theirs[name]
    assert run("install", name, "--config", str(path), "--force").exit_code == 0
    assert read(name, path)["nexla"]["args"] == ["serve"]
    assert run("install", name, "--config", str(path), "--read-only").exit_code == 0, "our own entry is replaced"
    assert read(name, path)["nexla"]["args"] == ["serve", "--read-only"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("cursor", '{"mcpServers": {', "line 1, column"),
        ("cursor", '{"mcpServers": []}', "no table of servers"),
        ("cursor", "[1]", "no table of settings"),
        ("vscode", '{"servers": {}, "inputs": 3}', "inputs is no list"),
        ("codex", "[mcp_servers\n", "no valid TOML"),
        ("codex", "mcp_servers = 3\n", "no table of servers"),
    ],
)
def test_a_broken_configuration_is_left_alone_and_the_entry_is_shown(
    name: str, text: str, said: str, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    refused = run("install", name, "--config", str(path))
    assert refused.exit_code == 1
    assert said in refused.output
    assert SCRIPT in refused.output
    assert path.read_text() == text
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["config"]


def test_a_file_that_is_no_text_is_left_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes('{"a": 1}'.encode("utf-16"))
    assert run("install", "cursor", "--config", str(path)).exit_code == 1
    assert path.read_bytes() == '{"a": 1}'.encode("utf-16")


def test_a_symlink_stays_a_symlink(run: Run, tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "mcp.json", tmp_path / "mcp.json"
    real.parent.mkdir()
    real.write_text('{"mcpServers": {}}')
    link.symlink_to(real)
    assert run("install", "cursor", "--config", str(link), "--sandbox").exit_code == 0
    assert link.is_symlink()
    assert "nexla-sandbox" in read("cursor", real)
    assert run("uninstall", "cursor", "--config", str(link), "--sandbox").exit_code == 0
    assert real.read_text() == '{"mcpServers": {}}'


def test_where_nothing_can_be_written_nothing_is_changed(run: Run, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    refused = run("install", "cursor", "--config", str(blocked / "mcp.json"), "--sandbox")
    assert refused.exit_code == 1
    assert "Nothing was changed" in refused.output


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_leaves_the_file_as_it_was(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "locked" / "mcp.json"
    path.parent.mkdir()
    path.write_text("{}")
    path.parent.chmod(0o500)
    refused = run("install", "cursor", "--config", str(path), "--sandbox")
    path.parent.chmod(0o700)
    assert refused.exit_code == 1
    assert path.read_text() == "{}"
    assert list(path.parent.iterdir()) == [path]


def test_a_dry_run_shows_the_difference_without_other_peoples_secrets(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    text = '{\n  "mcpServers": {\n    "a": {"command": "a", "env": {"A_TOKEN": "tok-4711-secret"}}\n  }\n}\n'
    path.write_text(text)
    shown = run("install", "cursor", "--config", str(path), "--sandbox", "--dry-run")
    assert shown.exit_code == 0
    assert f"+++ {path} (new)" in shown.output
    assert '+    "nexla-sandbox": {' in shown.output
    assert "tok-4711-secret" not in shown.output
    assert path.read_text() == text


def test_print_gives_the_entry_alone(run: Run, home: Path) -> None:
    assert json.loads(run("install", "claude-desktop", "--print").stdout)["mcpServers"]["nexla"] == {
        "command": SCRIPT,
        "args": ["serve"],
    }
    assert (
        tomllib.loads(run("install", "codex", "--sandbox", "--print").stdout)["mcp_servers"]["nexla-sandbox"]["command"] == SCRIPT
    )
    assert not list(home.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--name", "has space"), "cannot name a server"),
        (("--name", "n" * 30), "cannot name a server"),
        (("--toolsets", "flow"), "Did you mean flows?"),
        (("--instance", "live"), "no instance 'live'"),
        (("--confirm", "maybe"), "confirm"),
    ],
)
def test_options_that_the_server_would_refuse_are_refused_at_once(
    options: tuple[str, ...], said: str, run: Run, home: Path
) -> None:
    refused = run("install", "cursor", *options)
    assert refused.exit_code == 2
    assert said in refused.output
    assert not list(home.iterdir())


def test_uninstall_names_what_there_is(run: Run, home: Path) -> None:
    run("install", "cursor", "--name", "mine", "--sandbox")
    refused = run("uninstall", "cursor")
    assert refused.exit_code == 1
    assert "of this program: mine" in refused.output


def test_comments_and_tables_around_a_toml_entry_stay(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    run("install", "codex", "--config", str(path), "--sandbox", NEXLA_SERVICE_KEY=KEY)
    with path.open("a") as file:
        file.write('\n# about b\n[mcp_servers.b]\ncommand = "b"\n')
    assert run("uninstall", "codex", "--config", str(path), "--sandbox").exit_code == 0
    assert path.read_text().strip() == '# about b\n[mcp_servers.b]\ncommand = "b"'


def test_each_system_has_its_places() -> None:
    home = Path("/u")
    windows = {"APPDATA": "/r", "LOCALAPPDATA": "/l"}
    assert (
        str(CLIENTS["claude-desktop"].path("darwin", {}, home))
        == "/u/Library/Application Support/Claude/claude_desktop_config.json"
    )
    assert str(CLIENTS["claude-desktop"].path("win32", windows, home)) == "/r/Claude/claude_desktop_config.json"
    assert str(CLIENTS["vscode"].path("win32", windows, home)) == "/r/Code/User/mcp.json"
    assert str(CLIENTS["vscode"].path("darwin", {}, home)) == "/u/Library/Application Support/Code/User/mcp.json"
    assert str(CLIENTS["vscode"].path("linux", {"XDG_CONFIG_HOME": "/c"}, home)) == "/c/Code/User/mcp.json"
    for system in ("linux", "darwin", "win32"):
        assert str(CLIENTS["cursor"].path(system, windows, home)) == "/u/.cursor/mcp.json"
        assert str(CLIENTS["codex"].path(system, {"CODEX_HOME": "/x"}, home)) == "/x/config.toml"
        assert str(CLIENTS["claude-code"].path(system, {"CLAUDE_CONFIG_DIR": "/y"}, home)) == "/y/.claude.json"
        assert str(CLIENTS["gemini"].path(system, {}, home)) == "/u/.gemini/settings.json"


def test_the_store_package_of_claude_desktop_is_found_on_windows(tmp_path: Path) -> None:
    environment = {"APPDATA": str(tmp_path / "r"), "LOCALAPPDATA": str(tmp_path / "l")}
    package = tmp_path / "l/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude"
    package.mkdir(parents=True)
    assert CLIENTS["claude-desktop"].path("win32", environment, tmp_path).parent == package


def test_the_environment_of_these_tests_holds_nothing_of_this_machine(home: Path) -> None:
    assert not [name for name in clean_environment(home) if name.startswith("NEXLA")]
