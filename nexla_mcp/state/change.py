"""One change: what is known before its request leaves, and what the log keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["under way", "applied", "failed", "unknown"]

FAST_MS = 300
"""A person does not read a preview and answer within this time."""


@dataclass(frozen=True, slots=True)
class NewChange:
    """What is known before a request leaves; ``before`` and ``arguments`` without secrets."""

    operation: str
    title: str
    risk: str
    method: str
    path: str
    arguments: Mapping[str, Any]
    before: Any = None
    target: tuple[str, str, str] = ("", "", "")  # kind, id, name
    channel: str = ""
    ticket: str = ""
    answer_ms: int | None = None
    client: str = ""
    run_id: str = ""
    takes_back: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the log."""

    id: int
    state: State
    operation: str
    title: str
    risk: str
    method: str
    path: str
    arguments: dict[str, Any]
    target: dict[str, str]
    before: Any
    before_whole: bool
    result: Any
    picked: dict[str, Any]
    status: int | None
    error: str
    channel: str
    ticket: str
    answer_ms: int | None
    client: str
    run_id: str
    takes_back: int | None
    taken_back_by: int | None
    started: float
    duration_ms: int | None

    @property
    def suspiciously_fast(self) -> bool:
        """True when the answer to the question came quicker than a person reads."""
        return answered_too_fast(self.channel, self.answer_ms)


def answered_too_fast(channel: str, answer_ms: int | None) -> bool:
    """True for an answer that no person can have given after reading."""
    return channel in ("form", "page", "ticket") and answer_ms is not None and answer_ms < FAST_MS
