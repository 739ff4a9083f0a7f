"""Between a repair and the next run: what was broken is not called healthy, and nothing is repaired twice."""

from __future__ import annotations

from typing import Any

import anyio

from nexla_mcp.client.auth import ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.permits import PermitLedger
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.registry import run_runbook
from nexla_mcp.sandbox import SERVICE_KEY
from nexla_mcp.sandbox.serve import running_sandbox
from tests.runbooks.investigation import CATALOG

NEW_LOGIN = {"credentials": {"access_key_id": "shop-exports-access-key-id", "secret_key": "a-new-one"}}


def diagnose(url: str, flow_id: int) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with NexlaClient(url, lambda http: ServiceKeyTokens(http, SERVICE_KEY), PermitLedger()) as client:
            return (await run_runbook("nexla_debug_flow", Facts(client, CATALOG), {"flow_id": flow_id})).structured()

    return anyio.run(ask)


def test_a_repaired_login_is_not_health_before_a_run_has_proved_it() -> None:
    with running_sandbox() as sandbox:
        before = diagnose(sandbox.url, 6010)
        with sandbox.client() as person:
            person.put("/data_credentials/2001", json=NEW_LOGIN).raise_for_status()
        between = diagnose(sandbox.url, 6010)
        sandbox.run(6010)
        after = diagnose(sandbox.url, 6010)
    assert (before["verdict"], before["root_cause"]["confidence"]) == ("failing", "high")
    assert between["verdict"] == "failing"
    assert between["root_cause"]["cause"] == "credential_invalid"
    assert "login works" in between["root_cause"]["explanation"]
    assert between["next_steps"][0]["arguments"]["operation"] == "sources_run_now"
    assert between["first_bad_run_id"] == before["first_bad_run_id"]
    assert (after["verdict"], after["root_cause"]) == ("healthy", None)
