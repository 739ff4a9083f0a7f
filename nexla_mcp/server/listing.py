"""Which tools a client lists, and each of them as the protocol wants it.

    tools = listed_tools(catalog, settings)

The list is made once: it depends on the profile alone and is fixed for the life of the process, since a
list that changes breaks prompt caches. What is not listed can still be called by its exact name.
"""

from __future__ import annotations

from difflib import get_close_matches

import mcp_types as types

from nexla_mcp.catalog.catalog import PREFIX, Catalog
from nexla_mcp.catalog.records import Hints, Operation, ToolSpec
from nexla_mcp.catalog.schema import tool_schema
from nexla_mcp.settings import Profile, Settings
from nexla_mcp.views import tool_meta


class UnknownToolsetError(Exception):
    """``--toolsets`` names something that does not exist."""


class UnknownOperationError(UnknownToolsetError):
    """``--confirm off`` names something that does not exist."""


def listed_records(catalog: Catalog, settings: Settings) -> list[Operation | ToolSpec]:
    """The records behind the tool list of a profile, in a fixed order.

    Raises:
        UnknownToolsetError: a name of ``toolsets`` is not one of the catalogue's.
    """
    catalogue = [t for t in catalog.tools.values() if t.kind == "catalogue"]
    runbooks = [t for t in catalog.tools.values() if t.kind == "runbook"]
    local = [t for t in catalog.tools.values() if t.kind == "local"]
    if settings.toolsets:
        chosen = [_known(catalog, name) for name in settings.toolsets]
        operations = [o for name in dict.fromkeys(chosen) if name in catalog.toolsets for o in catalog.toolsets[name].operations]
        own = [t for t in local if t.toolset in chosen]
        return [*operations, *own, *(r for r in runbooks if set(r.uses) & set(chosen))]
    if settings.profile is Profile.LEAN:
        return [t for t in catalogue if t.lean]
    if settings.profile is Profile.ALL:
        return [*catalogue, *runbooks, *local, *catalog.operations.values()]
    return [*catalogue, *runbooks]


def listed_tools(catalog: Catalog, settings: Settings) -> list[types.Tool]:
    """The tool list of a profile."""
    return [as_tool(record) for record in listed_records(catalog, settings)]


def as_tool(record: Operation | ToolSpec) -> types.Tool:
    """One record as an MCP tool; an operation gets the prefix."""
    operation = isinstance(record, Operation)
    hints: Hints = record.hints() if isinstance(record, Operation) else record.hints
    name = PREFIX + record.name if operation else record.name
    return types.Tool(
        name=name,
        title=record.title,
        description=record.description,
        input_schema=tool_schema(record),
        output_schema=record.output_schema or None if isinstance(record, ToolSpec) else None,
        annotations=types.ToolAnnotations(
            title=record.title,
            read_only_hint=hints.read_only,
            destructive_hint=hints.destructive,
            idempotent_hint=hints.idempotent,
            open_world_hint=hints.open_world,
        ),
        _meta=tool_meta(name, reads=hints.read_only),
    )


def _known(catalog: Catalog, name: str) -> str:
    plain, names = name.strip().lower().replace("-", "_"), catalog.toolset_names
    if plain in names:
        return plain
    near = get_close_matches(plain, names, n=1)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise UnknownToolsetError(f"There is no toolset {name!r}.{guess} There are: {', '.join(names)}.")


def check_names(catalog: Catalog, settings: Settings) -> None:
    """Refuse to start with a name in ``confirm_off`` that is no gated operation: it would protect nothing it was meant to.

    Raises:
        UnknownOperationError: one of them is not.
    """
    for name in settings.confirm_off:
        record = catalog.resolve(name)
        if not isinstance(record, Operation) or not record.risk.gated:
            if record is not None:
                raise UnknownOperationError(f"confirm off: nobody is asked about {name} anyway. Leave it out.")
            near = catalog.nearest(name, 1)
            guess = f" Did you mean {near[0]}?" if near else ""
            raise UnknownOperationError(f"confirm off: there is no operation {name!r}.{guess}")
