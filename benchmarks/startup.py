"""Time from process start to an answered tools/list, next to a bare low-level SDK server, in one run.

    python -m benchmarks.startup [--runs 15]

Both are started alternately as a host starts them, over stdio; the median of each and their ratio are
printed. The bare server lists one tool and does nothing else, so the ratio is what this project adds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

BARE = """
import anyio, mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

async def list_tools(ctx, params):
    return types.ListToolsResult(tools=[types.Tool(name="one", input_schema={"type": "object", "properties": {}})])

async def main():
    server = Server("bare", on_list_tools=list_tools)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

anyio.run(main)
"""
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "startup", "version": "1"}},
}
MESSAGES = [HELLO, {"jsonrpc": "2.0", "method": "notifications/initialized"}, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}]


def seconds_to_list(command: list[str]) -> float:
    """Start ``command``, ask it for its tools, and return the seconds until the answer was there."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEXLA")}
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdin
        assert process.stdout
        for message in MESSAGES:
            process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            if json.loads(line).get("id") == 2:
                break
        took = time.perf_counter() - began
        process.stdin.close()
        process.wait(10)
    return took


def main() -> int:
    """Print medians and the ratio; 1 when the ratio is above the target of 1.25."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    ours = [str(Path(sys.executable).with_name("nexla-mcp")), "serve"]
    bare = [sys.executable, "-c", BARE]
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(2):  # warm the disk cache
        seconds_to_list(bare), seconds_to_list(ours)
    for _ in range(runs):
        times["bare"].append(seconds_to_list(bare))
        times["ours"].append(seconds_to_list(ours))
    middle = {name: statistics.median(values) for name, values in times.items()}
    ratio = middle["ours"] / middle["bare"]
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores, {runs} runs each, alternating"
    )
    print(f"bare SDK server: {middle['bare'] * 1000:.0f} ms to tools/list (median)")
    print(f"nexla-mcp serve: {middle['ours'] * 1000:.0f} ms")
    print(f"ratio: {ratio:.2f} (target <= 1.25)")
    return 0 if ratio <= 1.25 else 1


if __name__ == "__main__":
    sys.exit(main())
