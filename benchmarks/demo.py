"""The main job, played on the built-in sandbox through a real MCP client over stdio.

    make demo      (python -m benchmarks.demo)

A client lists the tools, asks what is broken, why, repairs it behind a confirmation that a person answers,
checks the next run, and takes a change back. Everything printed between the lines is what the server answered just now.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from rich.console import Console, Group
from rich.markdown import Markdown
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

console = Console(width=min(110, Console().width if sys.stdout.isatty() else 110), highlight=False)
NEW_SECRET = "a-new-secret-from-the-vault"


class Person:
    """Answers the confirmations as somebody at a keyboard would: reads, then ticks the box or types the name."""

    def __init__(self) -> None:
        self.asked = 0

    async def answer(self, _context: Any, question: types.ElicitRequestFormParams) -> types.ElicitResult:
        self.asked += 1
        await anyio.sleep(0.4)  # the server notices an answer that comes quicker than anybody reads
        fields = question.requested_schema["properties"]
        name, field = next(iter(fields.items()))
        typed: Any = True if field["type"] == "boolean" else field["description"].split('"')[1]
        box = Text(f"[x] {field['description']}" if typed is True else f"{field['description']}:  {typed}", style="bold")
        body = Group(Text(question.message), Text(""), box)
        console.print(Panel(body, title="The client asks the person", border_style="yellow", title_align="left"))
        await anyio.sleep(1.0)  # a person reads first; the server points out answers that come too fast
        return types.ElicitResult(action="accept", content={name: typed})


async def call(client: Client, tool: str, arguments: dict[str, Any], *, lines: int = 40) -> dict[str, Any]:
    """Call a tool, show the call and the answer, and return the structured part."""
    shown = json.dumps(arguments, ensure_ascii=False).replace(NEW_SECRET, "********")
    console.print(Text.assemble(("> ", "bold cyan"), (tool, "bold cyan"), " ", (shown if arguments else "", "cyan")))
    began = time.perf_counter()
    result = await client.call_tool(tool, arguments)
    took = time.perf_counter() - began
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    text = block.text.splitlines()
    body = "\n".join(line if line.startswith("|") else line + "  " for line in text[:lines]) + (
        f"\n\n({len(text) - lines} more lines)" if len(text) > lines else ""
    )
    style = "red" if result.is_error else "green"
    console.print(Panel(Markdown(body), border_style=style, subtitle=f"{took:.2f} s", subtitle_align="right"))
    if result.is_error:
        raise SystemExit("The demo met an error it did not expect.")
    return dict(result.structured_content or {})


def chapter(number: int, title: str) -> None:
    """A heading between the acts."""
    console.print()
    console.print(Rule(f"[bold]{number}. {title}[/bold]", align="left"))


async def play() -> None:
    """All acts, one after the other."""
    began = time.perf_counter()
    person = Person()
    with tempfile.TemporaryDirectory() as state:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NEXLA")} | {"NEXLA_MCP_STATE_DIR": state}
        command = str(Path(sys.executable).with_name("nexla-mcp"))
        server = StdioServerParameters(command=command, args=["serve", "--sandbox"], env=environment)
        async with Client(server, elicitation_callback=person.answer) as client:
            chapter(1, "A client connects over stdio and sees a small list of tools")
            listed = (await client.list_tools()).tools
            table = Table("tool", "what it does", box=None, header_style="bold")
            for tool in listed:
                table.add_row(tool.name, (tool.description or "").split(". ")[0] + ".")
            console.print(table)
            console.print(
                f"[dim]protocol {client.protocol_version}, {len(listed)} tools; every other operation is found by search[/dim]"
            )

            chapter(2, "What is broken in the organisation?")
            triage = await call(client, "nexla_triage", {})
            finding = next(f for f in triage["findings"] if f["cause"] == "credential_invalid")
            flow, credential = finding["flows"][0], finding["resource_id"]

            chapter(3, f"Why does flow {flow} fail?")
            diagnosis = await call(client, "nexla_debug_flow", {"flow_id": flow, "symptom": "no new rows since this morning"})
            source = next(s["resource_id"] for s in diagnosis["stages"] if s["resource_type"] == "source")

            chapter(4, "Repair it: a new secret for the credential, behind a confirmation")
            seen = await client.call_tool(
                "nexla_read", {"operation": "credentials_get", "arguments": {"credential_id": credential}, "view": "full"}
            )
            public = seen.structured_content["data"]["credentials_non_secure_data"]
            update = {"credential_id": credential, "credentials": {**public, "secret_key": NEW_SECRET}}
            await call(client, "nexla_confirmed_write", {"operation": "credentials_update", "arguments": update})
            await call(client, "nexla_read", {"operation": "credentials_probe", "arguments": {"credential_id": credential}})

            chapter(5, "Run it now, and look at the run")
            await call(client, "nexla_confirmed_write", {"operation": "sources_run_now", "arguments": {"source_id": source}})
            health = await call(client, "nexla_health_check", {"flow_id": flow}, lines=12)

            chapter(6, "Change your mind: what was changed is recorded, and most of it can be taken back")
            paused = await call(
                client, "nexla_confirmed_write", {"operation": "flows_pause", "arguments": {"flow_id": flow}}, lines=1
            )
            await call(client, "nexla_read", {"operation": "history_list_changes"})
            undo = {"operation": "history_revert_change", "arguments": {"change_id": paused["change_id"]}}
            await call(client, "nexla_confirmed_write", undo, lines=1)
    console.print()
    before, after = diagnosis["verdict"], health["verdict"]
    console.print(
        f"[bold]Flow {flow}: {before} -> {after}[/bold], {person.asked} confirmations, {time.perf_counter() - began:.1f} s."
    )
    console.print("[dim]Connect your own client with: nexla-mcp serve --sandbox   (README, Connect)[/dim]")
    if after != "healthy":
        raise SystemExit("The flow is not healthy after the repair.")


if __name__ == "__main__":
    anyio.run(play)
