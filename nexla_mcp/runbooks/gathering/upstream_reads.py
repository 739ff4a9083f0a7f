"""The flows that start or feed this one: which they are, and how their newest runs went."""

from __future__ import annotations

from datetime import timedelta

from nexla_mcp.runbooks.case import Case, Upstream
from nexla_mcp.runbooks.facts import Fetched
from nexla_mcp.runbooks.flow_map import FlowMap, Stage
from nexla_mcp.runbooks.gathering.reads import Round, keep_runs, run_arguments
from nexla_mcp.runbooks.shapes.lenient import iso, kind_of, objects, pick, run_moment, whole
from nexla_mcp.runbooks.shapes.messages import logs_of


def ask_triggers(case: Case, ask: Round) -> None:
    ask.ask("flow_triggers_list", lambda f: keep_triggers(case, f), per_page=100, page=1)


def keep_triggers(case: Case, fetched: Fetched) -> None:
    """The triggers that start this flow, and the sink that feeds its source."""
    source = case.source
    found: list[Upstream] = []
    for row in objects(fetched.body) if fetched.ok else []:
        resource = kind_of(pick(row, "triggered_resource_type")), whole(pick(row, "triggered_resource_id"))
        origin = whole(pick(row, "triggered_origin_node_id"))
        if source is None or (resource != source.key and not (origin is not None and origin == case.flow.flow_id)):
            continue
        kind, feeder = kind_of(pick(row, "triggering_resource_type")), whole(pick(row, "triggering_resource_id"))
        if kind and feeder is not None:
            found.append(
                Upstream(
                    whole(pick(row, "triggering_origin_node_id")),
                    (kind, feeder),
                    str(pick(row, "triggering_event_type") or "trigger"),
                    str(pick(row, "status") or "").upper(),
                    whole(row.get("id")),
                )
            )
    sink = whole(source.value("data_sink_id")) if source else None
    if sink is not None and all(u.stage != ("destination", sink) for u in found):
        found.append(Upstream(None, ("destination", sink), "reads what the destination writes"))
    if fetched.ok or found:
        case.upstream = found


def ask_upstream_runs(case: Case, ask: Round) -> None:
    """The runs and errors of the flow that starts this one."""
    for upstream in (case.upstream or [])[:2]:
        stage = Stage(*upstream.stage)
        upstream.flow = upstream.flow or FlowMap(upstream.flow_id, "", "", [stage])
        ask.ask("metrics_get_resource_metrics_by_run", keep_runs(stage, []), **run_arguments(stage))
        newest = run_moment(case.history.newest)
        if upstream.flow_id is not None:
            ask.ask(
                "flows_get_flow_logs",
                lambda f, u=upstream: case.listings.__setitem__(f"logs {u.flow_id}", logs_of(f.body) if f.ok else []),  # type: ignore[misc]
                **{
                    "flow_id": upstream.flow_id,
                    "severity": "ERROR",
                    "page": 1,
                    "per_page": 50,
                    "from": iso((newest or case.now) - timedelta(hours=1)),
                    "to": iso(case.now + timedelta(days=1)),
                },
            )
        else:
            ask.ask(
                "flows_get_by_resource",
                lambda f, u=upstream: case.listings.__setitem__(f"flow of {u.stage[1]}", f),  # type: ignore[misc]
                resource_type=stage.kind,
                resource_id=stage.id,
            )
