"""Run a runbook against a sandbox over a real socket, as the server does.

found = investigate("1", reply_shape="seed")
found.answer["verdict"], found.requests, found.sent
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import anyio
import httpx

from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.client.auth import ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.permits import PermitLedger
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.registry import run_runbook
from nexla_mcp.sandbox import SERVICE_KEY, SandboxConfig
from nexla_mcp.sandbox.serve import running_sandbox
from tests.runbooks.altered_api import AlteredApi

CATALOG = load_catalog()
FLOW = {"flow_id": 5059}
R = [1763700000000 + 3600000 * k for k in range(8)]
"""Run ids of the shared fixture; R[6] is the incident run."""


@dataclass
class Found:
    """An answer and what it took to get it."""

    answer: dict[str, Any]
    text: str
    requests: int
    sent: list[tuple[str, str]]

    @property
    def root(self) -> dict[str, Any]:
        """The root cause, empty when there is none."""
        return self.answer["root_cause"] or {}

    @property
    def cited(self) -> set[str]:
        """Operations named in the evidence."""
        return {e["operation"] for e in self.answer["evidence"]}

    @property
    def proposed(self) -> list[str]:
        """Operations or tools in the next steps."""
        return [s["arguments"].get("operation", s["tool"]) for s in self.answer["next_steps"]]


def ask(
    url: str,
    arguments: dict[str, Any],
    runbook: str = "nexla_debug_flow",
    *,
    wire: AlteredApi | None = None,
    key: str = SERVICE_KEY,
) -> Found:
    """One runbook against a running API."""
    wire = wire or AlteredApi()

    async def run() -> Found:
        async with NexlaClient(url, lambda http: ServiceKeyTokens(http, key), PermitLedger(), transport=wire) as client:
            facts = Facts(client, CATALOG)
            answer = await run_runbook(runbook, facts, arguments)
            return Found(answer.structured(), answer.text(), facts.requests, wire.asked)

    return anyio.run(run)


def investigate(
    scenario: str,
    arguments: dict[str, Any] | None = None,
    runbook: str = "nexla_debug_flow",
    *,
    wire: AlteredApi | None = None,
    before: Callable[[httpx.Client], None] | None = None,
    **config: Any,
) -> Found:
    """One runbook against one scenario; ``before`` may change the sandbox through its API first."""
    given = FLOW if arguments is None else arguments
    settings = SandboxConfig(scenario=scenario, **config)
    if before is None:
        return ask(_shared(settings), given, runbook, wire=wire)
    with running_sandbox(settings) as sandbox, httpx.Client(base_url=sandbox.url) as http:
        token = http.post("/token", headers={"Authorization": f"Basic {SERVICE_KEY}"}).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        before(http)
        return ask(sandbox.url, given, runbook, wire=wire)


_running = ExitStack()
atexit.register(_running.close)


@cache
def _shared(settings: SandboxConfig) -> str:
    """One sandbox a configuration for the whole session: runbooks only read, so they cannot disturb each other."""
    return _running.enter_context(running_sandbox(settings)).url
