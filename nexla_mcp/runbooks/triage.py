"""nexla_triage: what is broken in the organisation, and what do the failures share?

    answer = await triage(facts, {"since": "2026-11-20", "limit": 40})

Lists first (flows with their newest runs, health, ERROR notifications); only what looks suspicious is examined as
nexla_debug_flow would, and of flows that probably share a cause one speaks for all. Findings with the same cause at the
same resource are one finding, which also names the flows that a refused login has not hit yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import anyio

from nexla_mcp.client.errors import (
    ApiUnreachableError,
    AuthenticationError,
    AuthorizationError,
    NotConfiguredError,
    RateLimitError,
)
from nexla_mcp.runbooks.debug_flow import cannot_start, examine
from nexla_mcp.runbooks.diagnosis import Diagnosis, Finding, Step
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.likely_shared import covered, families, next_wave
from nexla_mcp.runbooks.locate import Located
from nexla_mcp.runbooks.overview import Overview, Suspicion, read_overview
from nexla_mcp.runbooks.shapes.lenient import iso, moment, quote, whole
from nexla_mcp.runbooks.triage_answer import Shared, Triage

CLOSELY = 8
AT_MOST = 100
SIDE_BY_SIDE = 6
BEGIN_WITHIN_S = 28.0
END_WITHIN_S = 38.0
"""A call answers within 45 s, however slow or throttled the API is: what was not examined by then is named."""
_RANK = {"failing": 4, "stopped": 3, "degraded": 2, "unknown": 1, "healthy": 0}


async def triage(facts: Facts, arguments: Mapping[str, Any]) -> Triage:
    """Look over everything that the caller sees.

    Raises:
        ApiUnreachableError, NotConfiguredError: there is no API to ask.
    """
    limit = min(max(whole(arguments.get("limit")) or CLOSELY, 1), AT_MOST)
    began = anyio.current_time()
    overview = await read_overview(facts, since=moment(arguments.get("since")))
    if overview.error is not None:
        if isinstance(overview.error, ApiUnreachableError | NotConfiguredError) or not isinstance(
            overview.error, AuthenticationError | AuthorizationError | RateLimitError
        ):
            raise overview.error
        stop = cannot_start(overview.error)
        finding = Shared(stop.root_cause, [], "unknown", []) if stop.root_cause else None
        return Triage(
            "unknown", stop.summary, [finding] if finding else [], 0, 0, ["all flows: nothing could be read"], stop.next_steps
        )
    pending = [s for s in overview.suspicions if not s.only_paused]
    family = families(pending)
    closely: list[Suspicion] = []
    diagnoses: dict[int, Diagnosis] = {}
    explained: list[tuple[Suspicion, Finding]] = []
    with anyio.move_on_after(began + END_WITHIN_S - anyio.current_time()):
        while pending and len(closely) < limit and anyio.current_time() < began + BEGIN_WITHIN_S:
            wave, pending = next_wave(pending, family, closely, limit - len(closely))
            if not wave:
                break
            await _examine(facts, wave, diagnoses, began + BEGIN_WITHIN_S)
            closely += wave
            roots = [d.root_cause for d in diagnoses.values() if d.root_cause and not d.repaired]
            explained += [(s, root) for s in pending if (root := covered(s, family, roots))]
            pending = [s for s in pending if not covered(s, family, roots)]
    shared = _group([s for s in closely if (s.flow.flow_id or 0) in diagnoses], diagnoses)
    _join(shared, explained)
    _not_hit_yet(overview, shared)
    shared.sort(key=_worst_first)
    shared += _paused(overview)
    return _answer(facts, overview, [s for s in closely if (s.flow.flow_id or 0) in diagnoses], shared)


async def _examine(facts: Facts, chosen: list[Suspicion], found: dict[int, Diagnosis], begin_until: float) -> None:
    """Fill ``found``; what cannot begin in time stays out of it."""
    places = anyio.CapacityLimiter(SIDE_BY_SIDE)

    async def one(suspicion: Suspicion) -> None:
        async with places:
            if anyio.current_time() > begin_until:
                return
            flow = suspicion.flow
            _, diagnosis = await examine(facts, Located(flow), None, spent=2)
            found[flow.flow_id or 0] = diagnosis

    async with anyio.create_task_group() as group:
        for suspicion in chosen:
            group.start_soon(one, suspicion)


def _join(shared: list[Shared], explained: list[tuple[Suspicion, Finding]]) -> None:
    """Flows that another one's examination explains."""
    for suspicion, root in explained:
        group = next((g for g in shared if _place(g.finding) == _place(root)), None)
        if group is not None and suspicion.flow.flow_id not in group.flows:
            group.flows.append(suspicion.flow.flow_id or 0)


def _not_hit_yet(overview: Overview, shared: list[Shared]) -> None:
    """Flows that use a refused login and whose next run will fail: they belong to its finding."""
    elsewhere = {f for g in shared for f in g.flows} | {s.flow.flow_id for s in overview.suspicions if s.only_paused}
    for group in shared:
        if group.finding.cause != "credential_invalid" or group.verdict == "healthy" or group.repaired:
            continue
        login = group.finding.resource_id
        waiting = [
            f.flow_id
            for f in overview.flows
            if f.flow_id is not None and f.flow_id not in elsewhere and any(s.credential_id == login for s in f.stages)
        ]
        if waiting:
            group.flows += waiting
            more = f" {len(waiting)} of these flows use it as well and have shown no failure yet: their next run will."
            group.finding = replace(group.finding, explanation=group.finding.explanation + more)


