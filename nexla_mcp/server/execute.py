"""Carry out one operation: a read at once, a change through the policy.

    outcome = await read(call, operation, arguments, View())
    outcome = await change(call, operation, arguments, Controls())

Both get arguments that were checked. There is one way for an operation, whether it was called by its own
tool, through an executor or by a prompt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, Risk
from nexla_mcp.client.client import rows_of
from nexla_mcp.client.permits import Permit
from nexla_mcp.output.flow_view import is_flow, stages
from nexla_mcp.output.render import pick, table
from nexla_mcp.output.results import shape
from nexla_mcp.output.untrusted import clean
from nexla_mcp.policy.gate import Consent, Pending, Refused
from nexla_mcp.policy.plan import Plan, fill, make_plan
from nexla_mcp.server.call import Call, Controls, View
from nexla_mcp.server.outcome import Outcome, failure

UNDOCUMENTED = "This route is not in Nexla's published contract; this instance may not have it."


async def read(call: Call, operation: Operation, arguments: Mapping[str, Any], view: View) -> Outcome:
    """Carry out a read and cut the reply to the budget."""
    reply = await call.runtime.client.call(operation, arguments)
    return present(call, operation, reply.body, view, total=reply.total)


def present(call: Call, operation: Operation, body: Any, view: View, *, total: int | None = None) -> Outcome:
    """A reply as an outcome: cleaned, rows first where the reply has some."""
    body = clean(body, operation.returns.sensitive_fields)
    if is_flow(body) and not view.full and not view.fields:
        return _flow(operation, body)
    rows = rows_of(operation, body)
    value = (
        rows if rows or (isinstance(body, dict) and operation.returns.rows and pick(body, operation.returns.rows) == []) else body
    )
    result = shape(
        call.runtime.results,
        operation.name,
        body if view.full else value,
        columns=operation.returns.summary_fields,
        fields=view.fields,
        full=view.full,
        total=total,
    )
    count = result.structured.get("count")
    return Outcome(result.text, result.structured, operation=operation.name, rows=count, truncated=result.structured["truncated"])


def _flow(operation: Operation, body: dict[str, Any]) -> Outcome:
    rows = stages(body)
    heads = [{k: f.get(k) for k in ("id", "name", "status", "flow_type")} for f in body["flows"] if isinstance(f, dict)]
    text = "\n".join(
        [
            "; ".join(f'flow {h["id"]} "{h["name"] or ""}" {h["status"] or ""}'.strip() for h in heads[:20]),
            table(rows[:200], ("resource_type", "resource_id", "name", "status", "node_id", "credential_id")),
            "view=full shows everything.",
        ]
    )
    data = {"flows": heads, "stages": rows}
    return Outcome(
        text, {"operation": operation.name, "truncated": False, "count": len(heads), "data": data}, operation=operation.name
    )


async def change(call: Call, operation: Operation, arguments: Mapping[str, Any], controls: Controls) -> Outcome:
    """Carry out a change as its risk class allows: at once, after a confirmation, or not at all."""
    runtime = call.runtime
    if runtime.settings.read_only:
        return failure(
            f"{operation.name} is refused: this server runs read-only (NEXLA_MCP_READ_ONLY). Nothing was sent.",
            decision="read_only",
            operation=operation.name,
        )

    async def plan() -> Plan:
        return await make_plan(runtime.client, runtime.catalog, operation, arguments)

    if not operation.risk.gated and not controls.dry_run:
        request = runtime.client.request(operation, arguments)
        return await _send(call, operation, arguments, runtime.ledger.issue(request), None)
    await call.progress(1, None, f"reading what {operation.name} would reach")
    planned = await plan()
    if controls.dry_run:
        return _preview("dry_run", planned, "Dry run. Nothing was sent.")
    decision = await runtime.gate.ask(planned, plan, Consent(call.asker, controls.ticket, controls.typed_name))
    match decision:
        case Pending():
            return _pending(planned, decision)
        case Refused():
            return failure(decision.reason, decision="declined" if decision.declined else "refused", operation=operation.name)
        case Permit():
            await call.progress(2, None, f"confirmed; sending {operation.name}")
            return await _send(call, operation, arguments, decision, planned)


async def _send(call: Call, operation: Operation, arguments: Mapping[str, Any], permit: Permit, plan: Plan | None) -> Outcome:
    client = call.runtime.client
    reply = await client.send(client.request(operation, arguments), permit)
    shown = present(call, operation, reply.body, View())
    undo = undo_call(call.runtime.catalog, operation, arguments, reply.body)
    target = plan.target.words() if plan and plan.target else ""
    lines = [f"Done: {operation.title}" + (f" ({target} before)" if target else "") + "."]
    if reply.body not in (None, ""):
        lines.append(shown.text)
    if undo:
        lines.append(f"To undo: {undo['tool']} {json.dumps(undo['arguments'], ensure_ascii=False, default=str)}")
    structured: dict[str, Any] = {"operation": operation.name, "status": "done"}
    inner = shown.structured or {}
    structured |= {key: inner[key] for key in ("resource_uri", "truncated", "count") if key in inner}
    if inner.get("data") is not None:
        structured["result"] = inner["data"]
    if undo:
        structured["undo"] = undo
    return Outcome("\n".join(lines), structured, operation=operation.name, decision="confirmed" if plan else "done")


def undo_call(catalog: Catalog, operation: Operation, arguments: Mapping[str, Any], body: Any) -> dict[str, Any] | None:
    """The ready call that takes a change back, when everything it needs is at hand."""
    undo = operation.undo
    if undo is None or undo.operation is None:
        return None
    filled: dict[str, Any] = {}
    for name, value in undo.arguments.items():
        if isinstance(value, str) and value.startswith("$before"):
            return None
        if isinstance(value, str) and value.startswith("$result."):
            found = _reach_into(body, value.removeprefix("$result."))
            if found is None:
                return None
            filled[name] = found
        else:
            filled |= fill({name: value}, arguments)
    other = catalog.operation(undo.operation)
    if any(name not in filled for name in other.required):
        return None
    return {"tool": executor_of(other), "arguments": {"operation": other.name, "arguments": clean(filled)}}


def executor_of(operation: Operation) -> str:
    """The executor that carries out an operation of this risk class."""
    if operation.reads:
        return "nexla_read"
    return "nexla_write" if operation.risk is Risk.WRITE else "nexla_confirmed_write"


def _reach_into(body: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(body, list) and key.isdigit() and int(key) < len(body):
            body = body[int(key)]
        elif isinstance(body, dict):
            body = body.get(key)
        else:
            return None
    return body


def _pending(plan: Plan, pending: Pending) -> Outcome:
    typed = f' and typed_name exactly as the person typed it (they have to type "{plan.phrase}")' if plan.phrase else ""
    expires = datetime.fromtimestamp(pending.expires, UTC).isoformat(timespec="seconds")
    note = (
        "Not done yet: a person has to agree. Nothing was changed. Show them this preview in full. If they agree, call again"
        f" with the same arguments, ticket={pending.ticket}{typed}. The ticket is good until {expires}, for this call only."
    )
    return _preview("confirmation_required", plan, note, ticket=pending.ticket, expires_at=expires)


def _preview(status: str, plan: Plan, note: str, **more: Any) -> Outcome:
    structured = {"operation": plan.operation.name, "status": status, "preview": plan.structured(), **more}
    request = structured["preview"]["request"]
    sent = f"Request: {request['method']} {request['path']}" + (
        f" {json.dumps(request.get('body', ''), ensure_ascii=False, default=str)[:800]}" if "body" in request else ""
    )
    return Outcome(f"{plan.text()}\n{sent}\n{note}", structured, operation=plan.operation.name, decision=status)
