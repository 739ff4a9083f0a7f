"""Make arguments fit their schema where the meaning is plain.

    coerce(operation.parameters, {"flow_id": "5059", "body": '{"a": 1}'})

Hosts send objects and numbers as JSON strings (Claude Code, Claude Desktop, n8n do), and people say "source" where
the API says data_sources, destination_id where it says sink_id. Nothing is guessed: what does not clearly fit is
left for the check, which explains it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nexla_mcp.catalog.records import Parameter, ValueSchema

_PUBLIC_WORDS = {
    "data_source": "source",
    "data_set": "nexset",
    "dataset": "nexset",
    "data_sink": "destination",
    "sink": "destination",
    "set": "nexset",
    "data_credential": "credential",
    "data_map": "lookup",
    "schema": "data_schema",
    "data_flow": "flow",
    "pipeline": "flow",
    "org": "organization",
}
"""API words and common ones for the words Nexla uses in public; the three spellings of a kind are one."""


def coerce(parameters: Mapping[str, ValueSchema], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``arguments`` in the types of ``parameters``; null means left out."""
    fitted: dict[str, Any] = {}
    for said, value in arguments.items():
        name = said if said in parameters else _meant(parameters, said, arguments)
        parameter = parameters.get(name)
        if value is None and name in parameters:
            continue
        fitted[name] = value if parameter is None else _fit(parameter, value)
    return fitted


def _meant(parameters: Mapping[str, ValueSchema], said: str, given: Mapping[str, Any]) -> str:
    """The argument that another word for the same id stands for: destination_id for sink_id, id for the only id in the path."""
    if said == "id":
        same = [name for name, p in parameters.items() if isinstance(p, Parameter) and p.location == "path"]
    elif said.endswith("_id"):
        same = [name for name in parameters if name.endswith("_id") and _public(name[:-3]) == _public(said[:-3])]
    else:
        return said
    return same[0] if len(same) == 1 and same[0] not in given else said


def _fit(schema: ValueSchema, value: Any) -> Any:
    if isinstance(value, str) and schema.type != "string":
        value = _from_text(schema.type, value)
    if schema.type == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if schema.type == "string":
        return _word(schema, value)
    if schema.type == "array":
        items = value if isinstance(value, list) else [value]
        return [_fit(schema.items, item) for item in items] if schema.items else items
    if schema.type == "object" and isinstance(value, dict) and schema.properties:
        return {k: _fit(schema.properties[k], v) if k in schema.properties and v is not None else v for k, v in value.items()}
    return value


def _from_text(kind: str, text: str) -> Any:
    """The value that a string stands for when another type is wanted, or the string itself."""
    stripped = text.strip()
    if kind == "boolean":
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(stripped.lower(), text)
    if kind in ("integer", "number"):
        try:
            return int(stripped)
        except ValueError:
            pass
        try:
            return float(stripped) if kind == "number" else text
        except ValueError:
            return text
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, list if kind == "array" else dict) else text


def _word(schema: ValueSchema, value: Any) -> Any:
    """A string, in the spelling of the enum where it only differs by case or by the word for the same resource."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not schema.enum or value in schema.enum:
        return value
    wanted = value.strip().lower()
    by_case = {word.lower(): word for word in schema.enum}
    return by_case.get(wanted) or {_public(word): word for word in schema.enum}.get(_public(wanted), value)


def _public(word: str) -> str:
    """The public word for a kind of resource: data_sinks, SINK, sink and destinations are all destination."""
    singular = word.strip().lower().replace(" ", "_").replace("-", "_").removesuffix("s")
    return _PUBLIC_WORDS.get(singular, singular)
