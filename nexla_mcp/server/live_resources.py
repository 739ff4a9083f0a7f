"""Resources that Nexla is asked for when they are read: a flow, a source, a run of a flow, ...

    text = await read_live(call, template, {"id": "6010"})

What comes from the API is cleaned of secrets and stands between marks, as data; the words around it are ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nexla_mcp.catalog.kinds import resource_kinds
from nexla_mcp.output.flow_view import is_flow, stages
from nexla_mcp.output.render import table
from nexla_mcp.output.untrusted import clean, clean_text, fenced
from nexla_mcp.server.call import Call
from nexla_mcp.server.templates import Template

if TYPE_CHECKING:
    from nexla_mcp.runbooks.facts import Facts, Fetched
    from nexla_mcp.runbooks.flow_map import FlowMap, Stage
    from nexla_mcp.runbooks.history import History

LONGEST = 60_000
LOG_LINES = 40
STAGES = 12
_COUNTS = "metrics_get_resource_metrics_by_run"
_LOG = "flows_get_flow_logs"
_BEFORE, _AFTER = timedelta(minutes=10), timedelta(days=1)
_STAGE_COLUMNS = ("resource_type", "resource_id", "name", "status", "node_id", "credential_id")


async def read_live(call: Call, template: Template, variables: Mapping[str, str]) -> str | None:
    """The text of a resource; None when its variables are no ids.

    Raises:
        NexlaError: it cannot be read.
    """
    if not all(value.isdigit() and len(value) < 19 for value in variables.values()):
        return None
    ids = {name: int(value) for name, value in variables.items()}
    if template.name == "run":
        return await _run(call, ids["flow_id"], ids["run_id"])
    return await _resource(call, template.kind, ids["id"])


async def _resource(call: Call, word: str, identity: int) -> str:
    kind = resource_kinds(call.runtime.catalog)[word]
    reply = await call.runtime.client.call(kind.getting, {kind.id_argument: identity})
    body = clean(reply.body, kind.getting.returns.sensitive_fields)
    whole = json.dumps(body, ensure_ascii=False, indent=1, default=str)
    parts = [f"# {word.capitalize()} {identity}", f"Read by {kind.getting.name} at {_now()}."]
    if is_flow(body):
        parts.append(fenced(table(stages(body)[:200], _STAGE_COLUMNS), kind.getting.name))
    if len(whole) > LONGEST:
        parts.append(
            f"The reply has {len(whole):,} characters; these are the first {LONGEST:,}. Parts of it: nexla_get"
            f" resource_type={word} id={identity} with fields=[...]."
        )
    return "\n\n".join([*parts, fenced(whole[:LONGEST], kind.getting.name)])


async def runs_of_flow(call: Call, flow_id: int) -> list[int]:
    """The ids of a flow's runs as its source counts them, oldest first.

    Raises:
        NexlaError: the flow or its runs cannot be read.
    """
    from nexla_mcp.runbooks.facts import Facts
    from nexla_mcp.runbooks.gathering.reads import run_arguments
    from nexla_mcp.runbooks.shapes.runs import runs_of

    facts = Facts(call.runtime.client, call.runtime.catalog, call.progress)
    flow = await _flow(facts, flow_id)
    first = flow.source or (flow.stages[0] if flow.stages else None)
    if first is None:
        return []
    fetched = await facts.fetch(_COUNTS, **run_arguments(first))
    if fetched.error:
        raise fetched.error
    return [run.run_id for run in runs_of(fetched.body)]


async def _flow(facts: Facts, flow_id: int) -> FlowMap:
    """The flow, or the error that hides it."""
    from nexla_mcp.runbooks.locate import CannotStart, locate

    try:
        return (await locate(facts, {"flow_id": flow_id})).flow
    except CannotStart as stop:
        raise stop.error from None


async def _run(call: Call, flow_id: int, run_id: int) -> str:
    """One run at every stage, beside the flow's median, and what the log says of it."""
    from nexla_mcp.client.errors import NotFoundError
    from nexla_mcp.runbooks.facts import Facts
    from nexla_mcp.runbooks.gathering.reads import keep_runs, run_arguments
    from nexla_mcp.runbooks.history import History
    from nexla_mcp.runbooks.shapes.lenient import iso, run_moment

    facts = Facts(call.runtime.client, call.runtime.catalog, call.progress)
    flow = await _flow(facts, flow_id)
    shown = flow.stages[:STAGES]
    begun = run_moment(run_id)
    window = {"from": iso(begun - _BEFORE), "to": iso(begun + _AFTER)} if begun else {}
    *counted, logged = await facts.fetch_all(
        *[(_COUNTS, run_arguments(stage)) for stage in shown],
        (_LOG, {"flow_id": flow_id, "run_id": run_id, "page": 1, "per_page": 100, **window}),
    )
    for stage, fetched in zip(shown, counted, strict=True):
        keep_runs(stage, [])(fetched)
    history = History(shown)
    if run_id not in history.run_ids:
        newest = ", ".join(str(i) for i in history.run_ids[-5:]) or "none"
        raise NotFoundError(
            f"Flow {flow_id} has no counts for a run {run_id} among its last hundred; the newest are {newest}.",
            operation=_COUNTS,
            hint="A run id is the start of the run in epoch milliseconds. A run that failed early may have no counts at all.",
        )
    parts = [
        f"# Run {run_id} of flow {flow_id}",
        f"Began {iso(begun) or 'at an unknown time'}. Read at {_now()}. Usual: the median of the good runs before it.",
        fenced(_stage_table(history, shown, run_id), _COUNTS),
        *_log_lines(logged),
    ]
    if facts.not_checked:
        parts.append("Not read: " + clean_text("; ".join(facts.not_checked)))
    return "\n\n".join(parts)


def _stage_table(history: History, shown: list[Stage], run_id: int) -> str:
    rows = []
    for stage in shown:
        run = next((r for r in history.runs(stage) if r.run_id == run_id), None)
        usual = history.baseline(stage, run_id)
        row: dict[str, Any] = {"stage": stage.label, "name": stage.name, "status": stage.status}
        row |= {"records": run.records, "errors": run.errors, "bytes": run.size} if run else {"records": "not counted"}
        rows.append(row if usual is None else row | {"usual": round(usual)})
    return table(clean(rows), ("stage", "name", "status", "records", "usual", "errors", "bytes"))


def _log_lines(logged: Fetched) -> list[str]:
    """The log of the run, errors first."""
    from nexla_mcp.runbooks.shapes.lenient import iso
    from nexla_mcp.runbooks.shapes.messages import logs_of

    if not logged.ok:
        return []
    lines = sorted(logs_of(logged.body), key=lambda line: not line.is_error)
    if not lines:
        return ["The log has no lines of this run; Nexla does not keep them for ever."]
    words = [[iso(n.at), n.severity, n.kind, None if n.resource_id is None else str(n.resource_id), n.text] for n in lines]
    shown = "\n".join(" ".join(filter(None, word)) for word in words[:LOG_LINES])
    more = [f"{len(lines) - LOG_LINES} more lines: {_LOG}."] if len(lines) > LOG_LINES else []
    return [fenced(shown, _LOG), *more]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
