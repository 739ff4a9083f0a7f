"""A small interpreter for record transforms: enough Python to reshape a record, nothing that reaches the machine.

Transform code comes from API callers, so it is never compiled or executed: the syntax tree is walked, and only names,
literals, subscripts, arithmetic, comparisons, a few builtins and a few string, dict and list methods have a meaning.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

_STEPS = 4000
_LONGEST = 100_000
_LARGEST = 10**30
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_CALLS: dict[str, Callable[..., Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "len": len,
    "round": round,
    "abs": abs,
    "min": min,
    "max": max,
    "dict": dict,
    "list": list,
    "sorted": sorted,
    "isinstance": isinstance,
}
_TYPES: dict[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "dict": dict, "list": list}
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        [
            "upper",
            "lower",
            "strip",
            "lstrip",
            "rstrip",
            "title",
            "replace",
            "split",
            "startswith",
            "endswith",
            "zfill",
            "join",
            "isdigit",
            "capitalize",
        ]
    ),
    dict: frozenset(["get", "copy", "items", "keys", "values", "update", "pop", "setdefault"]),
    list: frozenset(["append", "copy", "index", "count"]),
}


class RecordError(Exception):
    """The transform raised for this record; the text is what the platform logs."""


class _Returned(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class Interpreter:
    """Runs one function body over one record."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.steps = 0

    def call(self, body: list[ast.stmt]) -> Any:
        try:
            self._block(body)
        except _Returned as returned:
            return returned.value
        except RecordError:
            raise
        except RecursionError:
            raise _too_large() from None
        except (TypeError, ValueError, KeyError, IndexError, ArithmeticError, AttributeError) as error:
            raise RecordError(f"{type(error).__name__}: {error}") from None
        return None

    def _block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self._tick()
            self._statement(statement)

    def _tick(self) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            raise RecordError("TimeoutError: the transform took too long")

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Return(value=value):
                raise _Returned(self.value(value) if value else None)
            case ast.Assign(targets=[target], value=value):
                self._store(target, self.value(value))
            case ast.AugAssign(target=target, op=op, value=value):
                self._store(target, self._binary(op, self.value(target), self.value(value)))
            case ast.If(test=test, body=body, orelse=orelse):
                self._block(body if self.value(test) else orelse)
            case ast.For(target=target, iter=iterable, body=body):
                for item in list(self.value(iterable)):
                    self._store(target, item)
                    self._block(body)
            case ast.Delete(targets=[ast.Subscript(value=container, slice=key)]):
                del self.value(container)[self.value(key)]
            case ast.Try(body=body, handlers=[handler, *_]):
                try:
                    self._block(body)
                except (RecordError, TypeError, ValueError, KeyError, AttributeError, ArithmeticError):
                    self._block(handler.body)
            case ast.Expr(value=value):
                self.value(value)
            case ast.Pass():
                pass
            case _:
                raise _unsupported(node)

    def _store(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Subscript(value=container, slice=key):
                self.value(container)[self.value(key)] = value
            case ast.Tuple(elts=parts):
                for part, item in zip(parts, value, strict=True):
                    self._store(part, item)
            case _:
                raise _unsupported(target)

    def value(self, node: ast.expr) -> Any:
        self._tick()
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                if name in self.names:
                    return self.names[name]
                if name in _TYPES:
                    return _TYPES[name]
                raise RecordError(f"NameError: name '{name}' is not defined")
            case ast.Subscript(value=container, slice=key):
                return self.value(container)[self.value(key)]
            case ast.Slice(lower=lower, upper=upper):
                return slice(self.value(lower) if lower else None, self.value(upper) if upper else None)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self.value(operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
            case ast.BoolOp(op=op, values=values):
                return self._bool(op, values)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._compare(left, ops, comparators)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body) if self.value(test) else self.value(orelse)
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return [self.value(part) for part in parts]
            case ast.Dict(keys=keys, values=values):
                return self._dict(keys, values)
            case ast.JoinedStr(values=parts):
                return "".join(self._text(part) for part in parts)
            case ast.DictComp(key=key, value=value, generators=[loop]):
                return {self.value(key): self.value(value) for _ in self._loop(loop)}
            case ast.ListComp(elt=element, generators=[loop]):
                return [self.value(element) for _ in self._loop(loop)]
            case ast.Call():
                return self._call(node)
        raise _unsupported(node)

    def _loop(self, loop: ast.comprehension) -> Any:
        for item in list(self.value(loop.iter)):
            self._store(loop.target, item)
            if all(self.value(test) for test in loop.ifs):
                yield item

    def _text(self, part: ast.expr) -> str:
        return str(self.value(part.value if isinstance(part, ast.FormattedValue) else part))

    def _dict(self, keys: list[ast.expr | None], values: list[ast.expr]) -> dict[Any, Any]:
        built: dict[Any, Any] = {}
        for key, value in zip(keys, values, strict=True):
            if key is None:
                built.update(self.value(value))
            else:
                built[self.value(key)] = self.value(value)
        return built

    def _bool(self, op: ast.boolop, values: list[ast.expr]) -> Any:
        result: Any = None
        for item in values:
            result = self.value(item)
            if bool(result) == isinstance(op, ast.Or):
                break
        return result

    def _compare(self, left: ast.expr, ops: list[ast.cmpop], comparators: list[ast.expr]) -> bool:
        current = self.value(left)
        for op, comparator in zip(ops, comparators, strict=True):
            other = self.value(comparator)
            if not _COMPARE[type(op)](current, other):
                return False
            current = other
        return True

    def _binary(self, op: ast.operator, left: Any, right: Any) -> Any:
        if type(op) not in _BINARY:
            raise RecordError("NotImplementedError: this operator is not interpreted by the sandbox")
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if isinstance(op, ast.Mult | ast.Mod) and not numbers:
            raise RecordError("NotImplementedError: repeating and % formatting are not interpreted by the sandbox")
        return _bounded(_BINARY[type(op)](left, right))

    def _call(self, node: ast.Call) -> Any:
        arguments = [self.value(argument) for argument in node.args]
        named = {keyword.arg: self.value(keyword.value) for keyword in node.keywords if keyword.arg}
        match node.func:
            case ast.Name(id=name) if name in _CALLS:
                return _CALLS[name](*arguments, **named)
            case ast.Attribute(value=owner, attr=method):
                target = self.value(owner)
                if method not in _METHODS.get(type(target), frozenset()):
                    kind = type(target).__name__
                    raise AttributeError(f"'{kind}' object has no attribute '{method}'")
                if any(isinstance(argument, int) and abs(argument) > _LONGEST for argument in arguments):
                    raise _too_large()
                return _bounded(getattr(target, method)(*arguments, **named))
        raise _unsupported(node)


def _bounded(value: Any) -> Any:
    """Refuse results that could only be built to exhaust memory."""
    if isinstance(value, str | list | dict) and len(value) > _LONGEST:
        raise _too_large()
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise _too_large()
    return value


def _too_large() -> RecordError:
    return RecordError("MemoryError: the value is too large")


def _unsupported(node: ast.AST) -> RecordError:
    return RecordError(f"NotImplementedError: {type(node).__name__} is not interpreted by the sandbox")