def _place(finding: Finding) -> tuple[str, str, int | None]:
    return finding.cause, finding.resource_type, finding.resource_id


def _group(chosen: list[Suspicion], diagnoses: dict[int, Diagnosis]) -> list[Shared]:
    """One finding per cause and resource; the same refused credential under several flows is one."""
    groups: dict[tuple[str, str, int | None], Shared] = {}
    for suspicion in chosen:
        flow_id = suspicion.flow.flow_id or 0
        d = diagnoses.get(flow_id)
        if d is None or d.root_cause is None:
            continue
        c = d.root_cause
        key = _place(c)
        if key in groups:
            groups[key].flows.append(flow_id)
            groups[key].repaired &= d.repaired
            groups[key].steps += [s for s in d.next_steps if s not in groups[key].steps]
            if _RANK[d.verdict] > _RANK[groups[key].verdict]:
                groups[key].verdict = d.verdict
        else:
            groups[key] = Shared(c, [flow_id], d.verdict, list(d.next_steps), d.first_bad_run_at, repaired=d.repaired)
    _into_upstream(groups)
    broken = [g for g in groups.values() if g.verdict != "healthy"]  # what is over is no finding about the organisation
    return sorted(broken, key=_worst_first)


def _worst_first(group: Shared) -> tuple[int, int]:
    return -_RANK[group.verdict], -len(group.flows)


def _into_upstream(groups: dict[tuple[str, str, int | None], Shared]) -> None:
    """A flow that waits for a failing one belongs to that one's finding."""
    for key in [k for k in groups if k[0] == "upstream_flow_failing"]:
        source = next((g for k, g in groups.items() if k[0] != "upstream_flow_failing" and key[2] in g.flows), None)
        if source is not None:
            source.flows += [f for f in groups[key].flows if f not in source.flows]
            del groups[key]


def _paused(overview: Overview) -> list[Shared]:
    found = []
    for suspicion in overview.suspicions:
        if not suspicion.only_paused:
            continue
        stage = next(s for s in suspicion.flow.stages if s.paused)
        when = iso(moment(stage.value("updated_at")))
        text = (
            f"{stage.label} of flow {suspicion.flow.flow_id} {quote(suspicion.flow.name, 60)!r} is "
            f"{stage.status}{f' (last changed {when})' if when else ''}; nothing says that it failed."
        )
        found.append(
            Shared(
                Finding("paused", stage.kind, stage.id, "high", text),
                [suspicion.flow.flow_id or 0],
                "stopped",
                [Step("nexla_debug_flow", {"flow_id": suspicion.flow.flow_id}, "Who paused it, and when.", "read")],
                paused=True,
            )
        )
    return found


def _answer(facts: Facts, overview: Overview, closely: list[Suspicion], shared: list[Shared]) -> Triage:
    failures = [g for g in shared if not g.paused and g.finding.cause != "paused" and g.verdict != "healthy"]
    involved = {f for g in shared if g.verdict != "healthy" for f in g.flows}
    unclear = {s.flow.flow_id for s in overview.suspicions} - {s.flow.flow_id for s in closely} - involved
    total = len(overview.flows)
    healthy = total - len(involved) - len(unclear)
    verdict = max((g.verdict for g in failures), key=lambda v: _RANK[v], default="healthy")
    not_checked = list(overview.notes)
    if unclear:
        not_checked.append(
            f"{len(unclear)} suspicious flow{'s' if len(unclear) > 1 else ''} not examined closely: "
            f"{', '.join(map(str, sorted(i or 0 for i in unclear)[:10]))}"
        )
    if healthy:
        not_checked.append(
            "samples and credentials of the flows counted as healthy: they were judged by status, health, newest runs, "
            "notifications and the ERROR lines of their newest run"
        )
    if overview.unread:
        not_checked.append(f"the logs of {overview.unread} flows counted as healthy")
    not_checked += [n for n in facts.not_checked if n not in not_checked][:6]
    if not total:
        return Triage(
            "unknown",
            "You see no flow at all, neither owned nor shared with you.",
            [],
            0,
            0,
            not_checked,
            [Step("nexla_whoami", {}, "Which organisation and roles this session has.", "read")],
        )
    paused = [g for g in shared if g.finding.cause == "paused"]
    worst = failures[0] if failures else None
    summary = (
        f"{len({f for g in failures for f in g.flows})} of {total} flows have a problem ({len(failures)} causes), "
        f"{len(paused)} paused, {healthy} look healthy."
    )
    if worst:
        where = (
            worst.finding.resource_type
            if worst.finding.resource_id is None
            else f"{worst.finding.resource_type} {worst.finding.resource_id}"
        )
        summary += f" Worst: {worst.finding.cause} at {where}, {len(worst.flows)} flow{'s' if len(worst.flows) > 1 else ''}."
    most = sorted(failures, key=lambda g: -len(g.flows))  # only three steps are shown: those that repair the most flows
    steps = [g.steps[0] for g in most if g.steps]
    steps += [
        Step("nexla_debug_flow", {"flow_id": g.flows[0]}, f"The whole evidence for {g.finding.cause}.", "read") for g in most
    ]
    unique = list({repr(s): s for s in steps}.values())
    if unclear and len(closely) < AT_MOST:
        wider = {"limit": min(AT_MOST, len(closely) + len(unclear))}
        unique = [*unique[:2], Step("nexla_triage", wider, f"Examine the {len(unclear)} left over as well.", "read")]
    return Triage(verdict, summary, shared, healthy, total, not_checked[:12], unique[:3])
