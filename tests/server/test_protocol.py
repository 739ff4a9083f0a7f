"""The server as clients see it: both eras, stdio and HTTP, capabilities that work, results that match their schema."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest
from jsonschema import Draft202012Validator
from mcp import Client

from tests.conftest import ERAS, SCRIPT, Connect, environment, text_of

READS = [
    ("nexla_whoami", {}),
    ("nexla_list", {"resource_type": "flow"}),
    ("nexla_list", {"resource_type": "credential", "view": "full"}),
    ("nexla_list", {"resource_type": "source", "fields": ["id", "status"], "limit": 3}),
    ("nexla_get", {"resource_type": "flow", "name": "orders-to-snowflake"}),
    ("nexla_search_operations", {"query": "who can see this dataset"}),
    ("nexla_describe_operation", {"operation": "flows_add_accessors"}),
    ("nexla_describe_operation", {"operation": "flows_add_accessors", "path": "accessors"}),
    ("nexla_read", {"operation": "metrics_get_rate_limits"}),
    ("nexla_triage", {}),
]


async def test_the_era_is_the_one_that_was_asked_for(sandbox: Any, connect: Connect, era: str) -> None:
    async with connect(sandbox.url) as client:
        assert client.protocol_version == era


async def test_every_answer_matches_the_schema_it_declares(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url) as client:
        schemas = {t.name: t.output_schema for t in (await client.list_tools()).tools}
        for tool, arguments in READS:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, text_of(result)
            assert text_of(result).strip()
            Draft202012Validator(schemas[tool] or {}).validate(result.structured_content)


async def test_the_same_over_http(sandbox: Any, http_server: Any, era: str) -> None:
    async with Client(http_server(sandbox.url), mode=ERAS[era]) as client:
        assert (await client.list_tools()).tools
        for tool, arguments in READS:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, text_of(result)


@pytest.mark.parametrize("address", ["0.0.0.0:8000", "nexla.example.com:80", "8000x", "127.0.0.1:99999"])
def test_http_is_served_on_loopback_only(tmp_path: Path, address: str) -> None:
    ended = subprocess.run(
        [SCRIPT, "serve", "--http", address], env=environment(tmp_path, None), capture_output=True, timeout=20, check=False
    )
    assert ended.returncode == 2
    assert b"--http" in ended.stderr
    assert ended.stdout == b""


def test_an_unknown_toolset_stops_the_start_with_the_names_there_are(tmp_path: Path) -> None:
    command = [SCRIPT, "serve", "--toolsets", "flows,sauces"]
    ended = subprocess.run(command, env=environment(tmp_path, None), capture_output=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert b"Did you mean sources?" in ended.stderr


async def test_what_is_advertised_works(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url) as client:
        offered = client.server_capabilities
        assert offered is not None
        assert offered.tools is not None
        assert offered.prompts is not None
        assert offered.resources is not None
        assert offered.completions is not None
        assert offered.logging is None
        names = {p.name for p in (await client.list_prompts()).prompts}
        assert {"debug_flow", "health_check", "morning_report"} <= names
        prompt = await client.get_prompt("debug_flow", {"flow": "orders-to-snowflake"})
        assert "orders-to-snowflake" in prompt.messages[0].content.text  # type: ignore[union-attr]
        templates = (await client.list_resource_templates()).resource_templates
        assert {"nexla://flows/{id}", "nexla://results/{id}", "nexla://changes/{id}"} <= {t.uri_template for t in templates}


async def test_a_large_result_is_cut_and_can_be_read_whole(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url) as client:
        result = await client.call_tool("nexla_read", {"operation": "flows_list", "view": "full"})
        assert result.structured_content["truncated"]
        uri = result.structured_content["resource_uri"]
        assert uri in text_of(result)
        assert len(text_of(result)) < 25_000
        whole = json.loads((await client.read_resource(uri)).contents[0].text)  # type: ignore[union-attr]
        assert len(whole["flows"]) > 10


async def test_progress_is_told_while_several_requests_are_made(sandbox: Any, connect: Connect) -> None:
    heard: list[float] = []

    async def listen(progress: float, _total: float | None, message: str | None) -> None:
        assert message
        heard.append(progress)

    async with connect(sandbox.url) as client:
        await client.call_tool("nexla_triage", {}, progress_callback=listen)
        await anyio.wait_all_tasks_blocked()
    assert len(heard) >= 2
    assert heard == sorted(set(heard))


async def test_a_cancelled_call_stops_its_work(sandbox: Any, connect: Connect) -> None:
    sandbox.fault("GET /flows", delay_s=30)
    async with connect(sandbox.url) as client:
        with anyio.move_on_after(1.0):
            await client.call_tool("nexla_list", {"resource_type": "flow"})
        before = len(sandbox.requests())
        with anyio.fail_after(10):
            assert not (await client.call_tool("nexla_whoami", {})).is_error
        assert len(sandbox.requests()) - before <= 2


def test_stdout_carries_the_protocol_and_nothing_else(tmp_path: Path) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    messages: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "nexla_whoami", "arguments": {}}},
        {"jsonrpc": "2.0", "id": 4, "method": "no/such/method"},
    ]
    wire = "this is not JSON\n" + "".join(json.dumps(m) + "\n" for m in messages)
    with subprocess.Popen(
        [SCRIPT, "serve", "--sandbox", "--log-level", "debug"],
        env=environment(tmp_path, None),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(wire)
        process.stdin.flush()
        answers: dict[Any, Any] = {}
        while not {1, 2, 3, 4} <= set(answers):
            line = process.stdout.readline()
            assert line, "the process ended"
            answer = json.loads(line)
            answers[answer.get("id")] = answer
        process.stdin.close()
        assert process.wait(10) == 0
        log = process.stderr.read() if process.stderr else ""
    assert not answers[3]["result"]["isError"]
    assert "error" in answers[4]
    assert "sandbox-service-key" not in log


async def test_a_receipt_is_written_for_every_call(sandbox: Any, connect: Connect, tmp_path: Path) -> None:
    async with connect(sandbox.url) as client:
        await client.call_tool("nexla_whoami", {})
        await client.call_tool("nexla_get", {"resource_type": "flow"})
    lines = [json.loads(line) for line in (tmp_path / "state" / "receipts.jsonl").read_text().splitlines()]
    assert [(line["tool"], line["decision"]) for line in lines] == [("nexla_whoami", "done"), ("nexla_get", "invalid")]
    assert "sandbox-service-key" not in json.dumps(lines)
