"""Thousands of calls through the MCP front door while the API fails at random, then the record against what was told.

    make chaos      (python -m benchmarks.chaos [--calls 3200] [--seed 7])

Eight callers, half of them speaking each protocol era, create, change, pause, tag, copy, delete and read through one server
process's client; a person agrees to every question. The sandbox disturbs about one request in seven, with a
fixed seed. Afterwards its record of what was carried out is compared with what the callers were told. The same
load then goes through nexla-sdk as it is.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
from mcp import Client

from benchmarks.chaos_check import Comparison, State, compare
from benchmarks.chaos_fronts import McpFront, SdkFront, agree
from benchmarks.chaos_load import KINDS, SOURCES, Caller, Reported
from nexla_mcp.sandbox import SERVICE_KEY

CALLERS = 8
LONGEST_S = 1_800.0
API = r"^(GET|PUT|POST|DELETE) /(?!token|limits)"
NO_CREATE = r"^(GET|PUT|DELETE) /(?!token|limits)"
LIMITS = {w: {"common": {"limit": 1_000_000, "count": 0}} for w in ("second", "day")}
SERVE = "from nexla_mcp.sandbox.serve import serve; from nexla_mcp.sandbox import SandboxConfig; import sys; \
serve(SandboxConfig(), ready=lambda url: print(url, flush=True))"


def faults(seed: int) -> list[dict[str, Any]]:
    """About one request in seven, every kind of trouble; a proxy repeats what may be repeated, never a POST."""

    def some(kind: str, probability: float, match: str = API, **more: Any) -> dict[str, Any]:
        return {"match": match, "kind": kind, "probability": probability, "seed": seed, **more}

    retry_at_once = {"headers": {"Retry-After": "0"}}
    return [
        {"match": "^GET /limits$", "status": 200, "body": LIMITS},
        some("rate_limited", 0.02, retry_after_s=0),
        some("rate_limited", 0.003, form="date", retry_after_s=1),
        *(some("error", 0.008, status=status, after=after) for status in (500, 502) for after in (False, True)),
        some("error", 0.006, status=503, **retry_at_once),
        some("error", 0.004, status=503),
        *(some("error", 0.004, status=504, after=after) for after in (False, True)),
        some("reset_before", 0.012),
        some("reset_after", 0.012),
        some("truncated", 0.01),
        some("invalid_json", 0.006),
        some("html", 0.005),
        some("html", 0.004, after=True),
        some("wrong_type", 0.005),
        some("empty", 0.004),
        some("huge", 0.0007),
        some("slow_headers", 0.01, delay_s=0.15),
        some("slow_body", 0.006, delay_s=0.15),
        some("expired_token", 0.005),
        some("revoked_token", 0.002),
        some("clock_skew", 0.01, skew_s=5400),
        some("duplicate", 0.006, match=NO_CREATE),
        some("refused", 0.0012, delay_s=0.2),
        *(some(kind, 0.04, match="^POST /token") for kind in ("reset_before", "html", "invalid_json")),
        some("error", 0.04, match="^POST /token", status=503, **retry_at_once),
    ]


class Control:
    """The control routes of a sandbox in another process."""

    def __init__(self, url: str) -> None:
        self.url = url
        transport = httpx.HTTPTransport(retries=8)
        self._http = httpx.Client(base_url=f"{url}/__sandbox__", trust_env=False, timeout=60, transport=transport)

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def begin(self, seed: int) -> None:
        """A fresh organisation, and the faults."""
        self._http.post("/reset", json={}).raise_for_status()
        self._http.post("/faults", json=faults(seed)).raise_for_status()

    def end(self) -> tuple[list[dict[str, Any]], State]:
        """No more faults; the record, and what is there now."""
        self._http.delete("/faults").raise_for_status()
        record: list[dict[str, Any]] = self._http.get("/requests").json()
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as api:
            reply = api.post("/token", headers={"Authorization": f"Basic {SERVICE_KEY}"}).raise_for_status()
            api.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
            rows = {kind: api.get(path).raise_for_status().json() for kind, path in {**KINDS, "source": SOURCES}.items()}
        return record, {kind: {row["id"]: row for row in listed} for kind, listed in rows.items()}


@contextmanager
def sandbox_process() -> Iterator[Control]:
    """A sandbox in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            with closing(Control(process.stdout.readline().strip())) as control:
                yield control
        finally:
            process.kill()  # nothing in it is worth an orderly end, which might wait for a broken connection


