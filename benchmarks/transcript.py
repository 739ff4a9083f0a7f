"""One incident from question to verified fix, as a page shows it: every answer is what the server said just now.

    python -m benchmarks.transcript              # print it
    python -m benchmarks.transcript --write      # and put it into docs/diagnosis.md

Somebody asks why orders-to-snowflake does not load. The server runs over stdio on its built-in sandbox; the two changes
wait for a confirmation, and what the person is shown and answers stands in the transcript as well.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from benchmarks.pasted import DOCS, paste

SECRET = "a-new-secret-from-the-vault"
QUESTION = "Why did orders-to-snowflake not load?"


class Transcript:
    """What was asked, answered, shown and confirmed, as Markdown."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def say(self, text: str) -> None:
        self.parts.append(text)

    def quote(self, text: str, language: str = "text") -> None:
        fence = "````" if "```" in text else "```"
        self.parts.append(f"{fence}{language}\n{text.strip().replace(SECRET, '********')}\n{fence}")

    async def call(self, client: Client, tool: str, arguments: dict[str, Any], *, lines: int = 60) -> dict[str, Any]:
        """One tool call and its answer."""
        self.quote(f"{tool} {json.dumps(arguments, indent=2)}", "js")
        result = await client.call_tool(tool, arguments)
        block = result.content[0]
        assert isinstance(block, types.TextContent)
        if result.is_error:
            raise SystemExit(f"{tool} refused: {block.text}")
        shown = block.text.splitlines()
        self.quote("\n".join([*shown[:lines], *(["..."] if len(shown) > lines else [])]))
        return dict(result.structured_content or {})

    async def confirm(self, _context: Any, question: types.ElicitRequestFormParams) -> types.ElicitResult:
        """The client shows the question; the person reads, then agrees."""
        await anyio.sleep(1.5)  # an answer that comes quicker than anybody reads is pointed out
        name, field = next(iter(question.requested_schema["properties"].items()))
        typed: Any = True if field["type"] == "boolean" else field["description"].split('"')[1]
        self.say("The client asks the person:")
        self.quote(f"{question.message}\n\n[{'x' if typed is True else typed}] {field['description']}")
        return types.ElicitResult(action="accept", content={name: typed})


async def play() -> str:
    """The whole conversation."""
    told = Transcript()
    with tempfile.TemporaryDirectory() as state:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NEXLA")} | {"NEXLA_MCP_STATE_DIR": state}
        server = StdioServerParameters(
            command=str(Path(sys.executable).with_name("nexla-mcp")), args=["serve", "--sandbox"], env=environment
        )
        async with Client(server, elicitation_callback=told.confirm) as client:
            told.say(f"> {QUESTION}")
            found = await told.call(client, "nexla_debug_flow", {"name": "orders-to-snowflake"})
            cause = found["root_cause"]
            if (cause or {}).get("cause") != "credential_invalid":
                raise SystemExit(f"The diagnosis is another one: {found['summary']}")
            credential = cause["resource_id"]
            source = next(s["resource_id"] for s in found["stages"] if s["resource_type"] == "source")
            read = {"operation": "credentials_get", "arguments": {"credential_id": credential}, "view": "full"}
            row = (await client.call_tool("nexla_read", read)).structured_content["data"]
            told.say("The person fetches a new secret; the login is replaced whole, behind a confirmation:")
            new = {"credential_id": credential, "credentials": {**row["credentials_non_secure_data"], "secret_key": SECRET}}
            await told.call(client, "nexla_confirmed_write", {"operation": "credentials_update", "arguments": new}, lines=14)
            told.say("Does the external system take it? Then a run, which is confirmed as well:")
            probe = {"operation": "credentials_probe", "arguments": {"credential_id": credential}}
            await told.call(client, "nexla_read", probe, lines=8)
            run = {"operation": "sources_run_now", "arguments": {"source_id": source}}
            await told.call(client, "nexla_confirmed_write", run, lines=14)
            told.say("Verified by asking the first question again:")
            after = await told.call(client, "nexla_debug_flow", {"flow_id": found["flow_id"]}, lines=30)
    if after["verdict"] != "healthy":
        raise SystemExit(f"The flow is not healthy after the repair: {after['summary']}")
    return "\n\n".join(told.parts)


def main() -> None:
    """Print the transcript; with --write put it into the page."""
    text = anyio.run(play)
    print(text)
    if "--write" in sys.argv[1:]:
        paste(DOCS / "diagnosis.md", "transcript", "python -m benchmarks.transcript", text)


if __name__ == "__main__":
    main()
