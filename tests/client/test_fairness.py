"""No caller starves another: places are shared, and a throttled key is paced."""

from __future__ import annotations

import time
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.errors import RateLimitError
from nexla_mcp.client.pace import Pace
from nexla_mcp.client.places import Places, one_call
from tests.client.clients import FLOW, client_for, sent


async def test_at_most_so_many_requests_at_once(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /flows", delay_s=0.05)
    async with client_for(sandbox, max_concurrency=2) as client:
        await client.call(catalog.operation("users_get_current"), {})
        began = time.monotonic()
        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(client.call, catalog.operation("flows_get"), {"flow_id": FLOW})
        assert time.monotonic() - began >= 0.15


async def test_a_slow_fan_out_leaves_room_for_the_next_call(sandbox: Any, catalog: Catalog) -> None:
    """Forty slow reads of one call; another call's read does not wait for any of them."""
    sandbox.fault("GET /data_sources", delay_s=1.0)
    async with client_for(sandbox) as client:
        await client.call(catalog.operation("users_get_current"), {})
        async with anyio.create_task_group() as group:

            async def greedy() -> None:
                with one_call():
                    async with anyio.create_task_group() as fan:
                        for _ in range(40):
                            fan.start_soon(client.call, catalog.operation("sources_get"), {"source_id": 3001})

            group.start_soon(greedy)
            await anyio.sleep(0.3)
            for _ in range(3):
                with one_call():
                    began = time.monotonic()
                    await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
                    assert time.monotonic() - began < 0.7
            group.cancel_scope.cancel()


async def test_places_are_shared_between_calls() -> None:
    places = Places(8)
    with one_call():
        greedy = [await places.take() for _ in range(6)]
        with anyio.move_on_after(0.01) as waited:
            await places.take()
        assert waited.cancelled_caught  # two places stay free for others
    with one_call():
        others = [await places.take()]
    assert places.free == 1
    with one_call():
        others.append(await places.take())
    assert places.free == 0
    for place in [*greedy, *others]:
        places.give_back(place)
    assert places.free == 8


async def test_who_holds_the_fewest_goes_first() -> None:
    places = Places(1)
    order: list[str] = []
    held = await places.take()

    async def wait(name: str) -> None:
        place = await places.take()
        order.append(name)
        await anyio.lowlevel.checkpoint()
        places.give_back(place)

    async def call(name: str, count: int) -> None:
        with one_call():
            async with anyio.create_task_group() as group:
                for _ in range(count):
                    group.start_soon(wait, name)

    async with anyio.create_task_group() as group:
        group.start_soon(call, "many", 5)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(call, "one", 1)
        await anyio.wait_all_tasks_blocked()
        places.give_back(held)
    assert sorted(order) == ["many"] * 5 + ["one"]
    assert places.free == 1


@pytest.mark.parametrize("cancelled", range(6))
async def test_a_place_is_never_lost_when_who_waits_is_cancelled(cancelled: int) -> None:
    places = Places(2)
    held = [await places.take(), await places.take()]
    scopes: list[anyio.CancelScope] = []

    async def wait() -> None:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            place = await places.take()
            try:
                await anyio.lowlevel.checkpoint()
            finally:
                places.give_back(place)

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        for place in held:
            places.give_back(place)
        scopes[cancelled].cancel()
    assert places.free == 2


class Clock:
    """Time that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


LIMITS = {"second": {"common": {"limit": 10, "count": 1}}, "day": {"common": {"limit": 1000, "count": 1}}}


def test_nothing_is_paced_before_the_api_throttles() -> None:
    pace = Pace(Clock())
    pace.learn(LIMITS)
    assert [pace.wait() for _ in range(100)] == [0.0] * 100
    assert not pace.wants_limits


def test_after_a_429_the_published_limit_is_kept_less_a_fifth() -> None:
    pace = Pace(Clock())
    pace.throttled()
    assert pace.wants_limits
    pace.learn(LIMITS)
    assert pace.rate == 8
    assert [round(pace.wait(), 3) for _ in range(4)] == [0.0, 0.125, 0.25, 0.375]


def test_a_429_in_spite_of_it_halves_the_pace_and_quiet_raises_it_again_and_ends_it() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.throttled()
    pace.throttled()  # of the same moment: one
    pace.learn(LIMITS)
    clock.now = 5
    pace.throttled()
    assert pace.rate == 4
    clock.now = 40
    pace.wait()
    assert pace.rate == 6
    clock.now = 700
    assert pace.wait() == 0.0
    assert pace.rate is None


def test_limits_that_could_not_be_read_are_asked_for_again_soon() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.throttled()
    pace.asked()
    assert not pace.wants_limits
    clock.now = 6
    assert pace.wants_limits
    pace.learn(LIMITS)
    assert not pace.wants_limits


def test_429s_that_do_not_stop_never_bring_it_to_a_standstill() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(50):
        clock.now += 2
        pace.throttled()
    assert pace.rate == 1.25
    pace.learn(LIMITS)
    assert pace.rate == 2


def test_a_day_that_is_nearly_used_up_is_paced_without_a_429() -> None:
    pace = Pace(Clock())
    pace.learn(LIMITS | {"day": {"common": {"limit": 1000, "count": 950}}})
    assert pace.rate == 8


@pytest.mark.parametrize("common", [None, [], "x", {"limit": "many"}, {"limit": 0}, {"limit": True}])
def test_limits_that_say_nothing_are_borne(common: Any) -> None:
    pace = Pace(Clock())
    pace.throttled()
    pace.learn({"second": {"common": common}, "day": common})
    pace.learn(common)
    assert pace.rate == 5


async def test_the_limits_are_asked_for_once_and_only_after_a_429(sandbox: Any, catalog: Catalog) -> None:
    async with client_for(sandbox) as client:
        await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
        assert sent(sandbox, "/limits") == []
        sandbox.fault("GET /flows", kind="rate_limited", retry_after_s=0, count=4)
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(client.call, catalog.operation("flows_get"), {"flow_id": FLOW})
        assert len(sent(sandbox, "/limits")) == 1
        assert client.pace.rate == 8


async def test_a_turn_that_would_come_too_late_is_not_waited_for(sandbox: Any, catalog: Catalog) -> None:
    async with client_for(sandbox) as client:
        await client.call(catalog.operation("users_get_current"), {})
        client.pace.throttled()
        for _ in range(300):
            client.pace.wait()
        with pytest.raises(RateLimitError, match="comes in") as error:
            await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
        assert error.value.retry_after
        assert error.value.sent is False
