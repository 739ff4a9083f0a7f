"""A circuit breaker: an API that fails again and again is left alone for a while, then tried with one request.

    breaker = Breaker("dataops.nexla.io")
    turn = breaker.enter()           # raises CircuitOpen while it is open: nothing is sent
    breaker.good(turn)               # or .bad(turn), or .undecided(turn) when the caller gave up

closed -> five bad requests in a row -> open for 10 s -> half-open: one request is let through; good closes it,
bad opens it again for twice as long, up to a minute. Requests that were under way together count once, so
that one hiccup under a fan-out of fifteen reads does not shut the door.

Our own, because the kept libraries do not fit: pybreaker is synchronous (its coroutine form needs Tornado), and
purgatory lets every waiting request through when half-open, counts a cancelled caller as a failure of the
API, and runs on the wall clock, which jumps.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class CircuitOpen(Exception):
    """The host is left alone for another ``retry_in`` seconds."""

    def __init__(self, host: str, retry_in: float, failures: int) -> None:
        super().__init__(f"{host} is left alone for {retry_in:.1f} s")
        self.host = host
        self.retry_in = retry_in
        self.failures = failures


class Breaker:
    """The state of one host."""

    def __init__(
        self,
        host: str,
        *,
        failures: int = 5,
        rest_s: float = 10.0,
        longest_rest_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host = host
        self._limit = failures
        self._first_rest_s = self._rest_s = rest_s
        self._longest_rest_s = longest_rest_s
        self._clock = clock
        self._failed = 0
        self._last_failure = float("-inf")
        self._opened: float | None = None
        self._trial: float | None = None

    @property
    def state(self) -> str:
        """closed, open or half-open."""
        if self._opened is None:
            return "closed"
        return "open" if self._clock() < self._opened + self._rest_s else "half-open"

    def enter(self) -> float:
        """Ask to send; the value identifies the request for the verdict.

        Raises:
            CircuitOpen: not now.
        """
        now = self._clock()
        if self._opened is not None:
            left = self._opened + self._rest_s - now
            if left > 0 or self._trial is not None:
                raise CircuitOpen(self.host, max(left, 1.0), self._failed)
            self._trial = now
        return now

    def good(self, turn: float) -> None:
        """The host answered."""
        if self._opened is None or turn == self._trial:
            self._failed, self._opened, self._trial, self._rest_s = 0, None, None, self._first_rest_s

    def bad(self, turn: float) -> None:
        """The host did not answer, or said that it cannot."""
        now = self._clock()
        if turn == self._trial:
            self._opened, self._trial, self._rest_s = now, None, min(2 * self._rest_s, self._longest_rest_s)
        elif self._opened is None and turn >= self._last_failure:
            self._failed, self._last_failure = self._failed + 1, now
            if self._failed >= self._limit:
                self._opened = now

    def undecided(self, turn: float) -> None:
        """The caller gave up: this says nothing about the host."""
        if turn == self._trial:
            self._trial = None
