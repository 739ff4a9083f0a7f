"""Requests and wall time of one nexla_debug_flow per flow of the sandbox, over a real socket and a real MCP client.

    python -m benchmarks.diagnosis [--latency 0.05]

The sandbox waits ``--latency`` seconds before each answer, as an API across a network does.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from nexla_mcp.sandbox import SERVICE_KEY, SandboxConfig
from nexla_mcp.sandbox.serve import running_sandbox


async def measure(url: str, sandbox: Any) -> list[tuple[int, str, str, int, float]]:
    """(flow id, verdict, cause, requests, seconds) for every flow of the organisation, then for the triage."""
    with tempfile.TemporaryDirectory() as state:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NEXLA")}
        environment |= {"NEXLA_API_URL": url, "NEXLA_SERVICE_KEY": SERVICE_KEY, "NEXLA_MCP_STATE_DIR": state}
        command = str(Path(sys.executable).with_name("nexla-mcp"))
        async with Client(StdioServerParameters(command=command, args=["serve"], env=environment)) as client:
            listed = await client.call_tool("nexla_list", {"resource_type": "flow", "fields": ["id"], "limit": 100})
            rows = []
            calls: list[tuple[int, str, dict[str, Any]]] = [
                (row["id"], "nexla_debug_flow", {"flow_id": row["id"]}) for row in listed.structured_content["data"]
            ]
            for flow, tool, arguments in [*calls, (0, "nexla_triage", {})]:
                sandbox.clear_requests()
                began = time.perf_counter()
                answer = (await client.call_tool(tool, arguments)).structured_content
                took = time.perf_counter() - began
                cause = (answer.get("root_cause") or {}).get("cause", "") if flow else "triage of all flows"
                rows.append((flow, answer["verdict"], cause, len(sandbox.requests()), took))
            return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.05)
    latency = parser.parse_args().latency
    with running_sandbox(SandboxConfig(latency_s=latency)) as sandbox:
        rows = anyio.run(measure, sandbox.url, sandbox)
    machine = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{machine}, API latency {latency * 1000:.0f} ms")
    print(f"{'flow':>6}  {'verdict':<10}{'cause':<32}{'requests':>9}{'seconds':>9}")
    for flow, verdict, cause, requests, seconds in rows:
        print(f"{flow or 'org':>6}  {verdict:<10}{cause:<32}{requests:>9}{seconds:>9.2f}")
    single = rows[:-1]
    print(f"one diagnosis: at most {max(r[3] for r in single)} requests, median {statistics.median(r[4] for r in single):.2f} s")


if __name__ == "__main__":
    main()
