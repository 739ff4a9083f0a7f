"""Which source counts for a setting, and that the key of one instance never goes to another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from nexla_mcp.instances import InstancesError, load_settings
from nexla_mcp.settings import DEFAULT_API_URL, Settings

PROD = "https://prod.nexla.example/nexla-api"
STAGING = "https://staging.nexla.example/nexla-api"
FILE = f"""
default = "prod"
[instances.prod]
api_url = "{PROD}"
service_key_file = "/keys/prod"
read_only = true
toolsets = ["flows", "metrics"]
max_concurrency = 3
[instances.staging]
api_url = "{STAGING}"
key_store = "keyring"
[instances.keyless]
api_url = "{STAGING}"
"""


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The instances' file, and an environment that says nothing else."""
    for name in [n for n in os.environ if n.startswith("NEXLA")]:
        monkeypatch.delenv(name)
    path = tmp_path / "instances.toml"
    path.write_text(FILE)
    monkeypatch.setenv("NEXLA_MCP_CONFIG_FILE", str(path))
    return path


def reach(settings: Settings) -> tuple[str, str | None]:
    """Where requests go, and what opens the door there."""
    if settings.service_key:
        return settings.api_url, settings.service_key.get_secret_value()
    if settings.service_key_file:
        return settings.api_url, str(settings.service_key_file)
    if settings.access_token:
        return settings.api_url, settings.access_token.get_secret_value()
    return settings.api_url, settings.key_store


def test_an_option_wins_over_the_environment_the_file_and_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().max_concurrency == 8
    assert load_settings().max_concurrency == 3
    monkeypatch.setenv("NEXLA_MCP_MAX_CONCURRENCY", "5")
    assert load_settings().max_concurrency == 5
    assert load_settings(max_concurrency=7).max_concurrency == 7


def test_the_file_gives_what_nobody_else_says() -> None:
    settings = load_settings()
    assert (settings.instance, settings.read_only, settings.toolsets) == ("prod", True, ("flows", "metrics"))


@pytest.mark.parametrize(
    ("named", "environment", "expected"),
    [
        (None, {}, (PROD, "/keys/prod")),
        ("staging", {}, (STAGING, "keyring")),
        # a key in the environment brings its own address, never the file's
        (None, {"NEXLA_SERVICE_KEY": "env"}, (DEFAULT_API_URL, "env")),
        (None, {"NEXLA_ACCESS_TOKEN": "env"}, (DEFAULT_API_URL, "env")),
        (None, {"NEXLA_SERVICE_KEY": "env", "NEXLA_API_URL": STAGING}, (STAGING, "env")),
        # another address in the environment does not get the file's key
        (None, {"NEXLA_API_URL": STAGING}, (STAGING, None)),
        (None, {"NEXLA_API_URL": PROD + "/"}, (PROD, "/keys/prod")),
        # an instance that was named wins over both
        ("staging", {"NEXLA_SERVICE_KEY": "env", "NEXLA_API_URL": PROD}, (STAGING, "keyring")),
        ("prod", {"NEXLA_ACCESS_TOKEN": "env", "NEXLA_API_URL": STAGING}, (PROD, "/keys/prod")),
        ("keyless", {"NEXLA_SERVICE_KEY": "env", "NEXLA_API_URL": PROD}, (STAGING, "env")),
        # what a host could not fill in, or left empty, is nothing
        (None, {"NEXLA_SERVICE_KEY": "", "NEXLA_API_URL": " "}, (PROD, "/keys/prod")),
    ],
)
def test_address_and_key_come_together(
    named: str | None, environment: dict[str, str], expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert reach(load_settings(instance=named) if named else load_settings()) == expected
    if named:
        monkeypatch.setenv("NEXLA_MCP_INSTANCE", named)
        assert reach(load_settings()) == expected


def test_values_passed_in_code_win_over_a_named_instance() -> None:
    settings = load_settings(instance="staging", service_key=SecretStr("given"), api_url=PROD)
    assert reach(settings) == (PROD, "given")


def test_a_variable_that_a_host_did_not_fill_in_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("${env:NEXLA_SERVICE_KEY}", "${input:nexla-key}", "$NEXLA_SERVICE_KEY", "  "):
        monkeypatch.setenv("NEXLA_SERVICE_KEY", text)
        assert Settings().service_key is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[instances.a]\nservice_key = "x"', "is a secret"),
        ("[instances.a]\nread_onli = true", "Did you mean read_only?"),
        ('default = "b"\n[instances.a]', "not one of its instances"),
        ("instances = 3", "is a table"),
        ("[instances.a", "cannot be read"),
        ("colour = 1", "is not known here"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(InstancesError, match=said.replace("?", r"\?")) as error:
        load_settings()
    assert str(file) in str(error.value)


def test_an_unknown_instance_names_those_there_are() -> None:
    with pytest.raises(InstancesError, match=r"prod, staging, keyless.*nexla-mcp login --instance live"):
        load_settings(instance="live")


def test_a_value_of_the_file_is_checked_like_any_other(file: Path) -> None:
    file.write_text("[instances.default]\nmax_concurrency = 900")
    with pytest.raises(ValidationError, match="max_concurrency"):
        load_settings()


def test_without_a_file_the_environment_counts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.unlink()
    monkeypatch.setenv("NEXLA_SERVICE_KEY", "env")
    assert reach(load_settings()) == (DEFAULT_API_URL, "env")


def test_no_secret_shows_in_the_settings_text(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets: dict[str, Any] = {"NEXLA_SERVICE_KEY": "sk-very-secret", "NEXLA_MCP_SEAL_KEYS": "seal-very-secret"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    assert "very-secret" not in repr(load_settings())
