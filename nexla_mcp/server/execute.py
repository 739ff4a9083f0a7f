"""Carry out one operation: a read at once, a change through the policy.

    outcome = await read(call, operation, arguments, View())
    outcome = await change(call, operation, arguments, Controls())

Both get arguments that were checked. There is one way for an operation, whether it was called by its own
tool, through an executor, by a prompt, or to take an earlier change back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, Risk, ToolSpec
from nexla_mcp.client.errors import NexlaError
from nexla_mcp.policy.carry_out import Applied, carry_out
from nexla_mcp.policy.decision import Consent, Granted, Pending, Refused
from nexla_mcp.policy.plan import Plan
from nexla_mcp.policy.planning import make_plan
from nexla_mcp.server.call import Call, Controls, View
from nexla_mcp.server.change_text import done, pending, preview, refused
from nexla_mcp.server.outcome import Outcome, failure
from nexla_mcp.server.present import present
from nexla_mcp.state.store import StateError

UNDOCUMENTED = "This route is not in Nexla's published contract; this instance may not have it."
_NO_ROUTE = (404, 405)

__all__ = ["UNDOCUMENTED", "TakingBack", "additive", "change", "executor_of", "explain_missing_route", "present", "read"]


@dataclass(frozen=True, slots=True)
class TakingBack:
    """That a change takes an earlier one back: its number, and what a person has to know about that first."""

    number: int
    reasons: Sequence[str] = field(default_factory=tuple)


async def read(call: Call, operation: Operation, arguments: Mapping[str, Any], view: View) -> Outcome:
    """Carry out a read and cut the reply to the budget."""
    try:
        reply = await call.runtime.client.call(operation, arguments)
    except NexlaError as error:
        explain_missing_route(error, call.runtime.catalog, operation)
        raise
    return present(call, operation, reply.body, view, total=reply.total)


async def change(
    call: Call, operation: Operation, arguments: Mapping[str, Any], controls: Controls, back: TakingBack | None = None
) -> Outcome:
    """Carry out a change as its risk class allows: at once, after a confirmation, or not at all."""
    try:
        return await _change(call, operation, arguments, controls, back)
    except NexlaError as error:
        explain_missing_route(error, call.runtime.catalog, operation)
        raise
    except StateError as error:
        return failure(
            f"{operation.name} was not made: {error} What cannot be recorded is not sent. Nothing was changed.",
            operation=operation.name,
        )


async def _change(
    call: Call, operation: Operation, arguments: Mapping[str, Any], controls: Controls, back: TakingBack | None
) -> Outcome:
    runtime = call.runtime
    if runtime.settings.read_only:
        return failure(
            f"{operation.name} is refused: this server runs read-only (NEXLA_MCP_READ_ONLY). Nothing was sent.",
            decision="read_only",
            operation=operation.name,
        )

    async def plan() -> Plan:
        made = await make_plan(runtime.client, runtime.catalog, operation, arguments)
        return made if back is None else replace(made, reasons=[*back.reasons, *made.reasons], must_ask=True)

    await call.progress(1, None, f"reading what {operation.name} would reach")
    planned = await plan()
    if controls.dry_run:
        return preview("dry_run", planned, "Dry run. Nothing was sent.")
    if not planned.asks:
        granted = runtime.gate.free(planned)
    else:
        decision = await runtime.gate.ask(planned, plan, Consent(call.asker, controls.ticket, controls.typed_name))
        match decision:
            case Pending():
                return pending(planned, decision)
            case Refused():
                return refused(planned, decision)
            case Granted():
                granted = decision
    return await _send(call, granted, back)


async def _send(call: Call, granted: Granted, back: TakingBack | None) -> Outcome:
    plan = cast("Plan", granted.plan)
    applied = await _apply(call, granted, back)
    shown = present(call, plan.operation, applied.reply.body, View())
    return done(call.runtime.catalog, plan, applied, granted.evidence, shown)


async def additive(call: Call, operation: Operation, arguments: Mapping[str, Any]) -> Applied:
    """Carry out a write that nobody has to be asked about, for a runbook that needs the reply itself.

    Raises:
        ValueError: somebody has to be asked.
        NexlaError: the API refused or failed.
        StateError: it cannot be recorded; nothing was sent.
    """
    plan = await make_plan(call.runtime.client, call.runtime.catalog, operation, arguments)
    return await _apply(call, call.runtime.gate.free(plan), None)


async def _apply(call: Call, granted: Granted, back: TakingBack | None) -> Applied:
    runtime, plan = call.runtime, cast("Plan", granted.plan)

    async def begun(_number: int) -> None:
        await call.progress(2, None, f"sending {plan.operation.name}")

    return await carry_out(
        runtime.client,
        runtime.catalog,
        runtime.changes,
        plan,
        granted.permits[0],
        granted.evidence,
        client_name=call.client_name,
        takes_back=back.number if back else None,
        on_begun=begun,
    )


def explain_missing_route(error: NexlaError, catalog: Catalog, called: Operation | None = None) -> None:
    """Let a 404 or 405 of a route that this instance may lack say so, and name what to use instead.

    The request that failed may be one that only prepares ``called``; what replaces the call is then of more use.
    The status cannot tell a missing route from a missing id or a forbidding state, so the earlier hint stays
    where there is an id that may be wrong.
    """
    failed = catalog.operations.get(error.operation)
    if failed is None or error.status_code not in _NO_ROUTE or (failed.documented and not failed.instead):
        return
    reason = "This instance may not have this route." if failed.documented else UNDOCUMENTED
    if instead := (called.instead if called else ()) or failed.instead:
        reason += f" Use instead: {' or '.join(instead)}."
    if not error.hint.startswith(reason):
        error.hint = f"{reason} If it has the route: {error.hint}" if "{" in failed.path else reason


def executor_of(record: Operation | ToolSpec) -> str:
    """The executor that carries out what is of this risk class; a tool of its own is its own."""
    if isinstance(record, ToolSpec) and record.kind != "local":
        return record.name
    if record.risk is Risk.READ:
        return "nexla_read"
    return "nexla_write" if record.risk is Risk.WRITE else "nexla_confirmed_write"
