"""Transform code is interpreted, never executed."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from nexla_mcp.sandbox.engine.python_subset import RecordError
from nexla_mcp.sandbox.engine.rules import cast_error, schema_of, schema_violation
from nexla_mcp.sandbox.engine.transforms import encoded, parse_transform, script_of

RECORD = {"id": 7, "name": "Ada", "email": None, "amount": "1,200.50", "tags": ["a", "b"], "inner": {"x": 1}}


def applied(body: str) -> Any:
    lines = "\n".join("    " + line for line in body.splitlines())
    return parse_transform(f"def transform(record, *args):\n{lines}\n").apply(RECORD)


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("return {'n': record['name'].upper()}", {"n": "ADA"}),
        ("return {'e': (record.get('email') or '').lower()}", {"e": ""}),
        ("return {'a': float(record['amount'].replace(',', '')) * 2}", {"a": 2401.0}),
        ("if record['id'] > 5 and record['email'] is None:\n    return None\nreturn record", None),
        ("out = {k: v for k, v in record.items() if k in ('id', 'name')}\nout['id'] += 1\nreturn out", {"id": 8, "name": "Ada"}),
        ("total = 0\nfor t in record['tags']:\n    total = total + len(t)\nreturn {'t': total}", {"t": 2}),
        ("try:\n    return {'x': int(record['name'])}\nexcept ValueError:\n    return {'x': -1}", {"x": -1}),
        ("return {'f': f\"{record['name']}-{record['inner']['x']}\", 's': record['name'][1:]}", {"f": "Ada-1", "s": "da"}),
    ],
)
def test_everyday_code_works(body: str, result: Any) -> None:
    assert applied(body) == result


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("return {'e': record['email'].upper()}", "'NoneType' object has no attribute 'upper'"),
        ("return {'e': record['missing']}", "KeyError"),
        ("return record.__class__", "not interpreted"),
        ("return record.__class__()", "no attribute '__class__'"),
        ("import os\nreturn {}", "Import is not interpreted"),
        ("return open('x')", "Call is not interpreted"),
        ("return eval('1')", "Call is not interpreted"),
        ("return {'a': 'a' * 1000000000}", "not interpreted"),
        ("s = 'aa'\nfor a in 'xxxxxxxxxxxxxxxxxxxxxxxx':\n    s = s + s\nreturn {'s': s}", "too large"),
        ("n = 10\nfor a in 'xxxxxxxxxx':\n    n = n * n\nreturn {'n': n}", "too large"),
        ("return {'z': 'a'.zfill(99999999)}", "too large"),
        ("while True:\n    pass", "While is not interpreted"),
        ("r = list('xxxxxxxxxxxxxxxxxxxx')\nfor a in r:\n    for b in r:\n        for c in r:\n            x = 1", "too long"),
        ("record['self'] = record\nreturn record", "no record"),
        ("return {'k': record.keys()}", "no record"),
    ],
)
def test_what_it_does_not_do(body: str, error: str) -> None:
    with pytest.raises(RecordError, match=error):
        applied(body)


@pytest.mark.parametrize(
    ("script", "broken"),
    [
        ("def transform(record):\n    return record", "transform() takes exactly 1 argument (3 given)"),
        ("def transform(record, extra):\n    return record", "transform() takes exactly 2 arguments (3 given)"),
        ("def convert(record, *args):\n    return record", "name 'transform' is not defined"),
        ("def transform(record, *args)\n    return record", "SyntaxError"),
        ("def transform(record, metadata, args):\n    return record", None),
        ("def transform(record, *args):\n    return record", None),
    ],
)
def test_the_engine_passes_three_arguments(script: str, broken: str | None) -> None:
    found = parse_transform(script).broken
    assert found is None if broken is None else broken in str(found)


def test_code_is_read_in_every_stored_form() -> None:
    script = "def transform(record, *args):\n    return record\n"
    text = base64.b64encode(script.encode()).decode()
    for container in (
        {"code": encoded(script)},
        {"code": encoded(script)[0]},
        {"code": script},
        {"code": text, "code_type": "python", "code_encoding": "base64"},
    ):
        assert script_of(container) == script
    assert script_of({"code": [{"operation": "shift", "spec": {"a": "b"}}]}) is None


@pytest.mark.parametrize(
    ("rule", "violation"),
    [
        ({"properties": {"name": {"pattern": "^[a-z]+$"}}}, "#/name: string [Ada] does not match pattern ^[a-z]+$"),
        ({"required": ["email"]}, "#/email: required property is missing"),
        ({"properties": {"id": {"type": "string"}}}, "#/id: expected string, got integer"),
        ({"properties": {"id": {"maximum": 5}}}, "#/id: 7 is greater than 5"),
        ({"properties": {"name": {"enum": ["Ada"]}, "id": {"type": ["integer", "null"]}}}, None),
        ({"properties": "nonsense", "required": 3}, None),
    ],
)
def test_validation_rules(rule: dict[str, Any], violation: str | None) -> None:
    assert schema_violation(RECORD, rule) == violation


def test_values_that_do_not_fit_their_column() -> None:
    columns = {"id": "NUMERIC(10)", "amount": "DECIMAL", "email": "VARCHAR"}
    assert cast_error(RECORD, columns) == 'invalid input syntax for type decimal: "1,200.50" (column amount)'
    assert cast_error({"id": 1, "amount": None}, columns) is None
    types = {name: rule["type"] for name, rule in schema_of([RECORD])["properties"].items()}
    assert types == {"id": "integer", "name": "string", "email": "null", "amount": "string", "tags": "array", "inner": "object"}
