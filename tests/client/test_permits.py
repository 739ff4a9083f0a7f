"""No change leaves the client without an unspent permit for that very request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.client.auth import FixedToken
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import PermitError
from nexla_mcp.client.permits import Permit, PermitLedger
from nexla_mcp.client.wire import build_request

CATALOG = load_catalog()
CHANGES = sorted(o.name for o in CATALOG.operations.values() if not o.reads)
NOWHERE = "http://127.0.0.1:9"  # the discard port: a request that leaves would be a connection error


@pytest.mark.parametrize("name", CHANGES)
async def test_every_change_is_refused_without_a_permit(name: str) -> None:
    operation = CATALOG.operation(name)
    hosts = ("webhooks.example.com",)
    async with NexlaClient(NOWHERE, lambda _: FixedToken("t"), PermitLedger(), webhook_hosts=hosts) as client:
        with pytest.raises(PermitError, match=r"Nothing was sent\.$"):
            await client.call(operation, operation.examples[0])
        assert client.requests == 0


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=st.sampled_from(CHANGES), other=st.sampled_from(CHANGES))
def test_a_permit_fits_one_request_only(one: str, other: str) -> None:
    first, second = (build_request(CATALOG.operation(n), CATALOG.operation(n).examples[0]) for n in (one, other))
    ledger = PermitLedger()
    permit = ledger.issue(first)
    if first.digest() != second.digest():
        with pytest.raises(PermitError):
            ledger.spend(second, permit)
    else:
        ledger.spend(second, permit)
    with pytest.raises(PermitError):
        ledger.spend(first, permit)


def test_a_forged_permit_is_worth_nothing() -> None:
    arguments: dict[str, Any] = {"flow_id": 1}
    request = build_request(CATALOG.operation("flows_pause"), arguments)
    with pytest.raises(PermitError):
        PermitLedger().spend(request, Permit("made-up", request.digest()))
