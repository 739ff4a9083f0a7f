"""What is sent again and what is not: by kind, with the waits the API asks for, within the time of the call."""

from __future__ import annotations

import time
from typing import Any

import anyio
import pytest

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.errors import ApiUnreachableError, NexlaError, RateLimitError, ServerError
from nexla_mcp.client.permits import PermitLedger
from tests.client.clients import FLOW, client_for, sent
from tests.client.odd_api import Answer, odd_api, odd_client

CREATE = {"name": "twice", "credentials_type": "s3", "credentials": {"a": "b"}}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_read_is_tried_again_when_the_api_is_busy(sandbox: Any, catalog: Catalog, status: int) -> None:
    sandbox.fault("GET /flows", status=status, count=2, headers={"Retry-After": "0"})
    async with client_for(sandbox) as client:
        reply = await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
    assert reply.body["flows"][0]["id"] == FLOW
    assert len(sent(sandbox, f"/flows/{FLOW}")) == 3


async def test_a_read_is_given_up_after_three_tries(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /flows", status=503, headers={"Retry-After": "0"})
    async with client_for(sandbox) as client:
        with pytest.raises(ServerError):
            await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
    assert len(sent(sandbox, f"/flows/{FLOW}")) == 3


async def test_a_wait_that_the_api_asks_for_is_kept(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /flows", status=429, count=1, headers={"Retry-After": "1"})
    began = time.monotonic()
    async with client_for(sandbox) as client:
        await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
    assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_change_that_may_have_arrived_is_never_sent_twice(sandbox: Any, catalog: Catalog, status: int) -> None:
    operation = catalog.operation("credentials_create")
    arguments = {"name": "twice", "credentials_type": "s3", "credentials": {"a": "b"}}
    sandbox.fault("POST /data_credentials", status=status)
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger) as client:
        request = client.request(operation, arguments)
        with pytest.raises(ServerError):
            await client.send(request, ledger.issue(request))
    assert len(sent(sandbox, "/data_credentials")) == 1


async def test_a_change_that_is_throttled_is_sent_again(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("PUT /flows", status=429, count=1, headers={"Retry-After": "0"})
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger) as client:
        request = client.request(catalog.operation("flows_pause"), {"flow_id": FLOW})
        await client.send(request, ledger.issue(request))
    assert len(sent(sandbox, f"/flows/{FLOW}/pause")) == 2


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated"])
async def test_a_read_is_repeated_when_its_connection_breaks(sandbox: Any, catalog: Catalog, kind: str) -> None:
    sandbox.fault("GET /flows", kind=kind, count=2)
    async with client_for(sandbox) as client:
        reply = await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
    assert reply.body["flows"][0]["id"] == FLOW
    assert len(sent(sandbox, f"/flows/{FLOW}")) == 3


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "rate_limited"},
        {"kind": "error", "status": 500},
        {"kind": "error", "status": 503, "headers": {"Retry-After": "0"}},
        {"kind": "error", "status": 504, "after": True},
        {"kind": "reset_before"},
        {"kind": "reset_after"},
        {"kind": "truncated"},
        {"kind": "invalid_json"},
        {"kind": "html", "after": True},
        {"kind": "huge"},
    ],
    ids=lambda fault: "-".join(str(v) for v in fault.values() if not isinstance(v, dict)),
)
async def test_a_create_is_never_sent_twice(sandbox: Any, catalog: Catalog, fault: dict[str, Any]) -> None:
    sandbox.fault("POST /data_credentials$", **fault)
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger) as client:
        request = client.request(catalog.operation("credentials_create"), CREATE)
        with pytest.raises(NexlaError):
            await client.send(request, ledger.issue(request))
    assert len(sent(sandbox, "/data_credentials")) == 1


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        ({"kind": "rate_limited", "retry_after_s": 0}, 3),
        ({"kind": "error", "status": 503, "headers": {"Retry-After": "0"}}, 3),
        ({"kind": "error", "status": 503}, 1),
        ({"kind": "error", "status": 500}, 1),
        ({"kind": "reset_before"}, 1),
        ({"kind": "reset_after"}, 1),
    ],
)
async def test_a_change_is_repeated_only_when_it_was_not_taken(
    sandbox: Any, catalog: Catalog, fault: dict[str, Any], times: int
) -> None:
    sandbox.fault("PUT /flows", **fault)
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger) as client:
        request = client.request(catalog.operation("flows_pause"), {"flow_id": FLOW})
        with pytest.raises(NexlaError):
            await client.send(request, ledger.issue(request))
    assert len(sent(sandbox, f"/flows/{FLOW}/pause")) == times


