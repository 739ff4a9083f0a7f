"""An API that keeps failing is left alone, says until when, and is tried with one request."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.breaker import Breaker, CircuitOpen
from nexla_mcp.client.errors import ApiUnreachableError, CircuitOpenError, NexlaError, NotFoundError, ServerError
from nexla_mcp.client.permits import PermitLedger
from tests.client.clients import FLOW, client_for, sent


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def failing(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.bad(breaker.enter())


def test_five_bad_requests_in_a_row_open_it() -> None:
    breaker = Breaker("h", clock=Clock())
    failing(breaker, 4)
    breaker.good(breaker.enter())
    failing(breaker, 4)
    assert breaker.state == "closed"
    failing(breaker, 1)
    assert breaker.state == "open"
    with pytest.raises(CircuitOpen) as error:
        breaker.enter()
    assert 9.9 < error.value.retry_in <= 10


def test_one_request_is_let_through_after_the_rest_and_decides() -> None:
    clock = Clock()
    breaker = Breaker("h", clock=clock)
    failing(breaker, 5)
    clock.now += 10.5
    assert breaker.state == "half-open"
    trial = breaker.enter()
    with pytest.raises(CircuitOpen):  # the others wait for its verdict
        breaker.enter()
    breaker.bad(trial)
    clock.now += 10.5
    assert breaker.state == "open"  # the second rest is twice as long
    clock.now += 10
    breaker.good(breaker.enter())
    assert breaker.state == "closed"
    failing(breaker, 5)
    clock.now += 10.5
    assert breaker.state == "half-open"  # and the next one is short again


def test_a_trial_that_its_caller_gives_up_says_nothing() -> None:
    clock = Clock()
    breaker = Breaker("h", clock=clock)
    failing(breaker, 5)
    clock.now += 11
    breaker.undecided(breaker.enter())
    breaker.good(breaker.enter())
    assert breaker.state == "closed"


def test_requests_that_failed_together_count_once() -> None:
    breaker = Breaker("h", clock=Clock())
    for _ in range(4):
        for turn in [breaker.enter() for _ in range(15)]:
            breaker.bad(turn)
    assert breaker.state == "closed"
    failing(breaker, 1)
    assert breaker.state == "open"


@given(st.lists(st.sampled_from(["good", "bad", "undecided", "wait"]), max_size=60))
def test_it_always_opens_again(events: list[str]) -> None:
    """Whatever happened before: after the longest rest a request goes through, and a good one closes it."""
    clock = Clock()
    breaker = Breaker("h", clock=clock)
    for event in events:
        if event == "wait":
            clock.now += 7
            continue
        try:
            turn = breaker.enter()
        except CircuitOpen as error:
            assert 0 < error.retry_in <= 60
            continue
        getattr(breaker, event)(turn)
    clock.now += 61
    breaker.good(breaker.enter())
    assert breaker.state == "closed"


async def test_a_tool_hears_when_it_will_be_tried_again(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /flows", kind="error", status=502)
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger, breaker={"failures": 3, "rest_s": 0.3}) as client:
        with pytest.raises(ServerError):
            await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
        asked = len(sandbox.requests())
        with pytest.raises(CircuitOpenError, match="tried again in") as read:
            await client.call(catalog.operation("sources_get"), {"source_id": 3001})
        request = client.request(catalog.operation("flows_pause"), {"flow_id": FLOW})
        with pytest.raises(CircuitOpenError, match="Nothing was changed") as change:
            await client.send(request, ledger.issue(request))
        assert len(sandbox.requests()) == asked
        assert read.value.retry_after
        assert change.value.sent is False
        sandbox.clear_faults()
        await anyio.sleep(0.31)
        assert (await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})).status_code == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 429, 500])
async def test_an_api_that_answers_is_not_left_alone(sandbox: Any, catalog: Catalog, status: int) -> None:
    """4xx never count; 500 is the answer of one operation, such as a probe with wrong keys, not of a host that is down."""
    sandbox.fault("GET /data_sources", status=status, headers={"Retry-After": "0"}, body={"message": "no"})
    async with client_for(sandbox, breaker={"failures": 2}) as client:
        for _ in range(3):
            with pytest.raises(NexlaError):
                await client.call(catalog.operation("sources_get"), {"source_id": 3001})
        assert (await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})).status_code == 200


async def test_a_caller_who_gives_up_does_not_open_it(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /data_sources", kind="slow_headers", delay_s=5)
    async with client_for(sandbox, breaker={"failures": 2}) as client:
        for _ in range(4):
            async with anyio.create_task_group() as group:
                group.start_soon(client.call, catalog.operation("sources_get"), {"source_id": 3001})
                await anyio.sleep(0.05)
                group.cancel_scope.cancel()
        assert (await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})).status_code == 200


async def test_a_service_that_restarts_is_reached_again(sandbox: Any, catalog: Catalog) -> None:
    """For a moment nobody listens: connections are refused. The read waits it out, the write was certainly not sent."""
    sandbox.fault("GET /flows", kind="refused", delay_s=0.15, count=1)
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger) as client:
        request = client.request(catalog.operation("flows_pause"), {"flow_id": FLOW})
        await client.call(catalog.operation("users_get_current"), {})

        async def read() -> None:
            try:
                await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
            except ApiUnreachableError:
                return

        await read()
        with anyio.fail_after(20):
            while True:
                try:
                    await client.send(request, ledger.issue(request))
                    break
                except ApiUnreachableError as error:
                    assert error.sent is False
    assert [r["handled"] for r in sent(sandbox, f"/flows/{FLOW}/pause")] == [200]


async def test_each_host_has_its_own(sandbox: Any, catalog: Catalog) -> None:
    async with client_for(sandbox, breaker={"failures": 1}) as client:
        sandbox.fault("GET /flows", kind="error", status=502)
        with pytest.raises(ServerError):
            await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
        with pytest.raises(CircuitOpenError):
            await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
        address = sandbox.url.replace("127.0.0.1", "localhost") + "/data/9"
        ledger = client._ledger
        arguments = {"webhook_url": address, "api_key": "k", "record": {}}
        client._webhook_hosts = frozenset({"localhost"})
        request = client.request(catalog.operation("webhooks_send_one_record"), arguments)
        with pytest.raises((NotFoundError, NexlaError)) as error:
            await client.send(request, ledger.issue(request))
        assert not isinstance(error.value, CircuitOpenError)
