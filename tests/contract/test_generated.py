"""What is generated is up to date, and the operations reference says all there is to say."""

from __future__ import annotations

import re

import pytest

from benchmarks.generate import ROOT, generated
from benchmarks.operations_page import page
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, Risk, ToolSpec


@pytest.mark.parametrize("name", [str(path.relative_to(ROOT)) for path in generated()])
def test_a_generated_file_is_up_to_date(name: str) -> None:
    """After a change of records or specs: python -m benchmarks.generate."""
    assert (ROOT / name).read_text(encoding="utf-8") == generated()[ROOT / name]


def test_the_reference_says_by_which_command_it_is_written(catalog: Catalog) -> None:
    assert "python -m benchmarks.generate" in page(catalog).splitlines()[0]


def test_the_reference_has_one_row_for_each_operation(catalog: Catalog) -> None:
    rows = re.findall(r"^\| `([a-z_0-9]+)` \| .+ \| (\w+) \| `([A-Z]+) (.+)` \| (yes|no) \|$", page(catalog), re.M)
    shown = {name: (risk, method, path, documented == "yes") for name, risk, method, path, documented in rows}
    assert len(shown) == len(rows)
    assert shown == {o.name: (o.risk, o.method, o.path, o.documented) for o in catalog.operations.values()}


def test_the_counts_add_up(catalog: Catalog) -> None:
    rows = [re.findall(r"\d+", line.rsplit(")", 1)[1]) for line in page(catalog).splitlines() if line.startswith("| [")]
    total = next(line for line in page(catalog).splitlines() if line.startswith("| **in all**"))
    columns = [sum(map(int, column)) for column in zip(*rows, strict=True)]
    assert len(rows) == len(catalog.toolsets)
    assert columns == [int(number) for number in re.findall(r"\d+", total)]
    assert columns[0] == len(catalog.operations) == sum(columns[1 : 1 + len(Risk)])


def test_the_reference_lists_every_alias(catalog: Catalog) -> None:
    aliases = page(catalog).split("## Aliases")[1]
    records: list[Operation | ToolSpec] = [*catalog.operations.values(), *catalog.tools.values()]
    for record in records:
        for alias in record.aliases:
            assert f"| `{alias}` | `{record.name}` |" in aliases


def test_links_of_the_reference_lead_somewhere(catalog: Catalog) -> None:
    text = page(catalog)
    headings = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.M)}
    assert set(re.findall(r"\(#([^)]+)\)", text)) <= headings
