"""One call on its way: the shared runtime, how to report progress, how to ask, and the control arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.policy.questions import Asker
from nexla_mcp.server.runtime import Runtime

Progress = Callable[[float, float | None, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class View:
    """How much of a result is shown."""

    fields: tuple[str, ...] = ()
    full: bool = False


VIEW = ("view", "fields")
"""The arguments that say how much is shown; they are never sent."""


def view_of(given: Mapping[str, Any]) -> View:
    """What ``view`` and ``fields`` ask for, also when a host sends one field as text."""
    fields = given.get("fields") or ()
    return View(tuple(str(f) for f in ([fields] if isinstance(fields, str) else fields)), given.get("view") == "full")


@dataclass(frozen=True, slots=True)
class Controls:
    """Arguments that steer a change and are never sent."""

    dry_run: bool = False
    ticket: str | None = None
    typed_name: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What every handler gets."""

    runtime: Runtime
    progress: Progress
    protocol_version: str
    asker: Asker | None = None
    client_name: str = ""
    view: View = field(default_factory=View)
