"""When a Quartz schedule fires next: ``sec min hour day-of-month month day-of-week [year]``.

    Schedule.parse("0 0 9 29 2 ? *").next_after(moment)     # 2028-02-29T09:00:00Z

Only what a diagnosis asks: is it valid, when does it fire next and when did it fire last. No library in
the project's dependencies reads Quartz with a year field; this is the one place to put one in.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_MONTHS = {
    name: i for i, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
}
_DAYS = {name: i for i, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
_HORIZON_DAYS = 366 * 12


class ScheduleError(ValueError):
    """The expression is not a Quartz schedule; the text says why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One parsed expression, in UTC."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int] | None

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read an expression.

        Raises:
            ScheduleError: the number of fields or a value does not fit Quartz.
        """
        fields = text.upper().split()
        if len(fields) not in (6, 7):
            raise ScheduleError(f"{len(fields)} fields; Quartz needs 6 or 7, seconds first")
        return cls(
            text,
            tuple(sorted(_values(fields[0], 0, 59))),
            tuple(sorted(_values(fields[1], 0, 59))),
            tuple(sorted(_values(fields[2], 0, 23))),
            fields[3],
            _values(fields[4], 1, 12, _MONTHS),
            fields[5],
            None if len(fields) == 6 or fields[6] in "*?" else _values(fields[6], 1970, 2199),
        )

    def next_after(self, moment: datetime) -> datetime | None:
        """The first firing after ``moment``, or None within twelve years."""
        start = moment.astimezone(UTC) + timedelta(seconds=1)
        for offset in range(_HORIZON_DAYS):
            day = start.date() + timedelta(days=offset)
            if self._on(day) and (found := self._time(day, start if offset == 0 else None)):
                return found
        return None

    def last_before(self, moment: datetime) -> datetime | None:
        """The last firing before ``moment``, or None within twelve years."""
        end = moment.astimezone(UTC)
        for offset in range(_HORIZON_DAYS):
            day = end.date() - timedelta(days=offset)
            if self._on(day):
                times = [
                    datetime(day.year, day.month, day.day, h, m, s, tzinfo=UTC)
                    for h in self.hours
                    for m in self.minutes
                    for s in self.seconds[-1:]
                ]
                earlier = [t for t in times if t < end]
                if earlier:
                    return earlier[-1]
        return None

    def _time(self, day: date, start: datetime | None) -> datetime | None:
        for hour in self.hours:
            for minute in self.minutes:
                for second in self.seconds:
                    found = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)
                    if start is None or found >= start.replace(microsecond=0):
                        return found
        return None

    def _on(self, day: date) -> bool:
        if day.month not in self.months or (self.years is not None and day.year not in self.years):
            return False
        return _day_fits(self.days, day) and _weekday_fits(self.weekdays, day)


def _day_fits(field: str, day: date) -> bool:
    if field in "*?":
        return True
    last = calendar.monthrange(day.year, day.month)[1]
    if field.startswith("L"):
        back = field[2:] if field.startswith("L-") else "0"
        return day.day == last - (int(back) if back.isdigit() else 0)
    if field.endswith("W"):
        return day.isoweekday() <= 5 and abs(day.day - (int(field[:-1]) if field[:-1].isdigit() else last)) <= 2
    return day.day in _values(field, 1, 31)


def _weekday_fits(field: str, day: date) -> bool:
    if field in "*?":
        return True
    number = day.isoweekday() % 7 + 1
    if "#" in field:
        wanted, _, nth = field.partition("#")
        return number == _number(wanted, _DAYS) and (day.day - 1) // 7 + 1 == int(nth or 1)
    if field.endswith("L") and len(field) > 1:
        return number == _number(field[:-1], _DAYS) and day.day + 7 > calendar.monthrange(day.year, day.month)[1]
    return number in _values("7" if field == "L" else field, 1, 7, _DAYS)


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step_text = part.partition("/")
        step = int(step_text) if step_text.isdigit() else 1
        left, dash, right = span.partition("-")
        if span in ("*", "?", ""):
            bounds = low, high
        else:
            bounds = _number(left, names), _number(right, names) if dash else high if step_text else _number(left, names)
        if not all(low <= value <= high for value in bounds) or step < 1:
            raise ScheduleError(f"{field!r} is outside {low} to {high}")
        start, end = bounds
        found.update(range(start, end + 1, step) if start <= end else [*range(start, high + 1, step), *range(low, end + 1, step)])
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text[:3] in names:
        return names[text[:3]]
    if not text.isdigit():
        raise ScheduleError(f"{text!r} is no number")
    return int(text)
