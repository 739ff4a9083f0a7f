"""Stored transform code: how it is encoded, and what it does to a record.

A Python transform gets three positional arguments. When the function cannot take them, the call raises TypeError and
the nexset passes its input through: counts stay good, only the log tells (incident 16).
"""

from __future__ import annotations

import ast
import base64
import binascii
import copy
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nexla_mcp.sandbox.engine.python_subset import Interpreter, RecordError
from nexla_mcp.sandbox.store import Doc

_PASSED = 3


@dataclass(frozen=True)
class Transform:
    """A parsed transform. `broken` says why the engine cannot call it at all; None when it can."""

    parameters: tuple[str, ...] = ()
    rest: str | None = None
    body: tuple[ast.stmt, ...] = ()
    broken: str | None = None

    def apply(self, record: Doc) -> Any:
        """The transform's result for one record; RecordError when it raises."""
        values: list[Any] = [copy.deepcopy(record), {}, []]
        names = dict(zip(self.parameters, values, strict=False))
        if self.rest:
            names[self.rest] = values[len(self.parameters) :]
        result = Interpreter(names).call(list(self.body))
        try:
            json.dumps(result, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise RecordError(f"TypeError: the output is no record: {error}") from None
        return result


@lru_cache(maxsize=256)
def parse_transform(script: str) -> Transform:
    try:
        tree = ast.parse(script)
    except SyntaxError as error:
        return Transform(broken=f"SyntaxError: {error.msg} (line {error.lineno})")
    except (RecursionError, MemoryError, ValueError):
        return Transform(broken="SyntaxError: the code cannot be parsed")
    function = next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "transform"), None)
    if function is None:
        return Transform(broken="NameError: name 'transform' is not defined")
    parameters = tuple(argument.arg for argument in [*function.args.posonlyargs, *function.args.args])
    rest = function.args.vararg.arg if function.args.vararg else None
    required = len(parameters) - len(function.args.defaults)
    if required > _PASSED or (len(parameters) < _PASSED and rest is None):
        count = len(parameters)
        plural = "" if count == 1 else "s"
        return Transform(broken=f"TypeError: transform() takes exactly {count} argument{plural} ({_PASSED} given)")
    return Transform(parameters, rest, tuple(function.body))


def script_of(container: Doc) -> str | None:
    """Source text of a code container or transform; None when it holds no Python."""
    code = container.get("code")
    if isinstance(code, list):
        for operation in code:
            spec = operation.get("spec") if isinstance(operation, dict) else None
            if isinstance(spec, dict) and isinstance(spec.get("script"), str):
                return _decoded(spec["script"], spec.get("encoding"))
        return None
    if isinstance(code, dict):
        return script_of({"code": [code]})
    if isinstance(code, str) and str(container.get("code_type", "python")).startswith(("python", "jolt")):
        return _decoded(code, container.get("code_encoding"))
    return None


def encoded(script: str) -> list[Doc]:
    """Source text in the stored form of a custom transform."""
    text = base64.b64encode(script.encode()).decode()
    return [{"operation": "nexla.custom", "spec": {"language": "python", "encoding": "base64", "script": text}}]


def _decoded(text: str, encoding: str | None) -> str:
    if encoding == "none" or "def " in text:
        return text
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text
