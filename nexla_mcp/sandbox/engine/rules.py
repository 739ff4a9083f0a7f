"""What refuses a record: a nexset's validation schema, and the column types of a target table."""

from __future__ import annotations

import re
from typing import Any

from nexla_mcp.sandbox.store import Doc

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def schema_violation(record: Doc, schema: Doc) -> str | None:
    """The first rule of a JSON-Schema-like document that a record breaks, or None."""
    required, properties = schema.get("required"), schema.get("properties")
    for name in required if isinstance(required, list) else []:
        if record.get(str(name)) is None:
            return f"#/{name}: required property is missing"
    for name, rule in properties.items() if isinstance(properties, dict) else ():
        if name in record and isinstance(rule, dict):
            broken = _broken_rule(record[name], rule)
            if broken:
                return f"#/{name}: {broken}"
    return None


def _broken_rule(value: Any, rule: Doc) -> str | None:
    wanted = rule.get("type")
    if wanted is not None:
        names = wanted if isinstance(wanted, list) else [wanted]
        allowed = tuple(kind for name in names for kind in _JSON_TYPES.get(str(name), ()))
        if allowed and not isinstance(value, allowed):
            return f"expected {' or '.join(map(str, names))}, got {schema_type(value)}"
    pattern = rule.get("pattern")
    if isinstance(pattern, str) and isinstance(value, str) and not _matches(pattern, value):
        return f"string [{value}] does not match pattern {pattern}"
    if isinstance(rule.get("enum"), list) and value not in rule["enum"]:
        return f"value [{value}] is not one of {rule['enum']}"
    if isinstance(value, int | float):
        low, high = rule.get("minimum"), rule.get("maximum")
        if isinstance(low, int | float) and value < low:
            return f"{value} is less than {low}"
        if isinstance(high, int | float) and value > high:
            return f"{value} is greater than {high}"
    return None


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value[:200]) is not None
    except re.error:
        return False


def cast_error(record: Doc, columns: dict[str, str]) -> str | None:
    """Why a database would refuse to write a record into typed columns, or None."""
    for column, kind in columns.items():
        value = record.get(column)
        if value is None:
            continue
        family = kind.upper().split("(")[0]
        if family in {
            "NUMERIC",
            "DECIMAL",
            "NUMBER",
            "FLOAT",
            "DOUBLE",
            "FLOAT64",
            "INTEGER",
            "BIGINT",
            "INT64",
        }:
            try:
                float(value)
            except (TypeError, ValueError, OverflowError):
                return f'invalid input syntax for type {family.lower()}: "{value}" (column {column})'
        elif family == "BOOLEAN" and not isinstance(value, bool):
            return f'invalid input syntax for type boolean: "{value}" (column {column})'
    return None


def schema_type(value: Any) -> str:
    for name in ("null", "boolean", "integer", "number", "string", "object", "array"):
        if isinstance(value, _JSON_TYPES[name]) and not (name != "boolean" and isinstance(value, bool)):
            return name
    return "string"


def schema_of(records: list[Doc]) -> Doc:
    """The output schema that the platform would detect in some records."""
    properties: dict[str, Doc] = {}
    for record in records:
        for name, value in record.items():
            if value is not None or name not in properties:
                properties[name] = {"type": schema_type(value)}
    return {"type": "object", "$schema": "http://json-schema.org/draft-04/schema#", "properties": properties}
