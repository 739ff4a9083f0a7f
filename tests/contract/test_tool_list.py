"""The tool lists of every profile: the schema dialect that all hosts accept, hints, names and budgets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import mcp_types as types
import pytest

from benchmarks.tool_budget import AVERAGE, TOTALS, sizes
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.server.instructions import instructions
from nexla_mcp.server.listing import listed_tools
from nexla_mcp.settings import Profile, Settings

FORBIDDEN = {"anyOf", "oneOf", "allOf", "not", "$ref", "$defs", "format", "const", "additionalProperties", "patternProperties"}
ALLOWED = {
    *("type", "properties", "required", "items", "enum", "description", "default"),
    *("minimum", "maximum", "maxLength", "minItems", "maxItems"),
}
ALL = listed_tools(load_catalog(), Settings(profile=Profile.ALL))


def subschemas(schema: dict[str, Any], depth: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    yield schema, depth
    deeper = depth + (schema.get("type") == "object")
    for inner in (schema.get("properties") or {}).values():
        yield from subschemas(inner, deeper)
    if "items" in schema:
        yield from subschemas(schema["items"], deeper)


@pytest.mark.parametrize("tool", ALL, ids=lambda t: t.name)
def test_a_tool_is_accepted_by_every_host(tool: types.Tool) -> None:
    assert re.fullmatch(r"nexla_[a-z0-9_]{2,54}", tool.name)
    assert tool.title
    assert tool.description
    assert len(tool.description) <= 1_000
    hints = tool.annotations
    assert hints is not None
    assert None not in (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)
    assert not (hints.read_only_hint and hints.destructive_hint)
    assert tool.input_schema["type"] == "object"
    assert set(tool.input_schema) == {"type", "properties", "required"}
    for schema, depth in subschemas(tool.input_schema):
        assert set(schema) <= ALLOWED
        assert isinstance(schema["type"], str)
        assert schema["type"] in ("string", "integer", "number", "boolean", "array", "object")
        assert depth <= 2
        assert all(isinstance(word, str) and word for word in schema.get("enum", ()))
        assert schema["type"] != "array" or isinstance(schema.get("items"), dict)
    for name, schema in tool.input_schema["properties"].items():
        assert schema.get("description"), f"{name} is not described"


@pytest.mark.parametrize("tool", [t for t in ALL if t.output_schema], ids=lambda t: t.name)
def test_an_output_schema_needs_no_resolver(tool: types.Tool) -> None:
    assert tool.output_schema is not None
    assert tool.output_schema["type"] == "object"
    for schema, _ in subschemas(tool.output_schema):
        assert not set(schema) & FORBIDDEN
        assert not isinstance(schema.get("type"), list)


@pytest.mark.parametrize("profile", list(Profile))
def test_a_profile_fits_its_budget(profile: Profile) -> None:
    each = sizes(Settings(profile=profile))
    assert sum(each) <= TOTALS.get(str(profile), AVERAGE * len(each))


def test_every_toolset_fits_its_budget(catalog: Catalog) -> None:
    over = {}
    for name in catalog.toolsets:
        each = sizes(Settings(toolsets=(name,)))
        if sum(each) > AVERAGE * len(each):
            over[name] = sum(each) / len(each)
    assert over == {}


def test_profiles_list_what_the_design_says(catalog: Catalog) -> None:
    def names(settings: Settings) -> set[str]:
        return {t.name for t in listed_tools(catalog, settings)}

    catalogue = {t.name for t in catalog.tools.values() if t.kind == "catalogue"}
    runbooks = {t.name for t in catalog.tools.values() if t.kind == "runbook"}
    assert len(catalogue) == 8
    assert names(Settings()) == catalogue | runbooks
    lean = {"whoami", "search_operations", "describe_operation", "read", "write", "confirmed_write"}
    assert names(Settings(profile=Profile.LEAN)) == {f"nexla_{name}" for name in lean}
    local = {t.name for t in catalog.tools.values() if t.kind == "local"}
    assert names(Settings(profile=Profile.ALL)) == catalogue | runbooks | local | {f"nexla_{o}" for o in catalog.operations}
    history = {f"nexla_history_{name}" for name in ("list_changes", "get_change", "revert_change")}
    assert history <= local
    assert names(Settings(toolsets=("history",))) == history
    flows = {f"nexla_{o.name}" for o in catalog.toolsets["flows"].operations}
    assert names(Settings(toolsets=("flows",))) == flows | {r.name for r in catalog.tools.values() if "flows" in r.uses}


def test_the_instructions_fit() -> None:
    assert len(instructions(unfinished=True)) <= 1_900
