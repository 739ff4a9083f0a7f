"""What a seeded flow is made of: its ids, its description, and the moments at which something happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.world import World

OWNER, ENGINEER, ANALYST, PLATFORM = 101, 102, 103, 104
"""Ids of the people of every sandbox."""


@dataclass(frozen=True)
class FlowIds:
    """The ids of one linear flow; what an incident needs to know about it. 0 = the flow has none."""

    flow: int
    source: int
    detected: int = 0
    derived: int = 0
    sink: int = 0
    transform: int = 0
    source_credential: int = 0
    sink_credential: int = 0
    derived_node: int = 0
    sink_node: int = 0


@dataclass(frozen=True)
class FlowSpec:
    """A flow to build: what it is called, what it connects, how often, how much."""

    name: str
    subject: str
    source_type: str
    sink_type: str
    cron: str
    records: int
    ids: FlowIds
    jitter: float = 0.06
    owner: int = OWNER
    target: str = ""
    description: str | None = None
    script: str | None = None
    source_config: Doc = field(default_factory=dict)
    sink_later: bool = False

    @property
    def label(self) -> str:
        """What the flow's resources are named after."""
        return self.name.split("-to-")[0]


@dataclass(frozen=True)
class Event:
    """Something that happens at a moment of the seeded history."""

    at: int
    action: Callable[[World], Any]
