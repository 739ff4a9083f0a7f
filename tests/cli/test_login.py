"""login, logout and instances: a key is tried before it is stored, hidden when it is typed, and found again by serve."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from nexla_mcp.sandbox import SERVICE_KEY
from tests.cli.at_terminal import at_terminal
from tests.cli.conftest import Command, Run
from tests.memory_keyring import MemoryKeyring


@pytest.fixture
def place(home: Path, tmp_path: Path) -> dict[str, str]:
    """Where these tests keep their instances and state."""
    return {"NEXLA_MCP_CONFIG_FILE": str(home / "instances.toml"), "NEXLA_MCP_STATE_DIR": str(tmp_path / "state")}


def kept(place: dict[str, str]) -> dict[str, Any]:
    return tomllib.loads(Path(place["NEXLA_MCP_CONFIG_FILE"]).read_text())


def test_a_good_key_is_stored_used_and_forgotten(sandbox: Any, run: Run, place: dict[str, str], memory: MemoryKeyring) -> None:
    done = run("login", "--api-url", sandbox.url, "--instance", "prod", "--json", input=SERVICE_KEY + "\n", **place)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["user"] == "priya.raman@harborline.test"
    assert kept(place) == {"default": "prod", "instances": {"prod": {"api_url": sandbox.url, "key_store": "keyring"}}}
    assert list(memory.kept.values()) == [SERVICE_KEY]
    assert SERVICE_KEY not in done.output + Path(place["NEXLA_MCP_CONFIG_FILE"]).read_text()

    assert "orders-to-snowflake" in run("call", "flows_get", "-a", "flow_id=6010", **place).stdout
    assert "prod (default)" in run("instances", **place).stdout
    checks = json.loads(run("doctor", "--json", **place).stdout)["checks"]
    assert [c["found"] for c in checks if c["name"] == "key"] == ["service key from keyring, instance prod"]

    assert run("logout", **place).exit_code == 0
    assert not memory.kept
    assert kept(place)["instances"] == {"prod": {"api_url": sandbox.url}}
    assert run("logout", **place).exit_code == 1


def test_a_bad_key_is_not_stored(sandbox: Any, run: Run, place: dict[str, str], memory: MemoryKeyring) -> None:
    refused = run("login", "--api-url", sandbox.url, input="not-the-key\n", **place)
    assert refused.exit_code == 1
    assert "Nothing was stored." in refused.output
    for wrong in ("", "two\nlines\n"):
        assert run("login", "--api-url", sandbox.url, input=wrong, **place).exit_code == 2
    assert run("login", "--api-url", "http://n.example", input="key\n", **place).exit_code == 2
    assert run("login", "--instance", "no good", input="key\n", **place).exit_code == 2
    assert not memory.kept
    assert not Path(place["NEXLA_MCP_CONFIG_FILE"]).exists()


def test_without_a_keyring_the_key_goes_to_a_file_and_is_not_shown_when_typed(
    sandbox: Any, home: Path, run: Run, command: Command, place: dict[str, str]
) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    try:
        refused = run("login", "--api-url", sandbox.url, input=SERVICE_KEY, **place)
    finally:
        keyring.set_keyring(before)
    assert refused.exit_code == 1
    assert "--key-file PATH" in refused.output
    path = home / "keys" / "prod"
    options = ("login", "--api-url", sandbox.url, "--key-file", str(path))
    code, screen = at_terminal(home, *options, answers={"(not shown)": SERVICE_KEY}, **place)
    assert code == 0, screen
    assert SERVICE_KEY not in screen
    assert path.read_text() == SERVICE_KEY + "\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert command("call", "flows_get", "-a", "flow_id=6010", **place).returncode == 0
    path.chmod(0o644)
    refused = run("call", "flows_get", "-a", "flow_id=6010", **place)
    assert refused.exit_code == 1
    assert f"chmod 600 {path}" in refused.output
    assert run("logout", "--delete-key-file", **place).exit_code == 0
    assert not path.exists()


def test_a_second_instance_keeps_the_first_and_every_comment(
    sandbox: Any, run: Run, place: dict[str, str], memory: MemoryKeyring
) -> None:
    path = Path(place["NEXLA_MCP_CONFIG_FILE"])
    path.write_text('# ours\n[instances.prod]\napi_url = "https://p.example/nexla-api"  # the real one\nread_only = true\n')
    options = ("login", "--api-url", sandbox.url, "--instance", "trial", "--default")
    assert run(*options, input=SERVICE_KEY, **place).exit_code == 0
    assert kept(place)["default"] == "trial"
    assert kept(place)["instances"]["prod"] == {"api_url": "https://p.example/nexla-api", "read_only": True}
    assert "# ours" in path.read_text()
    assert "# the real one" in path.read_text()


def test_a_broken_file_is_left_alone(run: Run, place: dict[str, str], memory: MemoryKeyring) -> None:
    path = Path(place["NEXLA_MCP_CONFIG_FILE"])
    path.write_text("[instances.a")
    for name in ("login", "logout", "instances"):
        assert run(name, input="key", **place).exit_code == 2
    assert path.read_text() == "[instances.a"
