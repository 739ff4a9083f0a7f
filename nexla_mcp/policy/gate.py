"""The gate: nothing that stops, exposes or deletes leaves without the consent of a person to exactly that call.

    outcome = await gate.ask(plan, replan, consent)
    match outcome:
        case Permit(): await client.send(plan.request, outcome)
        case Pending(): ...     # the preview and a ticket go back; nothing was sent
        case Refused(): ...     # declined, or the ticket does not fit; nothing was sent

The person is asked in the strongest way the client can: a form of the client, else two calls with a
ticket. The two calls are a guard of the work flow, not a proof of consent: the model carries the ticket.
A decline is final for that call and never leads to a weaker way of asking.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from nexla_mcp.catalog.records import Risk
from nexla_mcp.client.permits import Permit, PermitLedger
from nexla_mcp.policy.plan import Plan, arguments_hash
from nexla_mcp.policy.questions import Answer, Asker, Question
from nexla_mcp.policy.ticket import Claims, TicketBook, TicketError
from nexla_mcp.settings import Confirm

UNCHANGED = "Nothing was changed."


@dataclass(frozen=True, slots=True)
class Consent:
    """What a call brings along: a way to ask, or the ticket and the name of an earlier preview."""

    asker: Asker | None = None
    ticket: str | None = None
    typed_name: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A preview was made; the next call has to bring the ticket."""

    ticket: str
    expires: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The gate stays shut."""

    reason: str
    declined: bool = False


class Gate:
    """Decides about the gated calls of one principal."""

    def __init__(self, mode: Confirm, book: TicketBook, ledger: PermitLedger, principal: str) -> None:
        self.mode = mode
        self._book = book
        self._ledger = ledger
        self._principal = principal

    def channel(self, asker: Asker | None) -> Literal["form", "ticket", "deny"]:
        """How a person would be asked."""
        if self.mode is Confirm.DENY:
            return "deny"
        return "form" if asker is not None and self.mode is Confirm.AUTO else "ticket"

    async def ask(self, plan: Plan, replan: Callable[[], Awaitable[Plan]], consent: Consent) -> Permit | Pending | Refused:
        """Ask, or check the answer that an earlier question got."""
        channel = self.channel(consent.asker)
        if channel == "deny":
            return Refused(f"Changes that need a confirmation are switched off here (NEXLA_MCP_CONFIRM=deny). {UNCHANGED}")
        claims = self._claims(plan, channel)
        if channel == "form" and consent.asker is not None:
            answer = await consent.asker.ask(question_for(plan), self._book.mint(claims))
            return await self._after_form(answer, replan)
        if not consent.ticket:
            return Pending(self._book.mint(claims), claims.expires)
        return self._check(consent.ticket, plan, channel, consent.typed_name)

    async def _after_form(self, answer: Answer, replan: Callable[[], Awaitable[Plan]]) -> Permit | Refused:
        if answer.action != "accept" or answer.content.get("confirm") is False:
            self._void(answer.ticket)
            how = "declined" if answer.action == "decline" or answer.action == "accept" else "dismissed the question"
            return Refused(f"The person {how}. {UNCHANGED} Do not try again unless they ask for it.", declined=True)
        name = answer.content.get("name")
        return self._check(answer.ticket, await replan(), "form", name if isinstance(name, str) else None)

    def _check(self, ticket: str, plan: Plan, channel: str, typed: str | None) -> Permit | Refused:
        """Spend the ticket for this very call, or say what does not fit."""
        try:
            claims = self._book.open(ticket)
        except TicketError as error:
            return Refused(str(error))
        wanted = self._claims(plan, channel)
        problem = _mismatch(claims, wanted)
        if problem is None and wanted.phrase and not _same_text(typed, wanted.phrase):
            got = "No name was typed" if not typed else "The typed name does not match"
            where = " (argument typed_name)" if channel == "ticket" else ""
            return Refused(f'{got}: the person has to type "{wanted.phrase}"{where}. {UNCHANGED}')
        self._book.spend(claims)
        return Refused(f"{problem} {UNCHANGED}") if problem else self._ledger.issue(plan.request)

    def _claims(self, plan: Plan, channel: str) -> Claims:
        return self._book.claims(
            operation=plan.operation.name,
            arguments=arguments_hash(plan.arguments),
            target=plan.fingerprint,
            principal=self._principal,
            channel=channel,
            phrase=plan.phrase,
        )

    def _void(self, ticket: str) -> None:
        try:
            self._book.spend(self._book.open(ticket))
        except TicketError:
            return


def question_for(plan: Plan) -> Question:
    """The question for a form: the preview, and what has to be filled in."""
    if plan.operation.risk is Risk.DESTROY:
        field = {"type": "string", "title": "Name", "description": f'Type "{plan.phrase}" to confirm', "minLength": 1}
        form = {"type": "object", "properties": {"name": field}, "required": ["name"]}
    else:
        field = {"type": "boolean", "title": "Confirm", "description": "Yes, do this now"}
        form = {"type": "object", "properties": {"confirm": field}, "required": ["confirm"]}
    return Question(plan.text(), form)


def _mismatch(claims: Claims, wanted: Claims) -> str | None:
    if claims.operation != wanted.operation:
        return f"The ticket is for {claims.operation}, not for {wanted.operation}."
    if claims.arguments != wanted.arguments:
        return "The ticket is for other arguments. Ask for a new preview with these."
    if claims.principal != wanted.principal:
        return "The ticket was given to another caller."
    if claims.channel != wanted.channel:
        return "The ticket belongs to another way of asking."
    if claims.target != wanted.target or claims.phrase != wanted.phrase:
        return "The target has changed since the preview was shown. Ask for a new preview."
    return None


def _same_text(typed: str | None, phrase: str) -> bool:
    return typed is not None and hmac.compare_digest(typed.strip().encode(), phrase.strip().encode())
