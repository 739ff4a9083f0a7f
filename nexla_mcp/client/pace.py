"""Client-side pacing: silent until the API throttles, then no faster than it allows.

    pace = Pace()
    await asyncio.sleep(pace.wait())     # 0.0 while nothing is known
    pace.throttled()                     # a 429 came
    pace.learn(limits_body)              # what GET /limits answered

Nexla enforces no limits by default (FACTS 1.7), so nothing is asked and nothing is slowed down before the
first 429, or before somebody reads the limits and the day's is nearly used up. Then the published limit
per second is kept, less a fifth; a 429 in spite of it halves the pace, down to a quarter of that limit and no
further: some 429s have other reasons than our pace. A quiet half minute raises it again, and ten quiet
minutes end it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SHARE = 0.8
NEARLY_USED_UP = 0.9
SLOWEST = 1.0
"""Requests a second that Nexla leaves to a throttled key (FACTS 1.7)."""
UNTOLD = 5.0
"""Requests a second after a 429 when GET /limits does not say more."""
RISE_AFTER_S = 30.0
QUIET_S = 600.0
LEARN_AGAIN_S = 300.0
ASK_AGAIN_S = 5.0


class Pace:
    """Requests a second of one client, or no limit."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rate: float | None = None
        self._ceiling = UNTOLD
        self._next = 0.0
        self._last_429 = 0.0
        self._raised = 0.0
        self._ask_at = 0.0

    @property
    def rate(self) -> float | None:
        """Requests a second, or None."""
        return self._rate

    @property
    def wants_limits(self) -> bool:
        """True when throttled and the limits are unknown or old."""
        return self._rate is not None and self._clock() >= self._ask_at

    def wait(self) -> float:
        """Reserve the next moment to send; seconds until then."""
        now = self._clock()
        self._settle(now)
        if self._rate is None:
            return 0.0
        at = max(now, self._next)
        self._next = at + 1 / self._rate
        return at - now

    def peek(self) -> float:
        """Seconds that :meth:`wait` would answer now, without reserving."""
        now = self._clock()
        self._settle(now)
        return max(0.0, self._next - now) if self._rate is not None else 0.0

    def throttled(self) -> None:
        """A 429 came: begin to pace, or pace more slowly; several 429s within a second are one."""
        now = self._clock()
        if self._rate is None:
            self._rate = self._ceiling
        elif now - self._last_429 > 1.0:
            self._rate = max(SLOWEST, self._ceiling / 4, self._rate / 2)
        self._last_429 = self._raised = now

    def asked(self) -> None:
        """The limits were asked for; without an answer they are asked for again soon, at the next 429."""
        self._ask_at = self._clock() + ASK_AGAIN_S

    def learn(self, body: Any) -> None:
        """Take what ``GET /limits`` says; without a 429 so far it matters only when a limit is nearly reached."""
        limit, used = _second(body)
        if limit is None:
            return
        self._ask_at = self._clock() + LEARN_AGAIN_S
        self._ceiling = max(SLOWEST, limit * SHARE)
        if self._rate is not None:
            halved = self._rate < UNTOLD
            self._rate = max(self._ceiling / 4, min(self._rate, self._ceiling)) if halved else self._ceiling
        elif used >= NEARLY_USED_UP:
            self._rate, self._last_429, self._raised = self._ceiling, self._clock(), self._clock()

    def _settle(self, now: float) -> None:
        if self._rate is None:
            return
        if now - self._last_429 > QUIET_S:
            self._rate, self._next = None, 0.0
        elif now - self._raised > RISE_AFTER_S:
            self._rate, self._raised = min(self._ceiling, self._rate * 1.5), now


def _second(body: Any) -> tuple[float | None, float]:
    """The limit per second for all calls, and the share of the day's limit that is used up.

    The count of the running second says nothing: above the limit without a 429 means that it is not enforced.
    """
    limit: float | None = None
    used = 0.0
    for window in ("second", "day"):
        row = body.get(window) if isinstance(body, dict) else None
        common = row.get("common") if isinstance(row, dict) else None
        if not isinstance(common, dict):
            continue
        most, count = common.get("limit"), common.get("count")
        if not isinstance(most, int | float) or isinstance(most, bool) or most <= 0:
            continue
        if window == "second":
            limit = float(most)
        elif isinstance(count, int | float):
            used = count / most
    return limit, used
