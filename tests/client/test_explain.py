"""Every failure says what it is in the seed's words, which cause it points to, and which call comes next."""

from __future__ import annotations

from typing import Any

import pytest

from nexla_mcp.arguments.check import check
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.errors import FlowError, NexlaError
from nexla_mcp.client.explain import ROWS, Issue, explain, word_for
from nexla_mcp.client.permits import PermitLedger
from tests.client.clients import client_for

SEED_ROWS = [
    "Credential expired",
    "Transform error",
    "Schema mismatch",
    "Rate limiting",
    "Network timeouts",
    "Resource conflict",
    "Flow not running",
    "High error rate",
    "Stale data",
    "Permission denied",
]
SEED_SUMMARY = [
    "message",
    "step",
    "operation",
    "resource_type",
    "resource_id",
    "details",
    "context",
    "status_code",
    "response",
    "original_error",
]
CASES: list[tuple[int | None, str, str, str | None, Any, Issue, str]] = [
    (403, "access key expired", "credentials_probe", "data_credentials", 5001, Issue.CREDENTIAL, "credential_invalid"),
    (403, "", "sources_activate", "data_sources", 5023, Issue.PERMISSION, "access_denied_to_caller"),
    (401, "", "flows_list", None, None, Issue.SESSION, "token_invalid"),
    (404, "", "sources_get", "data_sources", 1, Issue.NOT_FOUND, "unknown"),
    (405, "must be paused before deletion", "destinations_delete", "data_sinks", 5029, Issue.CONFLICT, "state_conflict"),
    (400, "the source is still active", "sources_delete", "data_sources", 5023, Issue.CONFLICT, "state_conflict"),
    (409, "name already exists", "projects_create", "projects", None, Issue.CONFLICT, "state_conflict"),
    (429, "slow down", "flows_list", None, None, Issue.RATE, "api_throttled"),
    (400, "contains additional properties", "sources_list", None, None, Issue.REQUEST, "unsupported_request"),
    (422, "schema mismatch in field x", "nexsets_update", "data_sets", 5101, Issue.SCHEMA, "schema_drift"),
    (
        500,
        "NullPointerException varInfo",
        "credentials_probe_sample",
        "data_credentials",
        1,
        Issue.REQUEST,
        "unsupported_request",
    ),
    (500, "boom", "nexsets_test_transform", "data_sets", 1, Issue.TRANSFORM, "transform_error"),
    (504, "", "flows_get", "flows", 5059, Issue.NETWORK, "unknown"),
    (None, "", "flows_get", "flows", 5059, Issue.NETWORK, "unknown"),
    (503, "", "flows_list", None, None, Issue.SERVER, "unknown"),
]


def test_every_row_of_the_seeds_table_is_there() -> None:
    assert [issue.value for issue in Issue][:10] == SEED_ROWS
    assert all(ROWS[issue].solution and ROWS[issue].cause for issue in Issue)


@pytest.mark.parametrize(("status", "said", "operation", "kind", "identity", "issue", "cause"), CASES)
def test_an_error_is_explained(
    status: int | None, said: str, operation: str, kind: str | None, identity: Any, issue: Issue, cause: str
) -> None:
    found = explain(status, said, operation, kind, identity)
    assert (found.issue, found.cause) == (issue, cause)
    assert found.solution


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]} {c[2]}")
def test_the_next_call_is_accepted_as_it_stands_and_only_reads(catalog: Catalog, case: tuple[Any, ...]) -> None:
    call = explain(*case[:5]).next_call
    if call is None:
        return
    record = catalog.tools[call["tool"]]
    assert record.hints.read_only
    check(record, call["arguments"])


def test_a_probes_403_is_not_a_missing_role() -> None:
    assert "not a missing Nexla role" in explain(403, "x", "credentials_probe").solution
    assert "lack a role" in explain(403, "x", "sources_pause").solution


def test_an_api_word_becomes_the_word_of_the_tools() -> None:
    assert [word_for(w) for w in ("data_sinks", "source", "teams", "{collection}", None)] == [
        "destination",
        "source",
        "team",
        None,
        None,
    ]


async def test_a_summary_has_all_the_fields_of_the_sdks(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("GET /data_sources", status=409, body={"message": "busy"}, headers={"x-request-id": "req-7"})
    async with client_for(sandbox) as client:
        with pytest.raises(NexlaError) as error:
            await client.call(catalog.operation("sources_get"), {"source_id": 3001})
    summary = error.value.summary()
    assert list(summary)[:10] == SEED_SUMMARY
    assert summary["response"] == {"status": 409, "request_id": "req-7", "content_type": "application/json", "message": "busy"}
    assert summary["context"] == {"method": "GET", "path": "/data_sources/3001"}
    assert summary["next_call"] == {"tool": "nexla_get", "arguments": {"resource_type": "source", "id": 3001}}


async def test_an_operation_on_a_flow_that_fails_names_its_step(sandbox: Any, catalog: Catalog) -> None:
    sandbox.fault("PUT /flows", kind="error", status=500)
    ledger = PermitLedger()
    async with client_for(sandbox, ledger=ledger) as client:
        request = client.request(catalog.operation("flows_activate"), {"flow_id": 6010})
        with pytest.raises(FlowError) as error:
            await client.send(request, ledger.issue(request))
    assert error.value.flow_step == "activate"
    assert error.value.summary()["flow_step"] == "activate"


async def test_what_the_network_said_is_kept_and_what_the_request_held_is_not(catalog: Catalog) -> None:
    class Gone:
        url = "http://127.0.0.1:9"

    async with client_for(Gone()) as client:
        with pytest.raises(NexlaError) as error:
            await client.call(catalog.operation("flows_list"), {})
    assert "Connect" in error.value.summary()["original_error"]
    assert "Basic" not in str(error.value.summary())
