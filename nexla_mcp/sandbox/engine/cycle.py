"""One cycle of a flow: what each stage writes (rows, logs, quarantine, files, samples, notifications)."""

from __future__ import annotations

import random

from nexla_mcp.sandbox.clock import DAY, MINUTE, iso
from nexla_mcp.sandbox.engine.detection import detect_nexset
from nexla_mcp.sandbox.engine.plan import Stage, plan_for, stage_of
from nexla_mcp.sandbox.engine.written import Written
from nexla_mcp.sandbox.lineage import Node
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.world import World

_SAMPLES_PER_ERROR = 3
_LOW_VOLUME = 0.5
_READ_MS, _STAGE_MS, _CLOSE_MS = 20_000, 15_000, 10_000
_BYTES = 94


def run_now(world: World, source_id: int) -> int:
    """Run one cycle at once; its rows are complete when this returns. Answers the run id."""
    run_id = world.now()
    while world.store.one("SELECT 1 FROM cycles WHERE source_id=? AND run_id=?", (source_id, run_id)):
        run_id += 1
    written = Written()
    run_cycle(world, source_id, run_id, written)
    written.flush(world)
    return run_id


def run_cycle(world: World, source_id: int, run_id: int, written: Written) -> None:
    """Read from the source, then run every stage below it."""
    stage = plan_for(world, source_id)
    if stage is None or stage.state == "stopped":
        return
    at = run_id + _READ_MS
    if stage.state in ("refused", "unreadable"):
        text = stage.log or "the source could not be read"
        written.cycle(stage, run_id, "failed")
        if stage.state == "refused":
            written.counts(stage, run_id, 0, 0, 1, at)
        written.log(stage, run_id, at, "ERROR", text)
        _notify(world, stage, "ERROR", "ERROR", f"Ingestion error: {text}", at)
        return
    if stage.state == "empty":
        written.cycle(stage, run_id, "empty")
        written.log(stage, run_id, at, "INFO", "0 files found" if stage.files else "0 records found")
        text = f"EMPTY_DATA: {stage.name} found no new data in its last cycle"
        _notify(world, stage, "WARN", "EMPTY_DATA", text, at)
        return
    if not stage.children:
        detect_nexset(world, world.store.require("data_sources", source_id))
        stage = plan_for(world, source_id) or stage
    counts = _counts(stage, run_id)
    errors = _files(world, stage, run_id, counts, written)
    written.cycle(stage, run_id, "ok")
    _summary(stage, run_id, counts, errors, at, written)
    if stage.upstream.get("volume", 1.0) < _LOW_VOLUME:
        text = f"Data volume of {stage.name} is far below normal: {sum(counts)} records in the last cycle"
        _notify(world, stage, "WARN", "MONITOR", text, at)
    for child in stage.children:
        run_stage(world, child, run_id, counts, written)


def run_stage(world: World, stage: Stage, run_id: int, counts: list[int], written: Written, depth: int = 1) -> None:
    """One nexset or destination and what is below it, for records that reached it."""
    at = run_id + _READ_MS + depth * _STAGE_MS
    if stage.state == "stopped":
        return
    if stage.state == "refused":
        written.counts(stage, run_id, 0, 0, sum(counts[index] for index, _ in stage.passed), at)
    if stage.state in ("refused", "stuck"):
        written.log(stage, run_id, at, "ERROR", stage.log or "the target cannot be written")
        _notify(world, stage, "ERROR", "ERROR", f"Write error: {stage.log}", at)
        return
    _summary(stage, run_id, counts, 0, at, written)
    refused = sum(counts[index] for index, _, _ in stage.refused)
    if refused:
        error = stage.refused[0][2]
        text = error if stage.node.kind == "data_sinks" else f"{refused} records failed: {error}"
        written.log(stage, run_id, at, "ERROR", text)
        text = f"Records of {stage.name} go to quarantine: {error}"
        _notify(world, stage, "ERROR", "ERROR_AGGREGATED", text, at)
    elif stage.log:
        written.log(stage, run_id, at, "ERROR", stage.log)
    for _, record, error in stage.refused:
        for n in range(_SAMPLES_PER_ERROR):
            written.reject(stage, run_id, at, error, _numbered(record, n))
    if stage.node.kind == "data_sets" and stage.passed:
        written.sample(stage, run_id)
    for child in stage.children:
        run_stage(world, child, run_id, counts, written, depth + 1)
    if not refused:
        for source_id in stage.triggers:
            run_cycle(world, source_id, run_id + 2 * MINUTE, written)


