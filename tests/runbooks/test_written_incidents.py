"""The same diagnoses against replies that no engine of ours produced, in both shapes, long ago and just now."""

from __future__ import annotations

import time

import anyio
import httpx
import pytest

from nexla_mcp.client.auth import ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.permits import PermitLedger
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.registry import run_runbook
from tests.runbooks.investigation import CATALOG, Found
from tests.runbooks.test_answer_contract import check_schema, check_steps
from tests.runbooks.written_api import FIRST, HOUR, WrittenApi
from tests.runbooks.written_incidents import SCENARIOS


def diagnose(api: WrittenApi) -> Found:
    async def run() -> Found:
        wire = httpx.MockTransport(api.answer)
        async with NexlaClient(
            "http://nexla.test", lambda http: ServiceKeyTokens(http, "k"), PermitLedger(), transport=wire
        ) as client:
            facts = Facts(client, CATALOG)
            answer = await run_runbook("nexla_debug_flow", facts, {"flow_id": 5059})
            return Found(answer.structured(), answer.text(), facts.requests, [])

    return anyio.run(run)


@pytest.mark.parametrize("when", ["long ago", "now"])
@pytest.mark.parametrize("shape", ["published", "seed"])
@pytest.mark.parametrize("name", list(SCENARIOS))
def test_cause_and_place(name: str, shape: str, when: str) -> None:
    write, cause, ids, first = SCENARIOS[name]
    shift = (int(time.time() * 1000) - FIRST - 7 * HOUR) // 60_000 * 60_000 if when == "now" else 0
    api = WrittenApi(shape, shift)
    write(api)
    found = diagnose(api)
    assert found.root.get("cause") == cause, found.answer["summary"]
    if cause is None:
        assert found.answer["verdict"] == "healthy"
    else:
        assert found.root["resource_id"] in ids
        assert found.answer["first_bad_run_id"] == (None if first is None else api.run_id(first))
    assert found.requests <= 14
    check_schema("nexla_debug_flow", found.answer)
    check_steps(found)
