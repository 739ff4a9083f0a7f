"""From hypotheses to one answer: which cause is the root, which are consequences, which merely also true.

    diagnosis = weigh(case)

A cause that another, well supported one explains is its consequence. Among the rest the best supported
wins; of two that are close, the one further upstream.
"""

from __future__ import annotations

from nexla_mcp.runbooks import injected_text
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes import DETECTORS
from nexla_mcp.runbooks.causes.last_resort import unnamed
from nexla_mcp.runbooks.causes.wording import at, number
from nexla_mcp.runbooks.diagnosis import Diagnosis, Evidence, Hypothesis, Resource, StageReport, Step
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.shapes.lenient import iso, quote, run_moment

_SUPPORTED = 50
_WORTH_MENTION = 40
_FACTS_OF_THEIR_OWN = frozenset(
    {"paused", "schema_drift", "credential_invalid", "schedule_misconfigured", "record_errors", "transform_error"}
)
_CLOSE = 12


def weigh(case: Case) -> Diagnosis:
    """Run all detectors and compose the answer."""
    found = _distinct([h for detector in DETECTORS for h in detector(case)])
    if all(h.about_request for h in found):
        found += unnamed(case)
    explained = [h for h in found if any(_explains(o, h) for o in found)]
    standing = [h for h in found if h not in explained]
    root = _root(case, standing)
    others = sorted(
        (
            h
            for h in found
            if h is not root
            and ((h in standing and h.score >= _WORTH_MENTION) or (h in explained and h.cause in _FACTS_OF_THEIR_OWN))
        ),
        key=lambda h: -h.score,
    )
    if root is not None and root.cause != "unknown":
        others = [h for h in others if h.cause != "unknown"]
    others = [h for h in others if root is None or h.finding != root.finding][:4]
    diagnosis = _compose(case, root, others, found)
    injected_text.remark(case, diagnosis)
    return diagnosis


def _explains(other: Hypothesis, h: Hypothesis) -> bool:
    """Whether one makes another its consequence; of two that explain each other, the better supported one stands."""
    if other is h or h.cause not in other.explains or other.score < max(_SUPPORTED, h.score - 20):
        return False
    return not (other.cause in h.explains and h.score > other.score)


def _distinct(found: list[Hypothesis]) -> list[Hypothesis]:
    best: dict[tuple[str, str, int | None], Hypothesis] = {}
    for h in sorted(found, key=lambda h: -h.score):
        best.setdefault((h.cause, h.kind, h.id), h)
    return list(best.values())


def _root(case: Case, standing: list[Hypothesis]) -> Hypothesis | None:
    asked = [h for h in standing if h.about_request and h.score >= _SUPPORTED]
    flow = [h for h in standing if not h.about_request]
    top = max(flow, key=lambda h: h.score) if flow else None
    if asked:
        request = max(asked, key=lambda h: h.score)
        broken = top is not None and top.verdict not in ("healthy", "unknown") and top.score > request.score + 15
        return top if broken else request
    if top is None:
        return None
    if top.cause == "paused":
        top = _worse_than_a_pause(case, top, flow) or top
    keys = [s.key for s in case.flow.stages]
    near = [
        h for h in flow if h.score >= max(_SUPPORTED, top.score - _CLOSE) and (h.kind, h.id) in keys and h.verdict == top.verdict
    ]
    if (top.kind, top.id) in keys and near and top.cause not in ("webhook_source_paused",):
        return min(near, key=lambda h: (keys.index((h.kind, h.id or -1)), -h.score))
    return top


def _worse_than_a_pause(case: Case, pause: Hypothesis, flow: list[Hypothesis]) -> Hypothesis | None:
    """A failure that the pause does not explain: on another branch, or so grave that it came first."""
    stage = case.stage(pause.kind, pause.id)
    waiting = {s.key for s in [stage, *case.flow.downstream(stage)]} if stage else set()
    apart = [h for h in flow if h is not pause and h.score >= 70 and h.verdict in ("failing", "degraded")]
    graver = [h for h in apart if h.verdict == "failing" or ((h.kind, h.id) not in waiting and pause.kind != "source")]
    return max(graver, key=lambda h: h.score, default=None)


def _compose(case: Case, root: Hypothesis | None, others: list[Hypothesis], found: list[Hypothesis]) -> Diagnosis:
    verdict = _verdict(case, root, found)
    evidence = list(root.evidence if root else [])
    for other in others:
        evidence += [e for e in other.evidence[:2] if e not in evidence]
    evidence += [e for e in case.remark_evidence if e not in evidence]
    if verdict == "healthy" and (root is None or root.about_request):
        evidence += [e for e in _why_healthy(case) if e not in evidence]
    not_checked = [*(root.not_checked if root else ()), *case.facts.not_checked]
    oldest = case.history.run_ids[0] if case.history.known else None
    if root and root.first_bad is not None and root.first_bad == oldest and any(s.older_runs for s in case.flow.stages):
        not_checked.append(f"runs before {at(oldest)}: it may have begun earlier")
    unsure = case.clock_doubtful and case.clock_seen is None and case.history.known and not case.silent
    if unsure and (root is None or verdict == "healthy"):
        not_checked.append(
            f"whether a run is due by now: the newest sign of life is {iso(case.newest_trace)}, far from this computer's clock"
        )
    if "logs" not in " ".join(not_checked) and case.logs is None and case.flow.flow_id is not None:
        not_checked.append("flow logs: could not be read")
    plan = _plan(case, root, verdict)
    first = root.first_bad if root else None
    summary = _summary(case, root, verdict)
    return Diagnosis(
        verdict=verdict,
        summary=summary,
        flow_id=case.flow.flow_id,
        root_cause=root.finding if root else None,
        contributing=[h.finding for h in others],
        first_bad_run_id=first,
        first_bad_run_at=iso(run_moment(first)),
        stages=[_report(case, s) for s in case.flow.stages],
        blast_radius=_blast(case, root),
        evidence=evidence[:14],
        not_checked=list(dict.fromkeys(not_checked))[:12],
        next_steps=plan[:3],
        requests=case.facts.requests,
        repaired=bool(root and root.repaired),
    )


