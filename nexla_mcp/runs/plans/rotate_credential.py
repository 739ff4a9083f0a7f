"""nexla_rotate_credential: a new credential takes the place of an old one everywhere, and the old one is deleted last.

The eight steps of the reference, with its gaps closed: the new credential is probed before anything is touched,
everybody who uses the old one is found or nothing is done, only flows that were active are paused and started
again, and the old credential is deleted on a confirmation of its own, after the first runs were seen.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nexla_mcp.catalog.records import Risk
from nexla_mcp.policy.plan import arguments_hash, rows_text
from nexla_mcp.policy.planning import make_plan
from nexla_mcp.runs.plans import PlanError, Planner
from nexla_mcp.runs.plans.flows_at_work import SEGMENTS, FlowAtWork, flows_of
from nexla_mcp.runs.records import Part, RunPlan, Step, fingerprint

DEFAULT_WAIT_MIN = 10
_MOVES = {"source": ("sources_update", "source_id"), "destination": ("destinations_update", "sink_id")}
_TOLD = "The new login came as an argument, so the model has read it. Only this server reads secret_env and secret_file."


async def rotate_credential(planner: Planner, arguments: dict[str, Any]) -> RunPlan:
    """The plan for ``credential_id`` and a new login by reference, as an argument, or a credential that exists."""
    old_id = arguments["credential_id"]
    deleting = planner.catalog.operation("credentials_delete")
    deletion = await make_plan(planner.client, planner.catalog, deleting, {"credential_id": old_id})
    if deletion.gaps:
        raise PlanError(f"Not everybody who uses credential {old_id} could be found: {'; '.join(deletion.gaps)}.")
    strangers = [r for r in deletion.affected if r["resource_type"] not in _MOVES]
    if strangers:
        raise PlanError(
            f"Credential {old_id} is also used by {rows_text(strangers)}, which cannot be moved by an update. Move these by hand"
            " first."
        )
    users = [(r["resource_type"], int(r["resource_id"]), str(r["name"] or "")) for r in deletion.affected]
    flows = await flows_of(planner, [(SEGMENTS[kind], number) for kind, number, _ in users])
    target = deletion.target
    old = target.words() if target else f"credential {old_id}"
    first, new_id, told = await _new_credential(planner, arguments, target.name if target else "")
    return RunPlan(
        runbook="nexla_rotate_credential",
        title=f"Rotate {old}",
        risk=Risk.DESTROY,
        phrase=deletion.phrase,
        lines=tuple(_lines(flows, users, told)),
        targets=(old, *(f"{kind} {number}" for kind, number, _ in users)),
        parts=_parts(first, new_id, old_id, old, users, flows, arguments),
        state=fingerprint(deletion.state, deletion.affected, [[f.id, f.status] for f in flows]),
        digest=arguments_hash(arguments),
        after=("Whoever else held the old login (other systems, people) still has it: withdraw it at its issuer.",),
    )


def _parts(
    first: tuple[Step, ...],
    new_id: Any,
    old_id: int,
    old: str,
    users: list[tuple[str, int, str]],
    flows: list[FlowAtWork],
    arguments: dict[str, Any],
) -> tuple[Part, ...]:
    active = [flow for flow in flows if flow.active]
    wait_s = 60 * int(arguments.get("wait_minutes", DEFAULT_WAIT_MIN))
    moves = tuple(
        Step(
            key=f"move_{kind}_{number}",
            title=f'Let {kind} {number} "{name}" use the new credential',
            operation=_MOVES[kind][0],
            arguments={_MOVES[kind][1]: number, "data_credentials_id": new_id},
        )
        for kind, number, name in users
    )
    watching = tuple(flow.watch(wait_s) for flow in active) if wait_s else ()
    probe = Step(key="probe", title="Probe the new credential", check="probe", arguments={"credential_id": new_id})
    steps = (*first, probe, *(f.pause() for f in active), *moves, *(step for f in active for step in f.activate()), *watching)
    cut_over = Part(title="the new credential takes over", steps=steps)
    if arguments.get("keep_old"):
        return (cut_over,)
    deletion = Step(
        key="delete_old",
        title=f"Delete {old}",
        operation="credentials_delete",
        arguments={"credential_id": old_id},
        on_failure="go on",
        undo=False,
    )
    return cut_over, Part(title=f"delete {old}, which cannot be undone", steps=(deletion,))


async def _new_credential(planner: Planner, arguments: dict[str, Any], old_name: str) -> tuple[tuple[Step, ...], Any, bool]:
    """The step that makes the new credential, its id for later steps, and whether the model was told the login."""
    ways = [name for name in ("new_credential_id", "secret_env", "secret_file", "credentials") if arguments.get(name)]
    if len(ways) != 1:
        raise PlanError(
            "Say where the new login is in exactly one way: secret_env (a variable of this server), secret_file (a file on its"
            " machine), new_credential_id (a credential that exists), or credentials (the login itself)."
        )
    if ways == ["new_credential_id"]:
        if arguments["new_credential_id"] == arguments["credential_id"]:
            raise PlanError("new_credential_id is the old credential.")
        return (), arguments["new_credential_id"], False
    reply = await planner.facts.fetch("credentials_get", credential_id=arguments["credential_id"])
    kind = str(reply.body.get("credentials_type") or "") if reply.ok and isinstance(reply.body, dict) else ""
    if not kind:
        raise PlanError(f"The type of credential {arguments['credential_id']} cannot be read.")
    where = {"secret_env": "env:", "secret_file": "file:"}
    if ways == ["credentials"]:
        reference = planner.secrets.keep(f"login-{arguments_hash(arguments)[:16]}", arguments["credentials"])
    else:
        reference = where[ways[0]] + str(arguments[ways[0]])
        planner.secrets.value(reference)  # it is there, or nothing begins
    name = arguments.get("new_name") or f"{old_name} ({datetime.now(UTC):%Y-%m-%d})"
    create = Step(
        key="create",
        title=f'Make credential "{name}" of type {kind}' + ("" if ways == ["credentials"] else f", login from {reference}"),
        operation="credentials_create",
        arguments={"name": name, "credentials_type": kind},
        secrets={"credentials": reference},
    )
    return (create,), "$create.id", ways == ["credentials"]


def _lines(flows: list[FlowAtWork], users: list[tuple[str, int, str]], told: bool) -> list[str]:
    lines = [_TOLD] if told else []
    if not users:
        return [*lines, "Nobody uses the old credential: nothing has to be paused or moved."]
    lines += [f"Stopped for a moment: {f.words}: {f.stages}" for f in flows if f.active]
    idle = [f"{f.words} ({f.status})" for f in flows if not f.active]
    return lines + ([f"Not running, and left so: {', '.join(idle)}"] if idle else [])
