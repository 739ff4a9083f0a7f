"""A server in this process with a real MCP client in front of it: as fast as a function call, and the same protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client
from pydantic import SecretStr

from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.sandbox import SERVICE_KEY
from nexla_mcp.server.app import build_server
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.settings import Settings

CATALOG = load_catalog()
ERAS = {"2026-07-28": "auto", "2025-11-25": "legacy"}


@asynccontextmanager
async def client_of(
    url: str,
    state: Path | None,
    *,
    elicit: Any = None,
    era: str = "2025-11-25",
    clock: Callable[[], float] | None = None,
    key: str = SERVICE_KEY,
    **settings: Any,
) -> AsyncIterator[Client]:
    """``async with client_of(sandbox.url, tmp_path, elicit=answer("decline"), confirm="page") as client``."""
    given = {"open_browser": False, "page_wait_s": 0.0} | settings
    chosen = Settings(service_key=SecretStr(key), api_url=url, state_dir=state, **given)
    runtime = Runtime(chosen, CATALOG, **({"clock": clock} if clock else {}))
    try:
        async with Client(build_server(runtime), mode=ERAS[era], elicitation_callback=elicit) as client:  # type: ignore[arg-type]
            yield client
    finally:
        await runtime.aclose()


async def data(client: Client, operation: str, **arguments: Any) -> Any:
    """The reply of a read operation."""
    result = await client.call_tool("nexla_read", {"operation": operation, "arguments": arguments, "view": "full"})
    assert not result.is_error, result.content
    return result.structured_content["data"]
