"""What the MCP Inspector's command line is asked to do with our server, and what has to come back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from release import npm_tools

ERAS = {"legacy": "2025-11-25", "modern": "2026-07-28"}
_FLOW = json.dumps({"flow_id": 6010})


@dataclass(frozen=True)
class Inspected:
    """One check in one protocol era; ``problem`` is empty when it passed."""

    name: str
    era: str
    problem: str


def _tools(found: dict[str, Any]) -> bool:
    return {"nexla_whoami", "nexla_debug_flow"} <= {tool["name"] for tool in found["tools"]}


def _diagnosed(found: dict[str, Any]) -> bool:
    return "credential_invalid" in found["content"][0]["text"] and bool(found["structuredContent"])


CHECKS: tuple[tuple[str, list[str], Callable[[dict[str, Any]], bool]], ...] = (
    ("tools/list --strict", ["tools/list", "--strict"], _tools),
    ("tools/call", ["tools/call", "--tool-name", "nexla_debug_flow", "--tool-args-json", _FLOW], _diagnosed),
    (
        "tools/call, numbers as text",
        ["tools/call", "--tool-name", "nexla_debug_flow", "--tool-arg", 'flow_id="6010"'],
        _diagnosed,
    ),
    (
        "tools/call --app-info",
        ["tools/call", "--tool-name", "nexla_debug_flow", "--app-info"],
        lambda found: found["appInfo"]["resourceUri"] == "ui://nexla/flow" and not any(found["appInfo"]["csp"].values()),
    ),
    ("resources/list", ["resources/list"], lambda found: any(r["uri"] == "ui://nexla/flow" for r in found["resources"])),
    (
        "resources/templates/list",
        ["resources/templates/list"],
        lambda found: any(t["uriTemplate"] == "nexla://results/{id}" for t in found["resourceTemplates"]),
    ),
    (
        "resources/read",
        ["resources/read", "--uri", "ui://nexla/flow"],
        lambda found: found["contents"][0]["text"].lower().startswith("<!doctype html>"),
    ),
    ("prompts/list", ["prompts/list"], lambda found: any(p["name"] == "debug_flow" for p in found["prompts"])),
    (
        "prompts/get",
        ["prompts/get", "--prompt-name", "debug_flow", "--prompt-args", "flow=6010"],
        lambda found: "6010" in found["messages"][0]["content"]["text"],
    ),
)


def inspect(url: str) -> list[Inspected]:
    """Every check in both eras."""
    return [Inspected(name, era, _problem(url, word, *rest)) for word, era in ERAS.items() for name, *rest in CHECKS]


def _problem(url: str, era: str, arguments: list[str], good: Callable[[dict[str, Any]], bool]) -> str:
    method, *rest = arguments
    words = ["--cli", url, "--transport", "http", "--protocol-era", era, "--format", "json", "--method", method, *rest]
    ended = npm_tools.run(npm_tools.INSPECTOR, "mcp-inspector", words, limit_s=120)
    said = (ended.stderr or ended.stdout).strip()[-400:]
    if ended.returncode:
        return f"exit code {ended.returncode}: {said}"
    try:
        found = json.loads(ended.stdout)
        return "" if good(found.get("result", found)) else f"unexpected answer: {ended.stdout[:300]}"
    except (ValueError, LookupError, TypeError) as error:
        return f"{type(error).__name__} in its answer: {ended.stdout[:300]}"
