"""Every way of asking against everything that can go wrong with an answer, in both eras, as a table.

    python -m benchmarks.gate_matrix

Each cell is one story played through a real MCP client against a sandbox on a socket: a person (or something
that poses as one) answers about one destroy, and then the requests that reached the sandbox are counted.
``tests/policy/test_matrix.py`` plays the same stories.
"""

from __future__ import annotations

import html
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import mcp_types as types
from mcp import Client
from pydantic import SecretStr

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.sandbox import ADMIN_KEY, SERVICE_KEY, SandboxConfig
from nexla_mcp.sandbox.serve import RunningSandbox, running_sandbox
from nexla_mcp.server.app import build_server
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.settings import Confirm, Settings

ERAS = {"2026-07-28": "auto", "2025-11-25": "legacy"}
CHANNELS = {"form": Confirm.AUTO, "page": Confirm.PAGE, "ticket": Confirm.TICKET, "none": Confirm.DENY}
CASES = (
    *("accept", "decline", "cancel", "wrong name", "late", "replayed"),
    *("other arguments", "other principal", "target changed", "tampered", "key rotated"),
)
ONCE = {"accept", "replayed", "key rotated"}
"""Cases after which the change was made, once: the replay comes after a good answer, the rotation keeps the old key."""
OLD, NEW = "o" * 40, "n" * 40
TOOL = "nexla_confirmed_write"
TASK = {"operation": "async_tasks_create", "arguments": {"type": "BulkPauseFlows", "arguments": {"flow_ids": [6030]}}}
Answers = Callable[[Any, types.ElicitRequestParams], Awaitable[types.ElicitResult]]


