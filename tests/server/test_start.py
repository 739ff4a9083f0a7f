"""Listing tools is answered at once, so what a start loads stays light."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("httpx", "sqlalchemy", "dbos", "jsonschema", "networkx")


def test_a_start_loads_nothing_that_only_calls_need() -> None:
    look = f"import sys, nexla_mcp.server.app; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.split() == []
