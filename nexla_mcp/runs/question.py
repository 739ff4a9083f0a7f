"""What a person is asked about a run: the whole plan before it starts, one part of it before the irreversible step,
and what would be undone before it is taken back.

A question fits policy/decision.py's ``Askable``, so the same gate asks, in the same ways, with the same tickets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nexla_mcp.catalog.records import Risk
from nexla_mcp.client.wire import ApiRequest
from nexla_mcp.policy.diff import one_line
from nexla_mcp.policy.plan import Plan
from nexla_mcp.runs.records import Run, RunPlan, fingerprint


@dataclass(frozen=True, slots=True)
class RunQuestion:
    """One question; ``state`` is what was read of the targets, so that a yes is void when they have changed."""

    name: str
    risk: Risk
    plan: RunPlan
    digest: str
    lines: tuple[str, ...]
    state: tuple[str, ...] = ()
    targets: Sequence[str] = ()
    phrase: str = ""
    must_ask: bool = True

    @property
    def fingerprint(self) -> str:
        """A hash of what the targets look like, and of everything that is shown."""
        return fingerprint(self.state, self.text())

    @property
    def requests(self) -> Sequence[ApiRequest]:
        """None yet: each step gets its permit when it is made, for a request of this plan."""
        return ()

    def text(self) -> str:
        """For the person who decides."""
        return "\n".join(one_line(line, 2_400) for line in self.lines)


def before_run(plan: RunPlan) -> RunQuestion:
    """May this run begin? What it will do, step by step, and what happens when a step fails."""
    lines = [plan.title, *plan.lines]
    number = 0
    for index, part in enumerate(plan.parts):
        if index:
            lines.append(f"Then you are asked again before: {part.title}")
        for step in part.steps:
            number += 1
            lines.append(f"{number}. {step.title}")
    lines.append("If a step fails, what was changed is taken back, the last change first.")
    return RunQuestion(plan.runbook, plan.risk, plan, plan.digest, tuple(lines), (plan.state,), plan.targets, plan.phrase)


def before_part(run: Run, plans: Sequence[Plan]) -> RunQuestion:
    """May it go on? What was done, and what would be done now, as its targets look now."""
    part = run.next_part
    lines = [f"{run.plan.title} (run {run.id}): {part.title if part else 'go on'}"]
    for step in run.plan.steps:
        progress = run.state_of(step)
        if progress.state != "to do":
            lines.append(f"{progress.state}: {step.title}{': ' + progress.text if step.check else ''}")
    lines += [line for plan in plans for line in plan.text().split("\n")]
    return RunQuestion(
        name="nexla_runs_resume",
        risk=Risk.DESTROY if any(p.risk is Risk.DESTROY for p in plans) else Risk.DISRUPT,
        plan=run.plan,
        digest=fingerprint(run.id, run.part),
        lines=tuple(lines),
        state=tuple(p.fingerprint for p in plans),
        targets=[p.target.words() for p in plans if p.target],
        phrase=next((p.phrase for p in plans if p.phrase), ""),
    )


def before_taking_back(run: Run) -> RunQuestion:
    """May it be taken back? Which of its changes would be undone."""
    made = [s for s in run.plan.steps if s.operation and run.state_of(s).state in ("done", "unclear", "under way")]
    lines = [f"Take back {run.plan.title} (run {run.id}, {run.status})"]
    lines += [f"undo: {s.title}" + ("" if s.undo else " (stays: it cannot or must not be undone)") for s in reversed(made)]
    lines += [] if made else ["It has changed nothing so far."]
    return RunQuestion("nexla_runs_cancel", Risk.DISRUPT, run.plan, fingerprint(run.id), tuple(lines), targets=run.plan.targets)
