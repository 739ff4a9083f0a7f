"""What is usual for a flow although a single look at it would alarm: a season, a few rejected records in every run.

season(runs, run_id, 2200)       # True: as low on the same hours of earlier days or weeks, and higher between
steady_rejects(runs)             # 0.004: the share that has been rejected in every run, or None
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import median

from nexla_mcp.runbooks.shapes.runs import Run

_DAY_MS = 86_400_000
_NEAR_MS = 45 * 60_000
_AS_LOW = 0.6
_HIGH_AGAIN = 0.7
_BEYOND_CHANCE = 4.0
"""In roots of the usual count: what arrives by itself scatters by about one root."""
_SEVERAL = 3
LONG_ENOUGH = 24
_ALMOST_ALWAYS = 0.8
_SMALL = 0.01
_GROWN = 3.0


def season(runs: Sequence[Run], run_id: int, records: int) -> bool:
    """Whether ``records`` is no less than what the same hour brought on earlier days, or on the same weekday of earlier weeks.

    The flow must have been at its usual level in between, else what is low is one long drop.
    """
    earlier = [r for r in runs if r.run_id < run_id and r.records > 0]
    if len(earlier) < 4:
        return False
    usual = median(r.records for r in earlier)
    for period in (_DAY_MS, 7 * _DAY_MS):
        alike = [r for n in (1, 2, 3) if (r := _nearest(earlier, run_id - n * period))]
        if len(alike) < 2 or records < _AS_LOW * median(r.records for r in alike):
            continue
        moments = [run_id, *(r.run_id for r in alike)]
        came_back = [any(a < r.run_id < b and r.records >= _HIGH_AGAIN * usual for r in earlier) for b, a in pairwise(moments)]
        if all(came_back):
            return True
    return False


def by_chance(earlier: Sequence[int], records: int) -> bool:
    """Whether so few records are nothing special: counts are small, or were as low several times, and came back each time."""
    middle = median(earlier)
    if middle - records <= _BEYOND_CHANCE * sqrt(middle):
        return True
    low = [n <= 1.15 * records for n in earlier]
    times = sum(now and not before for before, now in zip([False, *low], low, strict=False))
    return times >= _SEVERAL


def _nearest(runs: Sequence[Run], moment: int) -> Run | None:
    found = min(runs, key=lambda r: abs(r.run_id - moment))
    return found if abs(found.run_id - moment) <= _NEAR_MS else None


def steady_rejects(runs: Sequence[Run]) -> float | None:
    """The share of rejected records, when nearly every known run had it, small and not growing."""
    counted = [r for r in runs if r.records + r.errors > 0]
    shares = [r.errors / (r.records + r.errors) for r in counted]
    if len(shares) < LONG_ENOUGH or sum(s > 0 for s in shares) < _ALMOST_ALWAYS * len(shares):
        return None
    first, middle = median(shares[: len(shares) // 3]), median(shares)
    return middle if 0 < middle <= _SMALL and first * _GROWN >= middle else None


def within(run: Run, usual: float) -> bool:
    """Whether a run rejected no more than ``usual`` lets expect."""
    return run.records > 0 and run.errors / (run.records + run.errors) <= usual * _GROWN
