"""The runbooks by name; a runbook's module is loaded when it is first asked for.

answer = await run_runbook("nexla_debug_flow", facts, {"flow_id": 5059})
answer.structured(), answer.text()
"""

from __future__ import annotations

from typing import Any, Protocol

from nexla_mcp.runbooks.facts import Facts


class Answer(Protocol):
    """What a runbook returns."""

    def structured(self) -> dict[str, Any]:
        """The object that scripts read; it matches the tool's output schema."""
        ...

    def text(self) -> str:
        """The same for a person, verdict first."""
        ...


NAMES = ("nexla_debug_flow", "nexla_explain_error", "nexla_health_check", "nexla_triage")


async def run_runbook(name: str, facts: Facts, arguments: dict[str, Any]) -> Answer:
    """Run one.

    Raises:
        KeyError: there is no runbook of that name.
        NexlaError: the arguments name nothing, or the API cannot be asked.
    """
    if name == "nexla_debug_flow":
        from nexla_mcp.runbooks.debug_flow import debug_flow

        return await debug_flow(facts, arguments)
    if name == "nexla_explain_error":
        from nexla_mcp.runbooks.explain_error import explain_error

        return await explain_error(facts, arguments)
    if name == "nexla_health_check":
        from nexla_mcp.runbooks.health_check import health_check

        return await health_check(facts, arguments)
    if name == "nexla_triage":
        from nexla_mcp.runbooks.triage import triage

        return await triage(facts, arguments)
    raise KeyError(name)
