"""A runbook as a tool: facts over the shared client in, an outcome out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexla_mcp.catalog.records import ToolSpec
from nexla_mcp.output.untrusted import clean, clean_text
from nexla_mcp.server.call import Call
from nexla_mcp.server.outcome import Outcome


async def run(call: Call, record: ToolSpec, arguments: Mapping[str, Any]) -> Outcome:
    """Carry out a runbook; its answer is cleaned like everything that comes from the API."""
    from nexla_mcp.runbooks.facts import Facts
    from nexla_mcp.runbooks.registry import run_runbook

    facts = Facts(call.runtime.client, call.runtime.catalog, call.progress)
    answer = await run_runbook(record.name, facts, dict(arguments))
    return Outcome(
        clean_text(answer.text()), clean(answer.structured()), operation=record.name, extra={"requests": facts.requests}
    )
