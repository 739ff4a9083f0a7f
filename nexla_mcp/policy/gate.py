"""The gate: nothing that stops, exposes or deletes leaves without the consent of a person to exactly that call.

    decision = await gate.ask(plan, replan, Consent(asker, ticket, typed_name))
    match decision:
        case Granted(): await client.send(plan.request, decision.permits[0])
        case Pending(): ...     # the preview and a ticket go back; nothing was sent
        case Refused(): ...     # declined, or the ticket does not fit; nothing was sent

The person is asked in one way, the strongest that was chosen and that there is: a form of the client, a page on
this machine, or two calls with a ticket. The two calls are a guard of the work flow, not a proof of consent: the
model carries the ticket. A no is final: nothing weaker is tried after it, and the same call about the same state
is refused unasked for ten minutes. Dismissing the question twice counts as a no.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping

import anyio

from nexla_mcp.catalog.records import Risk
from nexla_mcp.client.permits import Permit, PermitLedger
from nexla_mcp.policy.decision import Askable, Channel, Consent, Decision, Evidence, Granted, Memory, Pending, Refused, Replan
from nexla_mcp.policy.questions import Answer, Asker, CannotAskError, Page, Pages, Question
from nexla_mcp.policy.ticket import LIFETIME_S, Claims, TicketBook, TicketError, ticket_mark
from nexla_mcp.settings import Confirm

UNCHANGED = "Nothing was changed."
FOR_THE_CHANGE_S = 5.0
"""Kept from the time of a call that waits for a page: the target is read again, and the request sent."""
MOST_TARGETS = 25
MOST_DISMISSED = 2
_STAY = "Do not try again unless they ask for it."


class Gate:
    """Decides about the gated calls of one principal."""

    def __init__(
        self,
        mode: Confirm,
        book: TicketBook,
        ledger: PermitLedger,
        principal: str,
        memory: Memory,
        *,
        limits: Mapping[Risk, int],
        unasked: Collection[str] = (),
        pages: Pages | None = None,
        page_wait_s: float = 40.0,
    ) -> None:
        self.mode = mode
        self.limits = dict(limits)
        self.unasked = frozenset(unasked) if mode is Confirm.OFF else frozenset()
        self._book = book
        self._ledger = ledger
        self._principal = principal
        self._memory = memory
        self._pages = pages
        self._page_wait_s = page_wait_s

    def channel(self, asker: Asker | None, plan: Askable | None = None) -> Channel:
        """How a person would be asked."""
        if self.mode is Confirm.DENY:
            return Channel.DENY
        if plan is not None and plan.name in self.unasked and not plan.must_ask:
            return Channel.OFF
        if self.mode is Confirm.PAGE:
            return Channel.PAGE if self._pages is not None else Channel.TICKET
        if self.mode is Confirm.TICKET or asker is None:
            return Channel.TICKET
        if asker.forms:
            return Channel.FORM
        return Channel.PAGE if asker.links and self._pages is not None else Channel.TICKET

    def free(self, plan: Askable) -> Granted:
        """Permits for an additive change, which nobody has to be asked about.

        Raises:
            ValueError: somebody has to be asked.
        """
        if plan.risk.gated or plan.must_ask:
            raise ValueError(f"{plan.name} has to be asked about")
        return Granted(self._permits(plan), Evidence(), plan)

    async def ask(self, plan: Askable, replan: Replan, consent: Consent) -> Decision:
        """Ask, or check the answer that an earlier question got."""
        channel = self.channel(consent.asker, plan)
        if refused := await self._refuse_unasked(plan, channel):
            return refused
        try:
            if channel is Channel.OFF:
                return await self._grant(plan, Evidence(channel))
            if channel is Channel.FORM and consent.asker is not None:
                return await self._by_form(plan, replan, consent.asker)
            if channel is Channel.PAGE and self._pages is not None:
                return await self._by_page(plan, replan, consent, self._pages)
            return await self._by_ticket(plan, consent)
        except TicketError as error:
            return Refused(str(error), evidence=Evidence(channel))
        except CannotAskError as error:
            more = "This server can ask by a page of its own instead: --confirm page."
            return Refused(f"Your client could not put the question to a person ({error}). {UNCHANGED} {more}")

    async def _refuse_unasked(self, plan: Askable, channel: Channel) -> Refused | None:
        """Everything that is settled without asking anybody."""
        if channel is Channel.DENY:
            return Refused(f"Changes that need a confirmation are switched off here (NEXLA_MCP_CONFIRM=deny). {UNCHANGED}")
        if len(plan.targets) > MOST_TARGETS:
            return Refused(
                f"{plan.name} would touch {len(plan.targets)} things at once; at most {MOST_TARGETS}, so that a person can read"
                f" the name of each. Split it into several calls. {UNCHANGED}"
            )
        limit = self.limits.get(plan.risk)
        if limit is not None and await self._memory.used(self._principal, str(plan.risk)) >= limit:
            return self._over_limit(plan, limit)
        declined, dismissed = await self._memory.refusal(self._call(plan))
        if declined or dismissed >= MOST_DISMISSED:
            how = "said no to" if declined else "dismissed the question about"
            return Refused(
                f"A person {how} exactly this call a short while ago, so they are not asked again for ten minutes."
                f" {UNCHANGED} {_STAY}",
                declined=True,
                evidence=Evidence(channel),
            )
        return None

    def _over_limit(self, plan: Askable, limit: int) -> Refused:
        setting = "NEXLA_MCP_MAX_DESTROYS_PER_HOUR" if plan.risk is Risk.DESTROY else "NEXLA_MCP_MAX_CHANGES_PER_HOUR"
        return Refused(
            f"{limit} changes of risk {plan.risk} were made in this hour, which is the limit. {UNCHANGED} Go on after the full"
            f" hour, or let the person who runs this server raise {setting}."
        )

    async def _by_form(self, plan: Askable, replan: Replan, asker: Asker) -> Decision:
        if answer := asker.answered:
            return await self._decide(plan, answer, Channel.FORM)
        ticket = self._book.mint(self._claims(plan, Channel.FORM))
        answer = await asker.ask(question_for(plan), ticket)
        return await self._decide(await replan() if answer.action == "accept" else plan, answer, Channel.FORM)

    async def _by_page(self, plan: Askable, replan: Replan, consent: Consent, pages: Pages) -> Decision:
        asker = consent.asker
        brought = asker.answered if asker is not None else None
        ticket = brought.ticket if brought else consent.ticket
        if ticket:
            page, claims = self._page_of(ticket, plan, pages)
        else:
            claims = self._claims(plan, Channel.PAGE)
            ticket = self._book.mint(claims)
            page = pages.open(question_for(plan), claims.nonce, ticket)
            if asker is not None and asker.links:
                brought = await asker.lead(f"Look at what {plan.name} would do, and decide there.", page.url, ticket)
            else:
                pages.show(page)
        if brought is not None and brought.action != "accept":
            page.close()
            return await self._decide(plan, Answer(brought.action, {}, ticket), Channel.PAGE)
        left_s = anyio.current_effective_deadline() - anyio.current_time() - FOR_THE_CHANGE_S
        answer = await page.answer(min(self._page_wait_s, left_s))
        if answer is None:
            return Pending(ticket, claims.expires, page.url, Channel.PAGE)
        return await self._decide(await replan() if answer.action == "accept" else plan, answer, Channel.PAGE)

    def _page_of(self, ticket: str, plan: Askable, pages: Pages) -> tuple[Page, Claims]:
        """The page of an earlier call, if it asks about this very call."""
        claims = self._book.open(ticket)
        if problem := _mismatch(claims, self._claims(plan, Channel.PAGE)):
            raise TicketError(f"{problem} {UNCHANGED}")
        page = pages.find(claims.nonce)
        if page is None:
            raise TicketError(f"The page of this ticket was answered before, or is closed. Ask for a new preview. {UNCHANGED}")
        return page, claims

    async def _by_ticket(self, plan: Askable, consent: Consent) -> Decision:
        if consent.ticket:
            return await self._check(plan, consent.ticket, Channel.TICKET, consent.typed_name)
        claims = self._claims(plan, Channel.TICKET)
        return Pending(self._book.mint(claims), claims.expires)

    async def _decide(self, plan: Askable, answer: Answer, channel: Channel) -> Decision:
        """What follows from an answer: for a no, that it stays one."""
        box = answer.content.get("confirm")
        if answer.action == "accept" and (plan.phrase or box in (True, "true")):
            name = answer.content.get("name")
            return await self._check(plan, answer.ticket, channel, name if isinstance(name, str) else None)
        declined = answer.action == "decline" or box in (False, "false")
        await self._memory.remember_refusal(self._call(plan), self._memory.clock() + LIFETIME_S, declined=declined)
        evidence = Evidence(channel, ticket_mark(answer.ticket))
        try:
            claims = self._book.open(answer.ticket)
            evidence = Evidence(channel, evidence.ticket, self._book.age_ms(claims))
            await self._book.spend(claims)
        except TicketError:
            pass  # whatever it was, it opens nothing, and a no needs no ticket
        hint = ""
        if evidence.suspiciously_fast:
            hint = f" The answer came after {evidence.answer_ms} ms: the client may answer by itself (see --confirm page)."
        how = "declined" if declined else "dismissed the question"
        return Refused(f"The person {how}. {UNCHANGED} {_STAY}{hint}", declined=True, evidence=evidence)

    async def _check(self, plan: Askable, ticket: str, channel: Channel, typed: str | None) -> Granted | Refused:
        """Spend the ticket for this very call, or say what does not fit."""
        claims = self._book.open(ticket)
        wanted = self._claims(plan, channel)
        evidence = Evidence(channel, ticket_mark(ticket), self._book.age_ms(claims))
        if problem := _mismatch(claims, wanted):
            await self._book.spend(claims)
            return Refused(f"{problem} {UNCHANGED}", evidence=evidence)
        if wanted.phrase and not same_text(typed, wanted.phrase):
            if channel is not Channel.TICKET:
                await self._book.spend(claims)
            got = "No name was typed" if not typed else "The typed name does not match"
            where = " (argument typed_name)" if channel is Channel.TICKET else ""
            return Refused(f'{got}: the person has to type "{wanted.phrase}"{where}. {UNCHANGED}', evidence=evidence)
        await self._book.spend(claims)
        return await self._grant(plan, evidence)

    async def _grant(self, plan: Askable, evidence: Evidence) -> Granted | Refused:
        limit = self.limits.get(plan.risk)
        if limit is not None and not await self._memory.reserve(self._principal, str(plan.risk), limit):
            return self._over_limit(plan, limit)
        return Granted(self._permits(plan), evidence, plan)

    def _permits(self, plan: Askable) -> tuple[Permit, ...]:
        return tuple(self._ledger.issue(request) for request in plan.requests)

    def _claims(self, plan: Askable, channel: Channel) -> Claims:
        return self._book.claims(
            operation=plan.name,
            arguments=plan.digest,
            target=plan.fingerprint,
            principal=self._principal,
            channel=str(channel),
            phrase=plan.phrase,
        )

    def _call(self, plan: Askable) -> str:
        """What a no is about: who, which call, and the state that was shown."""
        return hashlib.sha256("|".join([self._principal, plan.name, plan.digest, plan.fingerprint]).encode()).hexdigest()


def question_for(plan: Askable) -> Question:
    """The question for a form: the preview, and what has to be filled in."""
    if plan.phrase:
        typed = {"type": "string", "title": "Name", "description": f'Type "{plan.phrase}" to confirm', "minLength": 1}
        form = {"type": "object", "properties": {"name": typed}, "required": ["name"]}
    else:
        box = {"type": "boolean", "title": "Confirm", "description": "Yes, do this now"}
        form = {"type": "object", "properties": {"confirm": box}, "required": ["confirm"]}
    return Question(plan.text(), form, plan.phrase)


def same_text(typed: str | None, phrase: str) -> bool:
    """Whether what was typed is the phrase, white space at the ends aside."""
    return typed is not None and hmac.compare_digest(typed.strip().encode(), phrase.strip().encode())


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
        return "The target, or what depends on it, has changed since the preview was shown. Ask for a new preview."
    return None