class Clock:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of one story: the last words, how many changes reached the API, and how often somebody was asked."""

    era: str
    channel: str
    case: str
    text: str
    reached: int
    asked: int

    @property
    def expected(self) -> int:
        """How many changes may reach the API. Where the ticket never leaves the server, it cannot be carried to another."""
        stays_inside = self.channel == "page" or (self.channel, self.era) == ("form", "2025-11-25")
        if self.channel == "none" or self.case not in ONCE or (self.case == "key rotated" and stays_inside):
            return 0
        return 1

    @property
    def right(self) -> bool:
        """True when exactly that reached the API, and the caller was told when nothing did."""
        return self.reached == self.expected and (self.reached > 0 or "Nothing was changed" in self.text)

    @property
    def word(self) -> str:
        """For the table."""
        return ("done" if self.reached else "refused") if self.right else f"WRONG ({self.reached})"


class Person:
    """Answers questions in a form or on a page, as told; ``before`` happens while they think, ``patience`` ends some time."""

    def __init__(
        self, action: str = "accept", name: str = "", before: Callable[[], None] | None = None, patience: int = 99
    ) -> None:
        self.action = action
        self.patience = patience
        self.name = name
        self.before = before
        self.asked = 0

    async def answer(self, _context: Any, question: types.ElicitRequestParams) -> types.ElicitResult:
        """What the client is told."""
        self.asked += 1
        if self.before is not None:
            await anyio.to_thread.run_sync(self.before)
        if self.action == "cancel" or self.asked > self.patience:
            return types.ElicitResult(action="cancel")
        if isinstance(question, types.ElicitRequestURLParams):
            await self.on_page(question.url)
            return types.ElicitResult(action="accept")
        if self.action == "decline":
            return types.ElicitResult(action="decline")
        return types.ElicitResult(action="accept", content={"name": self.name})

    async def on_page(self, url: str) -> str:
        """Look at the page, and press one of its buttons; a wrong name is tried until the page gives up."""
        async with httpx.AsyncClient(trust_env=False) as browser:
            page = (await browser.get(url)).text
            while token := re.search(r'name="token" value="([^"]+)"', page):
                fields = {
                    "token": html.unescape(token[1]),
                    "answer": "no" if self.action == "decline" else "yes",
                    "name": self.name,
                }
                page = (await browser.post(url, data=fields, headers={"Origin": url.rsplit("/", 1)[0]})).text
        return page


@dataclass(slots=True)
class Stage:
    """One sandbox, one folder of state, and as many servers and clients as a story needs."""

    sandbox: RunningSandbox
    folder: Path
    era: str
    channel: str
    catalog: Catalog
    clock: Clock = field(default_factory=Clock)
    asked: int = 0

    @asynccontextmanager
    async def client(
        self,
        person: Person | None,
        *,
        key: str = SERVICE_KEY,
        seals: str = OLD,
        confirm: Confirm | None = None,
        wait_s: float = 5.0,
    ) -> AsyncIterator[Client]:
        """A server of its own with a client of its own; state and seal keys are shared."""
        settings = Settings(
            service_key=SecretStr(key),
            api_url=self.sandbox.url,
            state_dir=self.folder,
            seal_keys=SecretStr(seals),
            confirm=confirm or CHANNELS[self.channel],
            open_browser=False,
            page_wait_s=wait_s,
            max_destroys_per_hour=1_000,
        )
        runtime = Runtime(settings, self.catalog, clock=self.clock)
        try:
            answers: Answers | None = person.answer if person else None
            async with Client(build_server(runtime), mode=ERAS[self.era], elicitation_callback=answers) as client:  # type: ignore[arg-type]
                yield client
        finally:
            await runtime.aclose()
            self.asked += person.asked if person else 0

    def credential(self, name: str) -> tuple[dict[str, Any], str]:
        """Something to delete: the call that does it, and the name to type."""
        with self.sandbox.client() as api:
            made = api.post("/data_credentials", json={"name": name, "credentials_type": "s3", "credentials": {"key": "x"}})
            identity = made.raise_for_status().json()["id"]
        return {"operation": "credentials_delete", "arguments": {"credential_id": identity}}, name

    def rename(self, call: dict[str, Any]) -> None:
        """Somebody else changes the target."""
        with self.sandbox.client() as api:
            api.put(f"/data_credentials/{call['arguments']['credential_id']}", json={"name": "renamed"}).raise_for_status()

    def reached(self) -> int:
        """How many of our changes reached the API."""
        ours = [r for r in self.sandbox.requests() if r["headers"].get("user-agent", "").startswith("nexla-mcp")]
        return sum((r["method"] == "DELETE") or (r["method"], r["path"]) == ("POST", "/async_tasks") for r in ours)


async def play(sandbox: RunningSandbox, folder: Path, catalog: Catalog, era: str, channel: str, case: str) -> Cell:
    """One story."""
    stage = Stage(sandbox, folder / f"{era} {channel} {case}", era, channel, catalog)
    sandbox.clear_requests()
    if channel == "none":
        text = await _without_asking(stage, case)
    elif channel == "ticket" or case in ("replayed", "other arguments", "other principal", "tampered", "key rotated"):
        text = await _carried(stage, case)
    else:
        text = await _asked(stage, case)
    return Cell(era, channel, case, text, stage.reached(), stage.asked)


async def _asked(stage: Stage, case: str) -> str:
    """A person answers in the form or on the page."""
    call, name = stage.credential(f"matrix {stage.era} {stage.channel} {case}")
    person = Person("accept" if case not in ("decline", "cancel") else case, "something else" if case == "wrong name" else name)
    if case == "late":
        person.before = lambda: setattr(stage.clock, "ahead", 601.0)
    if case == "target changed":
        person.before = lambda: stage.rename(call)
    async with stage.client(person) as client:
        return _text(await client.call_tool(TOOL, call))


async def _carried(stage: Stage, case: str) -> str:
    """A ticket is carried from one call to another: as argument, or as the state of the protocol's question."""
    call, name = stage.credential(f"matrix {stage.era} {stage.channel} {case}")
    if case == "replayed":
        call, name = dict(TASK), "BulkPauseFlows"
        if (stage.channel, stage.era) == ("form", "2025-11-25"):
            return await _asked_again(stage, call, name)
    other = stage.credential("matrix other")[0] if case == "other arguments" else call
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(_silent(stage))
        ticket, preview = await _ticket_of(stage, first, call, name)
        if case in ("decline", "cancel"):
            return preview  # the person said no to the model, which makes no second call
        if case == "late":
            stage.clock.ahead = 601.0
        if case == "target changed":
            stage.rename(call)
        if case == "tampered":
            ticket = ticket[:-4] + ("AAAA" if ticket[-4:] != "AAAA" else "BBBB")
        second = first
        if case == "other principal":
            second = await stack.enter_async_context(_silent(stage, key=ADMIN_KEY))
        if case == "key rotated":
            dropped = await stack.enter_async_context(_silent(stage, seals=NEW))
            refused = _text(await _bring(stage, dropped, call, ticket, name))
            assert "not a ticket of this server" in refused or stage.channel == "form", refused
            second = await stack.enter_async_context(_silent(stage, seals=f"{NEW},{OLD}"))
        text = _text(await _bring(stage, second, other, ticket, "wrong" if case == "wrong name" else name))
        if case == "replayed":
            text = _text(await _bring(stage, second, other, ticket, name))
        return text


