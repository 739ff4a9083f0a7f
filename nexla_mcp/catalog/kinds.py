"""The kinds of resources that one tool can list and get, derived from the operations there are.

    kinds = resource_kinds(catalog)
    kinds["source"].listing.name        # "sources_list"

A kind is a toolset with a ``<toolset>_list`` that needs no arguments; its word is the singular.
"""

from __future__ import annotations

from dataclasses import dataclass

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource and the operations that read it."""

    word: str
    listing: Operation
    getting: Operation

    @property
    def id_argument(self) -> str:
        """The name of the id in the get operation, e.g. source_id."""
        return self.getting.required[0]


def resource_kinds(catalog: Catalog) -> dict[str, Kind]:
    """Every kind by its word."""
    kinds = {}
    for name in catalog.toolsets:
        listing = catalog.operations.get(f"{name}_list")
        getting = catalog.operations.get(f"{name}_get")
        if listing and getting and not listing.required and len(getting.required) == 1:
            word = name.removesuffix("s")
            kinds[word] = Kind(word, listing, getting)
    return kinds
