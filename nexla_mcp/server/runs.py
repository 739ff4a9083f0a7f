"""Runs for people and models: start a runbook that changes things, list runs, look at one, go on with it, take it back.

A run is confirmed as a whole, through the same gate as a single change. A call waits for it as long as a host waits
for a call, and then returns its id; the run goes on. Without anybody's yes nothing here changes anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import anyio

from nexla_mcp.catalog.records import ToolSpec
from nexla_mcp.output.render import table
from nexla_mcp.output.untrusted import clean, clean_text
from nexla_mcp.policy.decision import Channel, Consent, Granted, Pending, Refused
from nexla_mcp.policy.gate import UNCHANGED
from nexla_mcp.policy.planning import make_plan
from nexla_mcp.policy.ticket import ticket_mark
from nexla_mcp.runs.question import RunQuestion, before_part, before_run, before_taking_back
from nexla_mcp.runs.records import UNFINISHED, Run, Step, UnknownResultError, filled
from nexla_mcp.runs.secrets import SecretReferenceError
from nexla_mcp.server.call import Call
from nexla_mcp.server.change_text import evidence_facts
from nexla_mcp.server.outcome import Outcome, failure
from nexla_mcp.state.store import StateError

ANSWER_BEFORE_S = 8.0
"""What a call keeps of its time to say how far the run is."""
_HEADS = {
    "under way": "UNDER WAY",
    "waiting": "WAITING for a confirmation",
    "done": "DONE",
    "rolled back": "ROLLED BACK",
    "failed": "FAILED, and not everything could be taken back",
    "unclear": "UNCLEAR",
}
_LEGEND = {"under way": "goes on by itself; look again with runs_get", "unclear": "a person has to look"}


async def start(call: Call, record: ToolSpec, arguments: Mapping[str, Any]) -> Outcome:
    """Plan a runbook that changes things, ask, begin it, and wait for it as long as a call may take."""
    from nexla_mcp.runbooks.facts import Facts
    from nexla_mcp.runs.plans import PlanError, Planner, make_run_plan

    runtime = call.runtime
    if runtime.settings.read_only:
        return failure(f"{record.name} is refused: this server runs read-only. Nothing was sent.", decision="read_only")
    given = {k: v for k, v in arguments.items() if k not in ("dry_run", "ticket", "typed_name")}

    async def replan() -> RunQuestion:
        facts = Facts(runtime.client, runtime.catalog, call.progress)
        planner = Planner(facts, runtime.client, runtime.catalog, runtime.secrets)
        return before_run(await make_run_plan(record.name, planner, given))

    try:
        asked = await replan()
        if arguments.get("dry_run"):
            return _preview("dry_run", record.name, asked, "Dry run. Nothing was sent.")
        decision = await _decided(call, asked, replan, arguments)
        if isinstance(decision, Outcome):
            return decision
        agreed = decision.plan if isinstance(decision.plan, RunQuestion) else asked
        run_id = await runtime.engine.start(agreed.plan, decision.evidence, client_name=call.client_name)
    except (PlanError, SecretReferenceError) as error:
        return failure(f"{str(error).removesuffix(UNCHANGED).rstrip()} {UNCHANGED}", decision="invalid", operation=record.name)
    except StateError as error:
        return failure(f"{record.name} was not started: {error} What cannot be recorded is not done. Nothing was changed.")
    return await _followed(call, run_id, decision)


async def list_runs(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``runs_list``."""
    statuses = (arguments["status"],) if "status" in arguments else ()
    try:
        runs = await call.runtime.runs.find(limit=arguments.get("limit", 20), statuses=statuses)
    except StateError as error:
        return failure(str(error))
    rows = [_row(run) for run in runs]
    if not rows:
        return Outcome("No such run is recorded for this key.", {"runs": []}, rows=0)
    text = table(rows, ("run_id", "status", "title", "steps", "started"))
    open_ones = [run.id for run in runs if run.status in UNFINISHED]
    if open_ones:
        text += f"\nNot finished: {', '.join(open_ones)}. runs_get shows what comes next."
    return Outcome(text, {"runs": rows}, rows=len(rows))


