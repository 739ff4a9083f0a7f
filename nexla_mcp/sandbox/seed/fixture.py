"""The shared fixture of the incident catalogue: flow 5059 with its fixed ids, runs R1..R5 good, R6 the incident run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nexla_mcp.sandbox.clock import HOUR, MINUTE
from nexla_mcp.sandbox.seed import incidents
from nexla_mcp.sandbox.seed.base import add_org
from nexla_mcp.sandbox.seed.builder import VERIFIED_BEFORE, add_credential, add_flow, grant, play
from nexla_mcp.sandbox.seed.records import columns
from nexla_mcp.sandbox.seed.spec import ANALYST, Event, FlowIds, FlowSpec
from nexla_mcp.sandbox.world import World

IDS = FlowIds(
    flow=5059,
    source=5023,
    detected=5101,
    derived=5102,
    sink=5029,
    transform=601,
    source_credential=5001,
    sink_credential=5002,
    derived_node=5061,
    sink_node=5062,
)
SPEC = FlowSpec(
    name="orders-to-postgres",
    subject="orders",
    source_type="s3",
    sink_type="postgres",
    cron="0 40 * * * ?",
    records=10_000,
    ids=IDS,
    jitter=0.0,
)


def run(k: int) -> int:
    """R_k of the catalogue."""
    return 1_763_700_000_000 + HOUR * k


BROKE_AT = run(5) + 40 * MINUTE


@dataclass(frozen=True)
class Scenario:
    """How one incident changes the fixture: its spec before it is built, and what happens when."""

    spec: FlowSpec = SPEC
    events: tuple[tuple[int, Callable[[World], object]], ...] = ()
    prepare: Callable[[World], object] | None = None
    now: int = run(6) + HOUR
    flow_later: bool = False


def seed_fixture(world: World, scenario: Scenario) -> None:
    """Build the fixture in the past, let the incident happen, run to the scenario's moment."""
    with world.clock.pinned(run(0) - 2 * VERIFIED_BEFORE):
        add_org(world)
        add_fixture_credentials(world, scenario.spec)
        if not scenario.flow_later:
            add_flow(world, scenario.spec)
        grant(world, IDS.flow, "USER", ANALYST)
    with world.clock.pinned(run(0)):
        if scenario.prepare:
            scenario.prepare(world)
    world.horizon = run(1) - 1
    play(world, [Event(at, action) for at, action in scenario.events], world.now())


def add_fixture_credentials(world: World, spec: FlowSpec) -> None:
    tables = {spec.subject: columns(spec.subject)}
    source_type = "s3" if spec.source_type == "nexla_rest" else spec.source_type
    add_credential(
        world,
        spec.ids.source_credential or 5001,
        "orders-input",
        source_type,
        tables=tables,
        paths=["exports"] if source_type == "s3" else [],
    )
    missing = spec.sink_later
    add_credential(
        world,
        spec.ids.sink_credential or 5002,
        "orders-target",
        spec.sink_type,
        tables={"customers": columns("customers")} if missing else tables,
    )


def at_break(incident: incidents.Incident, spec: FlowSpec = SPEC, at: int = BROKE_AT) -> Scenario:
    """The fixture in which one incident happens between R5 and R6."""
    return Scenario(spec=spec, events=((at, lambda world: incident(world, spec.ids)),))
