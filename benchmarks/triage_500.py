"""What is broken among 500 flows: one nexla_triage against the health check of every flow in turn with the official SDK.

    python -m benchmarks.triage_500 [--flows 500] [--latency 0.05] [--skip-sdk] [--throttled] [--write]

Both ask the same sandbox, a process of its own that waits ``--latency`` seconds before each answer, in the same run: the
triage through a real MCP client and a server over stdio, the script with nexla-sdk in this process. The script checks what
such scripts check (status, age of the newest run, failed runs among the last ten, a probe of the source's login), and is
given the benefit of the published reply shape, in which no run carries a status: a run with errors counts as failed, and its
id as its time. What is really broken is known from the seed of the org, so both are scored: flows found, flows missed, false
alarms; for the triage also whether the cause is right.
The exit code is 1 when the triage misses a target: 45 s, every broken flow, no false alarm.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio
import httpx
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from benchmarks.pasted import DOCS, machine, paste
from nexla_mcp.sandbox import SERVICE_KEY, SandboxConfig
from nexla_mcp.sandbox.seed.large import broken

A_CALL_S = 45.0
CLOSELY = 60
"""Flows to examine closely, each for a cause of its own; flows that share a cause do not count."""


@dataclass(frozen=True)
class Sweep:
    """One way of looking over the org."""

    name: str
    seconds: float
    requests: int
    flagged: set[int]
    causes: dict[int, str]
    told: str


def _serve(flows: int, latency: float, throttled: bool, ready: Connection) -> None:
    from nexla_mcp.sandbox.serve import serve

    config = SandboxConfig(scenario="large", flows=flows, latency_s=latency, enforce_limits=throttled)
    serve(config, ready=ready.send)


@contextmanager
def large_org(flows: int, latency: float, throttled: bool = False) -> Iterator[str]:
    """A sandbox with so many flows in a process of its own."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(flows, latency, throttled, theirs), daemon=True)
    process.start()
    try:
        if not mine.poll(120):
            raise TimeoutError("the sandbox did not start")
        yield mine.recv()
    finally:
        process.terminate()
        process.join(10)


def requests_since(url: str) -> int:
    """How many requests the sandbox has counted since the last call of this."""
    asked = httpx.get(f"{url}/__sandbox__/requests", trust_env=False, timeout=60).json()
    httpx.delete(f"{url}/__sandbox__/requests", trust_env=False)
    return len(asked)


async def triage(url: str) -> Sweep:
    """One call of nexla_triage, through the server over stdio."""
    with tempfile.TemporaryDirectory() as state:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NEXLA")}
        environment |= {"NEXLA_API_URL": url, "NEXLA_SERVICE_KEY": SERVICE_KEY, "NEXLA_MCP_STATE_DIR": state}
        command = str(Path(sys.executable).with_name("nexla-mcp"))
        async with Client(StdioServerParameters(command=command, args=["serve"], env=environment)) as client:
            await client.list_tools()
            requests_since(url)
            began = time.perf_counter()
            result = await client.call_tool("nexla_triage", {"limit": CLOSELY}, read_timeout_seconds=120)
            seconds = time.perf_counter() - began
    answer: dict[str, Any] = result.structured_content or {}
    if result.is_error or "findings" not in answer:
        raise SystemExit(f"nexla_triage did not answer: {result.content}")
    causes = {flow: f["cause"] for f in answer["findings"] for flow in f["flows"]}
    told = f"{answer['summary']} Not checked: {'; '.join(answer['not_checked']) or 'nothing'}"
    return Sweep("nexla_triage", seconds, requests_since(url), set(causes), causes, told)


def one_by_one(url: str) -> Sweep:
    """The usual script: for every source its flow, its newest run, its last ten runs, its details and a probe."""
    from nexla_sdk import NexlaClient as SdkClient
    from pydantic import ValidationError

    requests_since(url)
    began = time.perf_counter()
    client = SdkClient(service_key=SERVICE_KEY, base_url=url)
    flagged: set[int] = set()
    crashed = 0
    for source in _all_sources(client):
        try:
            flow, issues = _health(client, source)
        except ValidationError:  # a reply that the strict models of the SDK do not take: the script would end here
            crashed += 1
            continue
        if issues:
            flagged.add(flow)
    seconds = time.perf_counter() - began
    told = f"{crashed} sources could not be checked" if crashed else ""
    return Sweep("script with nexla-sdk", seconds, requests_since(url), flagged, {}, told)


