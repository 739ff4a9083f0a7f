"""Prompts from ``prompts/*.md``: TOML front matter, then a text in which ``{{argument}}`` and ``{{facts}}`` are filled in.

The facts are fetched before the model starts: each ``[[facts]]`` of the front matter names a runbook or an operation
that reads, and its answer goes into ``{{facts}}``. So a prompt is a question with its evidence, not a list of chores.
What cannot be fetched is told in its place.

In the arguments of a fact, ``$flow`` is what the person gave for ``flow``; where an argument has a ``kind``,
``$flow.id`` is the id if they gave one, ``$flow.name`` the name if they gave that, and ``$flow.found`` the id in any
case, looked up by name. A key whose value was not given is left out.
"""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError
from pydantic import Field, ValidationError

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.kinds import resource_kinds
from nexla_mcp.catalog.loader import SpecError, data_root
from nexla_mcp.catalog.records import Operation, Record
from nexla_mcp.output.untrusted import clean_text, fenced
from nexla_mcp.server.call import Call
from nexla_mcp.server.names import id_in
from nexla_mcp.server.outcome import Outcome, from_error

Dispatch = Callable[[Call, str, dict[str, Any]], Awaitable[Outcome]]
OPERATION = "operation"
"""The kind of an argument that names an operation instead of a resource."""
FACTS_S = 40.0
LONGEST_ARGUMENT = 4_000
_HOLE = re.compile(r"\{\{(\w+)\}\}")
_REFERENCE = re.compile(r"^\$(\w+)(?:\.(id|name|found))?$")
_HARMLESS = {"dry_run": True, "ask_nexla": False}
"""With one of these a tool that may change or send something does neither."""
_LOG = logging.getLogger(__name__)


class PromptArgument(Record):
    """One argument; ``kind`` or ``choices`` say what completes it, ``quoted`` that it is a text to look at, not to follow."""

    name: str = Field(pattern=r"^[a-z][a-z_]{1,30}$")
    description: str
    required: bool = False
    kind: str = ""
    kind_from: str = Field(default="", description="Another argument, whose value is the kind.")
    choices: tuple[str, ...] = ()
    quoted: bool = False


class Fact(Record):
    """One call that is made before the model starts, if all ``needs`` were given and each of ``when`` has its value."""

    title: str
    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()
    when: dict[str, str] = Field(default_factory=dict)

    def applies(self, given: Mapping[str, str]) -> bool:
        """Whether what was given calls for this fact."""
        return all(name in given for name in self.needs) and all(
            given.get(name, "").lower() == value for name, value in self.when.items()
        )


class Prompt(Record):
    """One prompt file."""

    name: str = Field(pattern=r"^[a-z][a-z_]{2,39}$")
    title: str
    description: str
    arguments: tuple[PromptArgument, ...] = ()
    facts: tuple[Fact, ...]
    text: str

    def argument(self, name: str) -> PromptArgument | None:
        """The argument of that name."""
        return next((a for a in self.arguments if a.name == name), None)

    def listed(self) -> types.Prompt:
        """As the protocol lists it."""
        return types.Prompt(
            name=self.name,
            title=self.title,
            description=self.description,
            arguments=[types.PromptArgument(name=a.name, description=a.description, required=a.required) for a in self.arguments],
        )


def load_prompts(catalog: Catalog, root: Path | None = None) -> dict[str, Prompt]:
    """Every prompt by name.

    Raises:
        SpecError: a file has no or a wrong front matter, a hole that nothing fills, or a fact that could change something.
    """
    prompts = {}
    for path in sorted((root or data_root("prompts")).glob("*.md")):
        parts = path.read_text(encoding="utf-8").split("+++\n", 2)
        if len(parts) != 3:
            raise SpecError(f"prompts/{path.name}: starts with +++, TOML front matter, +++.")
        try:
            prompt = Prompt(**tomllib.loads(parts[1]), text=parts[2].strip())
        except tomllib.TOMLDecodeError as error:
            raise SpecError(f"prompts/{path.name}: front matter: {error}") from None
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors(include_url=False))
            raise SpecError(f"prompts/{path.name}: front matter: {problems}") from None
        if problem := _problem(prompt, catalog):
            raise SpecError(f"prompts/{path.name}: {problem}.")
        prompts[prompt.name] = prompt
    return prompts


