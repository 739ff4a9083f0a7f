"""Quartz cron: `sec min hour day-of-month month day-of-week [year]`, one of the two days is `?`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_MONTHS = {
    name: i for i, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
}
_DAYS = {name: i for i, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
_SEARCH_DAYS = 9 * 366


@dataclass(frozen=True)
class Cron:
    """One parsed expression. None for a day or year field means that it does not restrict."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    years: frozenset[int] | None

    def next_after(self, milliseconds: int) -> int | None:
        """The first firing strictly after a moment (epoch ms), or None when there is none within nine years."""
        start = datetime.fromtimestamp(milliseconds // 1000 + 1, UTC)
        day = start.replace(hour=0, minute=0, second=0)
        for offset in range(_SEARCH_DAYS):
            if self._fires_on(day):
                seconds = (
                    self._second_of_day(start.hour, start.minute, start.second) if offset == 0 else (self._second_of_day(0, 0, 0))
                )
                if seconds is not None:
                    return (int(day.timestamp()) + seconds) * 1000
            day += timedelta(days=1)
        return None

    def _fires_on(self, day: datetime) -> bool:
        return (
            day.month in self.months
            and (self.days is None or day.day in self.days)
            and (self.weekdays is None or day.isoweekday() % 7 + 1 in self.weekdays)
            and (self.years is None or day.year in self.years)
        )

    def _second_of_day(self, hour: int, minute: int, second: int) -> int | None:
        for h in self.hours:
            if h < hour:
                continue
            for m in self.minutes:
                if h == hour and m < minute:
                    continue
                for s in self.seconds:
                    if (h, m) == (hour, minute) and s < second:
                        continue
                    return h * 3600 + m * 60 + s
        return None


@lru_cache(maxsize=256)
def parse_cron(text: str) -> Cron:
    """Parse an expression; ValueError says what is wrong with it."""
    fields = text.split()
    if len(fields) not in (6, 7):
        raise ValueError(f"cron needs 6 or 7 fields, got {len(fields)}")
    day, weekday = fields[3], fields[5]
    if day != "?" and weekday != "?":
        raise ValueError("one of day-of-month and day-of-week must be ?")
    return Cron(
        seconds=tuple(sorted(_values(fields[0], 0, 59))),
        minutes=tuple(sorted(_values(fields[1], 0, 59))),
        hours=tuple(sorted(_values(fields[2], 0, 23))),
        days=None if day in "?*" else _values(day, 1, 31),
        months=_values(fields[4], 1, 12, _MONTHS),
        weekdays=None if weekday in "?*" else _values(weekday, 1, 7, _DAYS),
        years=None if len(fields) == 6 or fields[6] == "*" else _values(fields[6], 1970, 2099),
    )


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step_text = part.partition("/")
        step = int(step_text) if step_text else 1
        if span == "*":
            first, last = low, high
        else:
            left, dash, right = span.partition("-")
            first = _number(left, names)
            last = _number(right, names) if dash else (high if step_text else first)
        if not (low <= first <= high and low <= last <= high and step > 0):
            raise ValueError(f"cron field {field!r} is out of range {low}-{high}")
        found.update(
            range(first, last + 1, step) if first <= last else [*range(first, high + 1, step), *range(low, last + 1, step)]
        )
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text.upper() in names:
        return names[text.upper()]
    if not text.isdigit():
        raise ValueError(f"cron value {text!r} is not a number")
    return int(text)
