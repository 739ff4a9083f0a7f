"""Whatever goes wrong, the call ends in a text that says what to do, the process lives on, and nothing is sent unasked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Connect, text_of

UNREACHABLE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("nexla_explode", {}, "no operation or tool"),
        ("nexla_flow_pause", {}, "Did you mean flows_pause"),
        ("nexla_get", {"resource_type": "flow", "ident": 1}, "unknown argument; did you mean id?"),
        ("nexla_get", {"resource_type": "flow", "id": "twelve"}, "id: must be an integer"),
        ("nexla_get", {"resource_type": "flow"}, "either id or name"),
        ("nexla_get", {"resource_type": "flow", "id": 1, "name": "x"}, "either id or name"),
        ("nexla_get", {}, "resource_type: is required"),
        ("nexla_read", {"operation": "flows_pause", "arguments": {"flow_id": 1}}, "call it with nexla_confirmed_write"),
        ("nexla_write", {"operation": "flows_get", "arguments": {"flow_id": 1}}, "call it with nexla_read"),
        ("nexla_read", {"operation": "flows_get"}, "flow_id: is required"),
        ("nexla_read", {"operation": "flows_get", "arguments": {"flow_id": 1, "colour": "red"}}, "colour: unknown argument"),
        ("nexla_flows_pause", {"flow": 1}, "did you mean flow_id?"),
        ("nexla_list", {"resource_type": "flow", "cursor": "made-up"}, "Call without cursor"),
        ("nexla_search_operations", {"query": "x", "toolset": "flowers"}, "there is no 'flowers'"),
        ("nexla_debug_flow", {}, "flow_id"),
    ],
)
async def test_a_wrong_call_is_explained_and_sends_nothing(
    sandbox: Any, connect: Connect, tool: str, arguments: dict[str, Any], said: str
) -> None:
    async with connect(sandbox.url) as client:
        result = await client.call_tool(tool, arguments)
        assert result.is_error
        assert said in text_of(result)
        assert sandbox.requests() == []
        assert not (await client.call_tool("nexla_whoami", {})).is_error


async def test_an_id_of_another_resource(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url) as client:
        result = await client.call_tool("nexla_get", {"resource_type": "credential", "id": 99_999_999})
    assert result.is_error
    assert "Check the id and that it is an id of this kind" in text_of(result)


async def test_a_change_of_something_that_is_not_there(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url) as client:
        arguments = {"operation": "sources_pause", "arguments": {"source_id": 99_999_999}}
        result = await client.call_tool("nexla_confirmed_write", arguments)
    assert result.is_error
    assert "404" in text_of(result)
    assert {r["method"] for r in sandbox.requests() if r["path"] != "/token"} == {"GET"}


async def test_no_key(connect: Connect) -> None:
    async with connect(None) as client:
        assert len((await client.list_tools()).tools) >= 8
        result = await client.call_tool("nexla_whoami", {})
    assert result.is_error
    assert "NEXLA_SERVICE_KEY" in text_of(result)
    assert "--sandbox" in text_of(result)


async def test_a_wrong_key(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url, NEXLA_SERVICE_KEY="wrong-key-4711") as client:
        result = await client.call_tool("nexla_list", {"resource_type": "flow"})
    assert result.is_error
    assert "refused the service key" in text_of(result)
    assert "wrong-key-4711" not in text_of(result)


async def test_a_wrong_token(sandbox: Any, connect: Connect) -> None:
    async with connect(sandbox.url, NEXLA_SERVICE_KEY="", NEXLA_ACCESS_TOKEN="wrong-token-4711") as client:
        result = await client.call_tool("nexla_whoami", {})
    assert result.is_error
    assert "NEXLA_ACCESS_TOKEN" in text_of(result)
    assert "wrong-token-4711" not in text_of(result)


async def test_an_api_that_cannot_be_reached(connect: Connect) -> None:
    async with connect(UNREACHABLE) as client:
        result = await client.call_tool("nexla_whoami", {})
        again = await client.call_tool("nexla_search_operations", {"query": "pause a flow"})
    assert result.is_error
    assert "Could not reach Nexla" in text_of(result)
    assert "NEXLA_API_URL" in text_of(result)
    assert not again.is_error


async def test_an_api_url_over_plain_http_is_refused(connect: Connect) -> None:
    async with connect("http://nexla.example.com") as client:
        result = await client.call_tool("nexla_whoami", {})
    assert result.is_error
    assert "plain http" in text_of(result)


@pytest.mark.parametrize("status", [200, 502])
async def test_an_api_that_answers_with_a_web_page(sandbox: Any, connect: Connect, status: int) -> None:
    sandbox.fault("GET /flows", status=status, html=True)
    async with connect(sandbox.url) as client:
        result = await client.call_tool("nexla_read", {"operation": "flows_list"})
    assert result.is_error
    assert "web page" in text_of(result)
    assert "<html" not in text_of(result)


async def test_a_sign_in_that_answers_with_a_web_page(sandbox: Any, connect: Connect) -> None:
    sandbox.fault("POST /token", status=200, html=True)
    async with connect(sandbox.url) as client:
        result = await client.call_tool("nexla_whoami", {})
    assert result.is_error
    assert "without a token" in text_of(result)
