"""The organisation at a glance: every flow the caller sees, and why some of them look suspicious.

overview = await read_overview(facts)
[s.flow.flow_id for s in overview.suspicions]      # the most alarming first
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import anyio

from nexla_mcp.client.errors import NexlaError
from nexla_mcp.runbooks.facts import Facts, Fetched
from nexla_mcp.runbooks.flow_lists import code_changes_in, flows_in
from nexla_mcp.runbooks.flow_map import FlowMap
from nexla_mcp.runbooks.quiet_flows import Quiet, erring
from nexla_mcp.runbooks.shapes.lenient import bodies, moment, objects, pick, run_moment, text_of, whole
from nexla_mcp.runbooks.shapes.messages import Notice, notices_of
from nexla_mcp.runbooks.shapes.runs import Run

LOOK_BACK = timedelta(days=7)
CHANGED_LATELY = timedelta(days=14)
OVERDUE = "no run although one was due"
_PAGE = 100


@dataclass
class Suspicion:
    """A flow worth a closer look; ``weight`` orders them."""

    flow: FlowMap
    weight: int
    reasons: list[str]
    only_paused: bool = False
    told: list[tuple[tuple[str, int] | None, str]] = field(default_factory=list)
    """What was said about its errors, each with the stage it was said of, where that is known."""


@dataclass
class Overview:
    """What the lists said."""

    flows: list[FlowMap] = field(default_factory=list)
    suspicions: list[Suspicion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: NexlaError | None = None
    unread: int = 0
    """Quiet flows whose log was not asked."""


@dataclass
class _Row:
    colour: str
    errors: int
    run_id: int | None
    updated: datetime | None
    text: str = ""


async def read_overview(facts: Facts, since: datetime | None = None) -> Overview:
    """Flows of both roles, health rows, ERROR notifications and the newest WARN ones, all pages.

    Where the wider list holds what the first page of one's own shows, the rest of the narrower one is not read.
    """
    replies: dict[str, Fetched] = {}

    async def pages(key: str, operation: str, limit: int, per_page: int = 100, **arguments: Any) -> None:
        replies[key] = await facts.fetch_pages(operation, limit=limit, per_page=per_page, **arguments)

    first = await facts.fetch("flows_list", page=1, per_page=_PAGE, include_run_metrics=True)
    if first.error is not None:
        return Overview(error=first.error)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: pages("shared", "flows_list", 3000, include_run_metrics=True, access_role="collaborator"))
        group.start_soon(lambda: pages("health", "flows_get_org_health_flows", 5000))
        group.start_soon(lambda: pages("errors", "notifications_list", 300, level="ERROR"))
        group.start_soon(lambda: pages("warnings", "notifications_list", 100, level="WARN"))
    replies["own"] = first
    if first.has_next is not False and len(first.rows) >= _PAGE and not _holds(replies["shared"], first):
        await pages("own", "flows_list", 3000, include_run_metrics=True)
    flows: dict[int, FlowMap] = {}
    for key in ("own", "shared"):
        for flow in flows_in(replies[key]):
            if flow.flow_id is not None:
                flows.setdefault(flow.flow_id, flow)
    health = {
        i: row
        for r in _health_rows(replies["health"])
        if (i := whole(pick(r, "originNodeId", "origin_node_id", "flow_id", "id"))) is not None and (row := _row(r))
    }
    runs = _runs([*(replies["own"].pages or [first.body]), *replies["shared"].pages])
    changed = code_changes_in(replies["own"]) | code_changes_in(replies["shared"])
    notices = [n for key in ("errors", "warnings") if replies[key].ok for n in notices_of(replies[key].rows)]
    overview = Overview(list(flows.values()))
    if (replies["own"].has_next and replies["own"].pages) or replies["shared"].has_next:
        overview.notes.append(f"flows beyond the first {len(flows)}")
    now = facts.server_now or _now(flows, runs, notices, health)
    start = since or now - LOOK_BACK
    for flow in flows.values():
        suspicion = _judge(flow, health.get(flow.flow_id or 0), runs.get(flow.flow_id or 0, []), notices, start, now)
        if suspicion:
            overview.suspicions.append(suspicion)
    suspected = {s.flow.flow_id for s in overview.suspicions}
    quiet = []
    for flow in flows.values():
        known, own = health.get(flow.flow_id or 0), runs.get(flow.flow_id or 0, [])
        newest = run_moment(own[-1].run_id if own else known.run_id if known else None)
        if flow.flow_id not in suspected and newest is not None:
            edits = [changed.get(s.transform_id or 0) for s in flow.of("nexset")]
            quiet.append(Quiet(flow, newest, any((t := moment(e)) and t >= now - CHANGED_LATELY for e in edits)))
    raising, overview.unread = await erring(facts, quiet)
    for flow, count in raising:
        overview.suspicions.append(Suspicion(flow, 34, [f"{count} ERROR lines in the log of its newest run"]))
    overview.suspicions.sort(key=lambda s: -s.weight)
    return overview


def _holds(wide: Fetched, page: Fetched) -> bool:
    """Whether a whole list names every flow of another list's first page."""
    if wide.error is not None or wide.has_next:
        return False
    ids = {f.flow_id for f in flows_in(wide)}
    mine = {f.flow_id for f in flows_in(page)}
    return bool(mine) and mine <= ids and (page.total is None or page.total <= len(ids))


