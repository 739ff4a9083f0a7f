"""How a person is asked, apart from what they are asked about: a question, an answer, and who puts it to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked: a text, and the fields of a flat form as JSON Schema."""

    message: str
    form: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: accept, decline or cancel, and the fields of the form."""

    action: str
    content: dict[str, Any]
    ticket: str


class Asker(Protocol):
    """A way to put a form before a person."""

    async def ask(self, question: Question, ticket: str) -> Answer:
        """Ask now; or, where the protocol wants it, end the call with the question and be called again."""
        ...
