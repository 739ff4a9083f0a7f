"""The world: one org's state, its clock, and the things every part of the sandbox writes (audit, notifications)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nexla_mcp.sandbox.clock import HOUR, WorldClock, iso
from nexla_mcp.sandbox.config import SandboxConfig
from nexla_mcp.sandbox.limits import Limiter
from nexla_mcp.sandbox.store import Doc, Store

if TYPE_CHECKING:
    from nexla_mcp.sandbox.engine.plan import Stage

_REPEAT_AFTER = 6 * HOUR


class World:
    """State and clock of one sandbox; passed to everything that reads or changes it."""

    def __init__(self, config: SandboxConfig, clock: WorldClock, store: Store) -> None:
        self.config = config
        self.clock = clock
        self.store = store
        self.horizon = 0
        """Cycles that were due up to this moment (epoch ms) have been run."""
        self.org_id = 42
        self.plans: dict[int, tuple[int, Stage]] = {}
        self.due: tuple[int, dict[int, int]] = (0, {})
        """When each running source starts its next cycle, for one state version."""
        self.crons: dict[int, str] = {}
        self.limiter = Limiter()
        self.refuses_sessions_of: int | None = None
        """A user whose sessions are all treated as expired (incident 6)."""

    def now(self) -> int:
        return self.clock.now()

    def stamp(self) -> str:
        return iso(self.now())

    def create(self, kind: str, doc: Doc, owner_id: int, audited: bool = True) -> Doc:
        """Add a resource with the fields that all of them have."""
        stamp = self.stamp()
        made = self.store.put(
            kind,
            {
                "owner_id": owner_id,
                "org_id": self.org_id,
                "description": None,
                "tags": [],
                "copied_from_id": None,
                "created_at": stamp,
                "updated_at": stamp,
                **doc,
            },
        )
        if audited:
            self.audit(kind, made["id"], "create", {"name": [None, made.get("name")]}, owner_id)
        return made

    def modify(self, kind: str, resource_id: int, changes: Doc, user_id: int, url: str = "", agent: str = "") -> Doc:
        """Change fields of a resource and write the audit entry with before and after."""
        before = self.store.require(kind, resource_id)
        differing = {key: [before.get(key), value] for key, value in changes.items() if before.get(key) != value}
        after = self.store.change(kind, resource_id, **changes, updated_at=self.stamp()) if differing else before
        if differing:
            self.audit(kind, resource_id, "update", differing, user_id, url, agent)
        return after

    def audit(
        self,
        kind: str,
        resource_id: int,
        event: str,
        changes: dict[str, list[Any]],
        user_id: int,
        url: str = "",
        agent: str = "",
    ) -> None:
        shown = {
            key: ["[secret]", "[secret]"] if key in ("credentials", "password", "api_key") else pair
            for key, pair in changes.items()
        }
        self.store.db.execute(
            "INSERT INTO audit(kind, resource_id, event, changes, user_id, at, url, agent) VALUES(?,?,?,?,?,?,?,?)",
            (
                kind,
                resource_id,
                event,
                json.dumps(shown),
                user_id,
                self.now(),
                url or f"/{kind}/{resource_id}",
                agent or "browser",
            ),
        )

    def notify(
        self,
        level: str,
        event: str,
        word: str,
        resource_id: int,
        owner_id: int,
        message: str,
        at: int | None = None,
    ) -> None:
        """Add a notification unless the same one was sent within the last six hours."""
        now = at or self.now()
        recent = self.store.one(
            "SELECT 1 FROM resources WHERE kind='notifications' AND doc->>'resource_id'=? AND doc->>'message'=? "
            "AND doc->>'created_ms' > ? LIMIT 1",
            (resource_id, message, now - _REPEAT_AFTER),
        )
        if recent:
            return
        types = self.notification_types()
        type_id = next((t["id"] for t in types if (t["event_type"], t["resource_type"]) == (event, word)), 1)
        stamp = iso(now)
        self.store.put(
            "notifications",
            {
                "owner_id": owner_id,
                "org_id": self.org_id,
                "level": level,
                "event_type": event,
                "resource_id": resource_id,
                "resource_type": word,
                "message_id": type_id,
                "message": message,
                "read_at": None,
                "created_ms": now,
                "created_at": stamp,
                "updated_at": stamp,
            },
        )

    def notification_types(self) -> list[Doc]:
        from nexla_mcp.sandbox.seed.fixed import NOTIFICATION_TYPES

        return NOTIFICATION_TYPES
