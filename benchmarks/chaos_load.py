"""What the callers of the chaos benchmark do, whatever they call it through, and what each was told.

    report = await Caller(number, seed, front).run(100)

A front carries out one action (``create``, ``update``, ``pause`` ...) and answers with a :class:`Told`. Every caller works on
things of its own, so that the sandbox's record can be compared call by call; what it reads is shared.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Protocol

KINDS = {"project": "/projects", "lookup": "/data_maps", "credential": "/data_credentials", "team": "/teams"}
SOURCES = "/data_sources"
NO_SUCH_CALL = "no such call"
"""Told by a front that cannot do an action at all; nothing was asked."""
NEW: dict[str, dict[str, Any]] = {
    "project": {},
    "lookup": {"data_type": "string", "map_primary_key": "k"},
    "credential": {"credentials_type": "s3", "credentials": {"access_key_id": "AKIA-CHAOS", "secret_key": "chaos-secret-1"}},
    "team": {},
}
READS = ("list", "list", "get", "get", "get_source", "flow", "runs", "credential_probe", "notifications", "search", "whoami")
RUNBOOKS = ("health_check", "explain_error", "debug_flow")


@dataclass(frozen=True)
class Told:
    """What the caller was told: done, applied, not applied, unknown, or failed without saying which."""

    verdict: str
    identity: Any = None
    body: Any = None
    text: str = ""
    wait_s: float = 0.0
    crashed: bool = False


@dataclass
class Reported:
    """One call: what was asked of what, and what was told."""

    action: str
    kind: str
    mark: str
    identity: Any
    told: Told
    seconds: float = 0.0
    expected: tuple[str, ...] = ()


class Front(Protocol):
    """A way to Nexla."""

    async def act(self, action: str, kind: str, identity: Any, mark: str) -> Told:
        """Carry out one action."""
        ...

    async def rest(self, seconds: float) -> None:
        """Wait."""
        ...

    def now(self) -> float:
        """Seconds."""
        ...


@dataclass
class Owned:
    """A thing of one caller, with every description that it may have now."""

    kind: str
    identity: Any
    values: set[str] = field(default_factory=set)


class Caller:
    """One of those who call at the same time."""

    def __init__(self, number: int, seed: int, front: Front, *, runbooks: bool = True) -> None:
        self.number = number
        self._dice = random.Random(f"{seed} caller {number}")
        self._front = front
        self._runbooks = runbooks
        self._own: list[Owned] = []
        self._source: Any = None
        self._count = 0
        self.reports: list[Reported] = []

    async def run(self, calls: int) -> list[Reported]:
        """Make so many calls, one after the other."""
        while len(self.reports) < calls:
            await self._one()
        return self.reports

    async def _one(self) -> None:
        dice = self._dice.random()
        if self._source is None:
            told = await self._call("create_source", "source", None, self._mark())
            self._source = told.identity if told.verdict in ("done", "applied") else None
        elif dice < 0.12 or not self._own:
            kind = self._dice.choice(list(KINDS))
            mark = self._mark()
            told = await self._call("create", kind, None, mark)
            if told.verdict in ("done", "applied") and told.identity is not None:
                self._own.append(Owned(kind, told.identity, {""}))
        elif dice < 0.24:
            owned = self._dice.choice(self._own)
            mark = self._mark()
            told = await self._call("update", owned.kind, owned.identity, mark)
            if told.verdict in ("done", "applied"):
                owned.values = {mark}
            elif told.verdict not in ("not applied",):
                owned.values.add(mark)
        elif dice < 0.28 and len(self._own) > 3:
            owned = self._own.pop(self._dice.randrange(len(self._own)))
            await self._call("delete", owned.kind, owned.identity, self._mark())
        elif dice < 0.36:
            await self._call(self._dice.choice(["pause", "activate"]), "source", self._source, self._mark())
        elif dice < 0.39:
            await self._call("tag", "source", self._source, self._mark())
        elif dice < 0.41:
            await self._call("copy", "source", self._source, self._mark())
        elif dice < 0.44 and (lookup := next((o for o in self._own if o.kind == "lookup"), None)):
            await self._call("entry", "lookup", lookup.identity, self._mark())
        elif dice < 0.48 and self._runbooks:
            await self._call(self._dice.choice(RUNBOOKS), "flow", 6010, "")
        else:
            await self._read(self._dice.choice(READS))

    async def _read(self, action: str) -> None:
        if action == "get" and self._own:
            owned = self._dice.choice(self._own)
            await self._call(action, owned.kind, owned.identity, "", expected=tuple(owned.values))
        else:
            kind = self._dice.choice(list(KINDS)) if action == "list" else "source"
            await self._call("list" if action == "get" else action, kind if kind in KINDS else "source", self._source, "")

    async def _call(self, action: str, kind: str, identity: Any, mark: str, expected: tuple[str, ...] = ()) -> Told:
        began = self._front.now()
        told = await self._front.act(action, kind, identity, mark)
        self.reports.append(Reported(action, kind, mark, identity, told, self._front.now() - began, expected))
        if told.wait_s:
            await self._front.rest(min(told.wait_s, 2.0))
        return told

    def _mark(self) -> str:
        self._count += 1
        return f"chaos-{self.number}-{self._count}"
