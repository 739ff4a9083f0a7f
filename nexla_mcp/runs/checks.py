"""What a run looks at between its changes. A check only reads; the registry is by name, so that a plan stays data.

found = await CHECKS["probe"](steps, {"credential_id": 2050})
found.ok, found.text, found.result
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import anyio

from nexla_mcp.client.client import rows_of
from nexla_mcp.client.errors import CredentialError, NexlaError
from nexla_mcp.runbooks.shapes.runs import Run, runs_of
from nexla_mcp.runs.steps import Checked

if TYPE_CHECKING:
    from nexla_mcp.runs.steps import Steps

FIRST_LOOK_S = 1.0
LONGEST_PAUSE_S = 20.0
_RANKS = ("healthy", "degraded", "stopped", "unknown", "failing")
SAMPLES = 100
CLOCKS_APART_MS = 60_000
"""Run ids are Nexla's clock, the steps ours."""


async def probe(steps: Steps, arguments: Mapping[str, Any]) -> Checked:
    """Whether the external system accepts the credential ``credential_id``, asked now."""
    operation = steps.catalog.operation("credentials_probe")
    credential = {"credential_id": arguments["credential_id"]}
    try:
        await steps.client.call(operation, credential)
    except CredentialError as error:
        return Checked(False, f"Credential {credential['credential_id']} is refused: {error.server_message or error.message}")
    except NexlaError as error:
        return Checked(False, f"Credential {credential['credential_id']} could not be probed: {error.message}")
    return Checked(True, f"The external system accepts credential {credential['credential_id']}.")


async def next_run(steps: Steps, arguments: Mapping[str, Any]) -> Checked:
    """Wait for the first run of ``flow_id`` that is newer than ``after`` (ISO 8601, "" for none), and judge it.

    A run fails the check when the flow is worse off than it ``was`` before the change. Without a run in ``wait_s``
    seconds nothing is known: that is said, and is no failure.
    """
    from nexla_mcp.runbooks.facts import Facts
    from nexla_mcp.runbooks.health_check import health_check

    flow_id, after, wait_s = arguments["flow_id"], str(arguments.get("after") or ""), float(arguments.get("wait_s", 300))
    pause = FIRST_LOOK_S
    health: dict[str, Any] = {}
    with anyio.move_on_after(wait_s):
        while True:
            health = (await health_check(Facts(steps.client, steps.catalog), {"flow_id": flow_id})).structured()
            if (health.get("last_run") or "") > after:
                break
            await anyio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
    ran = (health.get("last_run") or "") > after
    facts = {"verified": ran, "verdict": health.get("verdict"), "last_run": health.get("last_run"), "flow_id": flow_id}
    if not ran:
        return Checked(
            True, f"Not verified: flow {flow_id} has not run within {wait_s:.0f} s. Check it after its next run.", facts
        )
    verdict, was = str(health.get("verdict")), str(arguments.get("was") or "healthy")
    better = f" It was {was} before." if verdict != was else ""
    return Checked(_RANKS.index(verdict) <= _RANKS.index(was), f"{health.get('summary')}{better}", facts)


async def samples_fit(steps: Steps, arguments: Mapping[str, Any]) -> Checked:
    """Whether the samples of nexset ``set_id`` fit ``schema``, a JSON Schema; without samples nothing is known.

    A nexset whose validation rejects everything has no samples, so where nothing is transformed those of ``parent_id``
    are compared in their place.
    """
    from jsonschema import Draft202012Validator

    operation = steps.catalog.operation("nexsets_get_samples")
    records: list[Any] = []
    for set_id in [arguments[key] for key in ("set_id", "parent_id") if key in arguments]:
        reply = await steps.client.call(operation, {"set_id": set_id, "count": SAMPLES})
        records = [r.get("rawMessage", r) if isinstance(r, dict) else r for r in rows_of(operation, reply.body)]
        if records:
            break
    if not records:
        return Checked(True, "Not compared: there are no samples yet.", {"compared": 0})
    validator = Draft202012Validator(arguments["schema"])
    wrong = [error for record in records for error in list(validator.iter_errors(record))[:1]]
    if wrong:
        where = ".".join(str(part) for part in wrong[0].absolute_path) or "the record"
        text = f"{len(wrong)} of {len(records)} samples do not fit the new schema; the first: {where}: {wrong[0].validator}."
        return Checked(False, text, {"compared": len(records), "wrong": len(wrong)})
    return Checked(True, f"All of {len(records)} samples fit the new schema.", {"compared": len(records)})


async def side_by_side(steps: Steps, arguments: Mapping[str, Any]) -> Checked:
    """Compare what old and new destinations wrote since ``since``; wait up to ``wait_s`` for the new ones to write.

    A new destination with errors, or with fewer than nine tenths of the old one's records in a run of both, fails.
    """
    deadline = float(arguments.get("wait_s", 600))
    seen: list[dict[str, Any]] = []
    with anyio.move_on_after(deadline):
        pause = FIRST_LOOK_S
        while True:
            seen = [await _both(steps, pair, str(arguments["since"])) for pair in arguments["pairs"]]
            if all(pair["runs"] for pair in seen):
                break
            await anyio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
    quiet = [p for p in seen if not p["runs"]]
    bad = [p for p in seen if p["errors"] or p["records"] < p["old_records"] * 0.9]
    facts = {"pairs": seen, "verified": not quiet}
    if bad:
        words = "; ".join(f"{p['new']} wrote {p['records']} ({p['errors']} errors), {p['old']} {p['old_records']}" for p in bad)
        return Checked(False, f"The new destinations fall behind: {words}.", facts)
    if quiet or not seen:
        return Checked(True, f"Not verified: nothing was written by the new destinations within {deadline:.0f} s.", facts)
    words = "; ".join(f"{p['new']}: {p['records']} records, like {p['old']}" for p in seen)
    return Checked(True, f"Old and new agree: {words}.", facts)


async def _both(steps: Steps, pair: Mapping[str, Any], since: str) -> dict[str, Any]:
    """What both destinations of a pair wrote in the runs that the new one took part in."""
    old, new = [await _runs(steps, int(pair[which])) for which in ("old", "new")]
    after = datetime.fromisoformat(since).timestamp() * 1000
    ids = [i for i in new if i >= after - CLOCKS_APART_MS]
    return {
        "old": pair["old"],
        "new": pair["new"],
        "runs": len(ids),
        "records": sum(new[i].records for i in ids),
        "errors": sum(new[i].errors for i in ids),
        "old_records": sum(old[i].records for i in ids if i in old),
    }


async def _runs(steps: Steps, sink_id: int) -> dict[int, Run]:
    operation = steps.catalog.operation("metrics_get_resource_metrics_by_run")
    reply = await steps.client.call(operation, {"resource_type": "data_sinks", "resource_id": sink_id, "size": 20})
    return {run.run_id: run for run in runs_of(reply.body)}


CHECKS: dict[str, Callable[[Steps, Mapping[str, Any]], Awaitable[Checked]]] = {
    "next_run": next_run,
    "probe": probe,
    "samples_fit": samples_fit,
    "side_by_side": side_by_side,
}
