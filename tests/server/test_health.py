"""A container platform asks whether the server lives and whether it can work; nobody has to speak MCP for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from nexla_mcp.sandbox import SERVICE_KEY
from nexla_mcp.server.health import ASK_EVERY_S, Readiness
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.settings import Settings


def probe(address: str, path: str) -> httpx.Response:
    return httpx.get(address.removesuffix("/mcp") + path, trust_env=False)


def test_a_server_that_reaches_nexla_is_alive_and_ready(sandbox: Any, http_server: Any) -> None:
    address = http_server(sandbox.url)
    assert probe(address, "/healthz").json() == {"status": "ok"}
    assert (probe(address, "/readyz").status_code, probe(address, "/readyz").json()) == (200, {"status": "ready"})


def test_a_refused_key_leaves_it_alive_and_not_ready_and_is_not_repeated(sandbox: Any, http_server: Any) -> None:
    address = http_server(sandbox.url, NEXLA_SERVICE_KEY="wrong-key-8c1f")
    assert probe(address, "/healthz").status_code == 200
    answer = probe(address, "/readyz")
    assert answer.status_code == 503
    assert "refused the service key" in answer.json()["why"]
    assert "8c1f" not in answer.text


async def test_nexla_is_asked_once_for_many_probes_and_again_later(sandbox: Any, tmp_path: Path) -> None:
    settings = Settings(api_url=sandbox.url, service_key=SERVICE_KEY, state_dir=tmp_path)  # type: ignore[arg-type]
    now = 0.0
    async with Runtime.open(settings) as runtime:
        readiness = Readiness(runtime, clock=lambda: now)
        assert [await readiness.why_not() for _ in range(5)] == [""] * 5
        asked = runtime.client.requests
        now = ASK_EVERY_S
        assert await readiness.why_not() == ""
        assert runtime.client.requests == asked + 1


@pytest.mark.parametrize(
    ("given", "said"),
    [({}, "No Nexla key is configured"), ({"api_url": "ftp://x"}, "NEXLA_API_URL is 'ftp://x'")],
)
async def test_a_server_without_a_usable_address_or_key_says_so(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    async with Runtime.open(Settings(state_dir=tmp_path, **given)) as runtime:
        assert said in await Readiness(runtime).why_not()
