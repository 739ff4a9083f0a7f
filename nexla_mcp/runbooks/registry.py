"""The runbooks by name; a runbook's module is loaded when it is first asked for.

answer = await run_runbook("nexla_debug_flow", facts, {"flow_id": 5059})
answer.structured(), answer.text()
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Protocol

from nexla_mcp.client.errors import NexlaError
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.locate import LOCATING


class Answer(Protocol):
    """What a runbook returns."""

    def structured(self) -> dict[str, Any]:
        """The object that scripts read; it matches the tool's output schema."""
        ...

    def text(self) -> str:
        """The same for a person, verdict first."""
        ...


Runbook = Callable[[Facts, dict[str, Any]], Awaitable[Answer]]
_RUNBOOKS = {
    "nexla_compare_runs": "compare_runs",
    "nexla_debug_flow": "debug_flow",
    "nexla_explain_error": "explain_error",
    "nexla_health_check": "health_check",
    "nexla_map_flow": "map_flow",
    "nexla_preview_data": "preview_data",
    "nexla_recommend_docs": "recommend_docs",
    "nexla_track_sla": "track_sla",
    "nexla_triage": "triage",
    "nexla_wait_for_task": "wait_for_task",
}
"""Name of the tool -> module in this folder, whose function of the same name is the runbook."""
NAMES = tuple(_RUNBOOKS)


async def run_runbook(name: str, facts: Facts, arguments: dict[str, Any]) -> Answer:
    """Run one.

    Raises:
        KeyError: there is no runbook of that name.
        NexlaError: the arguments name nothing, or the API cannot be asked.
    """
    module = _RUNBOOKS[name]
    runbook: Runbook = getattr(import_module(f"nexla_mcp.runbooks.{module}"), module)
    try:
        return await runbook(facts, arguments)
    except NexlaError as error:
        if error.operation == LOCATING:
            error.operation = name
        raise
