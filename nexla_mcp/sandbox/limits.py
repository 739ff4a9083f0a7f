"""Nexla's own rate limits: always counted, enforced only when the sandbox is told to."""

from __future__ import annotations

import time
from typing import Any

_PER_SECOND = 10
_PER_DAY = 100_000


class Limiter:
    """Counts requests of the current second and of the day."""

    def __init__(self) -> None:
        self._second = 0
        self._in_second = 0
        self._in_day = 0

    def clear(self) -> None:
        self._second = self._in_second = self._in_day = 0

    def allow(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        self._in_day += 1
        return self._in_second <= _PER_SECOND

    def table(self) -> dict[str, Any]:
        """The reply of `GET /limits`."""

        def row(limit: int, count: int) -> dict[str, dict[str, int]]:
            shares = {"common": 1, "light": 1, "medium": 2, "high": 5}
            return {name: {"limit": limit // share, "count": count if name == "common" else 0} for name, share in shares.items()}

        return {"second": row(_PER_SECOND, self._in_second), "day": row(_PER_DAY, self._in_day)}
