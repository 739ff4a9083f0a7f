"""Which requests the published contract knows, read from the operations of the catalogue and from nowhere else.

    published("GET", "/data_sources/5023")    # True
    published("GET", "/vendors/88")           # False: the spec of vendors_get says documented=false

Asked only by a sandbox with `undocumented=False`; the catalogue is read when the first such sandbox is asked something.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nexla_mcp.catalog.records import PLACEHOLDER, Operation, Wire


@dataclass(frozen=True)
class _Template:
    """The path of an operation: a fixed text, or None for a value, which `kinds` may limit."""

    segments: tuple[str | None, ...]
    choices: tuple[frozenset[str] | None, ...]
    numbers: tuple[bool, ...]
    documented: bool

    def takes(self, parts: list[str]) -> bool:
        return all(
            text == part if text is not None else (not number or part.isdigit()) and (choice is None or part in choice)
            for text, choice, number, part in zip(self.segments, self.choices, self.numbers, parts, strict=True)
        )

    @property
    def looseness(self) -> list[bool]:
        """Compares as the sandbox's router does: fixed texts before values, from the left."""
        return [text is None for text in self.segments]


def published(method: str, path: str) -> bool:
    """False when the operation that fits a request best is one that the published contract lacks."""
    parts = path.strip("/").split("/")
    fitting = [template for template in _templates().get((method, len(parts)), []) if template.takes(parts)]
    if not fitting:
        return True
    closest = min(template.looseness for template in fitting)
    return any(template.documented for template in fitting if template.looseness == closest)


@cache
def _templates() -> dict[tuple[str, int], list[_Template]]:
    from nexla_mcp.catalog.loader import load_catalog

    found: dict[tuple[str, int], list[_Template]] = {}
    for operation in load_catalog().operations.values():
        if operation.path.startswith("/"):
            template = _template(operation)
            found.setdefault((operation.method, len(template.segments)), []).append(template)
    return found


def _template(operation: Operation) -> _Template:
    from nexla_mcp.client.wire import SEGMENTS

    segments: list[str | None] = []
    choices: list[frozenset[str] | None] = []
    numbers: list[bool] = []
    for segment in operation.path.strip("/").split("/"):
        name = PLACEHOLDER.fullmatch(segment)
        parameter = operation.parameters[name[1]] if name else None
        words = parameter.enum if parameter else ()
        if parameter and parameter.wire is Wire.SEGMENT:
            words = tuple(SEGMENTS.get(word, word) for word in words)
        segments.append(None if parameter else segment)
        choices.append(frozenset(words) or None)
        numbers.append(parameter is not None and parameter.type == "integer")
    return _Template(tuple(segments), tuple(choices), tuple(numbers), operation.documented)
