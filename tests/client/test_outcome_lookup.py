"""A change whose reply was lost is looked up and reported as applied, not applied or unknown; it is never sent again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client import outcome_lookup
from nexla_mcp.client.errors import NexlaError
from nexla_mcp.client.outcome_lookup import send_and_settle
from nexla_mcp.client.permits import PermitLedger
from tests.client.clients import client_for
from tests.client.odd_api import Answer, Asked, odd_api, odd_client

SOURCE = 3001
LOST_AFTER = [
    {"kind": "reset_after"},
    {"kind": "truncated"},
    {"kind": "invalid_json"},
    {"kind": "huge"},
    {"kind": "html", "after": True, "status": 502},
    {"kind": "error", "after": True, "status": 500},
    {"kind": "error", "after": True, "status": 504},
]
LOST_BEFORE = [{"kind": "reset_before"}, {"kind": "error", "status": 500}, {"kind": "error", "status": 502}, {"kind": "html"}]
CALLS: dict[str, tuple[str, dict[str, Any], tuple[str, dict[str, Any]] | None]] = {
    "pause": ("sources_pause", {"source_id": SOURCE}, ("sources_get", {"source_id": SOURCE})),
    "flow": ("flows_pause", {"flow_id": 6020}, ("flows_get", {"flow_id": 6020})),
    "update": ("lookups_update", {"data_map_id": 61, "description": "made by a test"}, ("lookups_get", {"data_map_id": 61})),
    "delete": ("credentials_delete", {"credential_id": 0}, ("credentials_get", {"credential_id": 0})),
    "accessors": (
        "sources_add_accessors",
        {"source_id": SOURCE, "accessors": [{"type": "USER", "id": 103, "access_roles": ["operator"]}]},
        ("sources_get_accessors", {"source_id": SOURCE}),
    ),
    "tags": (
        "tags_add",
        {"collection": "data_sources", "resource_id": SOURCE, "tags": ["lost"]},
        ("tags_get", {"collection": "data_sources", "resource_id": SOURCE}),
    ),
    "create": ("credentials_create", {"name": "made once", "credentials_type": "s3", "credentials": {"a": "b"}}, None),
    "copy": ("sources_copy", {"source_id": SOURCE}, None),
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, shared_sandbox: Any) -> None:
    """A seeded organisation for each, and no long pause before the second look."""
    monkeypatch.setattr(outcome_lookup, "SECOND_LOOK_AFTER_S", 0.01)
    shared_sandbox.reset()


async def settle(sandbox: Any, catalog: Catalog, which: str, *, twin: bool = False, **fault: Any) -> NexlaError:
    """Make one of the calls while its reply gets lost; the error with the outcome. ``twin``: the same was done just before."""
    name, arguments, reading = CALLS[which]
    ledger = PermitLedger()
    sandbox.clear_faults()
    sandbox.clear_requests()
    async with client_for(sandbox, ledger=ledger) as client:

        async def do(operation: str, given: dict[str, Any]) -> Any:
            asked = client.request(catalog.operation(operation), given)
            return (await client.send(asked, ledger.issue(asked))).body

        if which == "delete":
            made = await do("credentials_create", CALLS["create"][1] | {"name": "to be deleted"})
            arguments = {"credential_id": made["id"]}
            reading = ("credentials_get", arguments)
        if twin:
            await do(name, arguments)
        before = (await client.call(catalog.operation(reading[0]), reading[1])).body if reading else None
        await client.call(catalog.operation("users_get_current"), {})
        request = client.request(catalog.operation(name), arguments)
        sandbox.fault(f"^{request.method} {re.escape(request.path)}$", **fault)
        with pytest.raises(NexlaError) as error:
            await send_and_settle(client, catalog, catalog.operation(name), arguments, ledger.issue(request), before)
    assert len([r for r in sandbox.requests() if r["fault"]]) == 1, "sent more than once"
    return error.value


@pytest.mark.parametrize("fault", [LOST_AFTER[0], LOST_AFTER[5]], ids=["reset", "500"])
async def test_a_change_that_was_made_is_reported_as_applied(sandbox: Any, catalog: Catalog, fault: dict[str, Any]) -> None:
    for which in CALLS:
        error = await settle(sandbox, catalog, which, **fault)
        outcome = error.details["outcome"]
        assert outcome["verdict"] == "applied", (which, outcome)
        assert outcome["find_out"]["tool"]
        assert "was applied" in error.message
        assert "Do not repeat it" in error.message


@pytest.mark.parametrize("fault", [LOST_BEFORE[0], LOST_BEFORE[1]], ids=["reset", "500"])
async def test_a_change_that_was_not_made_is_reported_as_not_applied(
    sandbox: Any, catalog: Catalog, fault: dict[str, Any]
) -> None:
    for which in CALLS:
        error = await settle(sandbox, catalog, which, **fault)
        assert error.details["outcome"]["verdict"] == "not applied", (which, error.details)
        assert "Nothing was changed; it may be sent again." in error.message


async def test_however_the_reply_is_lost(sandbox: Any, catalog: Catalog) -> None:
    for fault in LOST_AFTER[1:]:
        sandbox.advance(60)
        error = await settle(sandbox, catalog, "create", **fault)
        made = error.details["outcome"]["made"]["id"]
        assert error.next_call == {"tool": "nexla_get", "arguments": {"resource_type": "credential", "id": made}}
        with sandbox.client() as http:
            assert http.get(f"/data_credentials/{made}").json()["name"] == "made once"


async def test_a_refusal_decides_without_a_look(sandbox: Any, catalog: Catalog) -> None:
    error = await settle(sandbox, catalog, "pause", status=409, body={"message": "not now"})
    assert error.details["outcome"] == {"verdict": "not applied", "evidence": "Nexla refused it (409)"}
    assert error.message.endswith("Nothing was changed.")


async def test_after_a_timeout_not_applied_is_never_said(sandbox: Any, catalog: Catalog) -> None:
    """The API may still be at it: what is not there yet may come."""
    error = await settle(sandbox, catalog, "pause", kind="error", status=504)
    assert error.details["outcome"]["verdict"] == "unknown"
    assert "Nexla may still be at it" in error.message


async def test_an_older_thing_of_that_name_is_not_the_lost_one(sandbox: Any, catalog: Catalog) -> None:
    """Names may repeat: one of that name was made just before, by this very process."""
    error = await settle(sandbox, catalog, "create", twin=True, kind="reset_before")
    assert error.details["outcome"]["verdict"] == "not applied"
    sandbox.advance(60)
    error = await settle(sandbox, catalog, "create", twin=True, kind="reset_after")
    assert error.details["outcome"]["verdict"] == "applied"


async def test_an_api_that_stays_away_leaves_it_unknown_and_says_how_to_find_out(sandbox: Any, catalog: Catalog) -> None:
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger) as client:
        name, arguments, _ = CALLS["pause"]
        await client.call(catalog.operation("users_get_current"), {})
        sandbox.fault(".*", kind="reset_before")
        request = client.request(catalog.operation(name), arguments)
        with pytest.raises(NexlaError) as error:
            await send_and_settle(client, catalog, catalog.operation(name), arguments, ledger.issue(request))
    assert error.value.details["outcome"]["verdict"] == "unknown"
    assert "Find out first" in error.value.hint
    reading = {"operation": "sources_get", "arguments": {"source_id": SOURCE}}
    assert error.value.next_call == {"tool": "nexla_read", "arguments": reading}


KEYS = [{"id": n, "name": name, "created_at": "2025-11-21T10:00:05Z"} for n, name in ((2, "key 2"), (3, "x"), (4, "x"))]


@pytest.mark.parametrize("rows", [KEYS[:1], KEYS[1:]], ids=["another name", "two of that name"])
async def test_what_cannot_be_told_apart_is_unknown(catalog: Catalog, rows: list[Any]) -> None:
    """The API calls the new key "key 2", whatever name was sent; or somebody else made one of that name as well."""

    def handler(asked: Asked) -> Answer:
        if asked.method == "POST":
            return Answer({"message": "late"}, status=502)
        return Answer(rows, headers={"Date": "Fri, 21 Nov 2025 10:00:00 GMT"})

    ledger = PermitLedger()
    async with odd_api(handler) as api, odd_client(api, ledger) as client:
        operation = catalog.operation("api_keys_create")
        arguments = {"collection": "data_sources", "resource_id": 1, "name": "x"}
        await client.call(catalog.operation("runtimes_list"), {})
        request = client.request(operation, arguments)
        with pytest.raises(NexlaError) as error:
            await send_and_settle(client, catalog, operation, arguments, ledger.issue(request))
    assert error.value.details["outcome"]["verdict"] == "unknown"
