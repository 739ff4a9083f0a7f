"""Another flow starts or feeds this one, and it is that one that fails."""

from __future__ import annotations

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case, Upstream
from nexla_mcp.runbooks.causes import at_destination
from nexla_mcp.runbooks.causes.wording import at, counts
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis
from nexla_mcp.runbooks.flow_map import FlowMap
from nexla_mcp.runbooks.history import Trouble
from nexla_mcp.runbooks.shapes.lenient import pick, whole
from nexla_mcp.runbooks.symptom import Leads


def failing(case: Case) -> list[Hypothesis]:
    """The trigger's flow has had errors, or nothing finished, since this flow last ran."""
    for upstream in case.upstream or []:
        if upstream.trigger_status == "PAUSED":
            if case.silent:
                return [_trigger_paused(case, upstream)]
            continue
        if upstream.flow is None or not upstream.flow.stages:
            continue
        stage = upstream.flow.stages[0]
        upstream_id = upstream.flow_id or _flow_id(case, upstream)
        sub = Case(case.facts, FlowMap(upstream_id, "", "", [stage]), Leads())
        sub.logs = case.listings.get(f"logs {upstream.flow_id}")
        trouble = sub.trouble_at(stage)
        last = case.history.newest
        if (
            trouble
            and not trouble.recovered
            and trouble.form in ("errors", "zero", "starved")
            and (last is None or trouble.first > last)
        ):
            return _failing(case, sub, upstream, upstream_id, trouble)
        theirs = sub.history.newest
        if case.silent and last is not None and (theirs is None or theirs <= last) and not case.clock_doubtful:
            return [_silent(case, upstream, upstream_id)]
    return []


def _failing(case: Case, sub: Case, upstream: Upstream, flow_id: int | None, trouble: Trouble) -> list[Hypothesis]:
    below = [h for h in at_destination.errors(sub) if h.kind == "destination"] or [
        Hypothesis(
            "unknown",
            "destination",
            trouble.stage.id,
            45,
            "failing",
            f"{trouble.stage.label} of the upstream flow has errors since {at(trouble.first)}.",
        )
    ]
    for hypothesis in below:
        hypothesis.score = min(hypothesis.score, 72)
    source = case.source
    why = (
        f"This flow is started by flow {flow_id} when {trouble.stage.label} has written ({upstream.how}), and that has "
        f"failed since {at(trouble.first)}; no write finished, so nothing started here."
    )
    why += (
        " This flow itself is active and shows no error: repair the other one and this follows by itself; its schedule is "
        "not the matter."
    )
    own = case.history.newest
    evidence = [_link(case, upstream), counts(sub, trouble)]
    if own is not None:
        evidence.append(
            Evidence(
                "metrics_get_resource_metrics_by_run",
                "source",
                source.id if source else None,
                f"newest run of this flow: {at(own)}, without errors",
            )
        )
    plan = [steps.look_again(flow_id, "Diagnose the flow that starts this one.")] if flow_id is not None else []
    if upstream.trigger_id is not None:
        plan.append(steps.call(case, "flow_triggers_get", "The link between the two flows.", flow_trigger_id=upstream.trigger_id))
    root = Hypothesis(
        "upstream_flow_failing",
        "flow",
        flow_id,
        92,
        "stopped",
        why,
        evidence,
        plan,
        trouble.first,
        explains=frozenset({"no_new_data", "unknown", "schedule_misconfigured", "no_data_detected"}),
    )
    return [root, *below]


def _silent(case: Case, upstream: Upstream, flow_id: int | None) -> Hypothesis:
    return Hypothesis(
        "upstream_flow_failing",
        "flow",
        flow_id,
        66,
        "stopped",
        f"This flow is started by {upstream.stage[0]} {upstream.stage[1]}{f' of flow {flow_id}' if flow_id else ''} "
        f"({upstream.how}), which has not run since either; look there, this flow shows no fault.",
        [_link(case, upstream)],
        [steps.look_again(flow_id, "Diagnose the flow that starts this one.")] if flow_id is not None else [],
        case.silent_run,
        explains=frozenset({"no_new_data", "unknown", "schedule_misconfigured"}),
    )


def _trigger_paused(case: Case, upstream: Upstream) -> Hypothesis:
    return Hypothesis(
        "paused",
        "flow",
        case.flow.flow_id,
        82,
        "stopped",
        f"The trigger {upstream.trigger_id or ''} that starts this flow after {upstream.stage[0]} {upstream.stage[1]} is "
        "PAUSED; both flows are otherwise in order.",
        [_link(case, upstream)],
        [steps.call(case, "flow_triggers_get", "The paused trigger.", flow_trigger_id=upstream.trigger_id)]
        if upstream.trigger_id
        else [],
        explains=frozenset({"no_new_data", "unknown", "schedule_misconfigured"}),
    )


def _link(case: Case, upstream: Upstream) -> Evidence:
    source = case.source
    if upstream.trigger_id is None and "trigger" not in upstream.how and upstream.how.startswith("reads"):
        return Evidence(
            "sources_get",
            "source",
            source.id if source else None,
            f"reads what destination {upstream.stage[1]} writes (data_sink_id)",
        )
    return Evidence(
        "flow_triggers_list",
        "flow",
        upstream.flow_id,
        f"trigger {upstream.trigger_id}: {upstream.how} of {upstream.stage[0]} {upstream.stage[1]} starts "
        f"{source.label if source else 'this flow'}, status {upstream.trigger_status or '?'}",
    )


def _flow_id(case: Case, upstream: Upstream) -> int | None:
    fetched = case.listings.get(f"flow of {upstream.stage[1]}")
    flow = FlowMap.read(fetched.body) if fetched is not None and fetched.ok else None
    return flow.flow_id if flow else whole(pick(fetched.body, "origin_node_id")) if fetched is not None and fetched.ok else None