async def get_run(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``runs_get``."""
    run = await _found(call, arguments["run_id"])
    return run if isinstance(run, Outcome) else shown(run)


async def resume_run(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``runs_resume``: the confirmation before the next part, or another try where a run was stopped."""
    run = await _found(call, arguments["run_id"])
    if isinstance(run, Outcome):
        return run
    if run.status == "under way":
        await call.runtime.engine.recover()
        return await _followed(call, run.id, None)
    if run.status not in ("waiting", "unclear"):
        return failure(f"Run {run.id} is {run.status}: there is nothing to go on with. Nothing was changed.", decision="invalid")
    try:
        asked = await _part_question(call, run)
        if arguments.get("dry_run"):
            return _preview("dry_run", "runs_resume", asked, "Dry run. Nothing was sent.")

        async def again() -> RunQuestion:
            return await _part_question(call, run)

        decision = await _decided(call, asked, again, arguments)
        if isinstance(decision, Outcome):
            return decision
        if not await call.runtime.engine.go_on(run.id, decision.evidence):
            return failure(f"Run {run.id} was gone on with, or ended, by somebody else meanwhile. See runs_get.")
    except (StateError, UnknownResultError) as error:
        return failure(f"Run {run.id} was not gone on with: {error} Nothing was changed.")
    return await _followed(call, run.id, decision)


async def cancel_run(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``runs_cancel``: take back what a run has changed, after asking."""
    run = await _found(call, arguments["run_id"])
    if isinstance(run, Outcome):
        return run
    if run.status in ("rolled back", "failed"):
        return failure(f"Run {run.id} is {run.status} already. Nothing was changed.", decision="invalid")
    asked = before_taking_back(run)
    if arguments.get("dry_run"):
        return _preview("dry_run", "runs_cancel", asked, "Dry run. Nothing was sent.")

    async def again() -> RunQuestion:
        now = await call.runtime.runs.get(run.id)
        return before_taking_back(now or run)

    decision = await _decided(call, asked, again, arguments)
    if isinstance(decision, Outcome):
        return decision
    try:
        if not await call.runtime.engine.roll_back(run.id, "It was cancelled.", decision.evidence):
            return failure(f"Run {run.id} ended meanwhile. See runs_get.")
    except StateError as error:
        return failure(f"Run {run.id} was not cancelled: {error}")
    return await _followed(call, run.id, decision)


def shown(run: Run, granted: Granted | None = None) -> Outcome:
    """One run in words and as data, with what comes next."""
    rows = [_step_row(run, step) for step in run.plan.steps]
    lines = [f"{_HEADS[run.status]}: {run.plan.title}. Run {run.id}."]
    lines += [run.note] if run.note else []
    lines.append(table(rows, ("state", "step", "note"), cell=300))
    following = _next_steps(run)
    if run.status == "done":
        lines += list(run.plan.after)
    if part := run.next_part:
        lines.append(f"Waits for a person to agree to: {part.title}.")
    elif run.status in _LEGEND:
        lines.append(f"({_LEGEND[run.status]})")
    lines += [f"Next: {n['tool']} {json.dumps(n['arguments'])}  ({n['why']})" for n in following]
    structured = {
        "run_id": run.id,
        "runbook": run.plan.runbook,
        "status": run.status,
        "title": run.plan.title,
        "note": run.note,
        "steps": rows,
        "next_steps": following,
        "started": _time(run.started),
        "updated": _time(run.updated),
    }
    extra = evidence_facts(granted.evidence) if granted else {}
    text = clean_text("\n".join(lines))
    return Outcome(text, clean(structured), operation=run.plan.runbook, decision="confirmed" if granted else "done", extra=extra)


async def _decided(call: Call, asked: RunQuestion, again: Any, arguments: Mapping[str, Any]) -> Granted | Outcome:
    """Ask the person; what is not a yes becomes the answer of the call."""
    consent = Consent(call.asker, arguments.get("ticket"), arguments.get("typed_name"))
    decision = await call.runtime.gate.ask(asked, again, consent)
    match decision:
        case Granted():
            return decision
        case Refused():
            refused = failure(decision.reason, decision="declined" if decision.declined else "refused", operation=asked.name)
            refused.extra.update(evidence_facts(decision.evidence))
            return refused
        case Pending():
            return _waiting_for_person(asked, decision)


def _waiting_for_person(asked: RunQuestion, waiting: Pending) -> Outcome:
    typed = f' and typed_name exactly as the person typed it (they have to type "{asked.phrase}")' if asked.phrase else ""
    until = datetime.fromtimestamp(waiting.expires, UTC).isoformat(timespec="seconds")
    if waiting.channel is Channel.PAGE:
        note = f"A person has to agree on this page, which you do not open yourself: {waiting.address}\nThen call again with"
        typed = ""
    else:
        note = "A person has to agree. Show them this plan in full. If they agree, call again with"
    note = f"Not begun. Nothing was changed. {note} the same arguments, ticket={waiting.ticket}{typed}. It is good until {until}."
    facts = {"channel": str(waiting.channel), "ticket": ticket_mark(waiting.ticket)}
    more = {"ticket": waiting.ticket, "expires_at": until} | ({"address": waiting.address} if waiting.address else {})
    return _preview("confirmation_required", asked.name, asked, note, extra=facts, **more)


def _preview(
    status: str, name: str, asked: RunQuestion, note: str, *, extra: dict[str, Any] | None = None, **more: str
) -> Outcome:
    steps = [{"key": s.key, "step": s.title, "state": "to do", "note": s.operation or s.check} for s in asked.plan.steps]
    structured = {"runbook": name, "status": status, "title": asked.lines[0], "steps": steps, "next_steps": []} | more
    return Outcome(clean_text(f"{asked.text()}\n{note}"), clean(structured), operation=name, decision=status, extra=extra or {})


async def _part_question(call: Call, run: Run) -> RunQuestion:
    """What the next part would do, as its targets look now."""
    runtime = call.runtime
    results = {key: p.result for key, p in run.progress.items()}
    left = [s for s in run.plan.parts[run.part].steps if s.operation and run.state_of(s).state != "done"]
    plans = []
    for step in left:
        try:
            arguments = filled(step.arguments, results)
        except UnknownResultError:
            continue  # it needs what an earlier step of this part will bring
        plans.append(await make_plan(runtime.client, runtime.catalog, runtime.catalog.operation(step.operation), arguments))
    return before_part(run, plans)


async def _found(call: Call, run_id: str) -> Run | Outcome:
    try:
        run = await call.runtime.runs.get(run_id)
    except StateError as error:
        return failure(str(error))
    if run is None:
        return failure(f"There is no run {run_id[:40]!r} of this key. See runs_list. Nothing was changed.", decision="invalid")
    return run


async def _followed(call: Call, run_id: str, granted: Granted | None) -> Outcome:
    """Wait for a run as long as this call may take, telling its steps."""
    left_s = max(1.0, anyio.current_effective_deadline() - anyio.current_time() - ANSWER_BEFORE_S)
    done = 0
    run = await call.runtime.engine.wait(run_id, 0.05)
    with anyio.move_on_after(min(left_s, 600.0)):
        while run.status == "under way":
            finished = sum(p.state not in ("to do", "under way") for p in run.progress.values())
            if finished != done or not done:
                at_work = next((s.title for s in run.plan.steps if run.state_of(s).state == "under way"), run.plan.title)
                await call.progress(finished, len(run.plan.steps), at_work)
                done = finished
            run = await call.runtime.engine.wait(run_id, 0.5)
    return shown(run, granted)


def _next_steps(run: Run) -> list[dict[str, Any]]:
    tool = {"runs_get": "nexla_read"}
    wanted = {
        "under way": [("runs_get", "how far it is")],
        "waiting": [("runs_resume", "asks the person, then goes on"), ("runs_cancel", "takes back what it changed")],
        "unclear": [("runs_resume", "looks again and goes on"), ("runs_cancel", "takes back what it changed")],
    }
    return [
        {
            "tool": tool.get(name, "nexla_confirmed_write"),
            "arguments": {"operation": name, "arguments": {"run_id": run.id}},
            "why": why,
            "risk": "read" if name in tool else "disrupt",
        }
        for name, why in wanted.get(run.status, [])
    ]


def _row(run: Run) -> dict[str, Any]:
    made = sum(run.state_of(s).state == "done" for s in run.plan.steps)
    return {
        "run_id": run.id,
        "status": run.status,
        "title": clean(run.plan.title),
        "runbook": run.plan.runbook,
        "steps": f"{made} of {len(run.plan.steps)}",
        "started": _time(run.started),
    }


def _step_row(run: Run, step: Step) -> dict[str, Any]:
    progress = run.state_of(step)
    row = {"key": step.key, "step": step.title, "state": progress.state, "note": progress.text, "change_id": progress.change_id}
    return {key: value for key, value in row.items() if value is not None}


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
