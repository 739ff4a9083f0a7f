"""What scripts and hosts rely on: the declared schema, next calls that exist, budgets of the tool list."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from nexla_mcp.catalog.records import Operation, Risk
from tests.runbooks.investigation import CATALOG, Found, investigate
from tests.runbooks.test_incidents import INCIDENTS, Incident

TOOLS = {
    Risk.READ: "nexla_read",
    Risk.WRITE: "nexla_write",
    Risk.DISRUPT: "nexla_confirmed_write",
    Risk.DESTROY: "nexla_confirmed_write",
}


def check_schema(name: str, answer: dict[str, Any]) -> None:
    jsonschema.validate(answer, CATALOG.tools[name].output_schema)


def check_steps(found: Found) -> None:
    """Every proposed call can be made as it stands, and says its true risk."""
    assert len(found.answer["next_steps"]) <= 3
    for step in found.answer["next_steps"]:
        operation = step["arguments"].get("operation")
        if operation is None:
            assert step["tool"] in CATALOG.tools
            assert set(step["arguments"]) <= set(CATALOG.tools[step["tool"]].parameters)
            continue
        if step["tool"] == "nexla_describe_operation":
            assert operation in CATALOG.operations or operation in CATALOG.tools
            continue
        record = CATALOG.operation(operation)
        assert step["tool"] in (TOOLS[record.risk], "nexla_fix_and_verify")
        assert step["risk"] == record.risk
        assert_fits(record, step["arguments"]["arguments"])


def assert_fits(record: Operation, arguments: dict[str, Any]) -> None:
    kinds = {"integer": int, "string": str, "boolean": bool, "object": dict, "array": list, "number": (int, float)}
    assert set(record.required) <= set(arguments)
    for name, value in arguments.items():
        parameter = record.parameters[name]
        assert isinstance(value, kinds[parameter.type])
        assert not parameter.enum or value in parameter.enum


@pytest.mark.parametrize("incident", INCIDENTS, ids=str)
def test_answers_match_the_declared_schema_and_propose_real_calls(incident: Incident) -> None:
    found = investigate(incident.number, incident.ask, variant=incident.variant)
    check_schema("nexla_debug_flow", found.answer)
    check_steps(found)


@pytest.mark.parametrize("scenario", ["healthy", "1", "7", "6", "15", "20"])
def test_health_check_matches_its_schema(scenario: str) -> None:
    found = investigate(scenario, {"resource_type": "source", "resource_id": 5023}, "nexla_health_check")
    check_schema("nexla_health_check", found.answer)
    check_steps(found)


@pytest.mark.parametrize("scenario", ["healthy", "1", "6", "7", "34", "org"])
def test_triage_matches_its_schema(scenario: str) -> None:
    found = investigate(scenario, {}, "nexla_triage")
    check_schema("nexla_triage", found.answer)
    check_steps(found)


@pytest.mark.parametrize("name", ["nexla_debug_flow", "nexla_health_check", "nexla_triage"])
def test_schemas_use_only_what_all_hosts_accept(name: str) -> None:
    banned = {"anyOf", "oneOf", "allOf", "not", "$ref", "$defs", "format", "const", "null"}

    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            types = {str(t) for t in value["type"]} if isinstance(value.get("type"), list) else set()
            return set(value) | types | {k for v in value.values() for k in keys(v)}
        return {k for v in value for k in keys(v)} if isinstance(value, list) else set()

    schema = CATALOG.tools[name].output_schema
    assert schema["type"] == "object"
    assert not keys(schema) & banned
    assert set(schema["required"]) == set(schema["properties"])
