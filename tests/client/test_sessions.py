"""Sessions: one sign-in for all, renewed in time and once for all, and whoever cannot sign in says why."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.auth import FixedToken, ServiceKeyTokens, margin
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import AuthenticationError, NexlaError, NotConfiguredError, ServerError
from nexla_mcp.client.http import GuardedHttp
from nexla_mcp.client.permits import PermitLedger
from nexla_mcp.sandbox import PAUSED_KEY, SERVICE_KEY, SandboxConfig
from nexla_mcp.sandbox.serve import running_sandbox
from tests.client.clients import FLOW, client_for, sent
from tests.client.odd_api import Answer, odd_api, odd_client


async def test_many_callers_share_one_sign_in(sandbox: Any, catalog: Catalog) -> None:
    async with client_for(sandbox) as client, anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(client.call, catalog.operation("flows_get"), {"flow_id": FLOW})
    assert len(sent(sandbox, "/token")) == 1
    assert len(sent(sandbox, f"/flows/{FLOW}")) == 20


async def test_the_sign_in_sends_the_key_as_it_is_and_no_body(sandbox: Any, catalog: Catalog) -> None:
    async with client_for(sandbox) as client:
        await client.call(catalog.operation("users_get_current"), {})
    exchange = sent(sandbox, "/token")[0]
    assert exchange["method"] == "POST"
    assert exchange["body"] is None
    assert exchange["headers"]["content-length"] == "0"
    assert exchange["headers"]["accept"] == "application/vnd.nexla.api.v1+json"


async def test_a_session_that_ends_in_the_middle_is_renewed_once_for_all(sandbox: Any, catalog: Catalog) -> None:
    async with client_for(sandbox) as client:
        await client.call(catalog.operation("users_get_current"), {})
        sandbox.fault("GET /flows", status=401, count=8)
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(client.call, catalog.operation("flows_get"), {"flow_id": FLOW})
    assert len(sent(sandbox, "/token")) == 2


async def test_a_401_that_stays_is_an_error_and_not_a_loop(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /flows", status=401)
    async with client_for(sandbox) as client:
        with pytest.raises(AuthenticationError):
            await client.call(catalog.operation("flows_get"), {"flow_id": FLOW})
    assert len(sent(sandbox, f"/flows/{FLOW}")) == 2


async def test_a_paused_key(sandbox: Any, catalog: Catalog) -> None:
    async with client_for(sandbox, PAUSED_KEY) as client:
        with pytest.raises(AuthenticationError, match="refused the service key") as error:
            await client.call(catalog.operation("flows_list"), {})
    assert error.value.operation == "token"


async def test_a_fixed_token_cannot_be_renewed(sandbox: Any, catalog: Catalog) -> None:
    async with NexlaClient(sandbox.url, lambda _: FixedToken("stale"), PermitLedger()) as client:
        with pytest.raises(AuthenticationError) as error:
            await client.call(catalog.operation("flows_list"), {})
    assert "NEXLA_ACCESS_TOKEN" in error.value.hint
    assert sent(sandbox, "/token") == []


async def test_a_session_that_is_revoked_under_a_fan_out_is_renewed_once_for_all(sandbox: Any, catalog: Catalog) -> None:
    """All sessions end on the server while thirty reads are on their way, more than there are places."""
    async with client_for(sandbox) as client:
        await client.call(catalog.operation("users_get_current"), {})
        sandbox.fault(f"GET /flows/{FLOW}", kind="revoked_token", count=1)
        async with anyio.create_task_group() as group:
            for _ in range(30):
                group.start_soon(client.call, catalog.operation("flows_get"), {"flow_id": FLOW})
    assert len(sent(sandbox, "/token")) == 2
    assert sum(r["status"] == 200 for r in sent(sandbox, f"/flows/{FLOW}")) == 30


async def test_a_change_that_is_refused_for_its_session_is_sent_again_with_a_new_one(sandbox: Any, catalog: Catalog) -> None:
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger) as client:
        await client.call(catalog.operation("users_get_current"), {})
        sandbox.fault("PUT /flows", kind="expired_token", count=1)
        request = client.request(catalog.operation("flows_pause"), {"flow_id": FLOW})
        await client.send(request, ledger.issue(request))
    assert [r["status"] for r in sent(sandbox, f"/flows/{FLOW}/pause")] == [401, 200]


@pytest.mark.parametrize(
    ("lifetime", "expected"), [(86_400, 300.0), (3_600, 300.0), (1_200, 120.0), (600, 60.0), (60, 6.0), (1, 0.1)]
)
def test_the_margin_suits_the_lifetime(lifetime: float, expected: float) -> None:
    assert margin(lifetime) == pytest.approx(expected)


async def test_a_session_is_renewed_before_it_ends(catalog: Catalog) -> None:
    now = [0.0]
    with running_sandbox(SandboxConfig(token_ttl_s=3600)) as sandbox:
        async with GuardedHttp(sandbox.url) as http:
            tokens = ServiceKeyTokens(http, SERVICE_KEY, clock=lambda: now[0])
            first = await tokens.current()
            now[0] = 3_299.0
            assert await tokens.current() == first
            now[0] = 3_301.0
            second = await tokens.current()
            assert second != first
            assert await tokens.renew(first) == second  # somebody else saw the old one refused: nothing to do
    assert tokens.exchanges == 2


@pytest.mark.parametrize("lifetime", ["soon", -5, 0, None, float("inf"), 10**400, [1]], ids=lambda v: str(v)[:8])
async def test_a_lifetime_that_cannot_be_true_is_taken_for_the_usual_day(lifetime: Any) -> None:
    async with (
        odd_api(lambda _: Answer({"access_token": "t-e-s-t", "expires_in": lifetime}), sign_in=False) as api,
        GuardedHttp(api.url) as http,
    ):
        tokens = ServiceKeyTokens(http, "k")
        assert await tokens.current() == await tokens.current() == "t-e-s-t"
        assert tokens.exchanges == 1


async def test_a_clock_that_is_wrong_on_the_other_side_does_no_harm(sandbox: Any, catalog: Catalog) -> None:
    """Date headers are off by days and a session claims to live for a second: it is renewed, and nothing else."""
    sandbox.fault("POST /token", kind="clock_skew", skew_s=-500_000, expires_in=1)
    sandbox.fault(".*", kind="clock_skew", skew_s=-500_000)
    async with client_for(sandbox) as client:
        for _ in range(3):
            await client.call(catalog.operation("users_get_current"), {})
    assert 1 <= len(sent(sandbox, "/token")) <= 3


async def test_those_who_wait_for_a_sign_in_share_its_failure(catalog: Catalog) -> None:
    """Twenty callers, one refused sign-in: nobody waits in line to be refused again."""
    errors: list[NexlaError] = []
    async with odd_api(lambda _: Answer(status=401), sign_in=False) as api, odd_client(api) as client:

        async def one() -> None:
            with pytest.raises(AuthenticationError) as error:
                await client.call(catalog.operation("flows_list"), {})
            errors.append(error.value)

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(one)
        assert len(api.asked) == 1
        assert len({id(e) for e in errors}) == 20
        with pytest.raises(AuthenticationError):  # the next call tries anew: the key may be good again
            await client.call(catalog.operation("flows_list"), {})
        assert len(api.asked) == 2


async def test_a_sign_in_that_is_cancelled_does_not_block_the_next(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("POST /token", kind="slow_headers", delay_s=1, count=1)
    async with client_for(sandbox) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(client.call, catalog.operation("users_get_current"), {})
            await anyio.sleep(0.1)
            group.cancel_scope.cancel()
        assert (await client.call(catalog.operation("users_get_current"), {})).status_code == 200


async def test_a_sign_in_is_tried_again_when_the_api_is_busy(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("POST /token", kind="error", status=503, count=1, headers={"Retry-After": "0"})
    sandbox.fault("POST /token", kind="reset_before", count=1)
    async with client_for(sandbox) as client:
        await client.call(catalog.operation("users_get_current"), {})
    assert [r["status"] for r in sent(sandbox, "/token")] == [503, 0, 200]


@pytest.mark.parametrize("body", [{"access_token": ""}, [1], b"<html>", {"access_token": "a\nb"}])
async def test_a_sign_in_without_a_usable_token(catalog: Catalog, body: Any) -> None:
    async with odd_api(lambda _: Answer(body), sign_in=False) as api, odd_client(api) as client:
        with pytest.raises(ServerError, match="without a token"):
            await client.call(catalog.operation("flows_list"), {})


@pytest.mark.parametrize("key", ["kéy-with-an-accent", "key\nwith a line break", ""])
async def test_a_key_that_cannot_be_sent_is_explained_and_not_shown(sandbox: Any, catalog: Catalog, key: str) -> None:
    for tokens in (lambda http: ServiceKeyTokens(http, key), lambda _: FixedToken(key)):
        async with NexlaClient(sandbox.url, tokens, PermitLedger()) as client:
            with pytest.raises(NotConfiguredError) as error:
                await client.call(catalog.operation("flows_list"), {})
        assert "Nothing was sent" in error.value.message
        assert not key or key not in str(error.value.summary())
    assert sandbox.requests() == []


async def test_a_change_whose_sign_in_failed_was_certainly_not_sent(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("POST /token", kind="reset_before")
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger) as client:
        request = client.request(catalog.operation("flows_pause"), {"flow_id": FLOW})
        with pytest.raises(NexlaError) as error:
            await client.send(request, ledger.issue(request))
    assert error.value.sent is False
    assert not error.value.undecided
