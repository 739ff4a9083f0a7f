"""Carry out a change that was allowed: write down what was there, send, write down what came of it.

    applied = await carry_out(client, catalog, log, plan, permit, evidence, client_name="...")
    applied.reply, applied.number           # the number of the change in the log

There is one way for every request that is not a read, of a tool or of a run. What cannot be written down is not
sent. When the reply is lost, the client finds out what became of the change (client/outcome_lookup.py).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import NexlaError
from nexla_mcp.client.outcome_lookup import send_and_settle
from nexla_mcp.client.permits import Permit
from nexla_mcp.client.replies import Reply
from nexla_mcp.output.untrusted import clean, clean_text
from nexla_mcp.policy.decision import Evidence
from nexla_mcp.policy.diff import one_line
from nexla_mcp.policy.plan import Plan, request_preview, sensitive_names, shown_arguments
from nexla_mcp.policy.undo import picked_values
from nexla_mcp.state.change import NewChange, State
from nexla_mcp.state.changes import ChangeLog
from nexla_mcp.state.store import StateError

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """A change that was made."""

    reply: Reply
    number: int


async def carry_out(
    client: NexlaClient,
    catalog: Catalog,
    log: ChangeLog,
    plan: Plan,
    permit: Permit,
    evidence: Evidence,
    *,
    client_name: str = "",
    run_id: str = "",
    takes_back: int | None = None,
    on_begun: Callable[[int], Awaitable[None]] | None = None,
) -> Applied:
    """Send the request of ``plan``, with a line in the log before and after it.

    Raises:
        StateError: the line cannot be written; nothing was sent.
        NexlaError: the API refused or failed, with ``details["outcome"]`` and ``details["change_id"]``.
    """
    number = await log.begin(_line(plan, evidence, client_name, run_id, takes_back))
    if on_begun is not None:
        await on_begun(number)
    operation = plan.operation
    try:
        reply = await send_and_settle(client, catalog, operation, plan.sent, permit, plan.read)
    except NexlaError as error:
        error.details = error.details | {"change_id": number}
        picked = picked_values(operation, error.details.get("outcome", {}).get("made"))
        await _settle(
            log, number, _state_of(error), picked=clean(picked), status=error.status_code, error=clean_text(error.message)
        )
        raise
    except BaseException as error:
        await _settle(log, number, "unknown", error=f"The call was broken off ({type(error).__name__}) before the reply came.")
        raise
    result = clean(reply.body, [*operation.returns.sensitive_fields, *sensitive_names(operation)])
    picked = clean(picked_values(operation, reply.body))
    await _settle(log, number, "applied", result=result, picked=picked, status=reply.status_code)
    return Applied(reply, number)


def _line(plan: Plan, evidence: Evidence, client_name: str, run_id: str, takes_back: int | None) -> NewChange:
    target = plan.target
    named = plan.arguments.get("name")
    made = ("", "", one_line(clean(named)) if isinstance(named, str) else "")
    return NewChange(
        operation=plan.operation.name,
        title=plan.operation.title,
        risk=str(plan.risk),
        method=plan.request.method,
        path=str(request_preview(plan.operation, plan.request)["path"]),
        arguments=shown_arguments(plan.operation, plan.arguments),
        before=plan.before,
        target=(target.kind, "" if target.identity is None else str(target.identity), target.name) if target else made,
        channel=str(evidence.channel or ""),
        ticket=evidence.ticket,
        answer_ms=evidence.answer_ms,
        client=client_name,
        run_id=run_id,
        takes_back=takes_back,
    )


def _state_of(error: NexlaError) -> State:
    verdict = error.details.get("outcome", {}).get("verdict")
    if verdict == "applied":
        return "applied"
    return "unknown" if verdict == "unknown" or (verdict is None and error.undecided) else "failed"


async def _settle(log: ChangeLog, number: int, state: State, **facts: Any) -> None:
    """Even when the call is being cancelled: what is known must be written down. What happened has happened, though."""
    with anyio.CancelScope(shield=True):
        try:
            await log.settle(number, state, **facts)
        except StateError as error:
            _LOG.warning("The outcome of change %d (%s) could not be written down: %s", number, state, error)
