"""Every operation of the API and every call that the reference names is there, with no less risk than published.

The embedded table is facts about the API, kept apart from our specs so that neither can quietly follow the other.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.kinds import resource_kinds
from nexla_mcp.catalog.loader import SpecError, load_catalog
from nexla_mcp.catalog.records import Risk
from tests.conftest import Connect, text_of

EXPECTED = json.loads(Path(__file__).with_name("expected_operations.json").read_text(encoding="utf-8"))
PUBLISHED: dict[str, dict[str, str]] = EXPECTED["published"]
ADDED: dict[str, dict[str, str]] = EXPECTED["added"]
LATER: dict[str, dict[str, str]] = EXPECTED["later"]
"""Operations that came after the reference was written down, with the least risk that somebody judged them to have."""
NAMES = [name for rows in ADDED.values() for name in rows]
CLASSES = list(Risk)
ROUTELESS = {name for name in NAMES if name != "self_signup_list"}
"""Those whose route is not published; self_signup_list sends a published request under a further name."""


def expected(toolset: str) -> dict[str, Risk]:
    rows = PUBLISHED.get(toolset, {}) | ADDED.get(toolset, {}) | LATER.get(toolset, {})
    return {name: Risk(risk) for name, risk in rows.items()}


def test_the_table_is_complete() -> None:
    assert sum(map(len, PUBLISHED.values())) == 387
    assert sum(map(len, ADDED.values())) == 17
    assert not {name for rows in PUBLISHED.values() for name in rows} & set(NAMES)


def test_every_resource_is_a_toolset_and_every_toolset_a_resource(catalog: Catalog) -> None:
    assert set(catalog.toolsets) == set(PUBLISHED)


@pytest.mark.parametrize("toolset", PUBLISHED)
def test_no_operation_of_a_toolset_is_missing(catalog: Catalog, toolset: str) -> None:
    there = [o.name for o in catalog.toolsets[toolset].operations]
    assert set(expected(toolset)) - set(there) == set()
    assert set(there) - set(expected(toolset)) == set()
    assert len(there) == len(expected(toolset))


@pytest.mark.parametrize("toolset", PUBLISHED)
def test_risk_is_never_lower_than_published(catalog: Catalog, toolset: str) -> None:
    ours = {name: catalog.operation(name).risk for name in expected(toolset)}
    lower = [n for n, least in expected(toolset).items() if CLASSES.index(ours[n]) < CLASSES.index(least)]
    assert lower == []


def test_counts_per_toolset_and_risk_class(catalog: Catalog) -> None:
    """As many operations in all, and at least as many in each class or above it: an operation may only move up."""
    for toolset in PUBLISHED:
        ours = Counter(o.risk for o in catalog.toolsets[toolset].operations)
        facts = Counter(expected(toolset).values())
        assert ours.total() == facts.total(), toolset
        for place in range(len(CLASSES)):
            at_least = CLASSES[place:]
            assert sum(ours[risk] for risk in at_least) >= sum(facts[risk] for risk in at_least), (toolset, at_least)


def test_the_calls_of_the_reference_have_the_routes_of_the_sdk(catalog: Catalog) -> None:
    routes = {
        "list": ("GET", ""),
        "get": ("GET", "/{}"),
        "create": ("POST", ""),
        "update": ("PUT", "/{}"),
        "delete": ("DELETE", "/{}"),
    }
    for toolset, rows in ADDED.items():
        for name in rows:
            method, tail = routes[name.removeprefix(f"{toolset}_")]
            operation = catalog.operation(name)
            identity = "{" + next(iter(operation.parameters), "") + "}"
            base = "/self_signup_requests" if toolset == "self_signup" else f"/{toolset}"
            assert (operation.method, operation.path) == (method, base + tail.replace("{}", identity))


def test_what_is_undocumented_says_so(catalog: Catalog) -> None:
    for operation in catalog.operations.values():
        says_so = operation.description.endswith(("Not in the published contract.", "Undocumented: may answer 404."))
        assert says_so is not operation.documented, operation.name
        if not operation.documented:
            assert operation.in_sdk is operation.description.endswith("Not in the published contract."), operation.name


def test_the_calls_of_the_reference_name_their_neighbours(catalog: Catalog) -> None:
    for name in ROUTELESS:
        operation = catalog.operation(name)
        assert not operation.documented
        assert any(re.search(rf"\b{other}\b", operation.description) for other in catalog.operations if other != name)
        if operation.risk.gated:
            assert operation.preview
            assert operation.preview.target
            assert operation.preview.target.operation == f"{catalog.toolset_of(operation)}_get"


def test_lists_and_gets_of_the_reference_are_kinds(catalog: Catalog) -> None:
    assert {"approval_request", "data_schema", "doc_container", "self_signup"} <= set(resource_kinds(catalog))


def test_what_to_use_instead_must_exist_and_be_another(tmp_path: Path) -> None:
    operation = {
        **{"name": "things_get", "title": "Get a thing", "description": "Returns one thing with all its fields."},
        **{"risk": "read", "method": "GET", "path": "/things", "returns": {"shape": "object"}},
    }
    toolset = {"toolset": "things", "title": "Things", "description": "Things of a test."}
    for wrong in ("things_list", "things_get"):
        text = json.dumps({**toolset, "operations": [{**operation, "instead": [wrong]}]})
        (tmp_path / "things.json").write_text(text)
        with pytest.raises(SpecError, match=rf"things.json:1: operation things_get: instead names {wrong}"):
            load_catalog(tmp_path)


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize(
    ("tool", "arguments", "instead"),
    [
        ("nexla_get", {"resource_type": "approval_request", "id": 44}, "approval_requests_list_pending or"),
        ("nexla_get", {"resource_type": "self_signup", "id": 31}, "self_signup_list_requests"),
        ("nexla_read", {"operation": "data_schemas_list", "arguments": {}}, "nexsets_list or nexsets_get"),
        ("nexla_doc_containers_get", {"doc_container_id": 81}, "nexsets_list_docs"),
        ("nexla_write", {"operation": "approval_requests_create", "arguments": {"reason": "Weekly report"}}, None),
        (
            "nexla_confirmed_write",
            {"operation": "doc_containers_delete", "arguments": {"doc_container_id": 81}},
            "nexsets_update_docs",
        ),
        (
            "nexla_read",
            {"operation": "credentials_get_usage", "arguments": {"credential_id": 5001}},
            "credentials_get or flows_list",
        ),
    ],
)
async def test_an_instance_without_the_route_explains_itself(
    sandbox: Any, connect: Connect, tool: str, arguments: dict[str, Any], instead: str | None, status: int
) -> None:
    sandbox.fault("/(approval_requests|self_signup_requests|data_schemas|doc_containers|data_credentials)", status=status)
    async with connect(sandbox.url) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert "not in Nexla's published contract; this instance may not have it" in text_of(result)
    assert (f"Use instead: {instead}" if instead else "may not have it.") in text_of(result)


async def test_a_documented_route_is_not_excused(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url) as client:
        result = await client.call_tool("nexla_get", {"resource_type": "source", "id": 99_999_999})
    assert result.is_error
    assert "published contract" not in text_of(result)


async def test_a_published_change_does_not_need_the_undocumented_read(sandbox: Any, connect: Connect) -> None:
    """Sharing a page is published, reading the page is not: without it the preview says what it does not know."""
    sandbox.fault("GET /doc_containers/81$", status=404)
    rule = {"type": "TEAM", "id": 22, "access_roles": ["collaborator"]}
    arguments = {"operation": "doc_containers_add_accessors", "arguments": {"doc_container_id": 81, "accessors": [rule]}}
    async with connect(sandbox.url, "--confirm", "ticket") as client:
        result = await client.call_tool("nexla_confirmed_write", arguments)
        assert not result.is_error
        assert "Gains access: team 22" in text_of(result)
        assert "Not known: its name and owner (404 from doc_containers_get" in text_of(result)
        assert result.structured_content
        ticket = result.structured_content["ticket"]
        done = await client.call_tool("nexla_confirmed_write", {**arguments, "ticket": ticket})
    assert not done.is_error, text_of(done)
    assert any(r["method"] == "PUT" and r["path"] == "/doc_containers/81/accessors" for r in sandbox.requests())
