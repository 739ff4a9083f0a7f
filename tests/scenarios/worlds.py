"""Worlds to diagnose: a few days of one organisation, built flow by flow, that end now.

    scene = Scene(build)                        # build(plot): flows, and what happens to them when
    with running_sandbox(scene.config("seed")) as sandbox:
        ...
    scene.first_bad                             # the run id that a diagnosis must name

Times count back from now, so that what is read is as fresh as on a platform that runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.clock import DAY, HOUR, MINUTE
from nexla_mcp.sandbox.engine.status import set_status
from nexla_mcp.sandbox.engine.transforms import encoded
from nexla_mcp.sandbox.lineage import add_node, downstream, node_of
from nexla_mcp.sandbox.seed.base import add_org
from nexla_mcp.sandbox.seed.builder import VERIFIED_BEFORE, add_credential, add_flow, play
from nexla_mcp.sandbox.seed.records import columns
from nexla_mcp.sandbox.seed.spec import ENGINEER, OWNER, Event, FlowIds, FlowSpec
from nexla_mcp.sandbox.world import World

Act = Callable[[World], object]
NEWEST = 20 * MINUTE
"""How long ago the newest hourly run began."""


class Plot:
    """A world under construction, and the moments at which something happens in it."""

    def __init__(self, world: World, now: int) -> None:
        self.world = world
        self.now = now
        self.events: list[Event] = []
        self.afterwards: list[Act] = []
        self.first_bad: int | None = None

    # --- time ---

    def hourly(self, minute_offset: int = 0) -> str:
        """A cron whose newest run began twenty minutes ago (and ``minute_offset`` before that)."""
        minute = datetime.fromtimestamp((self.now - NEWEST - minute_offset * MINUTE) / 1000, UTC).minute
        return f"0 {minute} * * * ?"

    def at_hours(self, *ago: int) -> str:
        """A daily cron at the hours that lie so many hours before the newest hourly run."""
        newest = datetime.fromtimestamp((self.now - NEWEST) / 1000, UTC)
        hours = sorted({(newest.hour - n) % 24 for n in ago})
        return f"0 {newest.minute} {','.join(map(str, hours))} * * ?"

    def run(self, k: int, every: int = HOUR) -> int:
        """Id of the k-th newest run (1 = the newest) of a cron of :meth:`hourly`."""
        return (self.now - NEWEST) // MINUTE * MINUTE - (k - 1) * every

    def before_run(self, k: int, act: Act, every: int = HOUR) -> None:
        """Let something happen halfway between the run before the k-th newest one and that one; it is the first bad one."""
        self.first_bad = self.run(k, every) if self.first_bad is None else min(self.first_bad, self.run(k, every))
        self.at(self.now - self.run(k, every) + every // 2, act)

    def at(self, ago: int, act: Act) -> None:
        """Let something happen so many ms ago."""
        self.events.append(Event(self.now - ago, act))

    # --- things ---

    def flow(
        self,
        ids: FlowIds,
        name: str,
        subject: str,
        source_type: str,
        sink_type: str,
        *,
        cron: str | None = None,
        records: int = 4_000,
        created: int | None = None,
        systems: dict[int, dict[str, Any]] | None = None,
        **more: Any,
    ) -> FlowSpec:
        """A linear flow with its credentials, unless those exist; ``systems`` adds to the systems behind them.

        ``created`` ms ago, or before history began.
        """
        spec = FlowSpec(
            name=name,
            subject=subject,
            source_type=source_type,
            sink_type=sink_type,
            cron=self.hourly() if cron is None else cron,
            records=records,
            ids=ids,
            **more,
        )
        tables = {subject: columns(subject)}
        for credential, connector in ((ids.source_credential, source_type), (ids.sink_credential, sink_type)):
            if credential and self.world.store.get("data_credentials", credential) is None:
                extra = (systems or {}).get(credential, {})
                add_credential(self.world, credential, f"{connector}-{credential}", connector, **{"tables": tables} | extra)
        if created is None:
            add_flow(self.world, spec)
        else:
            self.at(created, lambda world: add_flow(world, spec))
        return spec


class Scene:
    """One world as a sandbox shows it."""

    def __init__(self, build: Callable[[Plot], object], days: int = 5) -> None:
        self._build = build
        self._days = days
        self.first_bad: int | None = None

    def config(self, reply_shape: str = "published", latency_s: float = 0.0) -> SandboxConfig:
        """The sandbox to start."""
        return SandboxConfig(reply_shape=reply_shape, latency_s=latency_s, seeding=self._seed)  # type: ignore[arg-type]

    def _seed(self, world: World) -> None:
        now = world.now()
        start = now - self._days * DAY
        plot = Plot(world, now)
        with world.clock.pinned(start - 2 * VERIFIED_BEFORE):
            add_org(world)
            self._build(plot)
        world.horizon = start
        play(world, plot.events, now)
        with world.clock.pinned(now):
            for act in plot.afterwards:
                act(world)
        self.first_bad = plot.first_bad


# --- what can happen ---


def system(credential: int, **changes: Any) -> Act:
    """The system behind a credential changes."""
    return lambda world: world.store.put("externals", {**world.store.require("externals", credential), **changes})


def refuse_login(credential: int, text: str) -> Act:
    """The system behind a credential takes its secret no longer."""

    def act(world: World) -> None:
        row = world.store.require("data_credentials", credential)
        public = row["credentials_non_secure_data"].values()
        secrets = [v for v in row["credentials"].values() if v not in public]
        system(credential, refusal=text, revoked=secrets)(world)

    return act


def upstream(source: int, **changes: Any) -> Act:
    """The producer behind a source delivers otherwise."""
    return lambda world: world.store.change("upstreams", source, **changes)


def usual(source: int) -> Act:
    """The producer delivers as in the beginning."""

    def act(world: World) -> None:
        row = world.store.require("upstreams", source)
        world.store.put("upstreams", {**row, **row["healthy"], "no_data": False, "volume": 1.0})

    return act


def mixed_in(source: int, share: float, drop: str = "", **values: Any) -> Act:
    """A share of the records arrives with other values, or without a field."""

    def act(world: World) -> None:
        row = world.store.require("upstreams", source)
        first, *rest = row["variants"]
        record = {k: v for k, v in {**first["record"], **values}.items() if k != drop}
        kept = [{**first, "share": first["share"] - share}] if share < first["share"] else []
        parts = [*kept, *rest, {"share": share, "record": record}]
        total = sum(part["share"] for part in parts)
        parts = [{**part, "share": part["share"] / total} for part in parts]
        world.store.change("upstreams", source, variants=parts)

    return act


def renamed_field(source: int, old: str, new: str) -> Act:
    """Every record arrives with a field under another name."""

    def act(world: World) -> None:
        row = world.store.require("upstreams", source)
        parts = [{**part, "record": {new if k == old else k: v for k, v in part["record"].items()}} for part in row["variants"]]
        world.store.change("upstreams", source, variants=parts)

    return act


def new_code(transform: int, script: str, who: int = ENGINEER) -> Act:
    """Somebody edits a transform."""
    return lambda world: world.modify("code_containers", transform, {"code": encoded(script)}, who)


def new_config(kind: str, resource_id: int, field: str, who: int = ENGINEER, drop: tuple[str, ...] = (), **changes: Any) -> Act:
    """Somebody edits a configuration object, whole."""

    def act(world: World) -> None:
        before = world.store.require(kind, resource_id)[field]
        after = {k: v for k, v in {**before, **changes}.items() if k not in drop}
        world.modify(kind, resource_id, {field: after}, who)

    return act


def status(kind: str, resource_id: int, word: str, who: int = ENGINEER, below: bool = False) -> Act:
    """Somebody pauses or activates a resource, with ``below`` also what hangs on it."""

    def act(world: World) -> None:
        node = node_of(world.store, kind, resource_id)
        assert node is not None
        for one in downstream(world.store, node) if below else [node]:
            set_status(world, one, word, who)

    return act


def more_nexset(world: World, nexset: int, parent: int, name: str, transform: int, script: str, owner: int = OWNER) -> None:
    """One nexset more, derived by a transform."""
    code = {
        "id": transform,
        "name": f"{name} code",
        "resource_type": "transform",
        "output_type": "record",
        "code_type": "python",
        "code_encoding": "base64",
        "reusable": True,
        "public": False,
        "code": encoded(script),
    }
    world.create("code_containers", code, owner)
    row = {
        "id": nexset,
        "name": name,
        "status": "ACTIVE",
        "data_source_id": None,
        "parent_data_set_id": parent,
        "transform_id": transform,
        "flow_type": "streaming",
    }
    world.create("data_sets", row, owner)
    add_node(world.store, "data_sets", nexset, node_of(world.store, "data_sets", parent))


def more_sink(world: World, spec: FlowSpec, sink: int, feeding: int, name: str, sink_type: str, credential: int) -> None:
    """One destination more, fed by any nexset."""
    from nexla_mcp.sandbox.seed.builder import add_sink

    if world.store.get("data_credentials", credential) is None:
        tables = {spec.subject: columns(spec.subject)}
        add_credential(world, credential, f"{sink_type}-{credential}", sink_type, tables=tables)
    ids = replace(spec.ids, sink=sink, sink_node=0, sink_credential=credential, derived=feeding)
    add_sink(world, replace(spec, name=name, sink_type=sink_type, ids=ids))


def trigger(world: World, number: int, first: FlowIds, then: FlowIds) -> None:
    """The source of one flow reads when the destination of another has written."""
    source = world.store.require("data_sources", then.source)
    config = {k: v for k, v in source["source_config"].items() if k != "start.cron"}
    world.store.change("data_sources", then.source, source_config=config)
    row = {
        "id": number,
        "status": "ACTIVE",
        "triggering_event_type": "DATA_SINK_WRITE_DONE",
        "triggering_origin_node_id": first.flow,
        "triggering_resource_type": "data_sink",
        "triggering_resource_id": first.sink,
        "triggered_event_type": "DATA_SOURCE_READ_START",
        "triggered_origin_node_id": then.flow,
        "triggered_resource_type": "data_source",
        "triggered_resource_id": then.source,
    }
    world.create("flow_triggers", row, OWNER)


def log_line(flow: int, kind: str, resource_id: int, run_id: int, severity: str, text: str) -> Act:
    """A line that the engine would not write by itself."""
    row = (flow, run_id, run_id + 45_000, severity, "LOG", kind, resource_id, text)
    return lambda world: world.store.db.execute("INSERT INTO logs VALUES(?,?,?,?,?,?,?,?)", row)


def notice(level: str, event: str, word: str, resource_id: int, text: str) -> Act:
    """A notification to the owner."""
    return lambda world: world.notify(level, event, word, resource_id, OWNER, text)


def unfinished(run_id: int, kind: str, resource_id: int) -> Act:
    """The newest run has not reached a stage yet."""
    return lambda world: world.store.db.execute(
        "DELETE FROM stage_rows WHERE run_id=? AND kind=? AND resource_id=?", (run_id, kind, resource_id)
    )


def chain(*acts: Act) -> Act:
    """Several things at once."""

    def act(world: World) -> None:
        for one in acts:
            one(world)

    return act


def validated(nexset: int, rule: dict[str, Any], who: int = ENGINEER) -> Act:
    """Somebody switches on a validation rule."""
    changes = {"output_schema_validation_enabled": True, "output_validation_schema": rule}
    return lambda world: world.modify("data_sets", nexset, changes, who)


def ids(base: int, *, source_credential: int | None = None, sink_credential: int | None = None, derived: bool = True) -> FlowIds:
    """Ids of a linear flow that are nothing like those of the shared fixture; every kind counts on its own."""
    return FlowIds(
        flow=base,
        source=base * 3 + 11,
        detected=base * 5 + 7,
        derived=base * 5 + 8 if derived else 0,
        sink=base * 2 + 3,
        transform=base + 41 if derived else 0,
        source_credential=base + 700_001 if source_credential is None else source_credential,
        sink_credential=base + 700_002 if sink_credential is None else sink_credential,
    )


def table_without(subject: str, *lost: str) -> dict[str, dict[str, str]]:
    """The table of a subject, some columns removed."""
    return {subject: {k: v for k, v in columns(subject).items() if k not in lost}}
