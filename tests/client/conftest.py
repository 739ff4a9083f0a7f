"""One sandbox for all tests of the client: each starts without faults, records and sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.serve import running_sandbox


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Any]:
    """The seeded organisation over a real socket; what a test changes in it stays changed."""
    with running_sandbox(SandboxConfig()) as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: Any) -> Any:
    """The shared sandbox without faults and records. A test that needs the seeded state calls ``reset()``."""
    shared_sandbox.clear_faults()
    shared_sandbox.clear_requests()
    return shared_sandbox
