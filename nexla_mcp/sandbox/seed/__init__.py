"""Filling a sandbox: the org with its history, or the shared fixture with one incident."""

from __future__ import annotations

from datetime import UTC, datetime

from nexla_mcp.sandbox.clock import WorldClock
from nexla_mcp.sandbox.config import SandboxConfig
from nexla_mcp.sandbox.store import Store
from nexla_mcp.sandbox.world import World


def seed_world(config: SandboxConfig, store: Store) -> World:
    """The world of a configuration, run up to its clock. An org in a file that was seeded before goes on."""
    from nexla_mcp.sandbox.seed.fixture import seed_fixture
    from nexla_mcp.sandbox.seed.large import seed_large
    from nexla_mcp.sandbox.seed.org import seed_org
    from nexla_mcp.sandbox.seed.scenarios import scenario_of

    if config.seeding is not None:
        store.clear()
        world = World(config, WorldClock(config.now), store)
        config.seeding(world)
    elif config.scenario == "large":
        store.clear()
        world = World(config, WorldClock(config.now), store)
        seed_large(world)
    elif config.scenario == "org":
        world = World(config, WorldClock(config.now), store)
        seeded = store.meta("scenario") == "org" and config.now is None
        if seeded:
            world.horizon = int(store.meta("horizon") or world.now())
            return world
        store.clear()
        seed_org(world)
    else:
        store.clear()
        scenario = scenario_of(config)
        start = config.now or datetime.fromtimestamp(scenario.now / 1000, UTC)
        world = World(config, WorldClock(start), store)
        seed_fixture(world, scenario)
    store.set_meta("scenario", config.scenario)
    return world
