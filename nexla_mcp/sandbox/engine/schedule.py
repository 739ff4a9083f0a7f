"""When cycles start: schedules, arrivals, and catching up with the clock."""

from __future__ import annotations

from nexla_mcp.sandbox.clock import MINUTE
from nexla_mcp.sandbox.engine.cycle import run_cycle
from nexla_mcp.sandbox.engine.quartz import parse_cron
from nexla_mcp.sandbox.engine.written import Written
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import PUSHED_TYPES
from nexla_mcp.sandbox.world import World

SETTLE = 10 * MINUTE
"""A scheduled cycle is shown ten minutes after it began, when its counts are complete."""


def advance(world: World) -> None:
    """Run every cycle that has become due and settled since the last call."""
    horizon = world.now() - SETTLE
    written = Written()
    while True:
        due = _due(world)
        at = min(due.values(), default=horizon + 1)
        if at > horizon:
            break
        for source_id in [key for key, moment in due.items() if moment == at]:
            run_cycle(world, source_id, at, written)
            due.pop(source_id)
        world.horizon = at
        _reschedule(world, at)
        if len(written) > 50_000:
            written.flush(world)
    if len(written):
        written.flush(world)
    if horizon > world.horizon:
        world.horizon = horizon
    if world.config.database != ":memory:":
        world.store.set_meta("horizon", str(world.horizon))


def cadence(world: World, source: Doc) -> str | None:
    """The cron by which a source starts cycles: its schedule, or the arrivals of a source that is pushed to."""
    if source["source_type"] in PUSHED_TYPES:
        upstream = world.store.get("upstreams", source["id"]) or {}
        return upstream.get("arrivals")
    return (source.get("source_config") or {}).get("start.cron")


def next_due(world: World, source: Doc, after: int) -> int | None:
    text = cadence(world, source)
    if not text or source["status"] != "ACTIVE":
        return None
    try:
        return parse_cron(text).next_after(after)
    except ValueError:
        return None


def _due(world: World) -> dict[int, int]:
    version, due = world.due
    if version != world.store.version:
        due = {}
        moving = world.store.require("orgs", world.org_id).get("cluster_status") != "ACTIVE"
        for source in [] if moving else world.store.all("data_sources"):
            moment = next_due(world, source, world.horizon)
            if moment is not None:
                due[source["id"]] = moment
        world.due = (world.store.version, due)
        world.crons = {source_id: str(cadence(world, world.store.require("data_sources", source_id))) for source_id in due}
    return due


def _reschedule(world: World, after: int) -> None:
    version, due = world.due
    if version == world.store.version:
        for source_id in [key for key in world.crons if key not in due]:
            moment = parse_cron(world.crons[source_id]).next_after(after)
            if moment is None:
                del world.crons[source_id]
            else:
                due[source_id] = moment
