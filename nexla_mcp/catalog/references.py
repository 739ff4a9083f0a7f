"""What the entries of the spec files say of each other: names that must exist, reads that must only read.

check_references(Entry(root, path, operation, 3), catalog)     # or a SpecError with file and line
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, ToolSpec


class SpecError(Exception):
    """A spec file that cannot be used; the text names the file, the line, the entry and the key."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and where it stands: file, and number among the operations of a toolset (None: a file of its own)."""

    root: Path
    path: Path
    record: Operation | ToolSpec
    number: int | None = None

    def place(self, *keys: str) -> str:
        """``tool_specs/flows.json:812`` for a key of this entry."""
        from nexla_mcp.catalog.spec_errors import line_of, shown

        inside = () if self.number is None else ("operations", self.number)
        return f"{shown(self.path, self.root)}:{line_of(self.path.read_text(encoding='utf-8'), [*inside, *keys])}"

    def error(self, text: str, *keys: str) -> SpecError:
        """What is wrong with the value at ``keys``."""
        kind = "tool" if self.number is None else "operation"
        return SpecError(f"{self.place(*keys)}: {kind} {self.record.name}: {text}")


def check_references(entry: Entry, catalog: Catalog) -> None:
    """Undo, instead and preview must name operations that exist, and a preview must only read.

    Raises:
        SpecError: one does not.
    """
    operation = entry.record
    if not isinstance(operation, Operation):
        return
    for name in operation.instead:
        if name not in catalog.operations or name == operation.name:
            raise entry.error(f"instead names {name}, which is no other operation{_near(name, catalog)}.", "instead")
    if operation.undo and operation.undo.operation and operation.undo.operation not in catalog.operations:
        name = operation.undo.operation
        raise entry.error(f"undo names the unknown operation {name}{_near(name, catalog)}.", "undo", "operation")
    _check_guard(entry, operation, catalog)
    _check_preview(entry, operation, catalog)


def _check_preview(entry: Entry, operation: Operation, catalog: Catalog) -> None:
    preview = operation.preview
    if not preview:
        return
    for name in [*preview.names.values(), *([preview.users.listing] if preview.users else [])]:
        if name not in catalog.operations or not catalog.operation(name).reads or catalog.operation(name).required:
            raise entry.error(f"preview names {name}, which is no list without arguments.", "preview")
    if unknown_targets := set(preview.targets) - set(operation.parameters):
        raise entry.error(f"preview.targets names no argument: {sorted(unknown_targets)}.", "preview", "targets")
    for part in ("target", "current", "dependents"):
        call = getattr(preview, part)
        if call is None:
            continue
        other = catalog.operations.get(call.operation)
        if other is None:
            near = _near(call.operation, catalog)
            raise entry.error(f"preview names the unknown operation {call.operation}{near}.", "preview", part, "operation")
        if not other.reads:
            raise entry.error(f"preview must read, {call.operation} does not.", "preview", part, "operation")
        unknown = set(call.arguments) - set(other.parameters)
        missing = set(other.required) - set(call.arguments)
        asked = {a[1:] for a in call.arguments.values() if isinstance(a, str) and a.startswith("$")}
        if unknown or missing or asked - set(operation.parameters):
            raise entry.error(f"preview does not fit the arguments of {call.operation}.", "preview", part, "arguments")


def _check_guard(entry: Entry, operation: Operation, catalog: Catalog) -> None:
    guard = operation.guard
    if unknown := set(guard.structural) - set(operation.parameters):
        raise entry.error(f"guard names no argument: {sorted(unknown)}.", "guard", "structural")
    if guard.same_name is not None:
        listing = catalog.operations.get(guard.same_name)
        if listing is None or not listing.reads or listing.required or guard.same_by not in operation.parameters:
            text = "guard.same_name must be a list without arguments, same_by an argument."
            raise entry.error(text, "guard", "same_name")
    if guard.child is not None:
        other = catalog.operations.get(guard.child.operation)
        if other is None or set(guard.child.arguments) - set(other.parameters):
            raise entry.error(f"guard.child does not fit the arguments of {guard.child.operation}.", "guard", "child")


def _near(name: str, catalog: Catalog) -> str:
    near = [n for n in catalog.nearest(name) if n in catalog.operations and n != name]
    return f"; did you mean {near[0]}?" if near else ""
