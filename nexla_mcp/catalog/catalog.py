"""What can be called, by name: operations, catalogue tools and runbooks.

    catalog.resolve("nexla_flows_pause")   # the Operation, prefix or not, flows.pause as well
    catalog.nearest("flow_pause")          # ["flows_pause", ...]

A catalogue is built once and never changes: the tool list is fixed for the life of the process.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from nexla_mcp.catalog.records import Operation, Toolset, ToolSpec

PREFIX = "nexla_"


class Catalog:
    """Every operation and tool, indexed by name and alias."""

    def __init__(self, toolsets: Sequence[Toolset], tools: Sequence[ToolSpec]) -> None:
        self.toolsets = {t.toolset: t for t in toolsets}
        self.operations = {o.name: o for t in toolsets for o in t.operations}
        self.tools = {t.name: t for t in tools}
        self._toolset_of = {o.name: t.toolset for t in toolsets for o in t.operations}
        self._aliases: dict[str, str] = {}
        records: list[Operation | ToolSpec] = [*self.operations.values(), *self.tools.values()]
        for record in records:
            for alias in record.aliases:
                self._aliases.setdefault(alias, record.name)

    def resolve(self, name: str) -> Operation | ToolSpec | None:
        """The record a client means by ``name``: exact, with or without prefix, dotted, or an alias."""
        plain = re.sub(r"[.\-/\s]+", "_", name.strip())
        for candidate in (plain, PREFIX + plain, plain.removeprefix(PREFIX)):
            known = self._aliases.get(candidate, candidate)
            record = self.tools.get(known) or self.operations.get(known)
            if record is not None:
                return record
        return None

    def operation(self, name: str) -> Operation:
        """The operation called ``name``.

        Raises:
            KeyError: there is none.
        """
        return self.operations[name]

    def toolset_of(self, record: Operation | ToolSpec) -> str:
        """The toolset an operation belongs to; for a tool of its own the word for its kind."""
        return self._toolset_of[record.name] if isinstance(record, Operation) else record.toolset or record.kind

    @property
    def toolset_names(self) -> tuple[str, ...]:
        """Every toolset, those of this server's own operations last."""
        return tuple(dict.fromkeys([*self.toolsets, *(t.toolset for t in self.tools.values() if t.toolset)]))

    def nearest(self, name: str, count: int = 3) -> list[str]:
        """Existing names that look like ``name``, best first."""
        plain = name.removeprefix(PREFIX).lower()
        names = {n.removeprefix(PREFIX): n for n in [*self.operations, *self.tools]}
        return [names[match] for match in get_close_matches(plain, names, n=count, cutoff=0.5)]