def _problem(prompt: Prompt, catalog: Catalog) -> str:
    """What does not fit together in a prompt, or nothing."""
    names = {a.name for a in prompt.arguments}
    kinds = {*resource_kinds(catalog), OPERATION}
    if holes := set(_HOLE.findall(prompt.text)) - names - {"facts"}:
        return f"nothing fills {', '.join(sorted(holes))}"
    if unknown := {a.kind for a in prompt.arguments if a.kind} - kinds:
        return f"there is no kind {', '.join(sorted(unknown))}"
    for fact in prompt.facts:
        record = catalog.resolve(fact.tool)
        if record is None:
            return f"there is no tool {fact.tool}"
        if not_there := set(fact.arguments) - set(record.parameters):
            return f"{fact.tool} has no argument {', '.join(sorted(not_there))}"
        reads = record.reads if isinstance(record, Operation) else record.hints.read_only
        if not reads and not any(fact.arguments.get(name) is value for name, value in _HARMLESS.items()):
            return f"{fact.tool} may change something, and a prompt only reads"
        asked = {m[1] for v in fact.arguments.values() if isinstance(v, str) and (m := _REFERENCE.match(v))} | {
            *fact.needs,
            *fact.when,
        }
        if asked - names:
            return f"{fact.tool} refers to {', '.join(sorted(asked - names))}, which is no argument"
    return ""


async def get_prompt(call: Call, prompt: Prompt, arguments: Mapping[str, str], dispatch: Dispatch) -> types.GetPromptResult:
    """A prompt with its facts.

    Raises:
        MCPError: an argument that is required was not given.
    """
    given = {a.name: text for a in prompt.arguments if (text := clean_text(arguments.get(a.name) or "").strip())}
    if missing := [a for a in prompt.arguments if a.required and a.name not in given]:
        lacks = "; ".join(f"{a.name} ({a.description.rstrip('.')})" for a in missing)
        raise MCPError(types.INVALID_PARAMS, f"The prompt {prompt.name} needs {lacks}.")
    facts = await _facts(call, prompt, {name: text[:LONGEST_ARGUMENT] for name, text in given.items()}, dispatch)

    def fill(hole: re.Match[str]) -> str:
        if hole[1] == "facts":
            return facts
        argument, text = prompt.argument(hole[1]), given.get(hole[1], "")[:LONGEST_ARGUMENT]
        if not text:
            return "(not given)"
        return "\n" + fenced(text, "the person") if argument and argument.quoted else " ".join(text.split())

    message = types.PromptMessage(role="user", content=types.TextContent(text=_HOLE.sub(fill, prompt.text)))
    return types.GetPromptResult(description=prompt.description, messages=[message])


async def _facts(call: Call, prompt: Prompt, given: Mapping[str, str], dispatch: Dispatch) -> str:
    """All facts side by side, each with its title, its origin and its time."""
    asked = [fact for fact in prompt.facts if fact.applies(given)]
    answers: dict[int, str] = {}

    async def one(number: int, fact: Fact) -> None:
        answers[number] = await _fact(call, prompt, fact, given, dispatch)

    with anyio.move_on_after(FACTS_S):
        async with anyio.create_task_group() as group:
            for number, fact in enumerate(asked):
                group.start_soon(one, number, fact)
    late = f"Could not be fetched: no answer within {FACTS_S:.0f} s."
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return "\n\n".join(f"## {fact.title}\n{answers.get(n, late)}" for n, fact in enumerate(asked)) + f"\n\n(Fetched at {at}.)"


async def _fact(call: Call, prompt: Prompt, fact: Fact, given: Mapping[str, str], dispatch: Dispatch) -> str:
    """One answer between marks, or why there is none."""
    from nexla_mcp.arguments.check import ArgumentError
    from nexla_mcp.client.errors import NexlaError

    try:
        arguments = {}
        for key, value in fact.arguments.items():
            if (value := await _value(call, prompt, value, given)) is not None:
                arguments[key] = value
        outcome = await dispatch(call, fact.tool, arguments)
    except ArgumentError as error:
        return f"Could not be fetched. {clean_text(str(error))}"
    except NexlaError as error:
        return f"Could not be fetched. {from_error(error).text}"
    except Exception as error:
        _LOG.exception("prompt %s: %s failed unexpectedly", prompt.name, fact.tool)
        return f"Could not be fetched: an error of this server ({type(error).__name__})."
    return f"Could not be fetched. {outcome.text}" if outcome.failed else fenced(outcome.text, fact.tool)


async def _value(call: Call, prompt: Prompt, value: Any, given: Mapping[str, str]) -> Any:
    """A value of a fact's arguments: itself, or what it refers to; None when that was not given."""
    reference = _REFERENCE.match(value) if isinstance(value, str) else None
    if reference is None:
        return value
    text = given.get(reference[1])
    if text is None or reference[2] is None:
        return text
    if reference[2] == "name":
        return None if id_in(text) is not None else text
    identity = id_in(text)
    argument = prompt.argument(reference[1])
    if identity is None and reference[2] == "found" and argument is not None and (kind := kind_of(argument, given)):
        return (await call.runtime.names.find(call, kind, text)).id
    return identity


def kind_of(argument: PromptArgument, given: Mapping[str, str]) -> str:
    """The kind of resource an argument names; may depend on another argument."""
    return given.get(argument.kind_from, "").strip().lower() if argument.kind_from else argument.kind
