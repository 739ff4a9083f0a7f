"""The server's clock as its replies tell it: never later than the truth, and not upset by one wrong date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexla_mcp.client.clock import ServerClock

NOW = datetime(2025, 11, 21, 10, 0, tzinfo=UTC)


def clock_that_saw(monkeypatch: pytest.MonkeyPatch, *seen: tuple[float, float]) -> ServerClock:
    """(moment of arrival, seconds that the Date is behind) of each reply, on a server whose clock shows NOW at moment 0."""
    clock = ServerClock()
    for moment, behind in seen:
        monkeypatch.setattr(ServerClock, "monotonic", staticmethod(lambda at=moment: at))
        clock.saw(NOW + timedelta(seconds=moment - behind))
    return clock


def test_the_newest_of_the_lower_bounds_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clock_that_saw(monkeypatch, (1, 0.9), (2, 0.05), (3, 0.5), (4, 1.8))
    assert clock.at(10) == NOW + timedelta(seconds=9.95)


def test_one_wrong_date_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clock_that_saw(monkeypatch, (1, 0.1), (2, -5400), (3, 0.2), (4, 5400), (5, 0.3))
    assert clock.at(10) == NOW + timedelta(seconds=9.9)


def test_dates_that_contradict_each_other_tell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert clock_that_saw(monkeypatch, (1, 0), (2, 100), (3, 200), (4, 300)).at(10) is None
    assert ServerClock().at(10) is None


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 2)), min_size=1, max_size=30))
def test_it_is_never_later_than_the_truth(seen: list[tuple[float, float]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        told = clock_that_saw(patch, *seen).at(50)
    assert told is None or told <= NOW + timedelta(seconds=50.001)
