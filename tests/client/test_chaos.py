"""A short run of the chaos benchmark: whatever fails on the way, nobody is told anything untrue, and nobody waits forever."""

from __future__ import annotations

from collections import Counter
from contextlib import closing

import pytest

from benchmarks.chaos import Control, through_mcp
from benchmarks.chaos_check import compare
from benchmarks.chaos_load import Reported, Told
from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.serve import running_sandbox

CALLS = 160


async def test_what_was_told_under_faults_is_what_happened() -> None:
    with running_sandbox(SandboxConfig()) as sandbox, closing(Control(sandbox.url)) as control:
        control.begin(seed=5)
        reports = await through_mcp(sandbox.url, CALLS, seed=5)
        requests, state = control.end()
    found = compare(reports, requests, state)
    assert found.bad == []
    told = Counter(report.told.verdict for report in reports)
    disturbed = Counter(r["fault"] for r in requests if r["fault"] and r["path"] != "/limits")
    assert len(reports) >= CALLS
    assert told["done"] > CALLS / 2
    assert disturbed.total() > CALLS / 4
    assert len(disturbed) > 8  # kinds


MADE = {"method": "POST", "path": "/projects", "body": {"name": "chaos-0-1"}, "handled": 200}
PAUSED = {"method": "PUT", "path": "/data_sources/7/pause", "body": None, "handled": 200}
HELD = {"project": {1: {"name": "chaos-0-1", "description": None}}}


@pytest.mark.parametrize(
    ("report", "requests", "kind"),
    [
        (Reported("create", "project", "chaos-0-1", None, Told("done", 1)), [], "lost"),
        (Reported("create", "project", "chaos-0-1", None, Told("not applied")), [MADE], "wrong"),
        (Reported("create", "project", "chaos-0-1", None, Told("done", 1)), [MADE, MADE], "doubled"),
        (Reported("create", "project", "chaos-0-9", None, Told("done", 1)), [], "wrong"),
        (Reported("delete", "project", "chaos-0-2", 1, Told("done")), [], "lost"),
        (Reported("update", "project", "chaos-0-2", 1, Told("done")), [], "lost"),
        (Reported("pause", "source", "chaos-0-2", 7, Told("done")), [], "lost"),
        (Reported("pause", "source", "chaos-0-2", 7, Told("not applied")), [PAUSED], "repeated"),
        (Reported("pause", "source", "chaos-0-2", 7, Told("done")), [PAUSED, PAUSED], "repeated"),
        (Reported("get", "project", "", 1, Told("done", body={"description": "x"}), expected=("",)), [], "wrong"),
        (Reported("list", "project", "", 1, Told("done"), seconds=51.0), [], "hung"),
        (Reported("list", "project", "", 1, Told("unknown", crashed=True)), [], "crashed"),
    ],
)
def test_the_comparison_sees_what_is_untrue(report: Reported, requests: list[dict[str, object]], kind: str) -> None:
    assert getattr(compare([report], requests, HELD), kind)


def test_the_comparison_lets_pass_what_is_true() -> None:
    told = [
        Reported("create", "project", "chaos-0-1", None, Told("applied", 1)),
        Reported("pause", "source", "chaos-0-2", 7, Told("unknown")),
        Reported("get", "project", "", 1, Told("done", body={"description": None}), expected=("",)),
    ]
    assert compare(told, [MADE, PAUSED], HELD).bad == []
    assert compare(told, [MADE], HELD).bad == []
