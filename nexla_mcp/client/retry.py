"""When a request is sent again, and how long that waits: by kind, with full jitter, within the time of the call.

    deadline = Deadline.of_this_call()
    reply = await with_retries(request, attempt, deadline)

A read is repeated when the API is busy (429, 502, 503, 504) or silent. A change is repeated only when it
certainly was not taken: no connection, 429, or 503 with Retry-After. A create is never sent twice: there
is no idempotency key (QUIRKS 9). Three tries at most, and a wait that would not end in time is not begun: the
error says how long to wait instead.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio
import tenacity

from nexla_mcp.client.errors import ApiUnreachableError, CircuitOpenError, NexlaError, RateLimitError
from nexla_mcp.client.wire import ApiRequest

ATTEMPTS = 3
LONGEST_BACKOFF_S = 10.0
DEADLINE_S = 45.0
FOR_THE_ANSWER_S = 1.0
"""Kept from the time of the whole call (a tenth of a short one), so that the error arrives before the call is cut."""
FOR_A_LOOK_S = 6.0
"""Kept after a change: its reply may be lost, and then the resource has to be read."""
_BUSY = frozenset({429, 502, 503, 504})
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the event loop's clock."""

    at: float

    @classmethod
    def of_this_call(cls, *, keep_s: float = 0.0) -> Deadline:
        """45 s from now, or what is left of the call that this one is part of, less ``keep_s``."""
        now = anyio.current_time()
        left = anyio.current_effective_deadline() - now
        return cls(now + min(DEADLINE_S, left - min(FOR_THE_ANSWER_S, left / 10)) - keep_s)

    def left(self) -> float:
        """Seconds until then; not below zero."""
        return max(0.0, self.at - anyio.current_time())


async def with_retries(request: ApiRequest, attempt: Callable[[], Awaitable[T]], deadline: Deadline) -> T:
    """Carry out ``attempt``, again when the request's kind allows it.

    Raises:
        NexlaError: the last attempt's; ``retry_after`` is set when only the time for another try was missing.
    """

    def no_more(state: tenacity.RetryCallState) -> bool:
        if state.attempt_number >= ATTEMPTS:
            return True
        if state.upcoming_sleep < deadline.left():
            return False
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, NexlaError) and error.retry_after is None:
            error.retry_after = state.upcoming_sleep
        return True

    earlier: NexlaError | None = None

    async def remembered() -> T:
        """An attempt that tells of the failure itself, not of the breaker that the failure opened."""
        nonlocal earlier
        try:
            return await attempt()
        except CircuitOpenError as error:
            raise (earlier or error) from None
        except NexlaError as error:
            earlier = error
            raise

    retrying = tenacity.AsyncRetrying(
        sleep=anyio.sleep,
        stop=no_more,
        wait=_wait,
        retry=tenacity.retry_if_exception(lambda error: may_repeat(request, error)),
        reraise=True,
    )
    try:
        return await retrying(remembered)
    except NexlaError as error:
        error.may_repeat = False  # it was; a loop around this one must not multiply the tries
        raise


def may_repeat(request: ApiRequest, error: BaseException) -> bool:
    """Reads when the API is busy or silent; a change only when it certainly was not taken; a create never."""
    if not isinstance(error, NexlaError) or not error.may_repeat or isinstance(error, CircuitOpenError):
        return False
    if request.reads:
        return isinstance(error, ApiUnreachableError) or error.status_code in _BUSY
    if request.creates:
        return False
    told_to_wait = error.status_code == 503 and error.retry_after is not None
    return (error.sent is False and isinstance(error, ApiUnreachableError)) or isinstance(error, RateLimitError) or told_to_wait


def _wait(state: tenacity.RetryCallState) -> float:
    """Full jitter from half a second up; or what the API asks for, and a little more so that not all come back at once."""
    error = state.outcome.exception() if state.outcome else None
    asked: float | None = getattr(error, "retry_after", None)
    if asked is None:
        return tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_BACKOFF_S)(state)
    return asked + random.uniform(0.0, 0.25 * asked + 0.05)  # noqa: S311 - no secret, only spread
