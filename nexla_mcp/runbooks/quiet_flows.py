"""A second look at the flows that no list calls suspicious: the ERROR lines of their newest run.

Counts and health can be clean while a transform raises for every record and passes its input through (the
engine logs it and goes on), so a flow is called healthy only after its log was asked, for as many as is sensible.
"""

from __future__ import annotations

from datetime import datetime

from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.flow_map import FlowMap
from nexla_mcp.runbooks.shapes.messages import logs_of

AT_MOST = 40


async def erring(facts: Facts, quiet: list[tuple[FlowMap, datetime]]) -> list[tuple[FlowMap, int]]:
    """The flows of ``quiet`` with ERROR lines since the start of their newest run, and how many."""
    asked = [(flow, since) for flow, since in quiet if flow.flow_id is not None][:AT_MOST]
    replies = await facts.fetch_all(
        *(("flows_get_flow_logs", {"flow_id": f.flow_id, "from": since.isoformat(), "severity": "ERROR"}) for f, since in asked)
    )
    found = []
    for (flow, since), reply in zip(asked, replies, strict=True):
        told = logs_of(reply.body) if reply.ok else []
        lines = [line for line in told if line.is_error and (line.at is None or line.at >= since)]
        if lines:
            found.append((flow, len(lines)))
    return found