async def _asked_again(stage: Stage, call: dict[str, Any], name: str) -> str:
    """Where the ticket never leaves the server, a call that is repeated gets a new question."""
    async with stage.client(Person("accept", name, patience=1)) as client:
        await client.call_tool(TOOL, call)
        return _text(await client.call_tool(TOOL, call))


def _silent(stage: Stage, **options: Any) -> Any:
    """A client of the channel whose person does nothing by themselves: they dismiss every question."""
    person = Person("cancel") if stage.channel == "form" else None
    return stage.client(person, wait_s=0.0, **options)


async def _ticket_of(stage: Stage, client: Client, call: dict[str, Any], name: str) -> tuple[str, str]:
    """A ticket of the channel for a call, the way this era lets it be seen; on a page the person has agreed already."""
    if stage.channel == "form":
        if stage.era == "2025-11-25":  # it never leaves the server: the best forgery is one of another way of asking
            async with stage.client(None, confirm=Confirm.TICKET) as forger:
                result = await forger.call_tool(TOOL, call)
                return str((result.structured_content or {})["ticket"]), _text(result)
        question = await client.session.call_tool(TOOL, call, allow_input_required=True)
        assert isinstance(question, types.InputRequiredResult)
        return str(question.request_state), ""
    result = await client.call_tool(TOOL, call)
    facts = result.structured_content or {}
    if stage.channel == "page":
        await Person("accept", name).on_page(facts["address"])
    return str(facts["ticket"]), _text(result)


async def _bring(stage: Stage, client: Client, call: dict[str, Any], ticket: str, name: str) -> types.CallToolResult:
    """Call again with a ticket."""
    if stage.channel == "form" and stage.era == "2026-07-28":
        agreed = types.ElicitResult(action="accept", content={"name": name})
        result = await client.session.call_tool(
            TOOL, call, input_responses={"confirmation": agreed}, request_state=ticket, allow_input_required=True
        )
        assert isinstance(result, types.CallToolResult), result
        return result
    return await client.call_tool(TOOL, {**call, "ticket": ticket, "typed_name": name})


async def _without_asking(stage: Stage, case: str) -> str:
    """Nobody may be asked: whatever is brought along, even a good ticket of a server with the same keys."""
    call, name = stage.credential(f"matrix {stage.era} none {case}")
    async with stage.client(None, confirm=Confirm.TICKET) as sibling:
        ticket = str(((await sibling.call_tool(TOOL, call)).structured_content or {})["ticket"])
    person = Person("accept" if case not in ("decline", "cancel") else case, name)
    key = ADMIN_KEY if case == "other principal" else SERVICE_KEY
    async with stage.client(person, key=key, seals=f"{NEW},{OLD}" if case == "key rotated" else OLD) as client:
        result = await client.call_tool(TOOL, {**call, "ticket": ticket, "typed_name": name})
        return _text(result)


def _text(result: types.CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    return block.text


async def all_cells() -> list[Cell]:
    """Every cell, one after the other."""
    cells, catalog = [], load_catalog()
    with tempfile.TemporaryDirectory() as folder, running_sandbox(SandboxConfig()) as sandbox:
        for era in ERAS:
            for channel in CHANNELS:
                cells += [await play(sandbox, Path(folder), catalog, era, channel, case) for case in CASES]
    return cells


def main() -> int:
    """Print the table; 1 when a cell is wrong."""
    began = time.perf_counter()
    cells = anyio.run(all_cells)
    print(f"{'era':<12}{'channel':<9}" + "".join(f"{case:>17}" for case in CASES))
    for era in ERAS:
        for channel in CHANNELS:
            row = [c for c in cells if (c.era, c.channel) == (era, channel)]
            print(f"{era:<12}{channel:<9}" + "".join(f"{c.word:>17}" for c in row))
    wrong = [c for c in cells if not c.right]
    done, refused = sum(c.reached for c in cells), sum(c.reached == 0 for c in cells)
    print(f"{len(cells)} cells in {time.perf_counter() - began:.0f} s: {done} done, {refused} refused, {len(wrong)} wrong.")
    for cell in wrong:
        print(f"{cell.era} {cell.channel} {cell.case}: {cell.reached} reached the API. {cell.text[:300]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
