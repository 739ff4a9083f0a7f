"""What registries, bundles and editors are told about this server is true, and no secret is part of it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from pydantic import ValidationError

import nexla_mcp
from nexla_mcp.settings import Settings
from release.links import EDITORS, links
from release.listings import REGISTRY_NAME

ROOT = Path(__file__).resolve().parents[2]
SERVER = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
MANIFEST = json.loads((ROOT / "release" / "manifest.json").read_text(encoding="utf-8"))


def test_every_listing_has_the_version_of_the_package() -> None:
    versions = {SERVER["version"], SERVER["packages"][0]["version"], MANIFEST["version"]}
    assert versions == {nexla_mcp.__version__}


def test_the_registry_finds_its_name_in_the_readme() -> None:
    """The registry proves who owns a PyPI package by this line in its description."""
    assert SERVER["name"] == REGISTRY_NAME
    assert f"mcp-name: {REGISTRY_NAME}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_registry_has_only_short_descriptions_and_known_variables() -> None:
    assert len(SERVER["description"]) <= 100
    known = {Settings.variable(name) for name in Settings.model_fields}
    given = {v["name"]: v for v in SERVER["packages"][0]["environmentVariables"]}
    assert given.keys() <= known
    assert given["NEXLA_SERVICE_KEY"]["isSecret"] is True


def test_the_bundle_asks_for_the_key_as_a_secret_and_passes_every_answer_on() -> None:
    asked = MANIFEST["user_config"]
    assert (MANIFEST["server"]["type"], asked["service_key"]["sensitive"], asked["service_key"]["required"]) == ("uv", True, True)
    passed = MANIFEST["server"]["mcp_config"]["env"]
    assert set(passed.values()) == {f"${{user_config.{name}}}" for name in asked}
    assert passed.keys() <= {Settings.variable(name) for name in Settings.model_fields}


def test_a_question_that_was_left_empty_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MANIFEST["server"]["mcp_config"]["env"]:
        monkeypatch.setenv(name, "")
    settings, default = Settings(), Settings.model_fields
    assert (settings.api_url, settings.profile) == (default["api_url"].default, default["profile"].default)
    assert (settings.read_only, settings.service_key) == (False, None)


def test_a_question_that_the_host_did_not_fill_in_never_opens_what_was_to_be_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXLA_MCP_READ_ONLY", "${user_config.read_only}")
    with pytest.raises(ValidationError, match="read_only"):
        Settings()


def configuration(editor: str, link: str) -> tuple[str, dict[str, Any]]:
    """The name and the configuration that an editor reads out of a link."""
    parts = urlsplit(link)
    if parts.scheme in ("https", "cursor"):
        query = parse_qs(parts.query)
        text = query["config"][0]
        return query["name"][0], json.loads(base64.b64decode(text) if editor == "cursor" else text)
    whole = json.loads(unquote(parts.query))
    return whole.pop("name"), {k: v for k, v in whole.items() if k != "inputs"}


@pytest.mark.parametrize("editor", list(EDITORS))
@pytest.mark.parametrize("options", [(), ("--sandbox",)], ids=["real", "sandbox"])
def test_both_links_of_an_editor_carry_the_same_configuration_without_a_key(editor: str, options: tuple[str, ...]) -> None:
    made = links(editor, *options)
    name, server = configuration(editor, made.deep)
    assert configuration(editor, made.page) == (name, server)
    assert server["command"] == "nexla-mcp"
    assert server["args"] == ["serve", *options]
    reference = server.get("env", {}).get("NEXLA_SERVICE_KEY", "")
    assert reference.startswith("${") is not bool(options)
    assert made.page in (ROOT / "README.md").read_text(encoding="utf-8")
