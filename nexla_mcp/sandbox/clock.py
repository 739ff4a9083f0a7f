"""The clock of the world, and the time formats of the API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class WorldClock:
    """Epoch milliseconds that start anywhere, run in real time and can be moved forward."""

    def __init__(self, start: datetime | None = None) -> None:
        self._base = int(start.timestamp() * 1000) if start else time.time_ns() // 1_000_000
        self._started = time.monotonic()
        self._pinned: int | None = None

    def now(self) -> int:
        if self._pinned is not None:
            return self._pinned
        return self._base + int((time.monotonic() - self._started) * 1000)

    def advance(self, milliseconds: int) -> None:
        if milliseconds < 0:
            raise ValueError("the clock only moves forward")
        self._base += milliseconds

    @contextmanager
    def pinned(self, at: int) -> Iterator[None]:
        """Hold the clock at one moment: used while history is written."""
        before, self._pinned = self._pinned, at
        try:
            yield
        finally:
            self._pinned = before


def iso(milliseconds: int) -> str:
    """ISO 8601 UTC with milliseconds, the form of resource timestamps."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def day_of(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d")


def day_start(text: str) -> int:
    """Epoch ms of the first moment of a `YYYY-MM-DD` day; other text raises ValueError."""
    parsed = date.fromisoformat(text[:10])
    return int(datetime(parsed.year, parsed.month, parsed.day, tzinfo=UTC).timestamp() * 1000)
