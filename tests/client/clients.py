"""``client_for(sandbox)``: a client with a session of its own; ``sent``: what reached a path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from nexla_mcp.client.auth import ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.permits import PermitLedger
from nexla_mcp.sandbox import SERVICE_KEY

FLOW = 6010


@asynccontextmanager
async def client_for(
    sandbox: Any, key: str = SERVICE_KEY, ledger: PermitLedger | None = None, **options: Any
) -> AsyncIterator[NexlaClient]:
    """A client of the sandbox."""
    async with NexlaClient(sandbox.url, lambda http: ServiceKeyTokens(http, key), ledger or PermitLedger(), **options) as client:
        yield client


def sent(sandbox: Any, path: str) -> list[dict[str, Any]]:
    """What was asked of a path."""
    return [r for r in sandbox.requests() if r["path"] == path]
