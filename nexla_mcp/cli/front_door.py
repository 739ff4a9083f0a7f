"""One tool call through a real client and server in this process, as an agent would make it, with a person at the terminal.

    perform("nexla_history_revert_change", {"change_id": 3}, settings, as_json=False)

What is asked is asked here: a panel with the preview, yes or no, or the name of the target to type. Without a terminal
nobody is asked; the answer is then the preview and a ticket, and the exit code says that nothing was confirmed.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from nexla_mcp.cli.common import DONE, FAILED, INTERRUPTED, NOT_CONFIRMED, print_json, stop

if TYPE_CHECKING:
    import mcp_types as types
    from mcp import Client

UNDER_WAY = "under way"
LOOK_AGAIN_S = 1.0
_NOBODY = (
    "Nobody can answer here: stdin is not a terminal. Run the command in a terminal; or set NEXLA_MCP_SEAL_KEYS for both"
    " calls, and call again with the ticket and, where it is asked for, the typed name among the arguments."
)


@dataclass(slots=True)
class Terminal:
    """The person at this terminal: what is under way goes to stderr, questions are answered on stdin."""

    asked: list[bool] = field(default_factory=list)
    there: bool = field(default_factory=sys.stdin.isatty)

    @asynccontextmanager
    async def client(self, settings: Any, *, sandbox: bool) -> AsyncIterator[tuple[Client, Any]]:
        """A client of a server in this process, and the function that shows progress."""
        from mcp import Client
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        from nexla_mcp.server.app import build_server
        from nexla_mcp.server.runtime import Runtime

        console = Console(stderr=True)
        columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        task = bar.add_task("", total=None)

        async def show(_done: float, _total: float | None, message: str | None) -> None:
            bar.update(task, description=message or "")

        async def ask(_context: Any, question: types.ElicitRequestParams) -> types.ElicitResult:
            bar.stop()
            answer = answer_at_terminal(console, question)
            self.asked.append(answer.action == "accept")
            bar.start()
            return answer

        async with Runtime.open(settings, sandbox=sandbox, transport_name="terminal") as runtime:
            with bar:
                callback = ask if self.there else None
                async with Client(build_server(runtime), elicitation_callback=callback) as client:  # type: ignore[arg-type]
                    yield client, show

    async def call(self, tool: str, arguments: dict[str, Any], settings: Any, *, sandbox: bool) -> types.CallToolResult:
        """The result; a run that is begun is followed to its end or to its next question, since it goes on in this process."""
        import anyio

        async with self.client(settings, sandbox=sandbox) as (client, show):
            result = await client.call_tool(tool, arguments, progress_callback=show)
            if tool == "nexla_runs_get":
                return result
            while (found := result.structured_content or {}).get("status") == UNDER_WAY and "run_id" in found:
                await show(0, None, next((s["step"] for s in found.get("steps", []) if s["state"] == UNDER_WAY), ""))
                await anyio.sleep(LOOK_AGAIN_S)
                result = await client.call_tool("nexla_runs_get", {"run_id": found["run_id"]})
            return result


def perform(tool: str, arguments: dict[str, Any], settings: Any, *, sandbox: bool = False, as_json: bool = False) -> NoReturn:
    """Make the call, print its answer, and end with the exit code that it stands for."""
    import logging

    import anyio

    from nexla_mcp.catalog.loader import SpecError
    from nexla_mcp.server.listing import UnknownToolsetError

    logging.getLogger("client").setLevel(logging.ERROR)  # the SDK warns of every tool that is called without being listed
    logging.getLogger("mcp").setLevel(logging.ERROR)
    terminal = Terminal()

    async def call() -> types.CallToolResult:
        return await terminal.call(tool, arguments, settings, sandbox=sandbox)

    try:
        result = anyio.run(call)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (SpecError, UnknownToolsetError) as error:
        stop(str(error))
    text = "\n".join(block.text for block in result.content if block.type == "text")
    code = exit_code(result, terminal)
    if as_json:
        print_json(
            {
                "exit_code": code,
                "isError": result.is_error,
                "text": text,
                "structuredContent": result.structured_content,
                "_meta": result.meta,
            }
        )
    else:
        (sys.stderr if result.is_error else sys.stdout).write(text + "\n")
    if code == NOT_CONFIRMED and not terminal.there:
        sys.stderr.write(_NOBODY + "\n")
    raise typer.Exit(code)


def exit_code(result: types.CallToolResult, terminal: Terminal) -> int:
    """The exit code that a result stands for."""
    status = (result.structured_content or {}).get("status")
    if result.is_error:
        return NOT_CONFIRMED if terminal.asked and not terminal.asked[-1] else FAILED
    if status == "confirmation_required":
        return NOT_CONFIRMED
    return FAILED if status in ("failed", "unclear") and "run_id" in (result.structured_content or {}) else DONE


def answer_at_terminal(console: Any, question: types.ElicitRequestParams) -> types.ElicitResult:
    """The person's answer to a form, or that they went to a page and decided there; the end of the input is a decline."""
    import mcp_types as types
    from rich.panel import Panel
    from rich.prompt import Confirm, Prompt
    from rich.text import Text

    console.print(Panel(Text(question.message), title="Confirm", border_style="yellow"))
    if question.mode == "url":
        console.print(Text(question.url), soft_wrap=True)
        try:
            said = Prompt.ask(
                "Open it, decide there, then press Enter (n declines)", console=console, default="", show_default=False
            )
        except EOFError:
            said = "n"
        return types.ElicitResult(action="decline" if said.strip().lower() in ("n", "no") else "accept")
    name, field = next(iter(question.requested_schema["properties"].items()))
    label = Text(str(field["description"]))
    try:
        if field["type"] == "boolean":
            agreed = Confirm.ask(label, console=console, default=False)
            return types.ElicitResult(action="accept" if agreed else "decline", content={name: True} if agreed else None)
        typed = Prompt.ask(label.append(" (empty declines)"), console=console, default="", show_default=False)
    except EOFError:
        return types.ElicitResult(action="decline")
    return types.ElicitResult(action="accept" if typed else "decline", content={name: typed} if typed else None)
