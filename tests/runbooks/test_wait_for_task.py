"""Waiting for what runs in the background: progress, result, failure, and a handle when the time is up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.serve import RunningSandbox, running_sandbox
from tests.conftest import text_of
from tests.in_process import CATALOG, client_of

CREDENTIAL = 2001  # its login is refused
TOOL = "nexla_wait_for_task"


@pytest.fixture(scope="module", params=["published", "seed"])
def org(request: pytest.FixtureRequest) -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxConfig(reply_shape=request.param)) as sandbox:
        yield sandbox


def started(sandbox: RunningSandbox, kind: str, **arguments: Any) -> int:
    with sandbox.client() as http:
        return int(http.post("/async_tasks", json={"type": kind, "arguments": arguments}).raise_for_status().json()["id"])


async def waited(
    sandbox: RunningSandbox, tmp_path: Path, era: str, arguments: dict[str, Any], told: Any = None
) -> tuple[Any, str]:
    async with client_of(sandbox.url, tmp_path, era=era) as client:
        result = await client.call_tool(TOOL, arguments, progress_callback=told)
    assert not result.is_error, result.content
    jsonschema.validate(result.structured_content, CATALOG.tools[TOOL].output_schema)
    return result.structured_content, text_of(result)


async def test_progress_is_told_until_the_result_is_there(org: RunningSandbox, tmp_path: Path, era: str) -> None:
    task, heard = started(org, "GetAuditLogs", resource_type="data_sources", resource_id=3001), []

    async def told(_progress: float, _total: float | None, message: str | None) -> None:
        heard.append(message)
        if len(heard) == 2:
            org.advance(60)

    answer, text = await waited(org, tmp_path, era, {"task_id": task}, told)
    assert answer["state"] == "done"
    assert answer["looks"] == 2
    assert isinstance(answer["result"]["audit_log"], list)
    assert str(answer["download_link"]).endswith(f"/async_tasks/{task}/result")
    assert any("running" in str(message) for message in heard)
    assert text.startswith("**DONE**")


async def test_when_the_time_is_up_the_call_to_go_on_with_is_given(org: RunningSandbox, tmp_path: Path, era: str) -> None:
    task = started(org, "CallProbe", data_credentials_id=CREDENTIAL)
    answer, text = await waited(org, tmp_path, era, {"task_id": task, "wait_seconds": 0})
    assert (answer["state"], answer["looks"], answer["result"]) == ("running", 1, None)
    (step,) = answer["next_steps"]
    assert (step["tool"], step["arguments"]) == (TOOL, {"task_id": task})
    assert "still running" in text
    org.advance(60)
    done, text = await waited(org, tmp_path, era, step["arguments"])
    assert done["state"] == "done"
    assert done["cause"] == "credential_invalid"
    assert "what it carried out was refused" in text


async def test_a_failed_task_is_explained(org: RunningSandbox, tmp_path: Path, era: str) -> None:
    task = started(org, "ChownUserResources", user_id=101, new_owner_id=102)
    org.advance(60)
    answer, text = await waited(org, tmp_path, era, {"task_id": task})
    assert answer["state"] == "failed"
    assert "not carried out" in answer["error"]
    assert [s["arguments"].get("operation") for s in answer["next_steps"]] == [None, "async_tasks_rerun"]
    assert answer["next_steps"][1]["risk"] == "disrupt"
    assert text.startswith("**FAILED**")


async def test_a_task_that_runs_for_hours_may_be_stuck(tmp_path: Path) -> None:
    with running_sandbox(SandboxConfig()) as sandbox:
        task = started(sandbox, "CallProbe", data_credentials_id=CREDENTIAL)
        old = {"id": task, "type": "CallProbe", "status": "running", "progress": 10, "created_at": "2025-01-01T00:00:00Z"}
        sandbox.fault(f"GET /async_tasks/{task}", status=200, body=old)
        answer, _ = await waited(sandbox, tmp_path, "2025-11-25", {"task_id": task, "wait_seconds": 0})
    assert (answer["state"], answer["cause"]) == ("running", "task_stuck")


async def test_a_read_that_was_started_with_async_is_waited_for(org: RunningSandbox, tmp_path: Path, era: str) -> None:
    asked = {"operation": "credentials_probe_tree", "arguments": {"credential_id": 2002, "depth": 1}}
    answer, _ = await waited(org, tmp_path, era, asked)
    assert answer["state"] in ("done", "failed")
    assert answer["task_id"] is None
    assert answer["looks"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({}, "Give task_id"), ({"operation": "flows_pause"}, "is no read with request_id"), ({"task_id": 99999}, "404")],
)
async def test_what_cannot_be_waited_for_is_said(org: RunningSandbox, tmp_path: Path, arguments: Any, said: str) -> None:
    async with client_of(org.url, tmp_path) as client:
        result = await client.call_tool(TOOL, arguments)
    assert result.is_error
    assert said in text_of(result)
