"""The built pages and what the package says of them; needs neither Node nor a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from nexla_mcp.arguments.check import check
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Risk
from nexla_mcp.views import MIME_TYPE, VIEWS, read_view, resource_meta, tool_meta, view, view_resources

APPS = Path(__file__).parents[2] / "apps"
STAMPED = ("build.mjs", "package.json", "package-lock.json", "tsconfig.json")
NAMES = [v.name for v in VIEWS]


def source_hash() -> str:
    """The stamp that ``apps/build.mjs`` puts into each page."""
    inside = [p.relative_to(APPS).as_posix() for p in (APPS / "src").rglob("*") if p.is_file()]
    stamp = hashlib.sha256()
    for path in sorted([*STAMPED, *inside]):
        content = (APPS / path).read_text(encoding="utf-8").replace("\r\n", "\n")
        stamp.update(f"{path}\0{content}\0".encode())
    return stamp.hexdigest()


def policy(name: str) -> str:
    """The policy in a page's head."""
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', view(name))
    assert found
    return found[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_built_from_the_sources_as_they_are(name: str) -> None:
    stamp = re.search(r'name="nexla-sources" content="([0-9a-f]+)"', view(name))
    assert stamp
    assert stamp[1] == source_hash(), "apps/ was changed: run `npm ci && npm run build` in apps/ and commit nexla_mcp/views/"


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_small_and_loads_nothing(name: str) -> None:
    page = view(name)
    assert len(page.encode()) <= 400_000
    head = page.split("<style>")[0]
    assert not re.search(r"<link|<script[^>]*\ssrc=|<img|<iframe|<base", page)
    assert not re.search(r"https?://", head)
    assert not re.search(r"@import|url\(", page.split("<style>")[1].split("</style>")[0])


@pytest.mark.parametrize("name", NAMES)
def test_the_policy_allows_only_the_pages_own_script_and_style(name: str) -> None:
    rules = policy(name)
    page = view(name)
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in rules
    assert "default-src 'none'" in rules
    assert "trusted-types 'none'" in rules
    assert "unsafe" not in rules


def test_a_host_is_told_that_a_view_needs_nothing() -> None:
    for resource in view_resources():
        assert resource.mime_type == MIME_TYPE
        found = read_view(str(resource.uri))
        assert found
        (contents,) = found.contents
        assert contents.mime_type == MIME_TYPE
        assert contents.meta == resource.meta == resource_meta()
    assert all(domains == [] for domains in resource_meta()["ui"]["csp"].values())
    assert read_view("ui://nexla/other") is None


def test_the_tools_name_their_view_and_what_changes_is_kept_from_views() -> None:
    assert tool_meta("nexla_debug_flow") == {"ui": {"resourceUri": "ui://nexla/flow"}}
    assert tool_meta("nexla_confirmed_write") == {"ui": {"resourceUri": "ui://nexla/confirm", "visibility": ["model"]}}
    assert tool_meta("nexla_write") == {"ui": {"visibility": ["model"]}}
    assert tool_meta("nexla_flows_pause", reads=False) == {"ui": {"visibility": ["model"]}}
    assert tool_meta("nexla_get") is None


def test_every_tool_that_a_view_may_call_only_reads(catalog: Catalog) -> None:
    readers = json.loads((APPS / "src/shared/readers.json").read_text(encoding="utf-8"))
    assert set(readers) & set(catalog.tools)
    assert all(catalog.tools[name].hints.read_only for name in readers if name in catalog.tools)


def test_every_call_that_a_view_offers_is_one_the_server_takes(catalog: Catalog) -> None:
    offers = json.loads((APPS / "src/flow/calls.json").read_text(encoding="utf-8"))
    for offer in [offer for group in offers.values() for offer in group]:
        operation = catalog.operations[offer["operation"]]
        assert operation.risk == Risk(offer["risk"])
        assert {"read": "nexla_read", "disrupt": "nexla_confirmed_write"}[operation.risk] == offer["tool"]
        check(operation, {offer["id"]: 5059, **offer.get("with", {})})
    for kind in ("flow", "source", "nexset", "destination", "credential", "transform", "lookup"):
        check(catalog.tools["nexla_get"], {"resource_type": kind, "id": 5059})
    for kind in ("source", "nexset", "destination", "credential"):
        check(catalog.tools["nexla_debug_flow"], {"resource_type": kind, "resource_id": 5059})