@asynccontextmanager
async def mcp_fronts(url: str, state: Path) -> AsyncIterator[list[McpFront]]:
    """One server over one client of the API, and an MCP client of each era."""
    from nexla_mcp.client.auth import ServiceKeyTokens
    from nexla_mcp.client.client import NexlaClient
    from nexla_mcp.server.app import build_server
    from nexla_mcp.server.runtime import Runtime
    from nexla_mcp.settings import Settings

    settings = Settings(
        api_url=url, service_key=SERVICE_KEY, state_dir=state, max_changes_per_hour=100_000, max_destroys_per_hour=100_000
    )
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(Runtime.open(settings))
        # As the runtime makes it, but with a short rest of the breaker: a run of three minutes is no place for ten seconds.
        runtime.__dict__["client"] = NexlaClient(
            url, lambda http: ServiceKeyTokens(http, SERVICE_KEY), runtime.ledger, breaker={"rest_s": 0.3, "longest_rest_s": 1.0}
        )
        server = build_server(runtime)
        clients = [
            await stack.enter_async_context(Client(server, mode=mode, elicitation_callback=agree)) for mode in ("auto", "legacy")
        ]
        yield [McpFront(client) for client in clients]


async def through_mcp(url: str, calls: int, seed: int) -> list[Reported]:
    """The load through the MCP front door."""
    with tempfile.TemporaryDirectory() as state:
        async with mcp_fronts(url, Path(state)) as fronts:
            callers = [Caller(n, seed, fronts[n % len(fronts)]) for n in range(CALLERS)]
            async with anyio.create_task_group() as group:
                for caller in callers:
                    group.start_soon(caller.run, -(-calls // CALLERS))
    return [report for caller in callers for report in caller.reports]


async def through_sdk(url: str, calls: int, seed: int) -> list[Reported]:
    """The same load through nexla-sdk."""
    callers = [Caller(n, seed, SdkFront(url, SERVICE_KEY), runbooks=False) for n in range(CALLERS)]
    async with anyio.create_task_group() as group:
        for caller in callers:
            group.start_soon(caller.run, -(-calls // CALLERS))
    return [report for caller in callers for report in caller.reports]


def show(
    name: str, reports: list[Reported], requests: list[dict[str, Any]], found: Comparison, seconds: float, *, all_of: bool
) -> None:
    """One column of the table, as lines."""
    told = Counter(r.told.verdict for r in reports)
    disturbed = sum(bool(r["fault"]) and r["path"] != "/limits" for r in requests)
    print(f"\n{name}: {len(reports)} calls, {found.changes} of them changes, in {seconds:.0f} s")
    print(f"  requests {len(requests)}, disturbed {disturbed} ({disturbed / max(1, len(requests)):.0%})")
    print(f"  told: {', '.join(f'{verdict} {count}' for verdict, count in told.most_common())}")
    for label, items in (
        ("lost updates", found.lost),
        ("duplicated creates", found.doubled),
        ("repeated changes", found.repeated),
        ("wrong reports", found.wrong),
        ("hung calls", found.hung),
        ("crashed calls", found.crashed),
    ):
        print(f"  {label:<20}{len(items):>5}" + (f"   e.g. {_line(items[0])}" if items and not all_of else ""))
        for item in items if all_of else ():
            print(f"    {_line(item)}")


def _line(text: str) -> str:
    return " ".join(text.split())[:170]


def failed_but_made(reports: list[Reported], requests: list[dict[str, Any]]) -> int:
    """Creates that raised although they were carried out."""
    names = {
        r["body"].get("name") for r in requests if r["method"] == "POST" and isinstance(r["body"], dict) and r["handled"] == 200
    }
    return sum(r.told.verdict == "failed" and r.action in ("create", "create_source") and r.mark in names for r in reports)


def main() -> int:
    """Print the table; 1 when anything is lost, doubled, wrong, hung or crashed on our side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--no-sdk", action="store_true", help="leave the comparison out")
    parser.add_argument("--list", action="store_true", help="print everything that does not fit")
    options = parser.parse_args()
    faulthandler.dump_traceback_later(LONGEST_S, exit=True)  # a run that hangs says where
    logging.getLogger("nexla_sdk").setLevel(logging.ERROR)
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"seed {options.seed}, {CALLERS} callers"
    )
    with sandbox_process() as control:
        control.begin(options.seed)
        began = time.monotonic()
        reports = anyio.run(through_mcp, control.url, options.calls, options.seed)
        took = time.monotonic() - began
        requests, state = control.end()
        ours = compare(reports, requests, state)
        show("nexla-mcp", reports, requests, ours, took, all_of=options.list)
        if not options.no_sdk:
            control.begin(options.seed)
            began = time.monotonic()
            reports = anyio.run(through_sdk, control.url, options.calls, options.seed)
            took = time.monotonic() - began
            requests, state = control.end()
            show("nexla-sdk 1.0.8", reports, requests, compare(reports, requests, state), took, all_of=options.list)
            print(f"  creates that raised although they were made: {failed_but_made(reports, requests)}")
    return 1 if ours.bad else 0


if __name__ == "__main__":
    sys.exit(main())
