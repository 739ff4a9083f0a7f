"""The gate for a run of many requests: confirmed once and as a whole, with a permit for each request and no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from nexla_mcp.catalog.records import Risk
from nexla_mcp.client.errors import PermitError
from nexla_mcp.client.wire import ApiRequest
from nexla_mcp.policy.decision import Consent, Granted, Pending, Refused
from nexla_mcp.sandbox import SERVICE_KEY
from nexla_mcp.sandbox.serve import RunningSandbox
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.settings import Settings
from tests.in_process import CATALOG


@dataclass(frozen=True)
class RunPlan:
    """What a runbook would bring before the gate: everything that it will do, in its own words."""

    requests: Sequence[ApiRequest]
    name: str = "nexla_bulk_pause"
    risk: Risk = Risk.DESTROY
    phrase: str = "pause 2 flows"
    digest: str = "hash of the arguments of the run"
    fingerprint: str = "state of both flows"
    targets: Sequence[str] = ("orders-to-snowflake", "returns-to-bigquery")
    must_ask: bool = True

    def text(self) -> str:
        return "Pauses two flows."


async def test_a_run_is_confirmed_once_for_all_its_requests(sandbox: RunningSandbox, tmp_path: Path) -> None:
    runtime = Runtime(Settings(service_key=SecretStr(SERVICE_KEY), api_url=sandbox.url, state_dir=tmp_path), CATALOG)
    pause = CATALOG.operation("flows_pause")
    plan = RunPlan([runtime.client.request(pause, {"flow_id": number}) for number in (6010, 6020)])

    async def again() -> RunPlan:
        return plan

    first = await runtime.gate.ask(plan, again, Consent())
    assert isinstance(first, Pending)
    wider = replace(plan, digest="more flows")
    assert isinstance(await runtime.gate.ask(wider, again, Consent(ticket=first.ticket, typed_name=plan.phrase)), Refused)
    second = await runtime.gate.ask(plan, again, Consent())
    assert isinstance(second, Pending)
    granted = await runtime.gate.ask(plan, again, Consent(ticket=second.ticket, typed_name=plan.phrase))
    assert isinstance(granted, Granted)
    assert len(granted.permits) == 2
    for request, permit in zip(plan.requests, granted.permits, strict=True):
        await runtime.client.send(request, permit)
    with pytest.raises(PermitError):
        await runtime.client.send(runtime.client.request(pause, {"flow_id": 6040}), granted.permits[0])
    await runtime.aclose()
