"""From a record to JSON Schema: the flat form for the tool list, the whole form for checks and describe.

    tool_schema(operation)     # what a client lists: nested objects stay closed to keep it small
    full_schema(operation)     # everything, what arguments are checked against

The dialect is the one that all hosts accept: no composition, no references, no type lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexla_mcp.catalog.records import Operation, Parameter, Risk, ToolSpec, ValueSchema

CONTROLS: dict[str, dict[str, Any]] = {
    "dry_run": {"type": "boolean", "description": "Preview only."},
    "ticket": {"type": "string", "description": "Of the agreed preview."},
    "typed_name": {"type": "string", "description": "Typed by the person."},
}
"""Arguments that steer a call and are never sent: changes have dry_run, gated ones a ticket, a destroy the name."""


def controls_of(operation: Operation) -> tuple[str, ...]:
    """The names of :data:`CONTROLS` that go with an operation; an additive one with a guardrail may be asked about too."""
    if operation.reads:
        return ()
    guard = operation.guard
    if not operation.risk.gated and guard.same_name is None and not guard.structural:
        return ("dry_run",)
    return tuple(CONTROLS) if operation.risk is Risk.DESTROY or guard.destroy_unless else ("dry_run", "ticket")


def tool_schema(record: Operation | ToolSpec) -> dict[str, Any]:
    """The ``inputSchema`` of the tool list."""
    listed = {n: v for n, v in record.parameters.items() if not isinstance(v, Parameter) or v.listed}
    properties = {name: value_schema(value, deep=False) for name, value in listed.items()}
    if isinstance(record, Operation):
        properties |= {name: CONTROLS[name] for name in controls_of(record)}
    return _root(properties, record.required)


def full_schema(record: Operation | ToolSpec) -> dict[str, Any]:
    """Every field of every argument, for validation and for describe."""
    properties = {name: value_schema(value, deep=True) for name, value in record.parameters.items()}
    return _root(properties, record.required)


def value_schema(value: ValueSchema, *, deep: bool) -> dict[str, Any]:
    """One argument as JSON Schema; ``deep`` opens nested objects."""
    schema: dict[str, Any] = {"type": value.type}
    if value.description:
        schema["description"] = value.description
    if value.enum:
        schema["enum"] = list(value.enum)
    for key, content in (
        ("default", value.default),
        ("minimum", _plain(value.minimum)),
        ("maximum", _plain(value.maximum)),
        ("maxLength", value.max_length),
        ("minItems", value.min_items),
        ("maxItems", value.max_items),
    ):
        if content is not None:
            schema[key] = content
    if value.items is not None:
        schema["items"] = value_schema(value.items, deep=deep)
    if deep and value.properties:
        schema["properties"] = {name: value_schema(nested, deep=True) for name, nested in value.properties.items()}
        if value.required:
            schema["required"] = list(value.required)
    return schema


def nested(parameters: Mapping[str, Parameter | ValueSchema], path: str) -> ValueSchema | None:
    """The value at a dotted path such as ``source_config`` or ``accessors.access_roles``; None if there is none."""
    found: ValueSchema | None = None
    level: Mapping[str, ValueSchema] = parameters
    for name in path.split("."):
        found = level.get(name)
        if found is None:
            return None
        inner = found.items if found.type == "array" and found.items else found
        level = inner.properties
    return found


def _root(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _plain(number: float | None) -> float | int | None:
    return int(number) if number is not None and float(number).is_integer() else number
