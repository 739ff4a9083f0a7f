"""One step of a run: carry it out exactly once, or take it back.

    progress = await Steps(client, catalog, changes, ledger, ...).make(run_id, step, results)

A step that was begun by a process that is gone is not begun again: the log of changes says whether its request was
sent, and the API whether it arrived. Only what surely did not arrive is sent again. Nothing raises here: a step
that fails says so, and the run decides.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nexla_mcp.arguments.check import ArgumentError, check
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import NexlaError
from nexla_mcp.client.outcome_lookup import look_up
from nexla_mcp.client.permits import PermitLedger
from nexla_mcp.output.untrusted import clean, clean_text
from nexla_mcp.policy.carry_out import carry_out
from nexla_mcp.policy.decision import Evidence
from nexla_mcp.policy.planning import make_plan
from nexla_mcp.policy.taking_back import read_now
from nexla_mcp.policy.undo import NoWayBackError, picked_values, way_back
from nexla_mcp.runs.records import Progress, Step, StepState, UnknownResultError, filled
from nexla_mcp.runs.secrets import SecretReferenceError, Secrets
from nexla_mcp.state.change import Change
from nexla_mcp.state.changes import ChangeLog
from nexla_mcp.state.store import StateError

_LOG = logging.getLogger(__name__)
Results = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found; ``result`` is for later steps."""

    ok: bool
    text: str
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Steps:
    """What a step needs; ``evidence`` is how a person agreed to the run."""

    client: NexlaClient
    catalog: Catalog
    changes: ChangeLog
    ledger: PermitLedger
    secrets: Secrets
    client_name: str = ""
    evidence: Evidence = field(default_factory=Evidence)

    async def make(self, run_id: str, step: Step, results: Results) -> Progress:
        """Carry out ``step``; its result holds ``at``, the time it was made, and what the reply brought."""
        try:
            if step.check:
                return await self._check(step, results)
            return await self._change(run_id, step, results)
        except (UnknownResultError, SecretReferenceError, ArgumentError, StateError) as error:
            return Progress("failed", clean_text(f"{error} Nothing was sent."))
        except NexlaError as error:
            return Progress(*_after(error), change_id=error.details.get("change_id"))
        except Exception as error:
            _LOG.exception("step %s of run %s failed unexpectedly", step.key, run_id)
            return Progress("unclear", f"An error of this server ({type(error).__name__}); its log has details.")

    async def take_back(self, run_id: str, step: Step) -> Progress:
        """Undo ``step`` if it changed something and nobody has changed it again since."""
        try:
            return await self._take_back(run_id, step)
        except (StateError, ArgumentError) as error:
            return Progress("not undone", clean_text(str(error)))
        except NexlaError as error:
            return Progress("not undone", clean_text(error.message), change_id=error.details.get("change_id"))
        except Exception as error:
            _LOG.exception("step %s of run %s could not be taken back", step.key, run_id)
            return Progress("not undone", f"An error of this server ({type(error).__name__}); its log has details.")

    async def _check(self, step: Step, results: Results) -> Progress:
        from nexla_mcp.runs.checks import CHECKS

        found = await CHECKS[step.check](self, filled(step.arguments, results))
        return Progress("done" if found.ok else "failed", clean_text(found.text), result=clean(found.result))

    async def _change(self, run_id: str, step: Step, results: Results) -> Progress:
        operation = self.catalog.operation(step.operation)
        earlier = await self.changes.of_step(f"{run_id}/{step.key}")
        given = filled(step.arguments, results)
        if earlier is not None and (known := await self._what_became(operation, earlier, given)) is not None:
            return known
        secret = {name: self.secrets.value(reference) for name, reference in step.secrets.items()}
        return await self._send(f"{run_id}/{step.key}", operation, given | secret, None)

    async def _send(self, run_id: str, operation: Operation, given: Mapping[str, Any], takes_back: int | None) -> Progress:
        """The only place of a run where a request leaves. Its permit is for a step of the plan that a person agreed to."""
        arguments = check(operation, given)
        plan = await make_plan(self.client, self.catalog, operation, arguments)
        permit = self.ledger.issue(plan.request)
        applied = await carry_out(
            self.client,
            self.catalog,
            self.changes,
            plan,
            permit,
            self.evidence,
            client_name=self.client_name,
            run_id=run_id,
            takes_back=takes_back,
        )
        picked = clean(picked_values(operation, applied.reply.body))
        return Progress("done", f"change {applied.number}", applied.number, _brought(picked, applied.reply.body))

    async def _what_became(self, operation: Operation, earlier: Change, given: Mapping[str, Any]) -> Progress | None:
        """How an earlier attempt at this step ended; None when it may be made again."""
        if earlier.state == "applied":
            return Progress("done", f"change {earlier.id}", earlier.id, _brought(earlier.picked, earlier.result, earlier.started))
        if earlier.state == "failed":
            return Progress("failed", earlier.error or f"change {earlier.id} was not applied", earlier.id)
        age_s = max(0.0, self.changes.store.clock() - earlier.started)
        verdict, seen, made = await look_up(self.client, self.catalog, operation, given, earlier.before, age_s)
        if verdict == "unknown":
            return Progress("unclear", f"Change {earlier.id} was sent, and nobody knows whether it arrived: {seen}.", earlier.id)
        picked = clean(picked_values(operation, made))
        if verdict == "applied":
            await self.changes.settle(earlier.id, "applied", result=clean(made), picked=picked)
            text = f"change {earlier.id}, found applied: {seen}"
            return Progress("done", text, earlier.id, _brought(picked, made, earlier.started))
        await self.changes.settle(earlier.id, "failed", error=f"It did not arrive: {seen}.")
        return None

    async def _take_back(self, run_id: str, step: Step) -> Progress:
        entry = await self.changes.of_step(f"{run_id}/{step.key}")
        if entry is None or entry.state == "failed":
            return Progress("skipped", "nothing was changed")
        if entry.taken_back_by is not None:
            return Progress("undone", f"change {entry.taken_back_by}", entry.taken_back_by)
        if entry.state != "applied":
            found = await self._what_became(self.catalog.operation(step.operation), entry, entry.arguments)
            if found is None:
                return Progress("skipped", "nothing was changed")
            if found.state != "done":
                return Progress("not undone", found.text, entry.id)
            entry = await self.changes.get(entry.id) or entry
        try:
            back = way_back(self.catalog, entry, await read_now(self.client, self.catalog, entry))
        except NoWayBackError as error:
            return Progress("not undone", clean_text(str(error)), entry.id)
        begun = await self.changes.of_step(f"{run_id}/undo_{step.key}")
        known = await self._what_became(back.operation, begun, back.arguments) if begun is not None else None
        if known is None and back.changed_again:  # what an undo of ours has changed is no change of somebody else
            return Progress("not undone", f"somebody has changed it since: {'; '.join(back.changed_again)}", entry.id)
        made = known or await self._send(f"{run_id}/undo_{step.key}", back.operation, back.arguments, entry.id)
        state: StepState = "undone" if made.state == "done" else "not undone"
        lost = f"; not brought back: {', '.join(back.lost)}" if back.lost else ""
        return Progress(state, f"{made.text}{lost}", made.change_id)


def _brought(picked: Mapping[str, Any], body: Any, at: float | None = None) -> dict[str, Any]:
    """What later steps may need: the time, the id of what was made, what the undo keeps."""
    moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    identity = body.get("id") if isinstance(body, Mapping) else None
    facts = {**picked, "id": identity, "at": moment.isoformat(timespec="seconds")}
    return {key: value for key, value in facts.items() if value is not None}


def _after(error: NexlaError) -> tuple[StepState, str]:
    outcome = error.details.get("outcome", {})
    text = clean_text(error.message)
    if outcome.get("verdict") == "applied":
        return "done", text
    return ("unclear" if outcome.get("verdict") == "unknown" else "failed"), text
