"""The shared client against the sandbox over a real socket: what a caller gets, and which error for which trouble."""

from __future__ import annotations

from typing import Any

import pytest

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.auth import FixedToken
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import (
    ApiUnreachableError,
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
from nexla_mcp.sandbox import COLLABORATOR_KEY
from tests.client.clients import client_for, sent


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