def _verdict(case: Case, root: Hypothesis | None, found: list[Hypothesis]) -> str:
    if root is not None and not root.about_request:
        return root.verdict
    own = [h for h in found if not h.about_request and h.score >= _WORTH_MENTION]
    if own:
        top = max(own, key=lambda h: h.score)
        return top.verdict
    if root is not None and root.verdict == "stopped":
        return "stopped"
    if any(s.runs for s in case.flow.stages):
        return "healthy"
    return "healthy" if root is not None and case.flow.status == "ACTIVE" else "unknown"


def _why_healthy(case: Case) -> list[Evidence]:
    found = []
    for stage in case.flow.stages:
        run = case.history.newest_of(stage)
        if run:
            found.append(
                Evidence(
                    "metrics_get_resource_metrics_by_run",
                    stage.kind,
                    stage.id,
                    f"{at(run.run_id)}: records {number(run.records)}, errors {run.errors}; usual "
                    f"{number(case.history.baseline(stage))}",
                )
            )
    if case.health and case.health.colour:
        found.append(Evidence("flows_get_flow_health", "flow", case.flow.flow_id, f"healthStatus {case.health.colour}"))
    if case.logs is not None and not any(line.is_error for line in case.logs):
        found.append(Evidence(case.log_operation, "flow", case.flow.flow_id, "no ERROR line in the window of the newest runs"))
    for credential, probe in case.probes.items():
        if probe.outcome == "good":
            found.append(Evidence("credentials_probe", "credential", credential, "probe: the login works"))
    return found


def _blast(case: Case, root: Hypothesis | None) -> list[Resource]:
    if root is None or root.about_request or root.verdict == "healthy":
        return []
    if root.blast:
        return root.blast
    stage = case.stage(root.kind, root.id) if root.kind in ("source", "nexset", "destination") else None
    if stage is None and root.kind == "transform":
        stage = next((s for s in case.flow.of("nexset") if s.transform_id == root.id), None)
    return [Resource(s.kind, s.id, s.name) for s in (case.flow.downstream(stage) if stage else [])]


def _plan(case: Case, root: Hypothesis | None, verdict: str) -> list[Step]:
    plan = list(case.remark_steps) + list(root.steps if root else [])
    if verdict == "unknown" and not plan:
        plan.append(Step("nexla_whoami", {}, "Which roles and which organisation this session has.", "read"))
    return plan


def _summary(case: Case, root: Hypothesis | None, verdict: str) -> str:
    name = f" {quote(case.flow.name, 60)!r}" if case.flow.name else ""
    head = f"Flow {case.flow.flow_id}{name}"
    if root is None:
        if verdict == "unknown":
            colour = f" Nexla's own health says {case.health.colour}." if case.health and case.health.colour else ""
            text = f"{head}: whether it loads cannot be told, because its run counts could not be read.{colour}"
        else:
            newest = case.history.newest
            text = f"{head} is healthy: all stages are clean in {at(newest)}." if newest else f"{head} is {verdict}."
    else:
        where = root.kind if root.id is None else f"{root.kind} {root.id}"
        if root.about_request:
            own = "is in order" if verdict == "healthy" else f"is {verdict}"
            text = f"{head} {own}; what you ran into is {root.cause} ({where}). {root.explanation}"
        elif verdict == "healthy":
            text = f"{head} is healthy now; earlier: {root.cause} at {where}. {root.explanation}"
        else:
            text = f"{head} is {verdict}: {root.cause} at {where}. {root.explanation}"
    return " ".join([text, *case.remarks])


def _report(case: Case, stage: Stage) -> StageReport:
    newest = case.history.newest
    runs = {r.run_id: r for r in case.history.runs(stage)}
    run = runs.get(newest) if newest else None
    own = case.history.newest_of(stage)
    trouble = case.trouble_at(stage)
    notes = []
    if stage.runs is None:
        notes.append("runs not read")
    elif run is None and newest is not None:
        notes.append(f"no row in {newest}" + (f"; newest is {own.run_id} with {number(own.records)}" if own else ""))
    if trouble and trouble.since_ever:
        notes.append("gets input, never wrote any")
    elif trouble and not trouble.recovered:
        notes.append(
            {
                "errors": "errors",
                "starved": "gets input, writes nothing",
                "zero": "no records",
                "drop": "far fewer than usual",
                "surge": "far more than usual",
            }[trouble.form]
            + f" since {trouble.first}"
        )
    elif trouble:
        notes.append(f"errors in {trouble.last}, clean since")
    baseline = case.history.baseline(stage, trouble.first if trouble and not trouble.recovered else None)
    return StageReport(
        stage.kind,
        stage.id,
        quote(stage.name, 80),
        stage.status,
        quote(stage.value("runtime_status") or "", 30),
        run.records if run else None,
        run.errors if run else None,
        round(baseline) if baseline is not None else None,
        "; ".join(notes),
    )
