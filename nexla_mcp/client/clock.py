"""The clock of the server, read off its Date headers, so that its timestamps can be compared with our own moments.

    clock.saw(date, began)         # of each reply
    clock.at(monotonic_moment)     # the server's time then, or None when nothing is known

The median of the last replies is taken: one reply with a wrong date changes nothing.
"""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime
from statistics import median

SAMPLES = 15
AGREE_WITHIN_S = 60.0


class ServerClock:
    """How far the server's clock is from this process's monotonic one."""

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=SAMPLES)

    @staticmethod
    def monotonic() -> float:
        """Now, on this process's clock."""
        return time.monotonic()

    def saw(self, date: datetime | None, began: float) -> None:
        """A reply carried ``date``; its request was begun at ``began``."""
        if date is not None:
            self._offsets.append(date.timestamp() - (began + self.monotonic()) / 2)

    def at(self, moment: float) -> datetime | None:
        """The server's time at a moment of ours; None when its dates are missing or contradict each other."""
        if not self._offsets:
            return None
        offset = median(self._offsets)
        agreeing = sum(abs(o - offset) <= AGREE_WITHIN_S for o in self._offsets)
        if agreeing * 2 <= len(self._offsets):
            return None
        return datetime.fromtimestamp(moment + offset, UTC)
