"""Prompts from ``prompts/*.md``: TOML front matter, then a text in which ``{{argument}}`` and ``{{facts}}`` are filled in.

The facts are fetched before the model starts: ``tool`` in the front matter names the runbook or catalogue
tool whose answer becomes ``{{facts}}``, so a prompt is a question with its evidence, not a list of chores.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mcp_types as types

from nexla_mcp.catalog.loader import SpecError, data_root
from nexla_mcp.server.call import Call
from nexla_mcp.server.outcome import Outcome, from_error

_HOLE = re.compile(r"\{\{(\w+)\}\}")
_KEYS = frozenset({"name", "title", "description", "tool", "arguments"})


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt file."""

    name: str
    title: str
    description: str
    tool: str
    arguments: list[dict[str, Any]]
    text: str

    def listed(self) -> types.Prompt:
        """As the protocol lists it."""
        return types.Prompt(
            name=self.name,
            title=self.title,
            description=self.description,
            arguments=[
                types.PromptArgument(name=a["name"], description=a["description"], required=a.get("required", False))
                for a in self.arguments
            ],
        )


def load_prompts(root: Path | None = None) -> dict[str, Prompt]:
    """Every prompt by name.

    Raises:
        SpecError: a file has no front matter, unknown keys, or a hole that no argument fills.
    """
    prompts = {}
    for path in sorted((root or data_root("prompts")).glob("*.md")):
        parts = path.read_text(encoding="utf-8").split("+++\n", 2)
        if len(parts) != 3:
            raise SpecError(f"prompts/{path.name}: starts with +++, TOML front matter, +++.")
        try:
            head = tomllib.loads(parts[1])
        except tomllib.TOMLDecodeError as error:
            raise SpecError(f"prompts/{path.name}: front matter: {error}") from None
        if unknown := set(head) ^ _KEYS:
            raise SpecError(f"prompts/{path.name}: front matter has or lacks {', '.join(sorted(unknown))}.")
        prompt = Prompt(**head, text=parts[2].strip())
        holes = set(_HOLE.findall(prompt.text)) - {a["name"] for a in prompt.arguments} - {"facts"}
        if holes:
            raise SpecError(f"prompts/{path.name}: nothing fills {', '.join(sorted(holes))}.")
        prompts[prompt.name] = prompt
    return prompts


async def get_prompt(
    call: Call, prompt: Prompt, arguments: dict[str, str], dispatch: Callable[[Call, str, dict[str, Any]], Awaitable[Outcome]]
) -> types.GetPromptResult:
    """A prompt with its facts; a failure to fetch them is told in their place."""
    from nexla_mcp.arguments.check import ArgumentError
    from nexla_mcp.client.errors import NexlaError

    given = {a["name"]: arguments[a["name"]] for a in prompt.arguments if arguments.get(a["name"], "").strip()}
    try:
        facts = (await dispatch(call, prompt.tool, _tool_arguments(given))).text
    except ArgumentError as error:
        facts = str(error)
    except NexlaError as error:
        facts = from_error(error).text
    text = _HOLE.sub(lambda hole: facts if hole[1] == "facts" else given.get(hole[1], "(not given)"), prompt.text)
    message = types.PromptMessage(role="user", content=types.TextContent(text=text))
    return types.GetPromptResult(description=prompt.description, messages=[message])


def _tool_arguments(given: dict[str, str]) -> dict[str, Any]:
    """A flow can be named or numbered by a person; the tool has an argument for each."""
    flow = given.get("flow")
    rest: dict[str, Any] = {k: v for k, v in given.items() if k != "flow"}
    if flow is None:
        return rest
    return rest | ({"flow_id": int(flow)} if flow.strip().isdigit() else {"name": flow.strip()})
