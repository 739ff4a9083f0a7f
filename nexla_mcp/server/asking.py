"""How a question comes before a person in each era of the protocol.

In 2025-11-25 the server sends ``elicitation/create`` in the middle of the call and waits. In 2026-07-28 it
ends the call with the question, and the client calls again with the answer and the state it was given; the
state is the sealed ticket, so that nothing has to be remembered here and any replica can go on. A question is
a form, or the address of a page of this server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from nexla_mcp.output.untrusted import clean_text
from nexla_mcp.policy.questions import Answer, Asker, CannotAskError, Question
from nexla_mcp.policy.ticket import ticket_mark

KEY = "confirmation"
_ACTIONS = ("accept", "decline", "cancel")


class QuestionForClient(Exception):
    """Ends a call with a question; the protocol handler makes the reply out of it."""

    def __init__(self, params: types.ElicitRequestParams, ticket: str) -> None:
        super().__init__("a person has to answer")
        self.params = params
        self.ticket = ticket

    def facts(self) -> dict[str, Any]:
        """What a receipt says about the question."""
        return {"channel": "form" if self.params.mode == "form" else "page", "ticket": ticket_mark(self.ticket)}

    def result(self) -> types.InputRequiredResult:
        """The protocol's form of the question."""
        return types.InputRequiredResult(input_requests={KEY: types.ElicitRequest(params=self.params)}, request_state=self.ticket)


class ReturningAsker:
    """2026-07-28: the question is the result, the answer comes with the next call."""

    def __init__(self, responses: types.InputResponses | None, state: str | None, *, forms: bool, links: bool) -> None:
        reply = (responses or {}).get(KEY)
        self.answered = _answer(reply, state) if reply is not None and state is not None else None
        self.forms = forms
        self.links = links

    async def ask(self, question: Question, ticket: str) -> Answer:
        """End the call with a form."""
        raise QuestionForClient(types.ElicitRequestFormParams(message=question.message, requested_schema=question.form), ticket)

    async def lead(self, message: str, url: str, ticket: str) -> Answer:
        """End the call with an address."""
        raise QuestionForClient(types.ElicitRequestURLParams(message=message, url=url), ticket)


class CallingAsker:
    """2025-11-25: the question is a request to the client; the time a person takes does not count."""

    answered = None

    def __init__(
        self, ctx: ServerRequestContext[Any, Any], scope: anyio.CancelScope, limit_s: float, *, forms: bool, links: bool
    ) -> None:
        self._ctx = ctx
        self._scope = scope
        self._limit_s = limit_s
        self.forms = forms
        self.links = links

    async def ask(self, question: Question, ticket: str) -> Answer:
        """Show a form and wait."""
        session, request_id = self._ctx.session, self._ctx.request_id
        return await self._wait(lambda: session.elicit_form(question.message, question.form, request_id), ticket)

    async def lead(self, message: str, url: str, ticket: str) -> Answer:
        """Lead to an address and wait until the person has gone there, or would not."""
        session, request_id = self._ctx.session, self._ctx.request_id
        return await self._wait(lambda: session.elicit_url(message, url, ticket_mark(ticket), request_id), ticket)

    async def _wait(self, send: Callable[[], Awaitable[types.ElicitResult]], ticket: str) -> Answer:
        self._scope.deadline = float("inf")
        try:
            reply = await send()
        except MCPError as error:
            raise CannotAskError(clean_text(str(error))[:120]) from None
        finally:
            self._scope.deadline = anyio.current_time() + self._limit_s
        return _answer(reply, ticket)


def asker_for(
    ctx: ServerRequestContext[Any, Any], params: types.CallToolRequestParams, scope: anyio.CancelScope, limit_s: float
) -> Asker | None:
    """The way this client can put a question to a person, or None."""
    declared = ctx.session.client_capabilities
    elicitation = declared.elicitation if declared else None
    if elicitation is None:
        return None
    links = elicitation.url is not None
    forms = elicitation.form is not None or not links
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        return ReturningAsker(params.input_responses, params.request_state, forms=forms, links=links)
    return CallingAsker(ctx, scope, limit_s, forms=forms, links=links) if ctx.session.can_send_request else None


def _answer(reply: Any, ticket: str) -> Answer:
    action, content = getattr(reply, "action", ""), getattr(reply, "content", None)
    return Answer(action if action in _ACTIONS else "cancel", content if isinstance(content, dict) else {}, ticket)
