"""The clock of the server, read off its Date headers, so that its timestamps can be compared with our own moments.

    clock.saw(date)                # of each reply, when it has arrived
    clock.at(monotonic_moment)     # the server's time then, or a little earlier; None when nothing is known

A Date is cut to the second and as old as its way here, so each reply tells a little less than the truth; the highest of
those that agree with most is taken, and it is never later than the truth. One reply with a wrong date changes
nothing.
"""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime
from statistics import median

SAMPLES = 15
AGREE_WITHIN_S = 3.0


class ServerClock:
    """How far the server's clock is from this process's monotonic one."""

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=SAMPLES)

    @staticmethod
    def monotonic() -> float:
        """Now, on this process's clock."""
        return time.monotonic()

    def saw(self, date: datetime | None) -> None:
        """A reply that carries ``date`` has just arrived."""
        if date is not None:
            self._offsets.append(date.timestamp() - self.monotonic())

    def at(self, moment: float) -> datetime | None:
        """The server's time at a moment of ours; None when its dates are missing or contradict each other."""
        if not self._offsets:
            return None
        middle = median(self._offsets)
        agreeing = [o for o in self._offsets if abs(o - middle) <= AGREE_WITHIN_S]
        if len(agreeing) * 2 <= len(self._offsets):
            return None
        return datetime.fromtimestamp(moment + max(agreeing), UTC)
