"""A sandbox that a whole module shares; for tests that change nothing, or other things each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.serve import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[RunningSandbox]:
    """The seeded organisation over a real socket."""
    with running_sandbox(SandboxConfig()) as running:
        yield running
