"""The reference of all operations as Markdown, written from the specs: ``docs/operations.md``.

    page(load_catalog())

Counts on top, then a table for each toolset, then the old names that still work. What an operation takes is left to
nexla_describe_operation, which knows more than a page could show.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, Risk, Toolset, ToolSpec

INTRODUCTION = """\
<!-- Written by "python -m benchmarks.generate" from tool_specs/; edit those. -->

# Operations

Each operation is one request of the Nexla REST API. It is called by its name through `nexla_read`, `nexla_write` or
`nexla_confirmed_write`, or as a tool of its own, `nexla_` + name, where its toolset is listed. `nexla_describe_operation`
shows arguments, an example and how a change is undone.

- **read** changes nothing. **write** adds something or is easily reversed. **disrupt** (starts, stops, grants, sends)
  and **destroy** (deletes, replaces a whole list, cuts over) are shown to a person first and need their confirmation.
- **documented**: yes when the route is in the published contract. The others are known from the SDK or its history; an
  instance may answer 404, and the error then says so and names a published neighbour where there is one.
"""


def page(catalog: Catalog) -> str:
    """The whole file, ending in a line feed."""
    toolsets = list(catalog.toolsets.values())
    parts = [INTRODUCTION, "## Counts\n", _counts(toolsets)]
    for toolset in toolsets:
        parts += [f"## {toolset.title}\n", f"`{toolset.toolset}`: {toolset.description}\n", _operations(toolset)]
    parts += ["## Aliases\n", "Names that also work, such as earlier ones or those of the SDK.\n", _aliases(catalog)]
    return "\n".join(parts)


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence."""
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]


def _counts(toolsets: Sequence[Toolset]) -> str:
    rows = [[f"[{t.toolset}](#{_anchor(t.title)})", *_count(t.operations)] for t in toolsets]
    total = ["**in all**", *_count([o for t in toolsets for o in t.operations])]
    return _table(("toolset", "operations", *Risk, "undocumented"), [*rows, total], numbers=True)


def _count(operations: Sequence[Operation]) -> list[str]:
    risks = Counter(o.risk for o in operations)
    undocumented = sum(not o.documented for o in operations)
    return [str(n) for n in (len(operations), *(risks[risk] for risk in Risk), undocumented)]


def _operations(toolset: Toolset) -> str:
    rows = [
        [f"`{o.name}`", first_sentence(o.description), o.risk, f"`{o.method} {o.path}`", "yes" if o.documented else "no"]
        for o in sorted(toolset.operations, key=lambda o: o.name)
    ]
    return _table(("operation", "what it does", "risk", "request", "documented"), rows)


def _aliases(catalog: Catalog) -> str:
    records: list[Operation | ToolSpec] = [*catalog.operations.values(), *catalog.tools.values()]
    rows = sorted([f"`{alias}`", f"`{record.name}`"] for record in records for alias in record.aliases)
    return _table(("alias", "name"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    rule = ["---", *(["---:"] if numbers else ["---"]) * (len(head) - 1)]
    return "".join(_line(row) for row in (head, rule, *rows))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _anchor(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
