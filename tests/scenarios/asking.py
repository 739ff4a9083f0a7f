"""Asking about a scene: the tool through a real MCP client, the API over a real socket.

asked = await ask(sandbox, {"flow_id": 5059})
asked.answer, asked.requests, asked.depth, asked.seconds, asked.writes, asked.replies
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import mcp_types as types

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, Risk
from nexla_mcp.sandbox import SERVICE_KEY
from nexla_mcp.sandbox.serve import RunningSandbox
from tests.in_process import CATALOG, client_of


@dataclass(frozen=True)
class Asked:
    """One answer, and what it took."""

    answer: dict[str, Any]
    text: str
    requests: int
    depth: int
    seconds: float
    writes: tuple[str, ...]
    replies: str
    """All that the API said, asked once more afterwards: what a quote must be found in."""


async def ask(sandbox: RunningSandbox, arguments: dict[str, Any], tool: str = "nexla_debug_flow") -> Asked:
    """A new server and session, one question. The exchange of the key for a session is not counted as a request."""
    sandbox.clear_requests()
    async with client_of(sandbox.url, None) as client:
        began = time.perf_counter()
        result = await client.call_tool(tool, arguments)
        seconds = time.perf_counter() - began
    block = result.content[0]
    text = block.text if isinstance(block, types.TextContent) else ""
    if result.is_error or result.structured_content is None:
        raise AssertionError(f"{tool} refused to answer: {text[:300]}")
    sent = [r for r in sandbox.requests() if r["path"] != "/token"]
    return Asked(
        result.structured_content, text, len(sent), depth_of(sent), seconds, writes_in(sent), await replies_to(sandbox, sent)
    )


async def replies_to(sandbox: RunningSandbox, sent: Sequence[dict[str, Any]]) -> str:
    """What the same requests are answered, as one text."""
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as http:
        session = await http.post("/token", headers={"Authorization": f"Basic {SERVICE_KEY}"})
        if session.status_code != 200:
            return ""
        http.headers["Authorization"] = f"Bearer {session.json()['access_token']}"
        found: list[str] = []

        async def one(entry: dict[str, Any]) -> None:
            reply = await http.request(entry["method"], entry["path"], params=entry["query"], json=entry["body"])
            found.append(reply.text)

        async with anyio.create_task_group() as group:
            for entry in sent:
                group.start_soon(one, entry)
    return "\n".join(found)


def depth_of(sent: Sequence[dict[str, Any]]) -> int:
    """The longest chain of requests of which each began after the one before had been answered."""
    depth, until = 0, float("-inf")
    for entry in sorted(sent, key=lambda r: r["ended"]):
        if entry["began"] >= until:
            depth, until = depth + 1, entry["ended"]
    return depth


def writes_in(sent: Sequence[dict[str, Any]], catalog: Catalog = CATALOG) -> tuple[str, ...]:
    """Requests that are not a read by the catalogue's own classes."""
    return tuple(f"{r['method']} {r['path']}" for r in sent if r["method"] != "GET" and not _reads(r, catalog))


def _reads(entry: dict[str, Any], catalog: Catalog) -> bool:
    return any(
        o.risk is Risk.READ and o.method == entry["method"] and _fits(o, entry["path"]) for o in catalog.operations.values()
    )


def _fits(operation: Operation, path: str) -> bool:
    wanted, given = operation.path.strip("/").split("/"), path.strip("/").split("/")
    return len(wanted) == len(given) and all(w.startswith("{") or w == g for w, g in zip(wanted, given, strict=True))
