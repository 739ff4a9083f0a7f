"""A view inside the page that plays its host.

page = open_view(browser, sample("failing_flow"), theme="dark", width=360)
page.view.evaluate("document.title")       # inside the view
page.host.evaluate("host.asked")           # what the view asked its host for
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nexla_mcp.views import view
from tests.views.browser import Browser, Page

HOST, VIEW = "http://host.test/", "http://view.test/"
# What the specification wants a host to set for a view that declares no domains.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self'; media-src 'self' data:; connect-src 'none'; frame-src 'none'; object-src 'none'; base-uri 'self'"
)
OFFERED: Mapping[str, Any] = {"serverTools": {}, "message": {}, "updateModelContext": {}}
DRAWN = "document.querySelector('main') !== null && !document.querySelector('.loading')"


def reply_key(tool: str, arguments: Mapping[str, Any]) -> str:
    """How the host page finds a prepared reply."""
    return json.dumps([tool, arguments], separators=(",", ":"))


def open_view(
    browser: Browser,
    recorded: Mapping[str, Any],
    *,
    theme: str | None = "light",
    dark: bool = False,
    width: int = 740,
    capabilities: Mapping[str, Any] = OFFERED,
    context: Mapping[str, Any] | None = None,
    **more: Any,
) -> Page:
    """Open the view of a recorded call and hand its answer over.

    ``theme`` is the host's, ``dark`` the system's. ``more`` goes to the host page: ``replies`` to calls of the
    view, ``refuseMessages``.
    """
    told = {
        "displayMode": "inline",
        "availableDisplayModes": ["inline", "fullscreen"],
        "toolInfo": {"tool": {"name": recorded["tool"], "inputSchema": {"type": "object"}}},
        "locale": "en-GB",
        "timeZone": "UTC",
    }
    setup = {
        "capabilities": capabilities,
        "context": told | ({"theme": theme} if theme else {}) | dict(context or {}),
        "input": recorded["arguments"],
        "result": recorded["result"],
        **more,
    }
    host = Path(__file__).with_name("host.html").read_text(encoding="utf-8")
    file = "confirm" if recorded["tool"] == "nexla_confirmed_write" else "flow"
    served: Mapping[str, tuple[str, Mapping[str, str]]] = {
        HOST: (host.replace("/*SETUP*/null", json.dumps(setup).replace("<", "\\u003c")), {}),
        VIEW: (view(file), {"Content-Security-Policy": POLICY}),
    }
    page = browser.open(HOST, served.get, width=width, dark=dark)
    page.view.wait(DRAWN)
    page.settle()
    return page
