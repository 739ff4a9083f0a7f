"""One sandbox for the tests of a module that only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.serve import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def organisation() -> Iterator[RunningSandbox]:
    """The seeded organisation over a real socket."""
    with running_sandbox(SandboxConfig()) as running:
        yield running


@pytest.fixture
def world(organisation: RunningSandbox) -> Iterator[RunningSandbox]:
    """The same, without disturbance and with a fresh list of requests."""
    organisation.clear_requests()
    yield organisation
    organisation.clear_faults()


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of changes of a server without a folder of its own stays in this test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
