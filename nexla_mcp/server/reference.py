"""The reference as readable pages: ``docs/reference/*.md``, which a wheel carries along.

    page_names()             # ["mental-model", "authentication", ...]
    read_page("errors")      # the page as Markdown, or None

A page begins with its title as a heading; the sentence below it is its description in the list of resources.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import mcp_types as types

from nexla_mcp.catalog.loader import data_root
from nexla_mcp.server.templates import MARKDOWN

FOLDER = "docs/reference"
_FIRST = ("mental-model", "authentication", "errors", "common-issues", "runbooks", "metrics", "guardrails")


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    name: str
    title: str
    description: str
    text: str

    @property
    def uri(self) -> str:
        """The address of the resource."""
        return f"nexla://reference/{self.name}"

    def listed(self) -> types.Resource:
        """As the protocol lists it."""
        return types.Resource(
            uri=self.uri,
            name=self.name,
            title=self.title,
            description=self.description,
            mime_type=MARKDOWN,
            size=len(self.text.encode()),
        )


@cache
def pages() -> dict[str, Page]:
    """Every page by name, in reading order."""
    found = {}
    for path in sorted(data_root(FOLDER).glob("*.md")):
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.strip()]
        found[path.stem] = Page(path.stem, lines[0].lstrip("# "), lines[1], text)
    order = {name: n for n, name in enumerate(_FIRST)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def page_names() -> list[str]:
    """The names that ``nexla://reference/{page}`` takes."""
    return list(pages())


def read_page(name: str) -> str | None:
    """A page as Markdown; None when there is none of that name."""
    page = pages().get(name)
    return page.text if page else None
