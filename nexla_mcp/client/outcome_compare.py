"""Does what is there now look as a change would have left it? Pure comparisons for :mod:`nexla_mcp.client.outcome_lookup`.

    fields_fit({"name": "new"}, before={"name": "old"}, after={"name": "new"})      # Fit("applied", "name is as sent")

Every answer is "applied", "not applied" or "unknown", with the observation in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nexla_mcp.output.flow_view import FLAT_LISTS, flat_row, nodes
from nexla_mcp.output.untrusted import looks_secret

Verdict = Literal["applied", "not applied", "unknown"]
_IDENTITIES = ("id", "email", "name", "email_domain", "client_identifier", "data_source_id", "data_set_id", "nexla_id", "key")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Fit:
    """A verdict and what was seen."""

    verdict: Verdict
    seen: str


AS_BEFORE = "as it was before the call, so this does not tell; what was asked for is the case"


def status_fit(expected: str, before: str | None, after: str | None, touched: bool | None = None) -> Fit:
    """For activate and pause: the status of the target."""
    if after is None:
        return Fit("unknown", "its status cannot be read")
    seen = f"its status is {after}"
    if after == expected:
        return _told(seen, before is not None and before != expected, before is None, touched)
    if after == before or (before is None and touched is not True and after in ("ACTIVE", "PAUSED", "INIT")):
        return Fit("not applied", seen)
    return Fit("unknown", f"{seen}, neither what was asked for nor what it was before")


def _told(seen: str, differed: bool, blind: bool, touched: bool | None) -> Fit:
    """For a state that is as asked: it tells something only when it was not so before, or was changed since."""
    if differed:
        return Fit("applied", seen)
    if touched:
        return Fit("applied", f"{seen}, and the resource was changed since the call was made")
    return Fit("unknown", f"{seen}, but what it was before is not known" if blind else f"{seen}, {AS_BEFORE}")


def status_of(body: Any, kind: str | None, identity: Any) -> str | None:
    """The status of a resource or flow node in whatever its read operation answered."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("flows"), list):
        return _status_in_flow(body, kind, identity)
    if isinstance(body.get("status"), str):
        return str(body["status"]).upper()
    active = body.get("active")
    return ("ACTIVE" if active else "PAUSED") if isinstance(active, bool) else None


def _status_in_flow(body: dict[str, Any], kind: str | None, identity: Any) -> str | None:
    lists = {"source": "data_sources", "nexset": "data_sets", "destination": "data_sinks"}
    name = lists.get(str(kind), str(kind))
    if name in FLAT_LISTS.values():
        found = flat_row(body, name, identity).get("status")
        return str(found).upper() if found else None
    node = next((n for n in nodes(body["flows"]) if str(n.get("id")) == str(identity)), None)
    if node is None:
        return None
    flat = next((flat_row(body, name, node[key]) for key, name in FLAT_LISTS.items() if node.get(key) is not None), {})
    found = flat.get("status") or node.get("status")
    return str(found).upper() if found else None


def fields_fit(
    sent: Mapping[str, Any], before: Any, after: Any, *, hidden: Iterable[str] = (), touched: bool | None = None
) -> Fit:
    """For an update: the sent fields against the resource before and after.

    ``hidden`` are fields that cannot be read back. ``touched`` tells whether the resource was changed since the
    request was sent, when that is known.
    """
    if not isinstance(after, dict):
        return Fit("unknown", "it cannot be read back")
    hidden = set(hidden)
    readable = {n: v for n, v in sent.items() if n not in hidden and not looks_secret(n) and n in after}
    unseen = sorted(set(sent) - set(readable))
    differing = [n for n, v in readable.items() if not same(v, after[n])]
    was: Mapping[str, Any] = before if isinstance(before, dict) else {}
    telling = [n for n, v in readable.items() if n in was and not same(v, was[n])]
    if not readable:
        return _by_age(touched, f"{', '.join(unseen) or 'nothing that was sent'} cannot be read back")
    if not differing:
        names = ", ".join(readable) + " as sent"
        if unseen and not telling:
            return _by_age(touched, f"{names}, as before; {', '.join(unseen)} cannot be read back")
        return _told(names, bool(telling), not was, touched)
    names = ", ".join(differing)
    if was and all(same(was.get(n), after[n]) for n in differing) and touched is not True:
        return Fit("not applied", f"{names} as before the call")
    if touched is False:
        return Fit("not applied", f"{names} differs from what was sent, and the resource was not changed since")
    return Fit("unknown", f"{names} differs from what was sent, and from what was there before as far as that is known")


def _by_age(touched: bool | None, words: str) -> Fit:
    if touched is None:
        return Fit("unknown", words)
    if touched:
        return Fit("applied", f"{words}, but the resource was changed since the call was made")
    return Fit("not applied", f"{words}, but the resource was not changed since the call was made")


def list_fit(way: Literal["add", "remove", "replace"], sent: list[Any] | None, before: Any, after: Any) -> Fit:
    """For accessors, members, tags and the like; ``sent`` None removes everything."""
    rows = after if isinstance(after, list) else []
    was = before if isinstance(before, list) else None
    count = len([e for e in sent or [] if any(_same_entry(e, row) for row in rows)])
    seen = f"{count} of the {len(sent)} sent entries are in the list of {len(rows)}" if sent else f"{len(rows)} entries are there"
    if _list_done(way, sent, rows):
        return _told(seen, was is not None and not _list_done(way, sent, was), was is None, None)
    if was is not None and _same_list(was, rows):
        return Fit("not applied", f"{seen}, as before the call")
    return Fit("unknown", seen)


def _list_done(way: Literal["add", "remove", "replace"], sent: list[Any] | None, rows: list[Any]) -> bool:
    if sent is None:
        return not rows
    there = [entry for entry in sent if any(_same_entry(entry, row) for row in rows)]
    if way == "remove":
        return not there
    return len(there) == len(sent) and (way == "add" or len(rows) == len(sent))


def _same_list(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(any(_same_entry(a, b) for b in other) for a in one)


def _same_entry(sent: Any, row: Any) -> bool:
    """True when a sent entry and a row mean the same: the same identity, and equal wherever both say something."""
    if not isinstance(sent, dict) or not isinstance(row, dict):
        plain, rich = (sent, row) if isinstance(row, dict) else (row, sent)
        return any(rich.get(k) == plain for k in ("id", "name", "email")) if isinstance(rich, dict) else bool(sent == row)
    shared = [k for k in sent if k in row]
    return any(k in shared for k in _IDENTITIES) and all(same(sent[k], row[k]) for k in shared)


def same(sent: Any, found: Any) -> bool:
    """Equal for this purpose: objects by the keys that were sent, secrets aside; plain lists in any order; "1" and 1."""
    if isinstance(sent, dict) and isinstance(found, dict):
        return all(looks_secret(str(k)) or same(v, found.get(k, _MISSING)) for k, v in sent.items())
    if isinstance(sent, list) and isinstance(found, list):
        if len(sent) != len(found):
            return False
        if any(isinstance(item, dict | list) for item in sent):
            return all(same(a, b) for a, b in zip(sent, found, strict=True))
        return sorted(map(str, sent)) == sorted(map(str, found))
    if sent is None or found is None or isinstance(sent, bool) or isinstance(found, bool):
        return bool(sent == found)
    return bool(sent == found) or (isinstance(sent, str | int | float) and str(sent).lower() == str(found).lower())