def drain(world: World, node: Node) -> None:
    """Process what waited in front of a nexset or destination while it was not ACTIVE (a day at most)."""
    source_id = world.store.one("SELECT resource_id FROM nodes WHERE id=? AND kind='data_sources'", (node.origin,))
    source = plan_for(world, source_id) if source_id else None
    target = stage_of(world, node.kind, node.resource_id)
    if source is None or target is None or not source.upstream.get("variants"):
        return
    waiting = world.store.rows(
        "SELECT run_id, records FROM stage_rows WHERE kind='data_sources' AND resource_id=? AND records>0 "
        "AND run_id>? AND run_id NOT IN (SELECT run_id FROM stage_rows WHERE kind=? AND resource_id=?) "
        "ORDER BY run_id",
        (source_id, world.now() - DAY, node.kind, node.resource_id),
    )
    written = Written()
    for run_id, records in waiting:
        run_stage(world, target, run_id, _allocate(source, records), written)
    written.flush(world)


def _notify(world: World, stage: Stage, level: str, event: str, text: str, at: int) -> None:
    world.notify(level, event, stage.word, stage.node.resource_id, stage.owner_id, text, at)


def _counts(stage: Stage, run_id: int) -> list[int]:
    """Records of this cycle by variant: the producer's number with some noise, the same on every replay."""
    upstream = stage.upstream
    total = upstream["records"] * upstream.get("volume", 1.0)
    if upstream.get("jitter"):
        noise = random.Random(f"{stage.node.resource_id}:{run_id}").uniform(-1, 1)  # noqa: S311
        total *= 1 + upstream["jitter"] * noise
    return _allocate(stage, round(total))


def _allocate(stage: Stage, total: int) -> list[int]:
    counts = [round(total * variant["share"]) for variant in stage.upstream["variants"]]
    counts[0] += total - sum(counts)
    return counts


def _summary(stage: Stage, run_id: int, counts: list[int], extra_errors: int, at: int, written: Written) -> None:
    records = sum(counts[index] for index, _ in stage.passed)
    errors = sum(counts[index] for index, _, _ in stage.refused) + extra_errors
    size = records * _BYTES + run_id % 997
    written.counts(stage, run_id, records, size, errors, at + _CLOSE_MS)
    text = f"Processed records={records}, errors={errors}, size={size}"
    written.log(stage, run_id, at + _CLOSE_MS, "INFO", text)


def _numbered(record: Doc, n: int) -> Doc:
    """A record like this one with later ids."""
    return {key: value + n if key.endswith("id") and isinstance(value, int) else value for key, value in record.items()}


def _files(world: World, stage: Stage, run_id: int, counts: list[int], written: Written) -> int:
    """Write one row per file of the cycle; a file that cannot be read takes its share of the counts with it."""
    number = int(stage.upstream.get("files", 0))
    if not number:
        return 0
    bad: str | None = stage.upstream.get("bad_file")
    share = sum(counts) // number
    folder = stage.upstream.get("folder", "exports")
    stamp = iso(run_id)[:16].replace("-", "").replace("T", "-").replace(":", "")
    names = [f"{folder}/{stamp}-part-{n:02d}.csv" for n in range(1, number + 1)]
    for name in names:
        broken = bad if name == names[-1] else None
        written.file(stage, run_id, name, share * _BYTES, 0 if broken else share, broken)
    if not bad:
        return 0
    counts[0] -= share
    world.store.change("upstreams", stage.node.resource_id, bad_file=None)
    written.log(stage, run_id, run_id + _READ_MS, "ERROR", f"File {names[-1]} could not be read: {bad}")
    return 1
