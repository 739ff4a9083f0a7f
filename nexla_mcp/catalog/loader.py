"""Read ``tool_specs/`` into a :class:`Catalog`, or say in which file and line which entry is wrong.

    catalog = load_catalog()
    catalog.operation("flows_pause")

The specs lie at the top of the repository because people edit them; a wheel carries them inside the
package. Everything is checked here, at start-up, so that nothing is found wrong in production.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Toolset, ToolSpec
from nexla_mcp.catalog.references import Entry, SpecError, check_references

_PACKAGE = Path(__file__).resolve().parent.parent
_Record = TypeVar("_Record", bound=BaseModel)
_TOOL_FOLDERS = ("runbooks", "catalogue", "local")

__all__ = ["SpecError", "data_root", "load_catalog"]


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
    toolsets = {path: _read(path, root, Toolset) for path in sorted(root.glob("*.json"))}
    tool_files = sorted(p for kind in _TOOL_FOLDERS for p in root.glob(f"{kind}/*.json"))
    tools = {path: _read(path, root, ToolSpec) for path in tool_files}
    if not toolsets:
        raise SpecError(f"No tool specs in {root}: reinstall nexla-mcp.")
    entries = [Entry(root, path, o, number) for path, s in toolsets.items() for number, o in enumerate(s.operations)]
    _refuse_duplicates([*entries, *(Entry(root, path, tool) for path, tool in tools.items())])
    catalog = Catalog([_finished(s) for s in toolsets.values()], _with_shared_schemas(root, tools))
    for entry in entries:
        check_references(entry, catalog)
    return catalog


def _finished(toolset: Toolset) -> Toolset:
    """Without its drafts: they are checked, and nobody is offered them."""
    return toolset.model_copy(update={"operations": tuple(o for o in toolset.operations if not o.draft)})


def _with_shared_schemas(root: Path, tools: Mapping[Path, ToolSpec]) -> list[ToolSpec]:
    schemas = {tool.name: tool.output_schema for tool in tools.values()}
    for path, tool in tools.items():
        if tool.answers_as and not schemas.get(tool.answers_as):
            raise Entry(root, path, tool).error(f"answers_as names {tool.answers_as}, which has no output_schema.", "answers_as")
    return [t.model_copy(update={"output_schema": schemas[t.answers_as]}) if t.answers_as else t for t in tools.values()]


def _read(path: Path, root: Path, record: type[_Record]) -> _Record:
    try:
        return record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        from nexla_mcp.catalog.spec_errors import explain

        raise SpecError("\n".join(explain(path, root, error))) from None


def _refuse_duplicates(entries: Sequence[Entry]) -> None:
    seen: dict[str, Entry] = {}
    for entry in entries:
        if entry.record.name in seen:
            raise entry.error(f"this name is already taken at {seen[entry.record.name].place('name')}.", "name")
        seen[entry.record.name] = entry
