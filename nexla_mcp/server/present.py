"""A reply of the API as the answer of a tool: cleaned, rows first where it has some, cut to the budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nexla_mcp.catalog.records import Operation
from nexla_mcp.client.client import rows_of
from nexla_mcp.output.flow_view import is_flow, stages
from nexla_mcp.output.render import pick, table
from nexla_mcp.output.results import shape
from nexla_mcp.output.untrusted import clean
from nexla_mcp.server.call import Call, View
from nexla_mcp.server.outcome import Outcome


def present(call: Call, operation: Operation, body: Any, view: View, *, total: int | None = None) -> Outcome:
    """A reply as an outcome: cleaned, rows first where the reply has some."""
    body = clean(body, operation.returns.sensitive_fields)
    if body in (None, ""):
        meaning = operation.returns.when_empty or "Nexla answered with success and an empty body."
        return Outcome(meaning, {"operation": operation.name, "truncated": False}, operation=operation.name)
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
    if value == [] and operation.returns.when_empty:
        result = replace(result, text=operation.returns.when_empty)
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
