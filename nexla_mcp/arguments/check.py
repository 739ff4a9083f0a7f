"""Check arguments against a record and report every problem at once.

    arguments = check(operation, {"flow_id": "5059"})     # {"flow_id": 5059}
    check(operation, {"flow": 1})                         # raises ArgumentError, naming flow_id

Nothing is sent when this raises, and the text says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from nexla_mcp.arguments.coerce import coerce
from nexla_mcp.catalog.records import Operation, Parameter, ToolSpec
from nexla_mcp.catalog.schema import full_schema


class ArgumentError(Exception):
    """Arguments that do not fit; ``problems`` has one sentence for each."""

    def __init__(self, name: str, problems: list[str], *, hint: str = "") -> None:
        self.problems = problems
        lines = "\n".join(f"- {p}" for p in problems)
        super().__init__(f"{name}: the arguments do not fit. Nothing was sent.\n{lines}" + (f"\n{hint}" if hint else ""))


def check(record: Operation | ToolSpec, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments in the types of the schema.

    Raises:
        ArgumentError: unknown names, missing ones, wrong types or values; all of them in one text.
    """
    from jsonschema import Draft202012Validator

    fitted = coerce(record.parameters, arguments)
    problems = _unknown(record, fitted) + [
        f"{name}: is required ({_kind(record, name)})" for name in record.required if name not in fitted
    ]
    known = {name: value for name, value in fitted.items() if name in record.parameters}
    problems += _nothing_given(record, known)
    schema = full_schema(record) | {"required": []}
    errors = sorted(Draft202012Validator(schema).iter_errors(known), key=lambda error: list(map(str, error.absolute_path)))
    problems += [_explain(record, error) for error in errors]
    if problems:
        raise ArgumentError(record.name, problems, hint=_hint(record))
    return known


def _unknown(record: Operation | ToolSpec, arguments: Mapping[str, Any]) -> list[str]:
    problems = []
    for name in arguments:
        if name in record.parameters:
            continue
        near = get_close_matches(name, record.parameters, n=1, cutoff=0.5)
        if not near:
            near = [p for p in record.parameters if name and (name in p or p in name)][:1]
        has = f"did you mean {near[0]}?" if near else f"it takes {', '.join(record.parameters) or 'no arguments'}"
        problems.append(f"{name[:60]}: unknown argument; {has}")
    return problems


def _nothing_given(record: Operation | ToolSpec, known: Mapping[str, Any]) -> list[str]:
    choice = record.at_least_one if isinstance(record, Operation) else ()
    if not choice or set(choice) & set(known):
        return []
    return [f"needs at least one of {', '.join(choice)}: a request without any would be empty"]


def _kind(record: Operation | ToolSpec, name: str) -> str:
    parameter = record.parameters[name]
    return f"{parameter.type}: {parameter.description}".rstrip(": .")


def _explain(record: Operation | ToolSpec, error: Any) -> str:
    """One sentence without the value where it may be a secret, and never a long one."""
    path = list(error.absolute_path)
    where = ".".join(str(part) for part in path) or "arguments"
    parameter = record.parameters.get(str(path[0])) if path else None
    secret = isinstance(parameter, Parameter) and parameter.sensitive
    shown = "a value that is not shown" if secret else _short(error.instance)
    rule = error.validator_value
    match error.validator:
        case "type":
            return f"{where}: must be {_article(str(rule))}, got {shown}"
        case "enum":
            near = get_close_matches(str(error.instance), rule, n=1, cutoff=0.6) if not secret else []
            return f"{where}: must be one of {', '.join(rule)}, got {shown}" + (f"; did you mean {near[0]}?" if near else "")
        case "required":
            missing = [key for key in rule if key not in error.instance]
            return f"{where}: lacks {', '.join(missing)}"
        case "minimum":
            return f"{where}: must be at least {rule}, got {shown}"
        case "maximum":
            return f"{where}: must be at most {rule}, got {shown}"
        case "minItems":
            return f"{where}: needs at least {rule} item(s)"
        case "maxItems":
            return f"{where}: takes at most {rule} items"
        case "maxLength":
            return f"{where}: takes at most {rule} characters"
        case _:
            return f"{where}: does not fit ({error.validator})"


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aio" else f"a {kind}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _hint(record: Operation | ToolSpec) -> str:
    if record.examples:
        return f"Example: {json.dumps(record.examples[0], ensure_ascii=False)}"
    return f"See nexla_describe_operation with operation={record.name}." if isinstance(record, Operation) else ""