async def test_a_date_to_wait_for_is_kept_by_the_servers_own_clock(sandbox: Any, catalog: Catalog) -> None:
    """The sandbox lives in 2025; a date of its own is a minute away, not a year ago."""
    sandbox.fault("GET /flows", kind="rate_limited", form="date", retry_after_s=60, count=1)
    async with client_for(sandbox) as client:
        with pytest.raises(RateLimitError) as error:
            await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
    assert error.value.retry_after == pytest.approx(60, abs=2)


async def test_a_wait_that_would_not_end_in_time_is_not_begun(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /flows", kind="rate_limited", retry_after_s=120)
    began = time.monotonic()
    async with client_for(sandbox) as client:
        with pytest.raises(RateLimitError) as error:
            await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
    assert time.monotonic() - began < 5
    assert error.value.retry_after == 120
    assert len(sent(sandbox, f"/flows/{FLOW}")) == 1


async def test_an_answer_that_never_comes_ends_with_the_time_of_the_call(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /flows", kind="slow_body", delay_s=60)
    async with client_for(sandbox) as client:
        began = time.monotonic()
        with anyio.fail_after(4), pytest.raises(ApiUnreachableError, match="no answer in time"):
            await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
        assert 2 < time.monotonic() - began < 3.9  # the error comes before the call is cut


async def test_a_change_is_not_begun_when_too_little_time_is_left_to_look_after_it(sandbox: Any, catalog: Catalog) -> None:
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger) as client:
        request = client.request(catalog.operation("flows_pause"), {"flow_id": FLOW})
        with anyio.fail_after(5), pytest.raises(ServerError, match="Nothing was changed") as error:
            await client.send(request, ledger.issue(request))
    assert error.value.sent is False
    assert sent(sandbox, f"/flows/{FLOW}/pause") == []


@pytest.mark.parametrize("value", ["nan", "inf", "-3", "1e400", "soon", "", "Wed, 99 Foo 2025", "9" * 400])
async def test_a_senseless_retry_after_does_no_harm(catalog: Catalog, value: str) -> None:
    def handler(asked: Any) -> Answer:
        return Answer(status=429, headers={"Retry-After": value}) if asked.number == 0 else Answer([])

    async with odd_api(handler) as api, odd_client(api) as client:
        try:
            await client.call(catalog.operation("runtimes_list"), {})
        except RateLimitError as error:
            assert error.retry_after == 86_400.0


async def test_a_large_reply_is_broken_off(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /flows", kind="huge")
    async with client_for(sandbox) as client:
        with pytest.raises(ServerError, match="larger than 8 MB") as error:
            await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
        assert "Ask for less" in error.value.hint
        assert (await client.call(catalog.operation("users_get_current"), {})).status_code == 200


async def test_a_packed_reply_counts_by_what_it_unpacks_to(catalog: Catalog) -> None:
    import gzip

    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    assert len(bomb) < 100_000
    async with odd_api(lambda _: Answer(bomb, headers={"Content-Encoding": "gzip"})) as api, odd_client(api) as client:
        with pytest.raises(ServerError, match="larger than"):
            await client.call(catalog.operation("runtimes_list"), {})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_and_not_taken_for_success(catalog: Catalog, status: int) -> None:
    async with odd_api(lambda _: Answer(status=status, headers={"Location": "http://127.0.0.1:9/"})) as api:
        ledger = PermitLedger()
        async with odd_client(api, ledger) as client:
            request = client.request(catalog.operation("flows_pause"), {"flow_id": FLOW})
            with pytest.raises(ServerError, match="redirect"):
                await client.send(request, ledger.issue(request))
        assert len(api.asked) == 1
