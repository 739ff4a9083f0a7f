"""Fixtures of runs: the places where several processes can share their state."""

from tests.state.conftest import postgres, shared_store

__all__ = ["postgres", "shared_store"]
