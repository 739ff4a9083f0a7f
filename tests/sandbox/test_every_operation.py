"""Every operation of the catalogue can be called on the sandbox, each on a fresh copy of the seeded org."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.client.auth import ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import ResourceConflictError
from nexla_mcp.client.permits import PermitLedger
from nexla_mcp.client.replies import Reply
from nexla_mcp.sandbox import SERVICE_KEY, SandboxConfig, create_app
from tests.sandbox.seeded import NEXSET_NODE, PAUSED_NEXSET_FLOW, PAUSED_NEXSET_NODE, WEBHOOK_SOURCE, adapted, copy_of_the_org

ADDRESS = "http://127.0.0.1:8765"
CATALOG = load_catalog()

MADE_BY = {"flow_trigger_id": "flow_triggers_create", "task_id": "async_tasks_create"}
"""Ids of things that the seeded org has none of, and the operation that makes one."""

FIRST = {
    "organizations_delete": "organizations_create",
    "tags_remove": "tags_set",
    **dict.fromkeys(
        (f"users_{verb}_quarantine_settings" for verb in ("get", "update", "delete")), "users_create_quarantine_settings"
    ),
}
"""Operations that need another one before them."""

LINKS = {"more_fields": {"links": [{"linked_flow_id": 6130}]}}
UNPUBLISHED: dict[str, dict[str, Any]] = {
    **{f"flows_{verb}_links": LINKS for verb in ("create", "update", "delete")},
    "flows_insert_flow_node": {"more_fields": {"flow_node_id": NEXSET_NODE, "name": "checked"}},
    "flows_remove_flow_node": {"flow_id": PAUSED_NEXSET_FLOW, "more_fields": {"flow_node_id": PAUSED_NEXSET_NODE}},
    "flows_run_profiles_activate": {"more_fields": {"profile": "nightly"}},
}
"""What the sandbox takes where no source shows the form of a body: examples of the catalogue hold placeholders there."""

ACTIVE = "it or what it feeds is ACTIVE: pause it first"
CONFLICTS = {
    "code_containers_delete": "nexset 4025 runs this code",
    "credentials_delete": "flows log in with it",
    "destinations_delete": ACTIVE,
    "destinations_update": "the configuration of something ACTIVE cannot be changed: pause it first",
    "flows_delete": ACTIVE,
    "flows_delete_by_resource": ACTIVE,
    "nexsets_delete": ACTIVE,
    "sources_delete": ACTIVE,
    "sources_update": "the configuration of something ACTIVE cannot be changed: pause it first",
    "transforms_delete": "nexset 4025 runs this code",
}
"""Operations that the state of the seeded org forbids, as the API would, and why."""


class Caller:
    """Calls operations by name, with a permit for each that changes something."""

    def __init__(self, client: NexlaClient, ledger: PermitLedger, sandbox: Any) -> None:
        self._client = client
        self._ledger = ledger
        self._sandbox = sandbox

    async def __call__(self, name: str, arguments: dict[str, Any]) -> Reply:
        operation = CATALOG.operation(name)
        request = self._client.request(operation, arguments)
        return await self._client.send(request, None if operation.reads else self._ledger.issue(request))

    async def example(self, name: str) -> Reply:
        """The operation's own example, on what the seeded org has."""
        return await self(name, await self.arguments(name))

    async def arguments(self, name: str) -> dict[str, Any]:
        operation = CATALOG.operation(name)
        given = adapted(operation, CATALOG.toolset_of(operation))
        for argument in given.keys() & MADE_BY.keys():
            given[argument] = (await self.example(MADE_BY[argument])).body["id"]
            self._sandbox.world.clock.advance(60_000)  # long enough for a task to be done
        if "notification_id" in given:
            given["notification_id"] = (await self("notifications_list", {})).body[0]["id"]
        if "api_key_id" in given or "webhook_url" in given:
            key = (await self("api_keys_list", {"collection": "data_sources", "resource_id": WEBHOOK_SOURCE})).body[0]
            place = {"webhook_url": key["url"].split("?")[0], "api_key": key["api_key"]}
            given |= place if "webhook_url" in given else {"resource_id": WEBHOOK_SOURCE, "api_key_id": key["id"]}
        return given | UNPUBLISHED.get(name, {})


@pytest.fixture
async def call(tmp_path: Path) -> AsyncIterator[Caller]:
    app = create_app(SandboxConfig(database=copy_of_the_org(tmp_path)))
    transport = httpx.ASGITransport(app)
    ledger = PermitLedger()
    async with NexlaClient(ADDRESS, lambda http: ServiceKeyTokens(http, SERVICE_KEY), ledger, transport=transport) as client:
        yield Caller(client, ledger, app.state.sandbox)


@pytest.mark.parametrize("name", [name for name in CATALOG.operations if name not in CONFLICTS])
async def test_an_example_works(name: str, call: Caller) -> None:
    given: dict[str, Any] = {}
    if name in FIRST:
        made = await call.example(FIRST[name])
        if name == "organizations_delete":
            given["org_id"] = made.body["id"]
    reply = await call(name, await call.arguments(name) | given)
    assert 200 <= reply.status_code < 300


@pytest.mark.parametrize("name", CONFLICTS)
async def test_an_example_is_refused_for_its_state(name: str, call: Caller) -> None:
    with pytest.raises(ResourceConflictError):
        await call.example(name)
