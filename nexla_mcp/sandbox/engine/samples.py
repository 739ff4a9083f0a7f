"""Samples of nexsets: what the newest cycles put out, and what changed code makes of the same records."""

from __future__ import annotations

import json

from nexla_mcp.sandbox.engine.plan import stage_of
from nexla_mcp.sandbox.world import World


def keep_sample(world: World, data_set_id: int, run_id: int, records: str) -> None:
    """Note what a run put out; equal output of consecutive runs is kept once."""
    db = world.store.db
    newest = db.execute(
        "SELECT rowid, records FROM samples WHERE data_set_id=? ORDER BY last_run DESC LIMIT 1",
        (data_set_id,),
    ).fetchone()
    if newest and newest[1] == records:
        db.execute("UPDATE samples SET last_run=MAX(last_run, ?) WHERE rowid=?", (run_id, newest[0]))
    else:
        db.execute("INSERT INTO samples VALUES(?,?,?,?)", (data_set_id, run_id, run_id, records))


def refresh_samples(world: World, data_set_id: int) -> None:
    """Replace a nexset's samples by what its present code makes of the same records."""
    last = world.store.one("SELECT MAX(last_run) FROM samples WHERE data_set_id=?", (data_set_id,))
    stage = stage_of(world, "data_sets", data_set_id)
    if last is None or stage is None:
        return
    world.store.db.execute("DELETE FROM samples WHERE data_set_id=?", (data_set_id,))
    keep_sample(world, data_set_id, last, json.dumps([record for _, record in stage.passed]))
    for child in stage.children:
        if child.node.kind == "data_sets":
            refresh_samples(world, child.node.resource_id)
