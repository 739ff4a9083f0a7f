"""What a run is: a plan of parts and steps, and how far it has come. Plain data, so that it can be written down.

    Step(key="pause", title='Pause flow 6010 "orders"', operation="flows_pause", arguments={"flow_id": 6010})
    Step(key="watch", title="Watch the next run", check="next_run", arguments={"flow_id": 6010, "since": "$activate.at"})

``$step.path`` in an argument reaches into the result of an earlier step. A secret never stands in a plan: ``secrets``
says where it is to be taken from when the step is made (``env:NAME``, ``file:/path``, ``memory:`` of the process that
was told it).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from nexla_mcp.catalog.records import Record, Risk

Status = Literal["under way", "waiting", "done", "rolled back", "failed", "unclear"]
StepState = Literal["to do", "under way", "done", "failed", "skipped", "unclear", "undone", "not undone"]

OPEN: tuple[Status, ...] = ("under way",)
"""A run that some process has to go on with."""
UNFINISHED: tuple[Status, ...] = ("under way", "waiting", "unclear")
"""A run that somebody may still want to do something about."""


class Step(Record):
    """One call of an operation, or one check; exactly one of the two.

    With ``on_failure`` "go on" a failure is told and the run continues; otherwise everything is rolled back.
    ``undo`` is False for what need not, or must not, be taken back; ``after_undo`` puts right what the undo does too much.
    """

    key: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    title: str
    operation: str = ""
    check: str = ""
    arguments: dict[str, Any] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    on_failure: Literal["roll back", "go on"] = "roll back"
    undo: bool = True
    after_undo: tuple[Step, ...] = ()


class Part(Record):
    """Steps that are confirmed together. Every part after the first waits for a confirmation of its own."""

    title: str
    steps: tuple[Step, ...]


class RunPlan(Record):
    """Everything a run will do. ``lines`` are for the person; ``state`` is what was read of the things it is about."""

    runbook: str
    title: str
    risk: Risk
    phrase: str = ""
    lines: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    parts: tuple[Part, ...]
    state: str = ""
    digest: str = ""
    after: tuple[str, ...] = Field(default=(), description="What to tell when it is done.")

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in order."""
        return tuple(step for part in self.parts for step in part.steps)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step is."""

    state: StepState = "to do"
    text: str = ""
    change_id: int | None = None
    result: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the table; ``of`` reads it back."""
        return {"state": self.state, "text": self.text, "change_id": self.change_id, "result": self.result}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Progress:
        """What ``as_json`` wrote."""
        return cls(value["state"], value["text"], value["change_id"], dict(value["result"]))


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands in the table."""

    id: str
    plan: RunPlan
    status: Status
    part: int
    progress: dict[str, Progress]
    note: str
    client: str
    started: float
    updated: float
    cancelled: bool = False

    def state_of(self, step: Step) -> Progress:
        """How far a step is."""
        return self.progress.get(step.key, Progress())

    @property
    def next_part(self) -> Part | None:
        """The part that waits for a confirmation."""
        return self.plan.parts[self.part] if self.status == "waiting" and self.part < len(self.plan.parts) else None


def fingerprint(*facts: Any) -> str:
    """A hash of what was read, so that a later reading can be compared."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


class UnknownResultError(Exception):
    """A step needs a value that no earlier step has brought."""


def filled(arguments: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """``$step.path`` replaced by what that step brought.

    Raises:
        UnknownResultError: there is no such value.
    """
    return {name: _filled(value, results) for name, value in arguments.items()}


def _filled(value: Any, results: Mapping[str, Mapping[str, Any]]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, results) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, results) for inner in value]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    step, *path = value[1:].split(".")
    found: Any = results.get(step)
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if found is None:
        raise UnknownResultError(f"{value} is not known: step {step} brought no such value.")
    return found
