"""Suspicious flows that probably fail for one common reason: one is examined, and its answer is tried on the others.

    family = families(suspicions)                     # flow id -> ("login", 41009), ("overdue", None) or None
    wave, later = next_wave(pending, family, room=40)
    covered(suspicion, family, roots)                 # the finding that explains it as well, or None

A refused login says so in its error text and is shared through the credential; an account that is capped, suspended or
moved stops many flows without any error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from nexla_mcp.runbooks.diagnosis import Finding
from nexla_mcp.runbooks.error_texts import Kind, kinds_of
from nexla_mcp.runbooks.overview import OVERDUE, Suspicion

Family = tuple[str, int | None]
_EXAMINED_OF = {"login": 1, "limited": 1, "overdue": 3}
"""How many of a family are examined before the others."""


def families(suspicions: Iterable[Suspicion]) -> dict[int, Family]:
    """What each suspicious flow has in common with others; flows that stand alone are left out."""
    found: dict[int, Family] = {}
    refused: list[tuple[Suspicion, set[int]]] = []
    for s in suspicions:
        flow_id = s.flow.flow_id
        if flow_id is None or s.only_paused:
            continue
        logins = _refused_logins(s)
        if logins:
            refused.append((s, logins))
        elif any(stage.status == "RATE_LIMITED" for stage in s.flow.stages):
            found[flow_id] = ("limited", None)
        elif s.reasons == [OVERDUE]:
            found[flow_id] = ("overdue", None)
    shared = Counter(login for _, logins in refused for login in logins)
    for s, logins in refused:
        found[s.flow.flow_id or 0] = ("login", max(sorted(logins), key=lambda login: shared[login]))
    return found


def _refused_logins(s: Suspicion) -> set[int]:
    """The credentials that its errors may be about: that of the stage that was named, else any of the flow."""
    found: set[int] = set()
    for key, text in s.told:
        if Kind.AUTH not in kinds_of(text):
            continue
        stage = s.flow.stage(*key) if key else None
        named = [stage] if stage else s.flow.stages
        found |= {st.credential_id for st in named if st.credential_id is not None}
        if stage:
            return {st.credential_id for st in named if st.credential_id is not None}
    return found


def next_wave(
    pending: list[Suspicion], family: Mapping[int, Family], examined: Iterable[Suspicion], room: int
) -> tuple[list[Suspicion], list[Suspicion]]:
    """Which flows to examine now, and which to leave until those are known; in order of alarm."""
    seen = Counter(family.get(s.flow.flow_id or 0) for s in examined)
    wave: list[Suspicion] = []
    later: list[Suspicion] = []
    for s in pending:
        mine = family.get(s.flow.flow_id or 0)
        known = mine is not None and seen[mine] >= _EXAMINED_OF[mine[0]]
        first_round = mine is not None and not any(family.get(x.flow.flow_id or 0) == mine for x in examined)
        if len(wave) >= room or (known and first_round):
            later.append(s)
        else:
            wave.append(s)
            seen[mine] += 1
    return wave, later


def covered(s: Suspicion, family: Mapping[int, Family], roots: Iterable[Finding]) -> Finding | None:
    """A finding about another flow that explains this one too."""
    mine = family.get(s.flow.flow_id or 0)
    for root in roots:
        if mine and mine[0] == "login" and root.cause == "credential_invalid" and root.resource_id == mine[1]:
            return root
        if mine and mine[0] in ("limited", "overdue") and root.resource_type == "org":
            return root
    return None
