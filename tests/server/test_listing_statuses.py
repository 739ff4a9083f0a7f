"""nexla_list with a status that does not exist, and on a route that an instance lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.serve import running_sandbox
from tests.conftest import text_of
from tests.in_process import client_of


async def test_an_unknown_status_is_answered_with_those_there_are(sandbox: Any, tmp_path: Path, era: str) -> None:
    async with client_of(sandbox.url, tmp_path, era=era) as client:
        wrong = await client.call_tool("nexla_list", {"resource_type": "flow", "status": "failing"})
        none = await client.call_tool("nexla_list", {"resource_type": "source", "status": "rate_limited"})
        other = await client.call_tool("nexla_list", {"resource_type": "user", "status": "asleep"})
    assert wrong.is_error
    assert "ACTIVE, INIT, PAUSED, RATE_LIMITED" in text_of(wrong)
    assert not none.is_error
    assert "Statuses there are: ACTIVE" in text_of(other)


async def test_a_list_whose_route_is_missing_says_what_to_use_instead(tmp_path: Path, era: str) -> None:
    with running_sandbox(SandboxConfig(undocumented=False)) as sandbox:
        async with client_of(sandbox.url, tmp_path, era=era) as client:
            result = await client.call_tool("nexla_list", {"resource_type": "flow_trigger"})
    assert result.is_error
    assert "may not have" in text_of(result)
