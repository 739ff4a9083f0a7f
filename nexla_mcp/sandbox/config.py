"""Settings of one sandbox, and the keys that open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nexla_mcp.sandbox.world import World

SERVICE_KEY = "sandbox-service-key"
"""Key of the person who owns most of the seeded org and administers it."""
COLLABORATOR_KEY = "sandbox-collaborator-key"
"""Key of a person who may look at some flows and change none of them."""
PAUSED_KEY = "sandbox-paused-key"
"""A paused service key: `POST /token` answers 401."""
ADMIN_KEY = "sandbox-admin-key"
"""Key of a second administrator, for scenarios in which the first key is the problem."""

SCENARIOS = ("org", "large", "healthy", *(str(number) for number in range(1, 35)))


@dataclass(frozen=True)
class SandboxConfig:
    """What the embedded Nexla looks like and how it answers.

    `scenario` is "org" (a seeded org with several broken flows), "large" (one of so many `flows`), "healthy" (the fixture:
    flow 5059 without an incident) or "1".."34" (the fixture with that incident; `variant` picks one of its forms).
    `reply_shape` "seed" answers in the other forms that clients meet (run rows with a status, logs as a plain list, probes
    with {"status": "success"}).
    `now` is where the clock starts; it runs on in real time from there. With `undocumented` False every operation that the
    published contract lacks answers 404 with an empty body, as on an instance that does not have it. `seeding` fills the world
    by itself instead of a scenario; it leaves the world run up to its clock.
    """

    scenario: str = "org"
    reply_shape: Literal["published", "seed"] = "published"
    state_conflict: int = 405
    state_conflict_body: Literal["message", "lists", "empty"] = "message"
    token_ttl_s: int = 86400
    latency_s: float = 0.0
    now: datetime | None = None
    database: str = ":memory:"
    enforce_limits: bool = False
    variant: str = ""
    undocumented: bool = True
    flows: int = 500
    seeding: Callable[[World], object] | None = None

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise ValueError(f"scenario {self.scenario!r} is unknown: use org, large, healthy or 1 to 34")
        if self.now is not None and self.now.tzinfo is None:
            raise ValueError("now must carry a time zone")
        if self.state_conflict not in (400, 405, 409):
            raise ValueError("state_conflict must be 400, 405 or 409")
