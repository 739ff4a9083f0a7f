"""The views of MCP Apps: HTML pages that a host may show beside a tool's answer.

    server = Server(..., on_read_resource=...)
    server.extensions[EXTENSION] = {}          # the capability: this server has views
    types.Tool(..., _meta=tool_meta(name))     # which view belongs to which tool
    read_view(uri)                             # the page itself, or None for another address

A view adds and takes nothing away: the text of every answer stands alone, and a client that knows no views
never sees more than a key in ``_meta``. The pages are built from ``apps/`` and load nothing; the metadata
says so to the host, and the page's own policy says so to the browser. They are read when first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import mcp_types as types

EXTENSION = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"


@dataclass(frozen=True, slots=True)
class View:
    """One page: its address, its file, and the tools whose answers it draws."""

    name: str
    title: str
    description: str
    tools: tuple[str, ...]

    @property
    def uri(self) -> str:
        """The address that tools and hosts use."""
        return f"ui://nexla/{self.name}"


VIEWS = (
    View(
        "flow",
        "Flow",
        "A flow as a graph with status, counts and root cause, or the findings of a triage by cause.",
        ("nexla_map_flow", "nexla_debug_flow", "nexla_health_check", "nexla_triage"),
    ),
    View(
        "confirm",
        "Preview of a change",
        "What a change is about, what it reaches and how it is undone. It only shows; the answer is given elsewhere.",
        ("nexla_confirmed_write",),
    ),
)
_BY_URI = {view.uri: view for view in VIEWS}
_URI_OF = {tool: view.uri for view in VIEWS for tool in view.tools}

# A host must refuse a page's call of a tool that is not for apps: no page can start a change, whatever is in it.
_NOT_FROM_A_PAGE = frozenset({"nexla_write", "nexla_confirmed_write"})


def view(name: str) -> str:
    """The HTML of a view.

    Raises:
        KeyError: there is no view of that name.
    """
    if f"ui://nexla/{name}" not in _BY_URI:
        raise KeyError(name)
    return _html(name)


def tool_meta(tool: str, *, reads: bool = True) -> dict[str, Any] | None:
    """``_meta`` of a tool in the list: its view, and whether a view may call it. None where there is nothing to say.

    ``reads`` is the tool's read-only hint: a tool that changes something is for the model alone.
    """
    ui: dict[str, Any] = {}
    if tool in _URI_OF:
        ui["resourceUri"] = _URI_OF[tool]
    if tool in _NOT_FROM_A_PAGE or not reads:
        ui["visibility"] = ["model"]
    return {"ui": ui} if ui else None


def resource_meta() -> dict[str, Any]:
    """``_meta`` of every view: it loads nothing and connects to nothing, and likes a border around it."""
    nothing: dict[str, list[str]] = {"connectDomains": [], "resourceDomains": [], "frameDomains": [], "baseUriDomains": []}
    return {"ui": {"csp": nothing, "prefersBorder": True}}


def view_resources() -> list[types.Resource]:
    """The views as a resource list shows them."""
    return [
        types.Resource(
            uri=v.uri, name=v.name, title=v.title, description=v.description, mime_type=MIME_TYPE, _meta=resource_meta()
        )
        for v in VIEWS
    ]


def read_view(uri: str) -> types.ReadResourceResult | None:
    """The page at an address; None when the address is not a view's."""
    found = _BY_URI.get(uri)
    if found is None:
        return None
    contents = types.TextResourceContents(uri=uri, mime_type=MIME_TYPE, text=_html(found.name), _meta=resource_meta())
    return types.ReadResourceResult(contents=[contents])


@cache
def _html(name: str) -> str:
    return (files(__name__) / f"{name}.html").read_text(encoding="utf-8")
