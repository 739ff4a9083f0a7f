"""Answers of the server, for the views to draw: recorded ones, and a way to ask for them now.

    python -m tests.views.samples        asks the sandbox again and rewrites samples/*.json

``branching_map.json`` is written by hand: a lineage with branches, a paused nexset and errors.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters

FOLDER = Path(__file__).with_name("samples")
PAUSE = {"operation": "flows_pause", "arguments": {"flow_id": 6010}}
DELETE = {"operation": "flows_delete", "arguments": {"flow_id": 6120}}
RENAME = {"operation": "credentials_update", "arguments": {"credential_id": 2001, "name": "shop-exports (new key)"}}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "failing_flow": ("nexla_debug_flow", {"flow_id": 6010}),
    "silent_transform": ("nexla_debug_flow", {"flow_id": 6060}),
    "paused_nexset": ("nexla_debug_flow", {"flow_id": 6040}),
    "healthy_flow": ("nexla_health_check", {"flow_id": 6120}),
    "credential_map": ("nexla_map_flow", {"resource_type": "credential", "resource_id": 2001}),
    "triage": ("nexla_triage", {}),
    "confirm_pause": ("nexla_confirmed_write", PAUSE),
    "confirm_delete": ("nexla_confirmed_write", DELETE),
    "confirm_rename": ("nexla_confirmed_write", {**RENAME, "dry_run": True}),
}


def sample(name: str) -> dict[str, Any]:
    """A recorded call: ``tool``, ``arguments`` and ``result`` as they go over the wire."""
    return dict(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


async def ask(names: list[str]) -> dict[str, dict[str, Any]]:
    """The same calls put to a fresh sandbox, through a real client over stdio."""
    found = {}
    with tempfile.TemporaryDirectory() as state:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NEXLA")} | {"NEXLA_MCP_STATE_DIR": state}
        command = str(Path(sys.executable).with_name("nexla-mcp"))
        server = StdioServerParameters(command=command, args=["serve", "--sandbox"], env=environment)
        async with Client(server) as client:
            for name in names:
                tool, arguments = CALLS[name]
                result = await client.call_tool(tool, arguments)
                answer = result.model_dump(mode="json", by_alias=True, exclude_none=True)
                kept = {key: answer[key] for key in ("content", "structuredContent", "isError") if key in answer}
                found[name] = {"tool": tool, "arguments": arguments, "result": kept}
    return found


def _without_ticket(recorded: dict[str, Any]) -> dict[str, Any]:
    """A recorded ticket would look like a secret; it is replaced in text and data."""
    ticket = recorded["result"].get("structuredContent", {}).get("ticket")
    text = json.dumps(recorded)
    return dict(json.loads(text.replace(ticket, "nt1.ticket") if ticket else text))


def main() -> None:
    """Record all samples again."""
    for name, recorded in anyio.run(ask, list(CALLS)).items():
        if recorded["result"].get("isError"):
            raise SystemExit(f"{name}: {recorded['result']['content'][0]['text']}")
        text = json.dumps(_without_ticket(recorded), indent=1, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
