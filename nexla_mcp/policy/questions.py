"""How a person is asked, apart from what they are asked about: a question, an answer, and who puts it to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked: a text, and the fields of a flat form as JSON Schema.

    ``phrase`` is what has to be typed, where a click is not enough.
    """

    message: str
    form: dict[str, Any]
    phrase: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: accept, decline or cancel, the fields of the form, and the ticket of the question."""

    action: str
    content: dict[str, Any] = field(default_factory=dict)
    ticket: str = ""


class CannotAskError(Exception):
    """The client said that it can put a question to a person, and then failed to."""


class Asker(Protocol):
    """What a client can do to reach the person: show a form, or lead them to an address."""

    @property
    def forms(self) -> bool:
        """True when it shows forms."""
        ...

    @property
    def links(self) -> bool:
        """True when it opens addresses for the person."""
        ...

    @property
    def answered(self) -> Answer | None:
        """The answer that this call brings along, where the protocol asks by ending the call."""
        ...

    async def ask(self, question: Question, ticket: str) -> Answer:
        """Show a form now; or, where the protocol wants it, end the call with the question and be called again.

        Raises:
            CannotAskError: the client could not do it after all.
        """
        ...

    async def lead(self, message: str, url: str, ticket: str) -> Answer:
        """Lead the person to ``url``, likewise; an accept means that they went, not that they agreed."""
        ...


class Page(Protocol):
    """One question on a page of its own."""

    @property
    def url(self) -> str:
        """Where the person finds it."""
        ...

    async def answer(self, wait_s: float) -> Answer | None:
        """The answer, or None when there is none within ``wait_s``."""
        ...

    def close(self) -> None:
        """Take the question off; there is no answer to it any more."""
        ...


class Pages(Protocol):
    """Puts questions on pages, and finds them again by the nonce of their ticket."""

    def open(self, question: Question, nonce: str, ticket: str) -> Page:
        """A new page."""
        ...

    def find(self, nonce: str) -> Page | None:
        """The page of an earlier call, or None when it is closed."""
        ...

    def show(self, page: Page) -> None:
        """Open a browser on this machine, where there is one to look at."""
        ...
