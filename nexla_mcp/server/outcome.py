"""What a tool hands back before it becomes protocol: text, structure, and whether it failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.client.errors import NexlaError
from nexla_mcp.output.untrusted import clean, clean_text


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of one call. ``structured`` matches the tool's outputSchema; a failure has none.

    ``decision`` and ``rows`` go into the receipt.
    """

    text: str
    structured: dict[str, Any] | None = None
    failed: bool = False
    error: dict[str, Any] | None = None
    decision: str = "done"
    operation: str | None = None
    rows: int | None = None
    truncated: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


def failure(text: str, *, error: dict[str, Any] | None = None, decision: str = "failed", operation: str | None = None) -> Outcome:
    """A call that did not do what was asked; the text says what to do next."""
    return Outcome(clean_text(text), failed=True, error=error, decision=decision, operation=operation)


def from_error(error: NexlaError) -> Outcome:
    """A failure of the API in words, with its summary as data."""
    text = error.message if not error.hint else f"{error.message}\nWhat to do: {error.hint}"
    if error.retry_after is not None:
        text += f"\nTry again in {error.retry_after:.0f} s."
    return failure(text, error=clean(error.summary()), operation=error.operation or None)
