"""What the gate is asked, what it needs to know, and what it decides; policy/gate.py does the deciding.

A plan of one request (policy/plan.py) is ``Askable``. A run of many requests can be as well: it is confirmed once,
as a whole, and gets a permit for each of its ``requests``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from nexla_mcp.catalog.records import Risk
from nexla_mcp.client.permits import Permit
from nexla_mcp.client.wire import ApiRequest
from nexla_mcp.policy.questions import Asker
from nexla_mcp.state.change import answered_too_fast


class Channel(StrEnum):
    """The ways a person can be asked."""

    FORM = "form"
    PAGE = "page"
    TICKET = "ticket"
    DENY = "deny"
    OFF = "off"


class Askable(Protocol):
    """What the gate needs to know of a change: a plan of one request, or the plan of a run of many."""

    @property
    def name(self) -> str: ...
    @property
    def risk(self) -> Risk: ...
    @property
    def phrase(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def targets(self) -> Sequence[str]: ...
    @property
    def must_ask(self) -> bool: ...
    @property
    def requests(self) -> Sequence[ApiRequest]: ...
    def text(self) -> str: ...


class Memory(Protocol):
    """What the gate remembers between calls; the state store does it for all processes that share it."""

    clock: Callable[[], float]

    async def reserve(self, principal: str, risk: str, limit: int) -> bool: ...
    async def used(self, principal: str, risk: str) -> int: ...
    async def remember_refusal(self, call: str, until: float, *, declined: bool) -> None: ...
    async def refusal(self, call: str) -> tuple[bool, int]: ...


@dataclass(frozen=True, slots=True)
class Consent:
    """What a call brings along: a way to ask, or the ticket and the name of an earlier preview."""

    asker: Asker | None = None
    ticket: str | None = None
    typed_name: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a decision came about, for receipts and the log."""

    channel: Channel | None = None
    ticket: str = ""
    answer_ms: int | None = None

    @property
    def suspiciously_fast(self) -> bool:
        """True when no person can have read the question before it was answered."""
        return self.channel is not None and answered_too_fast(str(self.channel), self.answer_ms)


@dataclass(frozen=True, slots=True)
class Granted:
    """The gate is open: one permit for each request of ``plan``, which was read anew after the answer."""

    permits: tuple[Permit, ...]
    evidence: Evidence
    plan: Askable


@dataclass(frozen=True, slots=True)
class Pending:
    """A preview was made; the next call has to bring the ticket. ``address`` is the page to open, if it is on one."""

    ticket: str
    expires: float
    address: str = ""
    channel: Channel = Channel.TICKET


@dataclass(frozen=True, slots=True)
class Refused:
    """The gate stays shut."""

    reason: str
    declined: bool = False
    evidence: Evidence = Evidence()


Decision = Granted | Pending | Refused
Replan = Callable[[], Awaitable[Askable]]
