"""Raw JSON-RPC, good and bad, to the real server over stdio: it never dies, and answers each request that is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.runbooks.registry import NAMES
from tests.fuzz import odd
from tests.fuzz.wire import LEGACY, MODERN, Wire
from tests.sandbox.seeded import adapted

METHODS = (
    *("tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/templates/list", "resources/read"),
    *("ping", "completion/complete", "logging/setLevel", "resources/subscribe", "server/discover", "tasks/get", "tasks/list"),
    *("tools/explode", "", "rpc.discover", "TOOLS/LIST", "__init__"),
)
NOTES = (
    "notifications/cancelled",
    "notifications/progress",
    "notifications/initialized",
    "notifications/roots/list_changed",
    "x",
)
RAW = (
    *(
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b"[[[",
        b'"',
        b"\xff\xfe\x00",
        b"\xc3\x28",
        b"NaN",
        b"{}{}",
        b"Content-Length: 5",
        b"\x00" * 99,
    ),
    *(
        b"[" * 100_000,
        b'{"a":' * 20_000,
        b"1" * 100_000,
        b'{"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"id":1,"method":"ping"}',
    ),
    *(
        b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1e999}',
    ),
    *(
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
    ),
    *(
        b'{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}',
        b'{"jsonrpc":"2.0","method":"ping","method":5}',
        b'{"jsonrpc":"2.0","id":1,"id":2}',
    ),
)


@pytest.fixture(scope="module", params=[MODERN, LEGACY])
def wire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    server = Wire(tmp_path_factory.mktemp("fuzz"), str(request.param))
    yield server
    server.lives()
    assert "failed unexpectedly" not in server.errors()
    server.close()


@given(line=st.sampled_from(RAW) | st.binary(max_size=40) | odd.JSON.map(lambda value: json.dumps(value).encode()))
@odd.examples(60)
def test_lines_that_are_no_message(wire: Wire, line: bytes) -> None:
    wire.write(line.replace(b"\n", b" "))
    wire.lives()


@given(method=st.sampled_from(NOTES) | st.text(max_size=8), params=odd.JSON)
@odd.examples(40)
def test_notifications(wire: Wire, method: str, params: Any) -> None:
    wire.write(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())
    wire.lives()


PARAMS = st.none() | st.dictionaries(
    st.sampled_from(
        ("name", "arguments", "uri", "cursor", "_meta", "ref", "argument", "level", "inputResponses", "requestState", "task")
    ),
    odd.OTHER_TYPES | odd.JSON,
    max_size=4,
)


@given(method=st.sampled_from(METHODS) | st.text(max_size=8), params=PARAMS)
@odd.examples(150)
def test_requests(wire: Wire, method: str, params: Any) -> None:
    wire.ask(method, params)


@given(member=st.sampled_from(("jsonrpc", "id", "method", "params")), value=odd.OTHER_TYPES | odd.JSON)
@odd.examples(40)
def test_messages_with_one_odd_member(wire: Wire, member: str, value: Any) -> None:
    _, line = wire.request("tools/list", {})
    wire.write(json.dumps(json.loads(line) | {member: value}).encode())
    wire.lives()


TOOLS: list[tuple[str, dict[str, Any]]] = []


def tools(catalog: Catalog) -> list[tuple[str, dict[str, Any]]]:
    """Every tool and operation with good arguments."""
    found: list[tuple[str, dict[str, Any]]] = [
        (t.name, dict(t.examples[0]) if t.examples else {}) for t in catalog.tools.values()
    ]
    found += [(name, {"flow_id": 6010}) for name in NAMES]
    for operation in catalog.operations.values():
        given = adapted(operation, catalog.toolset_of(operation))
        tool = "nexla_read" if operation.reads else "nexla_write" if str(operation.risk) == "write" else "nexla_confirmed_write"
        found += [(f"nexla_{operation.name}", given), (tool, {"operation": operation.name, "arguments": given})]
    return found


@given(
    data=st.data(),
    value=odd.OTHER_TYPES | odd.JSON,
    place=st.floats(0, 1),
    extra=st.none() | st.tuples(st.text(max_size=9), odd.JSON),
)
@odd.examples(250)
def test_arguments(
    wire: Wire, catalog: Catalog, data: st.DataObject, value: Any, place: float, extra: tuple[str, Any] | None
) -> None:
    """Good arguments of any tool or operation with one odd value in any place, and at times one argument too many."""
    if not TOOLS:
        TOOLS.extend(tools(catalog))
    name, arguments = data.draw(st.sampled_from(TOOLS))
    if paths := odd.places(arguments)[1:]:
        arguments = odd.swapped(arguments, paths[min(len(paths) - 1, int(place * len(paths)))], value)
    arguments |= dict([extra]) if extra else {}
    answer = wire.ask("tools/call", {"name": name, "arguments": arguments})
    if "error" in answer:  # a line that is no JSON text: half a character, or nested beyond what is read
        assert answer["error"]["code"] == -32700
        return
    result = answer["result"]
    text = result["content"][0]["text"]
    assert text.strip()
    assert "an error of this server" not in text, text
    assert result.get("isError") or isinstance(result["structuredContent"], dict)


@pytest.mark.parametrize("size", [1_000_000, 5_000_000])
def test_a_huge_argument(wire: Wire, size: int) -> None:
    answer = wire.ask("tools/call", {"name": "nexla_search_operations", "arguments": {"query": "x" * size}})
    assert "error" in answer or len(json.dumps(answer)) < 200_000
    wire.lives()