def _all_sources(client: Any) -> Iterator[int]:
    page = 1
    while rows := client.sources.list(page=page, per_page=100, access_role="collaborator"):
        yield from (row.id for row in rows)
        if len(rows) < 100:
            return
        page += 1


def _health(client: Any, source: int) -> tuple[int, list[str]]:
    """Status, age of the newest run, share of failed ones among ten, and the credential: one question after the other."""
    issues: list[str] = []
    flow = client.flows.get_by_resource("data_sources", source).flows[0]
    if flow.status != "ACTIVE":
        issues.append(f"status {flow.status}")
    newest = _runs(client, source, 1)
    if newest and datetime.now(UTC) - datetime.fromtimestamp(newest[0]["runId"] / 1000, UTC) > timedelta(hours=24):
        issues.append("no run in the last 24 hours")
    recent = _runs(client, source, 10)
    failed = sum(run["errors"] > 0 for run in recent)
    if recent and failed / len(recent) > 0.2:
        issues.append(f"{failed} of {len(recent)} runs failed")
    details = client.sources.get(source)
    credential = details.data_credentials.id if details.data_credentials else None
    if credential is not None:
        try:
            client.credentials.probe(credential)
        except Exception as error:  # the SDK raises for a refused login
            issues.append(f"the probe failed: {error}")
    return flow.id, issues


def _runs(client: Any, source: int, size: int) -> list[dict[str, Any]]:
    reply = client.metrics.get_resource_metrics_by_run("data_sources", source, orderby="runId", page=1, size=size)
    rows: list[dict[str, Any]] = reply.metrics["data"]
    return rows


def scored(sweep: Sweep, truth: dict[int, str]) -> str:
    """One line of the table."""
    found, missed, alarms = sweep.flagged & set(truth), set(truth) - sweep.flagged, sweep.flagged - set(truth)
    right = sum(sweep.causes.get(flow) == truth[flow] for flow in found)
    cause = f"{right} of {len(found)}" if sweep.causes else "not told"
    return (
        f"{sweep.name:<24}{sweep.seconds:>9.1f}{sweep.requests:>10}{len(found):>8} of {len(truth):<4}{len(missed):>7}"
        f"{len(alarms):>14}   {cause}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Print both; 1 when the triage misses a target."""
    parser = argparse.ArgumentParser(description="A triage of many flows, next to a health check of each with nexla-sdk.")
    parser.add_argument("--flows", type=int, default=500)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--skip-sdk", action="store_true", help="leave out the slow half")
    parser.add_argument("--write", action="store_true", help="put the table into docs/diagnosis.md")
    parser.add_argument("--throttled", action="store_true", help="the API answers 429 beyond ten requests a second")
    options: Any = parser.parse_args(arguments)
    truth = {flow: cause for cause, flows in broken(options.flows).items() for flow in flows}
    with large_org(options.flows, options.latency, options.throttled) as url:
        sweeps = [anyio.run(triage, url)]
        if not options.skip_sdk:
            sweeps.append(one_by_one(url))
    print(f"{machine()}, {options.flows} flows, API latency {options.latency * 1000:.0f} ms\n")
    table = [f"{'':24}{'seconds':>9}{'requests':>10}{'found':>15}{'missed':>7}{'false alarms':>14}   cause right"]
    table += [scored(sweep, truth) for sweep in sweeps]
    print("\n".join(table))
    if options.write:
        paste(DOCS / "diagnosis.md", "triage", "python -m benchmarks.triage_500", "```text\n" + "\n".join(table) + "\n```")
    for sweep in sweeps:
        if sweep.told:
            print(f"\n{sweep.name}: {sweep.told}")
    ours = sweeps[0]
    wrong = {f: (c, ours.causes.get(f)) for f, c in truth.items() if ours.causes.get(f) != c}
    extra = {f: c for f, c in ours.causes.items() if f not in truth}
    for title, rows in (("not as it is", wrong), ("false alarms", extra)):
        if rows:
            print(f"\nnexla_triage, {title}: {rows}")
    met = ours.seconds < A_CALL_S and not extra and set(truth) <= ours.flagged
    print(f"\n{'ok  ' if met else 'MISS'} nexla_triage: all broken flows, no false alarm, within {A_CALL_S:.0f} s")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
