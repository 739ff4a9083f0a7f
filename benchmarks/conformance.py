"""The official MCP conformance suite and the Inspector's command line against our HTTP server on the sandbox.

    python -m benchmarks.conformance            # exit 1 for an unexplained failure, or an explained one that now passes
    python -m benchmarks.conformance --write    # and rewrite docs/conformance.md

The suite's scenarios ask for tools, prompts and resources of its own example server as well. Those checks stand in
``conformance_exceptions.json``, each with the reason; everything else has to pass, warnings included. The suite
itself judges by that list, check by check, and also refuses an entry that has become needless.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.conformance_page import page
from benchmarks.inspector_checks import inspect
from release import npm_tools

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "conformance.md"
EXCEPTIONS = Path(__file__).with_name("conformance_exceptions.json")
VERSIONS = ("2025-11-25", "2026-07-28")


@dataclass(frozen=True)
class Scenario:
    """What the suite found in one scenario: checks that passed, and the names of those that did not."""

    name: str
    passed: int
    failed: tuple[str, ...]


@contextmanager
def served() -> Iterator[str]:
    """Our server over HTTP with the sandbox inside, in a process of its own; yields its MCP address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("nexla-mcp")), "serve", "--sandbox", "--http", f"127.0.0.1:{port}"]
    with tempfile.TemporaryDirectory() as state:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("NEXLA")}
        process = subprocess.Popen(command, env=kept | {"NEXLA_MCP_STATE_DIR": state}, stderr=subprocess.DEVNULL)
        try:
            _wait(f"http://127.0.0.1:{port}/healthz", process)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()
            process.wait(10)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline and process.poll() is None:
        try:
            opener.open(address, timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The server did not start: run nexla-mcp serve --sandbox --http 127.0.0.1:8000 to see why.")


def suite(url: str, version: str, folder: Path) -> tuple[list[Scenario], str]:
    """All scenarios that the suite has for a protocol version; the second value is empty when its verdict is good."""
    baseline = folder / f"expected-{version}.yml"
    entries = [check for group in json.loads(EXCEPTIONS.read_text(encoding="utf-8")) for check in group["checks"]]
    baseline.write_text("server:\n" + "".join(f"  - {entry}\n" for entry in entries), encoding="utf-8")
    results = folder / version
    words = ["server", "--url", url, "--suite", "all", "--spec-version", version, "-o", str(results)]
    ended = npm_tools.run(npm_tools.SUITE, "conformance", [*words, "--expected-failures", str(baseline)])
    found = [_scenario(path) for path in sorted(results.glob("*/checks.json"))]
    if not found:
        return [], ended.stderr[-2000:] or ended.stdout[-2000:]
    return found, "" if ended.returncode == 0 else ended.stdout[ended.stdout.rfind("Total:") :]


def _scenario(path: Path) -> Scenario:
    checks = json.loads(path.read_text(encoding="utf-8"))
    name = path.parent.name.removeprefix("server-")[: -len("-2026-01-01T00-00-00-000Z")]
    failed = dict.fromkeys(c["id"] for c in checks if c["status"] in ("FAILURE", "WARNING"))
    return Scenario(name, sum(c["status"] == "SUCCESS" for c in checks), tuple(failed))


def main() -> int:
    """Exit code 0 when everything that is not explained passes."""
    problems = []
    with served() as url, tempfile.TemporaryDirectory() as folder:
        found: dict[str, list[Scenario]] = {}
        for version in VERSIONS:
            found[version], problem = suite(url, version, Path(folder))
            problems += [f"{version}: {problem}"] if problem else []
            full = sum(not s.failed for s in found[version])
            checks = sum(s.passed for s in found[version])
            print(f"suite {version}: {full} of {len(found[version])} scenarios without a failed check, {checks} checks passed")
        inspected = inspect(url)
        for check in inspected:
            print(f"inspector {check.era}: {check.name}: {check.problem or 'ok'}")
        problems += [f"inspector {c.era}: {c.name}: {c.problem}" for c in inspected if c.problem]
    if "--write" in sys.argv[1:]:
        head = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}"
        PAGE.write_text(page(head, found, inspected, json.loads(EXCEPTIONS.read_text(encoding="utf-8"))), encoding="utf-8")
    print("\n".join(problems) or "Everything that is not explained passes.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
