"""The operations as an OpenAPI 3.1 document: what goes over the wire, for tools that know nothing of this server.

    document = openapi_document(load_catalog())
    document["paths"]["/flows/{flow_id}/pause"]["put"]["operationId"]     # "flows_pause"

Values have the form in which they are sent, not the one that tools take: flags are the integer 1, moments are dates or
unix numbers, keys of a lookup are one path segment, a bare list is the whole body. Operations that are the same request
under two names (a webhook takes one record or many) are one entry; `x-operations` lists the names of every entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nexla_mcp import __version__
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, Parameter, Risk, Wire
from nexla_mcp.catalog.schema import value_schema
from nexla_mcp.client.wire import KINDS, SEGMENTS
from nexla_mcp.settings import DEFAULT_API_URL

WEBHOOK_PATH = "/data/{source_id}"
"""Where an ingest URL points below its host (FACTS 5); records know it as a whole URL, which OpenAPI cannot template."""

_JSON = "application/json"
_SENT_AS: Mapping[Wire, dict[str, Any]] = {
    Wire.FLAG: {"type": "integer", "enum": [1]},
    Wire.SWITCH: {"type": "integer", "enum": [0, 1]},
    Wire.TRUE_TEXT: {"type": "string", "enum": ["true"]},
    Wire.DATE: {"type": "string", "format": "date"},
    Wire.UNIX_SECONDS: {"type": "integer", "format": "int64", "minimum": 0},
    Wire.UNIX_MS: {"type": "integer", "format": "int64", "minimum": 0},
}
_MEANT_AS = {
    Wire.FLAG: "Sent as 1, left out for false.",
    Wire.TRUE_TEXT: "Sent as true, left out for false.",
    Wire.DATE: "A UTC day.",
    Wire.UNIX_SECONDS: "Unix seconds.",
    Wire.UNIX_MS: "Unix milliseconds.",
    Wire.KEYS: "Keys joined with commas, each percent-encoded.",
}
_WORDS = {Wire.SEGMENT: SEGMENTS, Wire.KIND: KINDS}
_SHAPES: Mapping[str, dict[str, Any]] = {"object": {"type": "object"}, "list": {"type": "array"}, "untyped": {}}
_RISKS = list(Risk)
_ERROR = {
    "description": "Refused or failed. Many refusals have an empty body.",
    "content": {_JSON: {"schema": {"type": "object", "properties": {"message": {"type": "string"}}}}},
}
_SECURITY_SCHEMES = {
    "session": {"type": "http", "scheme": "bearer", "description": "Token of POST /token, for which a service key is exchanged."},
    "webhook_key": {"type": "apiKey", "in": "query", "name": "api_key", "description": "Key of the webhook."},
    "webhook_basic": {"type": "http", "scheme": "basic", "description": "Key of the webhook, base64-coded."},
}


def openapi_document(catalog: Catalog) -> dict[str, Any]:
    """Every operation of the catalogue, by path and method, as plain JSON data."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in catalog.operations.values():
        described = _operation(operation, catalog.toolset_of(operation))
        entry = paths.setdefault(_path(operation), {})
        method = operation.method.lower()
        entry[method] = _merged(entry[method], described) if method in entry else described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Nexla REST API as nexla-mcp uses it",
            "version": __version__,
            "description": "x-documented is false where the published contract lacks a route; an instance may then answer 404.",
        },
        "servers": [{"url": DEFAULT_API_URL}],
        "tags": [{"name": t.toolset, "description": t.description} for t in catalog.toolsets.values()],
        "paths": dict(sorted(paths.items())),
        "components": {"securitySchemes": _SECURITY_SCHEMES},
        "security": [{"session": []}],
    }


def _path(operation: Operation) -> str:
    return operation.path if operation.path.startswith("/") else WEBHOOK_PATH


