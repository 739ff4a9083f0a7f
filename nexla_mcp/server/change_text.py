"""What a caller is told about a change: the preview, that a person has to agree, that one did not, that it is done."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation
from nexla_mcp.policy.carry_out import Applied
from nexla_mcp.policy.decision import Channel, Evidence, Pending, Refused
from nexla_mcp.policy.guardrails import call_of
from nexla_mcp.policy.plan import Plan, sensitive_names
from nexla_mcp.policy.ticket import ticket_mark
from nexla_mcp.policy.undo import ready_call
from nexla_mcp.server.outcome import Outcome, failure

REVERT = "history_revert_change"


def preview(status: str, plan: Plan, note: str, *, extra: dict[str, Any] | None = None, **more: Any) -> Outcome:
    """What would be done, for a dry run or before a person agrees."""
    structured = {"operation": plan.operation.name, "status": status, "preview": plan.structured(), **more}
    request = structured["preview"]["request"]
    body = f" {json.dumps(request['body'], ensure_ascii=False, default=str)[:800]}" if "body" in request else ""
    lines = [plan.text(), f"Request: {request['method']} {request['path']}{body}"]
    lines += [f"Safer instead. {other.text()}" for other in plan.instead]
    text = "\n".join([*lines, note])
    return Outcome(text, structured, operation=plan.operation.name, decision=status, extra=extra or {})


def pending(plan: Plan, waiting: Pending) -> Outcome:
    """Nothing is done yet; how it goes on depends on the way of asking."""
    expires = datetime.fromtimestamp(waiting.expires, UTC).isoformat(timespec="seconds")
    until = f"The ticket is good until {expires}, for this call only."
    if waiting.channel is Channel.PAGE:
        note = (
            f"Not done yet: a person has to agree on a page of this server. Nothing was changed. Ask them to open this address"
            f" on the machine where it runs, and do not open it yourself: {waiting.address}\nThen call again with the same"
            f" arguments and ticket={waiting.ticket}. {until}"
        )
        more: dict[str, Any] = {"address": waiting.address}
    else:
        typed = f' and typed_name exactly as the person typed it (they have to type "{plan.phrase}")' if plan.phrase else ""
        note = (
            "Not done yet: a person has to agree. Nothing was changed. Show them this preview in full. If they agree, call again"
            f" with the same arguments, ticket={waiting.ticket}{typed}. {until}"
        )
        more = {}
    facts = {"channel": str(waiting.channel), "ticket": ticket_mark(waiting.ticket)}
    return preview("confirmation_required", plan, note, ticket=waiting.ticket, expires_at=expires, extra=facts, **more)


def refused(plan: Plan, decision: Refused) -> Outcome:
    """The gate stayed shut."""
    safer = "".join(f"\nSafer, if they want that. {other.text()}" for other in plan.instead) if decision.declined else ""
    kind = "declined" if decision.declined else "refused"
    outcome = failure(decision.reason + safer, decision=kind, operation=plan.operation.name)
    outcome.extra.update(evidence_facts(decision.evidence))
    return outcome


def done(catalog: Catalog, plan: Plan, applied: Applied, evidence: Evidence, shown: Outcome) -> Outcome:
    """It is done; what came back, and how to take it back."""
    operation = plan.operation
    target = f" ({plan.target.words()} before)" if plan.target else ""
    lines = [f"Done: {operation.title}{target}. This is change {applied.number}."]
    if evidence.suspiciously_fast:
        lines.append(
            f"The confirmation came after {evidence.answer_ms} ms: nobody can have read the preview. If your client agrees by"
            " itself, run this server with --confirm page."
        )
    if applied.reply.body not in (None, ""):
        lines.append(shown.text)
    undo = _undo(catalog, operation, plan, applied)
    if undo:
        lines.append(f"To undo: {undo['tool']} {json.dumps(undo['arguments'], ensure_ascii=False, default=str)}")
    structured: dict[str, Any] = {"operation": operation.name, "status": "done", "change_id": applied.number}
    inner = shown.structured or {}
    structured |= {key: inner[key] for key in ("resource_uri", "truncated", "count") if key in inner}
    if inner.get("data") is not None:
        structured["result"] = inner["data"]
    if undo:
        structured["undo"] = undo
    return Outcome(
        "\n".join(lines),
        structured,
        operation=operation.name,
        decision="confirmed" if evidence.channel else "done",
        extra=evidence_facts(evidence) | {"change": applied.number},
    )


def evidence_facts(evidence: Evidence) -> dict[str, Any]:
    """What a receipt says about a decision."""
    return {
        "channel": str(evidence.channel) if evidence.channel else None,
        "ticket": evidence.ticket or None,
        "answer_ms": evidence.answer_ms,
        "suspiciously_fast": evidence.suspiciously_fast or None,
    }


def _undo(catalog: Catalog, operation: Operation, plan: Plan, applied: Applied) -> dict[str, Any] | None:
    """The ready call: the operation that undoes where it needs nothing more, else the log's way back."""
    undo = operation.undo
    if undo is None or undo.operation is None:
        return None
    if (arguments := ready_call(catalog, operation, plan.arguments, applied.reply.body)) is not None:
        return call_of(catalog, undo.operation, arguments)
    kept = [name for name, value in undo.arguments.items() if str(value).startswith("$before")]
    if undo.operation == operation.name:  # of what this call has changed; a secret is not kept, so it cannot be put back
        sensitive = sensitive_names(operation)
        kept = [name for name in kept if name in plan.arguments and name not in sensitive]
    if plan.before is None or not kept:
        return None
    return {"tool": "nexla_confirmed_write", "arguments": {"operation": REVERT, "arguments": {"change_id": applied.number}}}