def _judge(
    flow: FlowMap, row: _Row | None, runs: list[Run], notices: list[Notice], start: datetime, now: datetime
) -> Suspicion | None:
    reasons: list[tuple[int, str]] = []
    keys = {s.key for s in flow.stages}
    paused = [s for s in flow.stages if s.paused]
    if row and row.colour in ("RED", "YELLOW"):
        reasons.append((60 if row.colour == "RED" else 40, f"health {row.colour}"))
    if row and row.errors:
        reasons.append((35, f"{row.errors} errors in its latest run"))
    if any(s.status == "RATE_LIMITED" for s in flow.stages):
        reasons.append((50, "RATE_LIMITED"))
    mine = [n for n in notices if (n.kind, n.resource_id) in keys and (n.at is None or n.at >= start)]
    told = [n for n in mine if n.level not in ("WARN", "WARNING")]
    warned = [n for n in mine if n not in told] if runs else []
    later = max((t for r in runs if r.errors == 0 and r.records and (t := r.started_at)), default=None)
    open_told = [n for n in told if not (later and n.at and later > n.at + timedelta(minutes=30))]
    if open_told:
        reasons.append((45, f"{len(open_told)} ERROR notifications"))
    if runs and runs[-1].failed:
        reasons.append((40, f"errors {runs[-1].errors} in its newest run"))
    good = [r.records for r in runs[:-1] if r.records > 0 and not r.failed]
    if runs and len(good) >= 3 and runs[-1].records < 0.5 * max(median(good), median(good[:3])):
        reasons.append((38, "far fewer records than usual"))
    elif any("volume" in n.text.lower() and _low_since(runs, n.at) for n in warned):
        reasons.append((33, "a warning about its volume"))
    if _overdue(runs, now) and not paused:
        reasons.append((36, OVERDUE))
    if not runs and (row is None or row.run_id is None) and flow.stages and not paused and flow.status == "ACTIVE":
        reasons.append((20, "active and has never run"))
    if reasons:
        said: list[tuple[tuple[str, int] | None, str]] = [
            ((n.kind, n.resource_id) if n.kind and n.resource_id is not None else None, n.text) for n in open_told
        ]
        said += [(None, row.text)] if row and row.text else []
        return Suspicion(flow, max(w for w, _ in reasons) + 2 * len(reasons), [text for _, text in reasons], told=said)
    return Suspicion(flow, 5, [f"{paused[0].label} is {paused[0].status}"], only_paused=True) if paused else None


def _low_since(runs: list[Run], moment_: datetime | None) -> bool:
    """Whether the volume has stayed where a warning found it: no later run brought half as much again."""
    before = [r for r in runs if r.started_at and moment_ and r.started_at <= moment_]
    return bool(before) and all(r.records < 1.5 * before[-1].records for r in runs[len(before) :])


def _overdue(runs: list[Run], now: datetime) -> bool:
    times = [t for r in runs if (t := run_moment(r.run_id))]
    if len(times) < 4:
        return False
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    return (now - times[-1]).total_seconds() > max(1.5 * median(gaps), max(gaps) + 0.5 * median(gaps))


def _now(flows: dict[int, FlowMap], runs: dict[int, list[Run]], notices: list[Notice], health: dict[int, _Row]) -> datetime:
    """This computer's time, or the newest trace when the two are far apart (see Case.now)."""
    wall = datetime.now(UTC)
    times = (
        [run_moment(r.run_id) for rs in runs.values() for r in rs[-1:]]
        + [n.at for n in notices]
        + [h.updated for h in health.values()]
    )
    times += [run_moment(h.run_id) for h in health.values()] + [
        moment(s.value("updated_at")) for f in flows.values() for s in f.stages
    ]
    newest = max((t for t in times if t and t < wall + timedelta(days=1)), default=wall)
    return wall if wall - newest <= timedelta(days=14) else newest


def _runs(pages: list[Any]) -> dict[int, list[Run]]:
    """The run metrics inside the flow lists, per origin node, oldest first."""
    found: dict[int, dict[int, Run]] = {}
    for page in pages:
        for body in bodies(page):
            for row in objects(body.get("metrics") or []):
                origin, run_id = whole(pick(row, "origin_node_id", "originNodeId")), whole(pick(row, "run_id", "runId"))
                if origin is not None and run_id is not None:
                    run = Run(
                        run_id,
                        run_moment(run_id),
                        whole(pick(row, "records"), 0) or 0,
                        whole(pick(row, "errors"), 0) or 0,
                        status=pick(row, "status"),
                    )
                    found.setdefault(origin, {})[run_id] = run
    return {origin: [runs[i] for i in sorted(runs)] for origin, runs in found.items()}


def _health_rows(reply: Fetched) -> list[dict[str, Any]]:
    return [r for page in reply.pages or [] for r in objects(page)]


def _row(row: dict[str, Any]) -> _Row:
    return _Row(
        str(pick(row, "healthStatus", "health_status", "status") or "").upper(),
        whole(pick(row, "latestErrorCount", "latest_error_count", "errors"), 0) or 0,
        whole(pick(row, "latestRunId", "latest_run_id")),
        moment(pick(row, "updatedAtEpoch", "updated_at")),
        text_of(pick(row, "errorSummary", "error_summary")),
    )
