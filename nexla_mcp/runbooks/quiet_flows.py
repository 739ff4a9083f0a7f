"""A second look at the flows that no list calls suspicious: the ERROR lines of their newest run.

Counts and health can be clean while a transform raises for every record and passes its input through (the
engine logs it and goes on), so a flow is called healthy only after its log was asked, for as many as is sensible:
first those whose code was changed lately, which is how such a thing begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import anyio

from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.flow_map import FlowMap
from nexla_mcp.runbooks.shapes.messages import logs_of

AT_MOST = 40
CHANGED_AT_MOST = 120
"""So many more, when their code was changed lately."""
SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Quiet:
    """A flow without visible trouble, when its newest run began, and whether its code was changed lately."""

    flow: FlowMap
    since: datetime
    changed: bool = False


async def erring(facts: Facts, quiet: list[Quiet]) -> tuple[list[tuple[FlowMap, int]], int]:
    """The flows of ``quiet`` with ERROR lines since the start of their newest run and how many; how many were not asked."""
    known = [q for q in quiet if q.flow.flow_id is not None]
    first = [q for q in known if q.changed][:CHANGED_AT_MOST]
    asked = first + [q for q in known if q not in first][: max(0, AT_MOST - len(first))]
    found: dict[int, tuple[FlowMap, int]] = {}
    answered = 0

    async def one(number: int, q: Quiet) -> None:
        nonlocal answered
        arguments = {"flow_id": q.flow.flow_id, "from": q.since.isoformat(), "severity": "ERROR"}
        reply = await facts.fetch("flows_get_flow_logs", **arguments)
        told = logs_of(reply.body) if reply.ok else []
        lines = [line for line in told if line.is_error and (line.at is None or line.at >= q.since)]
        answered += 1
        if lines:
            found[number] = (q.flow, len(lines))

    with anyio.move_on_after(SECONDS):
        async with anyio.create_task_group() as group:
            for number, q in enumerate(asked):
                group.start_soon(one, number, q)
    return [found[number] for number in sorted(found)], len(quiet) - answered
