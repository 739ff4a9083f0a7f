"""``nexla-mcp tools``, ``prompts``, ``openapi`` and ``version``: what there is, without a connection."""

from __future__ import annotations

import sys

from nexla_mcp import __version__
from nexla_mcp.cli.common import JsonOption, ProfileOption, ToolsetsOption, print_json, settings_from, stop


def tools(profile: ProfileOption = None, toolsets: ToolsetsOption = None, as_json: JsonOption = False) -> None:
    """Show the tools that a profile lists."""
    from nexla_mcp.catalog.loader import SpecError, load_catalog
    from nexla_mcp.server.listing import UnknownToolsetError, listed_tools

    try:
        listed = listed_tools(load_catalog(), settings_from(profile=profile, toolsets=toolsets))
    except (SpecError, UnknownToolsetError) as error:
        stop(str(error))
    if as_json:
        return print_json({"tools": [t.model_dump(by_alias=True, mode="json", exclude_none=True) for t in listed]})
    from rich.console import Console
    from rich.table import Table

    table = Table("tool", "what it does", "hints")
    for tool in listed:
        hints = tool.annotations
        kind = "read" if hints and hints.read_only_hint else "confirmed" if hints and hints.destructive_hint else "write"
        table.add_row(tool.name, (tool.description or "").split(". ")[0], kind)
    Console().print(table)


def prompts(as_json: JsonOption = False) -> None:
    """Show the prompts that a client offers to people."""
    from nexla_mcp.catalog.loader import SpecError, load_catalog
    from nexla_mcp.server.prompts import load_prompts

    try:
        found = load_prompts(load_catalog())
    except SpecError as error:
        stop(str(error))
    if as_json:
        return print_json(
            {"prompts": [p.listed().model_dump(by_alias=True, mode="json", exclude_none=True) for p in found.values()]}
        )
    from rich.console import Console
    from rich.table import Table

    table = Table("prompt", "what it does", "arguments")
    for prompt in found.values():
        table.add_row(prompt.name, prompt.description, ", ".join(a.name for a in prompt.arguments))
    Console().print(table)


def openapi() -> None:
    """Print the OpenAPI document of every operation, made from the tool specs."""
    from nexla_mcp.catalog.loader import SpecError, load_catalog
    from nexla_mcp.catalog.openapi import openapi_document

    try:
        print_json(openapi_document(load_catalog()))
    except SpecError as error:
        stop(str(error))


def version() -> None:
    """Print the version."""
    sys.stdout.write(__version__ + "\n")
