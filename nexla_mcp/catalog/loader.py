"""Read ``tool_specs/`` into a :class:`Catalog`, or say which file and which entry is wrong.

    catalog = load_catalog()
    catalog.operation("flows_pause")

The specs lie at the top of the repository because people edit them; a wheel carries them inside the
package. Everything is checked here, at start-up, so that nothing is found wrong in production.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, Toolset, ToolSpec

_PACKAGE = Path(__file__).resolve().parent.parent
_Record = TypeVar("_Record", bound=BaseModel)
_TOOL_FOLDERS = ("runbooks", "catalogue", "local")


class SpecError(Exception):
    """A spec file that cannot be used; the text names the file, the entry and the key."""


def data_root(name: str) -> Path:
    """The folder ``tool_specs`` or ``prompts``: inside an installed package, or beside it in a checkout."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def load_catalog(root: Path | None = None) -> Catalog:
    """Read and check every spec file under ``root``.

    Raises:
        SpecError: a file is not valid, or entries of different files contradict each other.
    """
    root = root or data_root("tool_specs")
    toolsets = [_read(path, Toolset) for path in sorted(root.glob("*.json"))]
    tools = [_read(path, ToolSpec) for path in sorted(p for kind in _TOOL_FOLDERS for p in root.glob(f"{kind}/*.json"))]
    if not toolsets:
        raise SpecError(f"No tool specs in {root}: reinstall nexla-mcp.")
    _refuse_duplicates([(s.toolset, o.name) for s in toolsets for o in s.operations])
    _refuse_duplicates([("runbooks or catalogue", t.name) for t in tools])
    catalog = Catalog(toolsets, _with_shared_schemas(tools))
    for toolset in toolsets:
        for operation in toolset.operations:
            _check_references(toolset, operation, catalog)
    return catalog


def _with_shared_schemas(tools: list[ToolSpec]) -> list[ToolSpec]:
    schemas = {tool.name: tool.output_schema for tool in tools}
    for tool in tools:
        if tool.answers_as and not schemas.get(tool.answers_as):
            raise SpecError(f"{tool.name}: answers_as names {tool.answers_as}, which has no output_schema.")
    return [t.model_copy(update={"output_schema": schemas[t.answers_as]}) if t.answers_as else t for t in tools]


def _read(path: Path, record: type[_Record]) -> _Record:
    try:
        return record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise SpecError("\n".join(_explain(path, error))) from None


def _explain(path: Path, error: ValidationError) -> list[str]:
    """One line a problem: file, entry by name, key, what is wrong."""
    import json

    try:
        entries = json.loads(path.read_bytes()).get("operations", [])
    except (ValueError, AttributeError):
        entries = []
    lines = []
    for problem in error.errors(include_url=False):
        where = list(problem["loc"])
        if len(where) >= 2 and where[0] == "operations" and isinstance(where[1], int) and where[1] < len(entries):
            name = entries[where[1]].get("name", f"number {where[1]}")
            where = [f"operation {name}", *where[2:]]
        lines.append(f"{path.parent.name}/{path.name}: {' > '.join(map(str, where)) or 'file'}: {problem['msg']}")
    return lines


def _refuse_duplicates(names: list[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for where, name in names:
        if name in seen:
            raise SpecError(f"{where}: {name} is already defined in {seen[name]}.")
        seen[name] = where


def _check_references(toolset: Toolset, operation: Operation, catalog: Catalog) -> None:
    """Undo, instead and preview must name operations that exist, and a preview must only read."""
    where = f"{toolset.toolset}.json: operation {operation.name}"
    for name in operation.instead:
        if name not in catalog.operations or name == operation.name:
            raise SpecError(f"{where}: instead names {name}, which is no other operation.")
    if operation.undo and operation.undo.operation and operation.undo.operation not in catalog.operations:
        raise SpecError(f"{where}: undo names the unknown operation {operation.undo.operation}.")
    _check_guard(where, operation, catalog)
    if not operation.preview:
        return
    preview = operation.preview
    for name in [*preview.names.values(), *([preview.users.listing] if preview.users else [])]:
        if name not in catalog.operations or not catalog.operation(name).reads or catalog.operation(name).required:
            raise SpecError(f"{where}: preview names {name}, which is no list without arguments.")
    if unknown_targets := set(preview.targets) - set(operation.parameters):
        raise SpecError(f"{where}: preview.targets names no argument: {sorted(unknown_targets)}.")
    for call in preview.calls:
        other = catalog.operations.get(call.operation)
        if other is None or not other.reads:
            raise SpecError(f"{where}: preview must read, {call.operation} does not.")
        unknown = set(call.arguments) - set(other.parameters)
        missing = set(other.required) - set(call.arguments)
        asked = {a[1:] for a in call.arguments.values() if isinstance(a, str) and a.startswith("$")}
        if unknown or missing or asked - set(operation.parameters):
            raise SpecError(f"{where}: preview does not fit the arguments of {call.operation}.")


def _check_guard(where: str, operation: Operation, catalog: Catalog) -> None:
    guard = operation.guard
    if unknown := set(guard.structural) - set(operation.parameters):
        raise SpecError(f"{where}: guard names no argument: {sorted(unknown)}.")
    if guard.same_name is not None:
        listing = catalog.operations.get(guard.same_name)
        if listing is None or not listing.reads or listing.required or guard.same_by not in operation.parameters:
            raise SpecError(f"{where}: guard.same_name must be a list without arguments, same_by an argument.")
    if guard.child is not None:
        other = catalog.operations.get(guard.child.operation)
        if other is None or set(guard.child.arguments) - set(other.parameters):
            raise SpecError(f"{where}: guard.child does not fit the arguments of {guard.child.operation}.")
