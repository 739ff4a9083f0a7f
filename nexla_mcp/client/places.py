"""At most so many requests at once, shared fairly between the calls that want them.

    with one_call():                      # server/: around each tool call; everything it starts belongs to it
        ...
    place = await places.take()           # client/: before each request
    places.give_back(place)               # and after it

A call may hold at most three times as many places as are left free, so a fan-out of a hundred reads, or one whose
answers are slow, always leaves room for the next call; among those that wait, the call that holds the
fewest goes first. A request outside any call counts as a call of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import anyio

SHARE_OF_FREE = 3
_CALL: ContextVar[object | None] = ContextVar("nexla_mcp_call", default=None)


@contextmanager
def one_call() -> Iterator[None]:
    """What is sent inside belongs to one call."""
    token = _CALL.set(object())
    try:
        yield
    finally:
        _CALL.reset(token)


class Places:
    """The places of one client."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._held: Counter[object] = Counter()
        self._waiting: list[tuple[object, anyio.Event]] = []

    @property
    def free(self) -> int:
        """Places that nobody holds."""
        return self._free

    async def take(self) -> object:
        """Wait for a place and hold it; the value is what :meth:`give_back` wants."""
        owner = _CALL.get() or object()
        if self._may_take(owner):
            self._hand_over(owner)
            return owner
        ticket = (owner, anyio.Event())
        self._waiting.append(ticket)
        try:
            await ticket[1].wait()
        except BaseException:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            else:  # it was handed over while the caller was being cancelled
                self.give_back(owner)
            raise
        return owner

    def give_back(self, owner: object) -> None:
        """Free a place, for whoever waits and holds the fewest."""
        self._free += 1
        self._held[owner] -= 1
        if self._held[owner] <= 0:
            del self._held[owner]
        while self._free and (able := [ticket for ticket in self._waiting if self._may_take(ticket[0])]):
            ticket = min(able, key=lambda t: self._held[t[0]])
            self._waiting.remove(ticket)
            self._hand_over(ticket[0])
            ticket[1].set()

    def _may_take(self, owner: object) -> bool:
        held = self._held[owner]
        return self._free > 0 and (held == 0 or held + 1 <= SHARE_OF_FREE * (self._free - 1))

    def _hand_over(self, owner: object) -> None:
        self._free -= 1
        self._held[owner] += 1
