"""Added latency of the client: the same read through NexlaClient and through bare httpx, alternately, in one run.

    python -m benchmarks.client_latency [--calls 1500]

The sandbox answers from a process of its own over a real socket, so both pay the same for the server and the network. What is
added is what every call pays: the place, the pace, the token, the breaker, the size limit, decoding, masking. A third
column is the whole tool call through an MCP client in this process.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx

from benchmarks.chaos import mcp_fronts, sandbox_process
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.client.auth import ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.permits import PermitLedger
from nexla_mcp.sandbox import SERVICE_KEY

READS: dict[str, tuple[str, dict[str, Any], str]] = {
    "one source": ("sources_get", {"source_id": 3001}, "/data_sources/3001"),
    "a list of sources": ("sources_list", {"page": 1, "per_page": 100}, "/data_sources?page=1&per_page=100"),
}
WARM_UP = 50
SETTLED_S = 0.001
"""What a call leaves to be tidied up on the event loop is not counted as part of the next one."""
ORDERS = (("httpx", "client", "tool call"), ("client", "httpx", "tool call"))


async def measure(
    url: str, calls: int, operation: str, arguments: dict[str, Any], path: str
) -> tuple[int, dict[str, list[float]]]:
    """The size of the reply, and the milliseconds of each call by way."""
    catalog = load_catalog()
    async with (
        NexlaClient(url, lambda http: ServiceKeyTokens(http, SERVICE_KEY), PermitLedger()) as client,
        httpx.AsyncClient(base_url=url, trust_env=False) as bare,
    ):
        token = (await bare.post("/token", headers={"Authorization": f"Basic {SERVICE_KEY}"})).json()["access_token"]
        bare.headers["Authorization"] = f"Bearer {token}"
        with tempfile.TemporaryDirectory() as state:
            async with mcp_fronts(url, Path(state)) as fronts:

                async def by_httpx() -> Any:
                    return (await bare.get(path)).raise_for_status().json()

                ways: dict[str, Callable[[], Awaitable[Any]]] = {
                    "httpx": by_httpx,
                    "client": lambda: client.call(catalog.operation(operation), arguments),
                    "tool call": lambda: fronts[0].client.call_tool(
                        "nexla_read", {"operation": operation, "arguments": arguments}
                    ),
                }
                times: dict[str, list[float]] = {way: [] for way in ways}
                for number in range(calls + WARM_UP):
                    for way in ORDERS[number % len(ORDERS)]:
                        await anyio.sleep(SETTLED_S)
                        began = time.perf_counter()
                        await ways[way]()
                        if number >= WARM_UP:
                            times[way].append(1_000 * (time.perf_counter() - began))
                return len((await bare.get(path)).content), times


def quantile(times: list[float], share: float) -> float:
    """The value that ``share`` of the times do not exceed."""
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000)
    options = parser.parse_args()
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores,"
        f" {options.calls} calls each way, alternating"
    )
    with sandbox_process() as control:
        for name, (operation, arguments, path) in READS.items():
            size, times = anyio.run(measure, control.url, options.calls, operation, arguments, path)
            print(f"{name} ({size:,} bytes)")
            for way, taken in times.items():
                more = [quantile(taken, share) - quantile(times["httpx"], share) for share in (0.5, 0.99)]
                added = "" if way == "httpx" else f"   added p50 {more[0]:+.2f} ms, p99 {more[1]:+.2f} ms"
                print(f"  {way:<10} p50 {statistics.median(taken):6.2f} ms   p99 {quantile(taken, 0.99):6.2f} ms{added}")


if __name__ == "__main__":
    main()
