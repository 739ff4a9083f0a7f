"""``nexla-mcp call TOOL``: one tool call from a terminal or a script, under the same rules as from an agent.

A change is confirmed at the terminal; without one it is not made, and the exit code says so.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexla_mcp.cli.common import FAILED, INTERRUPTED, NOT_CONFIRMED, JsonOption, SandboxOption, print_json, settings_from, stop

if TYPE_CHECKING:
    import mcp_types as types


def call(
    tool: Annotated[str, typer.Argument(help="Name of a tool or operation, e.g. nexla_triage or flows_get.")],
    args: Annotated[
        str, typer.Option("--args", help="Arguments as a JSON object, e.g. '{\"flow_id\": 6010}'; - reads stdin.")
    ] = "{}",
    sandbox: SandboxOption = False,
    as_json: JsonOption = False,
) -> None:
    """Call one tool and print its answer; a change is confirmed here, at the terminal."""
    import anyio

    try:
        arguments = json.loads(sys.stdin.read() if args == "-" else args)
    except ValueError as error:
        stop(f"--args is not JSON: {error}")
    if not isinstance(arguments, dict):
        stop("--args must be a JSON object.")
    asked: list[bool] = []
    try:
        result = anyio.run(_call, tool, arguments, settings_from(), sandbox, asked)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    text = "\n".join(block.text for block in result.content if block.type == "text")
    if as_json:
        print_json(
            {"isError": result.is_error, "text": text, "structuredContent": result.structured_content, "_meta": result.meta}
        )
    else:
        (sys.stderr if result.is_error else sys.stdout).write(text + "\n")
    if result.is_error:
        raise typer.Exit(NOT_CONFIRMED if asked and not asked[-1] else FAILED)
    if (result.structured_content or {}).get("status") == "confirmation_required":
        raise typer.Exit(NOT_CONFIRMED)


async def _call(tool: str, arguments: dict[str, Any], settings: Any, sandbox: bool, asked: list[bool]) -> types.CallToolResult:
    """The call through a real client and server in this process, with a progress line on stderr."""
    from mcp import Client
    from rich.console import Console

    from nexla_mcp.server.app import build_server
    from nexla_mcp.server.runtime import Runtime

    console = Console(stderr=True)
    async with Runtime.open(settings, sandbox=sandbox) as runtime:
        with console.status("") as status:

            async def show(progress: float, total: float | None, message: str | None) -> None:
                status.update(message or "")

            async def ask(_context: Any, question: types.ElicitRequestFormParams) -> types.ElicitResult:
                status.stop()
                answer = _answer_at_terminal(console, question)
                asked.append(answer.action == "accept")
                status.start()
                return answer

            async with Client(build_server(runtime), elicitation_callback=ask) as client:  # type: ignore[arg-type]
                return await client.call_tool(tool, arguments, progress_callback=show)


def _answer_at_terminal(console: Any, question: types.ElicitRequestFormParams) -> types.ElicitResult:
    """The person's answer; a decline where nobody can answer."""
    import mcp_types as types
    from rich.panel import Panel
    from rich.prompt import Confirm, Prompt
    from rich.text import Text

    console.print(Panel(Text(question.message), title="Confirm", border_style="yellow"))
    if not sys.stdin.isatty():
        console.print("Nobody can answer here: stdin is not a terminal.")
        return types.ElicitResult(action="decline")
    name, field = next(iter(question.requested_schema["properties"].items()))
    if field["type"] == "boolean":
        agreed = Confirm.ask(field["description"], console=console, default=False)
        return types.ElicitResult(action="accept" if agreed else "decline", content={name: True} if agreed else None)
    typed = Prompt.ask(field["description"] + " (empty declines)", console=console, default="", show_default=False)
    return types.ElicitResult(action="accept" if typed else "decline", content={name: typed} if typed else None)