def _operation(operation: Operation, toolset: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [toolset],
        "summary": operation.title,
        "description": "\n\n".join(text for text in (operation.description, operation.notes) if text),
        "parameters": list(_parameters(operation)),
        "responses": {"200": _reply(operation), "default": _ERROR},
        "x-operations": [operation.name],
        "x-risk": str(operation.risk),
        "x-documented": operation.documented,
    }
    body = _body(operation)
    if body is not None:
        schema, required = body
        described["requestBody"] = {"required": required, "content": {_JSON: {"schema": schema}}}
    if any(p.wire is Wire.WEBHOOK_KEY for p in operation.parameters.values()):
        described["security"] = [{"webhook_key": []}, {"webhook_basic": []}]
    return described


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """One entry for two operations that send the same request, apart from its body."""
    known = {(p["in"], p["name"]) for p in first["parameters"]}
    merged = {
        **first,
        "tags": list(dict.fromkeys([*first["tags"], *second["tags"]])),
        "summary": f"{first['summary']}; {second['summary']}",
        "description": f"{first['description']}\n\n{second['description']}",
        "parameters": [*first["parameters"], *(p for p in second["parameters"] if (p["in"], p["name"]) not in known)],
        "x-operations": [*first["x-operations"], *second["x-operations"]],
        "x-risk": max(first["x-risk"], second["x-risk"], key=lambda risk: _RISKS.index(Risk(risk))),
        "x-documented": first["x-documented"] or second["x-documented"],
    }
    bodies = [entry["requestBody"] for entry in (first, second) if "requestBody" in entry]
    if bodies:
        schemas = list(_alternatives(body["content"][_JSON]["schema"] for body in bodies))
        schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
        required = len(bodies) == 2 and all(body["required"] for body in bodies)
        merged["requestBody"] = {"required": required, "content": {_JSON: {"schema": schema}}}
    return merged


def _alternatives(schemas: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    for schema in schemas:
        for one in schema.get("oneOf", [schema]):
            if one not in seen:
                seen.append(one)
                yield one


def _parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    for name, parameter in operation.parameters.items():
        if parameter.wire is Wire.ABSOLUTE_URL:
            yield {"name": "source_id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
        elif parameter.location != "body" and parameter.wire not in (Wire.WEBHOOK_KEY, Wire.WEBHOOK_AUTH):
            schema = wire_schema(parameter)
            described = {
                "name": parameter.wire_name or name,
                "in": parameter.location,
                "required": name in operation.required,
                "description": schema.pop("description", ""),
                "schema": schema,
            }
            yield described | ({"style": "simple", "explode": False} if parameter.wire is Wire.KEYS else {})


def _body(operation: Operation) -> tuple[dict[str, Any], bool] | None:
    """Schema of the request body and whether it must be there; None where nothing is sent."""
    fields = {name: p for name, p in operation.parameters.items() if p.location == "body"}
    if not fields:
        return None
    needed = [name for name in fields if name in operation.required]
    bare = next((p for p in fields.values() if p.wire is Wire.BARE), None)
    if bare is not None:
        return wire_schema(bare), bool(needed)
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    for name, parameter in fields.items():
        if parameter.wire is Wire.MERGE:
            schema["additionalProperties"] = True
        else:
            schema["properties"][parameter.wire_name or name] = wire_schema(parameter)
    required = [fields[name].wire_name or name for name in needed if fields[name].wire is not Wire.MERGE]
    if required:
        schema["required"] = required
    return schema, bool(needed)


def wire_schema(parameter: Parameter) -> dict[str, Any]:
    """A parameter as JSON Schema in the form in which it is sent."""
    schema = value_schema(parameter, deep=True)
    if parameter.wire in _SENT_AS:
        schema = {"description": parameter.description, **_SENT_AS[parameter.wire]}
    words = _WORDS.get(parameter.wire, {})
    if words and parameter.enum:
        schema["enum"] = list(dict.fromkeys(words.get(word, word) for word in parameter.enum))
    elif words:
        schema["enum"] = list(words.values())
    if parameter.wire is Wire.KEYS:
        schema["minItems"] = 1
    if parameter.wire in _MEANT_AS:
        schema["description"] = f"{parameter.description} {_MEANT_AS[parameter.wire]}".strip()
    if parameter.known_values:
        schema["examples"] = list(parameter.known_values)
    if parameter.sensitive:
        schema["x-sensitive"] = True
    return schema


def _reply(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {"description": operation.returns.description or operation.title}
    shape = _SHAPES.get(operation.returns.shape)
    return described if shape is None else {**described, "content": {_JSON: {"schema": dict(shape)}}}
