"""Links that put this server into an editor with one click, made from the records ``nexla-mcp install`` uses.

    links("vscode", "--sandbox").deep       # vscode:mcp/install?...
    links_table()                           # what stands between the marks "links" in README.md

GitHub shows only https links, so each editor's own page that passes the link on stands beside it. Sources: Cursor "MCP
install links"; VS Code "MCP servers, installation from a link".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from nexla_mcp.cli.clients.entry import KeyFrom, make_entry
from nexla_mcp.cli.clients.records import CLIENTS
from release.listings import REGISTRY_NAME

COMMAND = ("nexla-mcp",)
EDITORS = {"cursor": "Cursor", "vscode": "VS Code", "vscode-insiders": "VS Code Insiders"}


@dataclass(frozen=True, slots=True)
class Links:
    """The same configuration as a link of the editor's own scheme, and by way of the editor's web page."""

    deep: str
    page: str


def links(editor: str, *options: str) -> Links:
    """Links for ``cursor``, ``vscode`` or ``vscode-insiders``, with options of ``serve``; no secret is part of them."""
    sandbox = "--sandbox" in options
    name = "nexla-sandbox" if sandbox else "nexla"
    client = CLIENTS[editor.removesuffix("-insiders")]
    key = KeyFrom.NOWHERE if sandbox else KeyFrom.INPUT if client.inputs else KeyFrom.VARIABLE
    entry = make_entry(client, name, COMMAND, options, key, {})
    if editor == "cursor":
        query = f"name={name}&config={quote(base64.b64encode(_json(entry.server).encode()).decode())}"
        return Links(f"cursor://anysphere.cursor-deeplink/mcp/install?{query}", f"https://cursor.com/en/install-mcp?{query}")
    inputs = [dict(one) for one in entry.inputs]
    whole = {"name": name} | dict(entry.server) | ({"inputs": inputs} if inputs else {})
    query = f"name={name}&config={quote(_json(entry.server))}" + (f"&inputs={quote(_json(inputs))}" if inputs else "")
    host, quality = ("insiders.vscode.dev", "&quality=insiders") if editor.endswith("insiders") else ("vscode.dev", "")
    return Links(f"{editor}:mcp/install?{quote(_json(whole))}", f"https://{host}/redirect/mcp/install?{query}{quality}")


def links_table() -> str:
    """The table of links, and the line by which the MCP registry knows the package."""
    lines = [f"<!-- mcp-name: {REGISTRY_NAME} -->", ""]
    lines += ["One click, where `nexla-mcp` is on the editor's `PATH` (`nexla-mcp install` writes the whole path instead):", ""]
    lines += ["| editor | the sandbox | your Nexla |", "| --- | --- | --- |"]
    for editor, title in EDITORS.items():
        sandbox, real = links(editor, "--sandbox"), links(editor)
        lines.append(f"| {title} | [connect]({sandbox.page}) | [connect]({real.page}) |")
    lines += ["", "<details><summary>The same as links of the editors themselves</summary>", "", "```text"]
    lines += [links(editor, *options).deep for editor in EDITORS for options in (("--sandbox",), ())]
    lines += ["```", "", "</details>"]
    return "\n".join(lines) + "\n"


def _json(value: Mapping[str, Any] | list[Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
