"""``nexla-mcp call TOOL``: one tool call from a terminal or a script, under the same rules as from an agent."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from nexla_mcp.cli.common import InstanceOption, JsonOption, ReadOnlyOption, SandboxOption, settings_from, stop
from nexla_mcp.cli.completion import tool_names
from nexla_mcp.cli.front_door import perform


def call(
    tool: Annotated[
        str,
        typer.Argument(help="Name of a tool or operation, e.g. nexla_triage or flows_get.", autocompletion=tool_names),
    ],
    args: Annotated[
        str, typer.Option("--args", help="Arguments as a JSON object, e.g. '{\"flow_id\": 6010}'; - reads stdin.")
    ] = "{}",
    arg: Annotated[
        list[str] | None,
        typer.Option("--arg", "-a", metavar="NAME=VALUE", help="One argument, e.g. -a flow_id=6010; may be repeated."),
    ] = None,
    sandbox: SandboxOption = False,
    instance: InstanceOption = None,
    read_only: ReadOnlyOption = False,
    as_json: JsonOption = False,
) -> None:
    """Call one tool and print its answer; a change is confirmed here, at the terminal."""
    try:
        arguments = json.loads(sys.stdin.read() if args == "-" else args)
    except ValueError as error:
        stop(f"--args is not JSON: {error}")
    if not isinstance(arguments, dict):
        stop("--args must be a JSON object.")
    arguments |= dict(_one(text) for text in arg or [])
    settings = settings_from(instance=instance, read_only=read_only or None)
    perform(tool, arguments, settings, sandbox=sandbox, as_json=as_json)


def _one(text: str) -> tuple[str, Any]:
    """``name=value``; a value that reads as JSON is that, any other is text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        stop(f"--arg takes NAME=VALUE, not {text!r}.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
