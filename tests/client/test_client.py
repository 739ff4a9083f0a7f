"""The shared client against the sandbox over a real socket: sessions, retries, errors, paging."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.auth import FixedToken, ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import (
    ApiUnreachableError,
    AuthenticationError,
    AuthorizationError,
    CredentialError,
    NexlaError,
    NotFoundError,
    RateLimitError,
    ResourceConflictError,
    ServerError,
    ValidationError,
)
from nexla_mcp.client.permits import PermitLedger
from nexla_mcp.sandbox import COLLABORATOR_KEY, PAUSED_KEY, SERVICE_KEY

FLOW = 6010


@asynccontextmanager
async def client_for(sandbox: Any, key: str = SERVICE_KEY, ledger: PermitLedger | None = None) -> AsyncIterator[NexlaClient]:
    async with NexlaClient(sandbox.url, lambda http: ServiceKeyTokens(http, key), ledger or PermitLedger()) as client:
        yield client


def sent(sandbox: Any, path: str) -> list[dict[str, Any]]:
    return [r for r in sandbox.requests() if r["path"] == path]


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


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"message": "The property '#/' contains additional properties"}, ValidationError),
        (403, None, AuthorizationError),
        (404, None, NotFoundError),
        (405, {"message": "must be paused before deletion"}, ResourceConflictError),
        (409, {"message": "already exists"}, ResourceConflictError),
        (422, {"error": "bad"}, ValidationError),
        (500, {"message": "boom"}, ServerError),
        (200, "{broken", ServerError),
    ],
)
async def test_each_status_is_its_own_error(
    sandbox: Any, catalog: Catalog, status: int, body: Any, kind: type[NexlaError]
) -> None:
    sandbox.fault("GET /data_sources", status=status, body=body, headers={"Content-Type": "application/json"})
    async with client_for(sandbox) as client:
        with pytest.raises(kind) as error:
            await client.call(catalog.operation("sources_get"), {"source_id": 3001})
    summary = error.value.summary()
    assert type(error.value) is kind
    assert summary["operation"] == "sources_get"
    assert summary["resource_id"] == 3001
    assert summary["hint"]


async def test_a_throttled_read_says_how_long_to_wait(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /data_sources", status=429, headers={"Retry-After": "0"}, body={"message": "slow down"})
    async with client_for(sandbox) as client:
        with pytest.raises(RateLimitError) as error:
            await client.call(catalog.operation("sources_get"), {"source_id": 3001})
    assert error.value.retry_after == 0


async def test_a_probe_that_is_refused_is_the_external_systems_doing(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /data_credentials/.*/probe", status=403, body={"status": 403, "message": "access key expired"})
    async with client_for(sandbox) as client:
        with pytest.raises(CredentialError, match="access key expired") as error:
            await client.call(catalog.operation("credentials_probe"), {"credential_id": 2001})
    assert "not a missing Nexla role" in error.value.hint


async def test_a_collaborator_may_look_and_not_touch(sandbox: Any, catalog: Catalog) -> None:
    ledger = PermitLedger()
    async with client_for(sandbox, COLLABORATOR_KEY, ledger) as client:
        request = client.request(catalog.operation("sources_pause"), {"source_id": 3001})
        with pytest.raises((AuthorizationError, NotFoundError)):
            await client.send(request, ledger.issue(request))


async def test_an_api_that_is_gone(catalog: Catalog) -> None:
    async with NexlaClient("http://127.0.0.1:9", lambda _: FixedToken("t"), PermitLedger()) as client:
        with pytest.raises(ApiUnreachableError) as error:
            await client.call(catalog.operation("flows_list"), {})
    assert error.value.sent is False


async def test_a_list_is_read_to_its_end(sandbox: Any, catalog: Catalog) -> None:
    rows: list[Any] = []
    async with client_for(sandbox) as client:
        async for reply in client.pages(catalog.operation("credentials_list"), {}, per_page=4):
            rows += reply.body
            assert reply.total == 15
    assert len({row["id"] for row in rows}) == 15
    assert [r["query"]["page"] for r in sent(sandbox, "/data_credentials")] == ["1", "2", "3", "4"]


async def test_at_most_so_many_requests_at_once(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /flows", delay_s=0.05)
    async with NexlaClient(
        sandbox.url, lambda http: ServiceKeyTokens(http, SERVICE_KEY), PermitLedger(), max_concurrency=2
    ) as client:
        await client.call(catalog.operation("users_get_current"), {})
        began = time.monotonic()
        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(client.call, catalog.operation("flows_get"), {"flow_id": FLOW})
        assert time.monotonic() - began >= 0.15
