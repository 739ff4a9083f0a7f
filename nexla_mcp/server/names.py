"""Names and ids of what there is: for completions, and for what a person wrote instead of an id.

    names = await runtime.names.of(call, "flow")               # [Named(6010, "orders-to-snowflake", "ACTIVE"), ...]
    one = await runtime.names.find(call, "flow", "orders-to-snowflake")
    one.id                                                     # 6010

A list is read once and kept for a short while; whoever types several letters in that time waits for one reading.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from nexla_mcp.output.render import table
from nexla_mcp.output.untrusted import clean_text

if TYPE_CHECKING:
    from nexla_mcp.server.call import Call

KEPT_S = 20.0
LONGEST = 120
_WITH_ID = re.compile(r"^(?:(?P<name>.*\S)\s*\()?(?P<id>\d{1,18})(?(name)\))$", re.S)
_LISTED = 12


@dataclass(frozen=True, slots=True)
class Named:
    """One resource; the name is cleaned and on one line, and may be empty."""

    id: int
    name: str = ""
    status: str = ""


def id_in(text: str) -> int | None:
    """The id in ``6010`` or ``orders-to-snowflake (6010)``; None for a name."""
    found = _WITH_ID.match(text.strip())
    return int(found["id"]) if found else None


class Names:
    """The names of one principal's resources, kind by kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[float, list[Named]]] = {}
        self._reading: dict[str, anyio.Lock] = {}

    async def of(self, call: Call, kind: str) -> list[Named]:
        """All of a kind that the caller owns or was given.

        Raises:
            KeyError: there is no such kind.
            NexlaError: the list cannot be read.
        """
        from nexla_mcp.catalog.kinds import resource_kinds
        from nexla_mcp.server.resources_of_a_kind import read_all

        found = resource_kinds(call.runtime.catalog)[kind]
        async with self._reading.setdefault(kind, anyio.Lock()):
            kept = self._kept.get(kind)
            if kept is None or self._clock() - kept[0] > KEPT_S:
                rows = (await read_all(call, found, "any")).rows
                named = [Named(r["id"], _one_line(_name_of(r)), str(r.get("status") or "")) for r in rows if _is_id(r.get("id"))]
                kept = self._kept[kind] = (self._clock(), named)
            return kept[1]

    async def find(self, call: Call, kind: str, text: str) -> Named:
        """The one that a person means by an id, a name or a part of a name.

        Raises:
            NotFoundError: nothing is called so among what the caller can see.
            ValidationError: several are.
            NexlaError: the list cannot be read.
        """
        from nexla_mcp.client.errors import NotFoundError, ValidationError

        if (identity := id_in(text)) is not None:
            return Named(identity)
        wanted = _one_line(text)
        names = await self.of(call, kind)
        for fits in (str.__eq__, lambda a, b: a.lower() == b.lower(), lambda a, b: b.lower() in a.lower()):
            found = [n for n in names if n.name and fits(n.name, wanted)]
            if len(found) == 1:
                return found[0]
            if found:
                rows = [{"id": n.id, "name": n.name, "status": n.status} for n in found[:_LISTED]]
                listed = table(rows, ("id", "name", "status"))
                raise ValidationError(f"{len(found)} of kind {kind} match {wanted!r}. Name one by its id:\n{listed}", sent=True)
        raise NotFoundError(
            f"No {kind} with a name like {wanted!r} among those you own or that are shared with you.",
            hint="Others may own one that is not shared with you: ask its owner or an administrator, or use its id.",
        )


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _name_of(row: dict[str, object]) -> str:
    return str(next((row[k] for k in ("name", "full_name", "email") if row.get(k)), ""))


def _one_line(text: str) -> str:
    return " ".join(clean_text(text).split())[:LONGEST]
