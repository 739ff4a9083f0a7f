"""Fixtures: a sandbox on a real socket, and real MCP clients over stdio and HTTP in both protocol eras."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.sandbox import SERVICE_KEY

SCRIPT = str(Path(sys.executable).with_name("nexla-mcp"))
ERAS = {"2026-07-28": "auto", "2025-11-25": "legacy"}
Elicit = Callable[..., Any]


@pytest.fixture
def memory() -> Iterator[Any]:
    """The system's keyring, for one test, in memory."""
    import keyring

    from tests.memory_keyring import MemoryKeyring

    before = keyring.get_keyring()
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="session")
def seeded_organisation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a freshly seeded organisation: its history takes half a second to play, a copy of it none."""
    from nexla_mcp.sandbox import SandboxConfig, create_app

    path = tmp_path_factory.mktemp("organisation") / "seeded.db"
    create_app(SandboxConfig(database=str(path)))
    return path


@pytest.fixture
def sandbox(seeded_organisation: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The seeded organisation over a real socket, fresh for each test."""
    from nexla_mcp.sandbox import SandboxConfig
    from nexla_mcp.sandbox.serve import running_sandbox

    path = tmp_path_factory.mktemp("sandbox") / "organisation.db"
    shutil.copy(seeded_organisation, path)
    with running_sandbox(SandboxConfig(database=str(path))) as running:
        yield running


@pytest.fixture(params=list(ERAS))
def era(request: pytest.FixtureRequest) -> str:
    """Each protocol era in turn."""
    return str(request.param)


def environment(tmp_path: Path, url: str | None, **more: str) -> dict[str, str]:
    """A clean environment for a server process: no key of this machine, state in a temporary folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("NEXLA")}
    reach = {"NEXLA_API_URL": url, "NEXLA_SERVICE_KEY": SERVICE_KEY} if url else {}
    return {**kept, **reach, "NEXLA_MCP_STATE_DIR": str(tmp_path / "state"), **more}


Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def connect(tmp_path: Path, era: str) -> Connect:
    """``async with connect(url, "--read-only", elicit=...) as client``: the server as a child process over stdio."""

    @asynccontextmanager
    async def over_stdio(url: str | None, *options: str, elicit: Elicit | None = None, **env: str) -> AsyncIterator[Client]:
        parameters = StdioServerParameters(command=SCRIPT, args=["serve", *options], env=environment(tmp_path, url, **env))
        async with Client(parameters, mode=ERAS[era], elicitation_callback=elicit) as client:
            yield client

    return over_stdio


@pytest.fixture
def http_server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """``http_server(url, "--read-only")``: starts the server over HTTP and returns its MCP address."""
    running: list[subprocess.Popen[bytes]] = []

    def start(url: str | None, *options: str, **env: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [SCRIPT, "serve", "--http", f"127.0.0.1:{port}", *options]
        running.append(subprocess.Popen(command, env=environment(tmp_path, url, **env), stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return f"http://127.0.0.1:{port}/mcp"
        raise AssertionError("the HTTP server did not start")

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


def text_of(result: types.CallToolResult) -> str:
    """The text block of a result."""
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    return block.text


def answer(action: str, **content: Any) -> Elicit:
    """An elicitation callback that always answers the same; ``.asked`` collects the questions."""
    asked: list[types.ElicitRequestFormParams] = []

    async def callback(_context: Any, params: types.ElicitRequestFormParams) -> types.ElicitResult:
        asked.append(params)
        return types.ElicitResult(action=action, content=content or None)  # type: ignore[arg-type]

    callback.asked = asked  # type: ignore[attr-defined]
    return callback
