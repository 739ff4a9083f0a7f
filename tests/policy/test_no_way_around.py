"""No request that is not a read reaches the API without a permit, whatever the tool, profile, name or argument trick.

The sandbox's own record of requests is the witness: every one is matched against the routes that only read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexla_mcp.catalog.records import Operation
from nexla_mcp.sandbox.serve import RunningSandbox
from nexla_mcp.settings import Profile
from tests.conftest import answer
from tests.in_process import CATALOG, client_of

READS = [(o.method, re.compile(re.sub(r"\{\w+\}", "[^/]+", o.path) + r"/?$")) for o in CATALOG.operations.values() if o.reads]
GATED = [o for o in CATALOG.operations.values() if o.risk.gated]
CHANGES = [o for o in CATALOG.operations.values() if not o.reads]
EXECUTORS = ("nexla_read", "nexla_write", "nexla_confirmed_write")
TRICKS: list[dict[str, Any]] = [
    {"method": "GET", "path": "/users/current"},
    {"risk": "read", "confirm": "off", "dry_run": False},
    {"ticket": "nt2.AAAA", "typed_name": "x", "permit": "x"},
    {"_meta": {"confirmed": True}, "confirmed": True},
    {"more_fields": {"status": "PAUSED", "path": "/flows/6010/pause", "_method": "PUT"}},
    {"async": True, "request_id": 1},
]
SMUGGLED = [
    "6010/pause",
    "../flows/6010/pause",
    "6010?x=1",
    "6010%2Fpause",
    "%2e%2e",
    "6010#",
    "6010\r\nX: y",
    ["6010"],
    {"id": 6010},
    -1,
    0,
]


def changed(sandbox: RunningSandbox) -> list[str]:
    """What reached the API and matches no route that only reads; the sign-in is not one of ours to count."""
    return [
        f"{r['method']} {r['path']}"
        for r in sandbox.requests()
        if not r["path"].startswith("/token")
        and not any(r["method"] == method and path.match(r["path"]) for method, path in READS)
    ]


def names_of(operation: Operation) -> Iterator[str]:
    """Every spelling that resolves to an operation."""
    yield from (
        operation.name,
        f"nexla_{operation.name}",
        operation.name.replace("_", "."),
        f" {operation.name} ",
        *operation.aliases,
    )


@pytest.mark.parametrize("profile", [Profile.DEFAULT, Profile.ALL])
async def test_every_gated_operation_by_every_name_and_trick(sandbox: RunningSandbox, tmp_path: Path, profile: Profile) -> None:
    calls = 0
    async with client_of(sandbox.url, tmp_path, elicit=answer("cancel"), profile=profile, confirm="deny") as client:
        for number, operation in enumerate(GATED):
            example = dict(operation.examples[0]) if operation.examples else {}
            trick = TRICKS[number % len(TRICKS)]
            for name in names_of(operation):
                by_executor = [
                    *((tool, {"operation": name, "arguments": example}) for tool in EXECUTORS),
                    ("nexla_confirmed_write", {"operation": name, "arguments": {**example, **trick}}),
                    ("nexla_confirmed_write", {"operation": name, "arguments": example, **trick}),
                ]
                by_itself = [(name, {**example, **trick}), (name, example)]
                for tool, arguments in by_itself if profile is Profile.ALL else by_executor:
                    calls += 1
                    result = await client.session.call_tool(tool, arguments, allow_input_required=True)
                    assert getattr(result, "is_error", True), (tool, arguments)
    assert changed(sandbox) == []
    assert calls > 1_000


async def test_an_additive_operation_reaches_the_api_by_its_own_ways_only(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, confirm="deny", profile=Profile.ALL) as client:
        for operation in CHANGES:
            if operation.risk.gated:
                continue
            for tool in ("nexla_read", "nexla_confirmed_write"):
                result = await client.call_tool(tool, {"operation": operation.name, "arguments": dict(operation.examples[0])})
                assert result.is_error
                assert "call it with nexla_write" in result.content[0].text  # type: ignore[union-attr]
    assert changed(sandbox) == []


@pytest.fixture(scope="module")
def witness(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.clear_requests()
    return shared_sandbox


def values(operation: Operation) -> st.SearchStrategy[dict[str, Any]]:
    """An example with some of its values replaced, and keys that do not belong there."""
    example = dict(operation.examples[0]) if operation.examples else {}
    odd = st.one_of(st.sampled_from(SMUGGLED), st.text(max_size=12), st.integers(-5, 7_000), st.none(), st.booleans())
    replaced = st.dictionaries(st.sampled_from(sorted(operation.parameters) or ["id"]), odd, max_size=2)
    return st.builds(lambda more, trick: {**example, **more, **trick}, replaced, st.sampled_from([{}, *TRICKS]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_nothing_gets_through_by_chance(witness: RunningSandbox, tmp_path: Path, drawn: st.DataObject) -> None:
    """Ten random calls of gated operations an example, with odd values and foreign keys, to a server that may ask nobody."""

    async def play() -> None:
        async with client_of(witness.url, tmp_path, confirm="deny", read_only=drawn.draw(st.booleans())) as client:
            for _ in range(10):
                operation = drawn.draw(st.sampled_from(GATED))
                arguments = drawn.draw(values(operation))
                tool = drawn.draw(st.sampled_from([*EXECUTORS, f"nexla_{operation.name}", operation.name]))
                given = {"operation": operation.name, "arguments": arguments} if tool in EXECUTORS else arguments
                await client.session.call_tool(tool, given, allow_input_required=True)

    anyio.run(play)
    assert changed(witness) == []


async def test_the_client_refuses_what_the_policy_did_not_allow(sandbox: RunningSandbox, tmp_path: Path) -> None:
    """Below every tool: a request without a permit, with a spent one, or with one for another request."""
    from pydantic import SecretStr

    from nexla_mcp.client.errors import PermitError
    from nexla_mcp.sandbox import SERVICE_KEY
    from nexla_mcp.server.runtime import Runtime
    from nexla_mcp.settings import Settings

    runtime = Runtime(Settings(service_key=SecretStr(SERVICE_KEY), api_url=sandbox.url, state_dir=tmp_path), CATALOG)
    client, pause = runtime.client, CATALOG.operation("flows_pause")
    request = client.request(pause, {"flow_id": 6010})
    other = runtime.ledger.issue(client.request(pause, {"flow_id": 6020}))
    for permit in (None, other, other):
        with pytest.raises(PermitError, match=r"Nothing was sent\."):
            await client.send(request, permit)
    for operation in CHANGES:
        with pytest.raises(PermitError):
            await client.send(
                client.request(operation, dict(operation.examples[0])) if "{webhook" not in operation.path else request
            )
    await runtime.aclose()
    assert changed(sandbox) == []
