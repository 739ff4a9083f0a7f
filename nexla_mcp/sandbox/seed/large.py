"""A large org: hundreds of flows that share logins, a week of history, a few broken in known ways.

    SandboxConfig(scenario="large", flows=500)
    broken(500)["credential_invalid"]      # {20130, ...}: which flows are really broken, by cause

Two dead logins hit many flows each; everything else hits one flow. What happens at the same time is put into one moment,
because every change of state makes the engine plan anew.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial

from nexla_mcp.sandbox.clock import DAY, HOUR, MINUTE
from nexla_mcp.sandbox.seed import incidents
from nexla_mcp.sandbox.seed.base import add_org
from nexla_mcp.sandbox.seed.builder import VERIFIED_BEFORE, add_credential, add_flow, play
from nexla_mcp.sandbox.seed.records import columns
from nexla_mcp.sandbox.seed.spec import ENGINEER, OWNER, Event, FlowIds, FlowSpec
from nexla_mcp.sandbox.vocabulary import DATABASE_TYPES
from nexla_mcp.sandbox.world import World

HISTORY = 7 * DAY
_READERS = ("s3", "mysql", "rest", "gcs", "postgres", "ftp", "sqlserver", "gdrive")
_WRITERS = ("snowflake", "bigquery", "redshift", "postgres", "mysql")
_SOURCE_LOGINS, _SINK_LOGINS = 40, 25
_DEAD_READER, _DEAD_WRITER = 8, 10
"""Positions of the two logins that the external system refuses."""
_SUBJECTS = ("orders", "customers", "payments", "shipments", "inventory", "refunds", "points", "contacts")
_CADENCES = ("0 {m} * * * ?", "0 {m} 0/6 * * ?", "0 {m} {h} * * ?")

_SINGLE: tuple[tuple[str, incidents.Incident, int, int], ...] = (
    # cause, what happens, hours ago, to how many of 500 flows
    ("paused", incidents.paused_by_person, 26, 4),
    ("paused", incidents.nexset_paused, 13, 1),
    ("no_new_data", incidents.nothing_new, 8, 2),
    ("transform_not_applied", incidents.transform_with_one_argument, 26, 3),
    ("record_errors", incidents.null_last_names, 8, 3),
    ("validation_rejects", incidents.strict_validation, 13, 2),
    ("type_mismatch_at_destination", incidents.amount_as_text, 8, 3),
    ("permission_denied_at_target", incidents.write_denied, 13, 2),
    ("schedule_misconfigured", incidents.cron_that_never_fires, 26, 1),
    ("config_lost", incidents.config_lost, 13, 1),
    ("volume_drop", incidents.volume_drop, 8, 3),
)
_SHARED_SINCE, _RECOVERED = 13, 5


def broken(flows: int) -> dict[str, set[int]]:
    """Flow ids by the cause that is really theirs."""
    found: dict[str, set[int]] = defaultdict(set)
    for position in range(1, flows + 1):
        if _hit_by_login(position):
            found["credential_invalid"].add(_flow_id(position))
    for position, (cause, _, _) in _singled_out(flows).items():
        found[cause].add(_flow_id(position))
    return dict(found)


def _flow_id(position: int) -> int:
    return 20_000 + 10 * position


def _hit_by_login(position: int) -> bool:
    return position % _SOURCE_LOGINS == _DEAD_READER or position % _SINK_LOGINS == _DEAD_WRITER


def _singled_out(flows: int) -> dict[int, tuple[str, incidents.Incident, int]]:
    """Which single flow gets which incident; spread over the org, away from the dead logins."""
    wanted = [(cause, act, hours) for cause, act, hours, many in _SINGLE for _ in range(max(1, many * flows // 500))]
    places = (p for p in range(7, flows + 1, 11) if not _hit_by_login(p))
    return dict(zip(places, wanted, strict=False))


def _spec(position: int, flows: int) -> FlowSpec:
    single = position in _singled_out(flows)
    reader = "s3" if single else _READERS[position % _SOURCE_LOGINS % len(_READERS)]
    writer = _WRITERS[position % _SINK_LOGINS % len(_WRITERS)]
    subject = "orders" if single else _SUBJECTS[position % len(_SUBJECTS)]
    cadence = _CADENCES[0 if single else position % len(_CADENCES)].format(m=position % 47, h=position % 24)
    source_login = 41_000 if single else 41_001 + position % _SOURCE_LOGINS
    ids = FlowIds(
        flow=_flow_id(position),
        source=130_000 + position,
        detected=140_000 + 2 * position,
        derived=140_001 + 2 * position,
        sink=150_000 + position,
        transform=160_000 + position,
        source_credential=source_login,
        sink_credential=42_001 + position % _SINK_LOGINS,
    )
    return FlowSpec(
        name=f"{subject}-{position:03d}-to-{writer}",
        subject=subject,
        source_type=reader,
        sink_type=writer,
        cron=cadence,
        records=400 + position * 37 % 9_000,
        ids=ids,
        target=f"{subject}_{position}",
        owner=ENGINEER if position % 9 == 0 else OWNER,
    )


def seed_large(world: World) -> None:
    """Build the org in the past and let it run to the present."""
    flows = world.config.flows
    now = world.now()
    specs = {position: _spec(position, flows) for position in range(1, flows + 1)}
    with world.clock.pinned(now - HISTORY - 2 * VERIFIED_BEFORE):
        add_org(world)
        _add_credentials(world, specs)
        for spec in specs.values():
            add_flow(world, spec)
    world.horizon = now - HISTORY
    play(world, _events(world, specs, now), now)


def _add_credentials(world: World, specs: dict[int, FlowSpec]) -> None:
    """Each login once, with the tables of all flows that use it."""
    connectors: dict[int, str] = {}
    tables: dict[int, dict[str, dict[str, str]]] = defaultdict(dict)
    for spec in specs.values():
        for login, connector in ((spec.ids.source_credential, spec.source_type), (spec.ids.sink_credential, spec.sink_type)):
            connectors[login] = connector
            if connector in DATABASE_TYPES:
                tables[login] |= {spec.subject: columns(spec.subject), spec.target: columns(spec.subject)}
    for login, connector in connectors.items():
        add_credential(world, login, f"{connector}-{login}", connector, tables=tables[login])


def _events(world: World, specs: dict[int, FlowSpec], now: int) -> list[Event]:
    def refuse(login: int, moment_world: World) -> None:
        incidents.credential_refused(moment_world, FlowIds(flow=0, source=0, source_credential=login))

    def at(hours: int) -> int:
        return now // HOUR * HOUR - hours * HOUR - 5 * MINUTE

    events = [Event(at(_SHARED_SINCE), partial(refuse, login)) for login in (41_001 + _DEAD_READER, 42_001 + _DEAD_WRITER)]
    for position, (_, act, hours) in _singled_out(len(specs)).items():
        ids = specs[position].ids
        events.append(Event(at(hours), partial(lambda act, ids, world: act(world, ids), act, ids)))
    well = [p for p in specs if not _hit_by_login(p) and p not in _singled_out(len(specs)) and specs[p].subject == "orders"]
    for position in well[:_RECOVERED]:
        ids = specs[position].ids
        events.append(Event(at(60), partial(lambda ids, world: incidents.null_last_names(world, ids, 0.05), ids)))
        events.append(Event(at(26), partial(_restore, ids)))
    return events


def _restore(ids: FlowIds, world: World) -> None:
    upstream = world.store.require("upstreams", ids.source)
    world.store.put("upstreams", {**upstream, **upstream["healthy"]})
