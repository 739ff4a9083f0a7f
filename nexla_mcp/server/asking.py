"""How a form comes before a person in each era of the protocol.

In 2025-11-25 the server sends ``elicitation/create`` in the middle of the call and waits. In 2026-07-28 it
ends the call with the question, and the client calls again with the answer and the state it was given; the
state is the sealed ticket, so that nothing has to be remembered here and any replica can go on.
"""

from __future__ import annotations

from typing import Any

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from nexla_mcp.policy.questions import Answer, Asker, Question

KEY = "confirmation"


class QuestionForClient(Exception):
    """Ends a call with a question; the protocol handler makes the reply out of it."""

    def __init__(self, question: Question, ticket: str) -> None:
        super().__init__("a person has to answer")
        self.question = question
        self.ticket = ticket

    def result(self) -> types.InputRequiredResult:
        """The protocol's form of the question."""
        params = types.ElicitRequestFormParams(message=self.question.message, requested_schema=self.question.form)
        return types.InputRequiredResult(input_requests={KEY: types.ElicitRequest(params=params)}, request_state=self.ticket)


class ReturningAsker:
    """2026-07-28: the question is the result, the answer comes with the next call."""

    def __init__(self, responses: types.InputResponses | None, state: str | None) -> None:
        self._answer = (responses or {}).get(KEY)
        self._state = state

    async def ask(self, question: Question, ticket: str) -> Answer:
        if self._answer is None or self._state is None:
            raise QuestionForClient(question, ticket)
        return _answer(self._answer, self._state)


class CallingAsker:
    """2025-11-25: the question is a request to the client; the time a person takes does not count."""

    def __init__(self, ctx: ServerRequestContext[Any, Any], scope: anyio.CancelScope, limit_s: float) -> None:
        self._ctx = ctx
        self._scope = scope
        self._limit_s = limit_s

    async def ask(self, question: Question, ticket: str) -> Answer:
        self._scope.deadline = float("inf")
        reply = await self._ctx.session.elicit_form(question.message, question.form, related_request_id=self._ctx.request_id)
        self._scope.deadline = anyio.current_time() + self._limit_s
        return _answer(reply, ticket)


def asker_for(
    ctx: ServerRequestContext[Any, Any], params: types.CallToolRequestParams, scope: anyio.CancelScope, limit_s: float
) -> Asker | None:
    """The way this client can show a form, or None."""
    declared = ctx.session.client_capabilities
    elicitation = declared.elicitation if declared else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return None
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        return ReturningAsker(params.input_responses, params.request_state)
    return CallingAsker(ctx, scope, limit_s) if ctx.session.can_send_request else None


def _answer(reply: Any, ticket: str) -> Answer:
    content = getattr(reply, "content", None)
    return Answer(str(getattr(reply, "action", "cancel")), content if isinstance(content, dict) else {}, ticket)
