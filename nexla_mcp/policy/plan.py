"""The plan of a change: what it is about, what it reaches, and how it could be undone, read before anyone is asked.

    plan = await make_plan(client, catalog, operation, arguments)      # policy/planning.py
    plan.text()          # for the person
    plan.fingerprint     # what the person saw, as a hash; if it differs later, the consent is void

Everything in it comes from the API or from checked arguments, is masked and cleaned, and stands on one line
each: no name and no value can pretend to be another line of the preview.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from nexla_mcp.catalog.records import Operation, Risk, Wire
from nexla_mcp.client.wire import ApiRequest
from nexla_mcp.output.untrusted import clean
from nexla_mcp.policy.diff import FieldChange, one_line

FIELDS_SHOWN = 12
ROWS_SHOWN = 25
_EFFECT = {
    "start": "Starts: an ingestion begins at once for",
    "stop": "Stops:",
    "delete": "Deletes this; affected:",
    "update": "Used by:",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a change is about, as the API describes it now."""

    kind: str
    identity: Any
    name: str
    owner: str = ""
    status: str = ""

    def words(self) -> str:
        """``flow 5059 "orders" (ACTIVE, owner Ada Example)``."""
        facts = ", ".join(filter(None, [self.status, f"owner {self.owner}" if self.owner else ""]))
        identity = "" if self.identity is None else f" {self.identity}"
        name = f' "{self.name}"' if self.name else ""
        return f"{self.kind}{identity}{name}" + (f" ({facts})" if facts else "")


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to what is wanted: ready calls, to be made one after the other."""

    title: str
    calls: list[dict[str, Any]]

    def text(self) -> str:
        """For the model."""
        calls = "; then ".join(f"{c['tool']} {json.dumps(c['arguments'], ensure_ascii=False, default=str)}" for c in self.calls)
        return f"{self.title}: {calls}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A change that was looked at and not yet made.

    ``reasons`` are the guardrails that it meets, shown first; ``instead`` the ready calls that would respect
    them; with ``must_ask`` a person is asked whatever the risk class. ``state`` is what was read of the target,
    ``before`` what is kept of it, ``targets`` the names of everything that a list in the arguments touches.
    ``sent`` are the arguments with the secrets behind their masks, ``read`` the before-image with them: neither
    is ever shown or stored.
    """

    operation: Operation
    arguments: Mapping[str, Any]
    request: ApiRequest
    target: Target | None
    risk: Risk
    phrase: str = ""
    state: Sequence[Any] = ()
    before: Any = None
    affected: list[dict[str, Any]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    changes: list[FieldChange] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    instead: list[Alternative] = field(default_factory=list)
    undo: str = ""
    gaps: list[str] = field(default_factory=list)
    must_ask: bool = False
    sent: Mapping[str, Any] = field(default_factory=dict, repr=False)
    read: Any = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.operation.name

    @property
    def digest(self) -> str:
        """A hash of the arguments."""
        return arguments_hash(self.arguments)

    @property
    def requests(self) -> tuple[ApiRequest, ...]:
        """What would be sent."""
        return (self.request,)

    @property
    def asks(self) -> bool:
        """True when a person has to agree first."""
        return self.must_ask or self.risk.gated

    @property
    def fingerprint(self) -> str:
        """A hash of what the person saw: the state of the target, what it reaches, and every line of the preview."""
        return hashlib.sha256(json.dumps([self.state, self.text()], sort_keys=True, default=str).encode()).hexdigest()

    def text(self) -> str:
        """For the person who decides; what would be lost and what speaks against it comes first."""
        lines = [f"{self.operation.title}: {self._subject()}"]
        lines += [change.loss() for change in self.changes if change.vanishing]
        lines += self.reasons
        lines += [change.sentence() for change in self.changes[:FIELDS_SHOWN]]
        if more := self.changes[FIELDS_SHOWN:]:
            lines.append(f"And {len(more)} more fields: {', '.join(change.field for change in more)}")
        lines += self.effects
        if self.affected:
            change = self.operation.preview.change if self.operation.preview else ""
            lines.append(f"{_EFFECT.get(change, 'Affects:')} {rows_text(self.affected)}")
        lines += [f"Not known: {gap}" for gap in self.gaps]
        lines.append(f"Undo: {self.undo or 'not possible through the API'}")
        return "\n".join(one_line(line, 2_400) for line in lines)

    def _subject(self) -> str:
        """What it is about, in the best words there are."""
        if self.target is not None:
            return self.target.words()
        name = self.arguments.get("name")
        return self.phrase or (f'"{one_line(clean(name))}"' if isinstance(name, str) and name else self.operation.name)

    def structured(self) -> dict[str, Any]:
        """The same as data."""
        target = self.target
        return {
            "operation": self.operation.name,
            "risk": str(self.risk),
            "target": {
                "type": target.kind,
                "id": target.identity,
                "name": target.name,
                "owner": target.owner,
                "status": target.status,
            }
            if target
            else {},
            "guardrails": self.reasons,
            "instead": [{"title": other.title, "calls": other.calls} for other in self.instead],
            "affected": self.affected,
            "targets": self.targets,
            "changes": [
                {"field": c.field, "before": c.before, "after": c.after, "vanishing": list(c.vanishing)} for c in self.changes
            ],
            "effects": self.effects,
            "undo": self.undo,
            "not_known": self.gaps,
            "request": request_preview(self.operation, self.request),
        }


def rows_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Resources in a few words each: ``source 3001 "orders" ACTIVE; ...``."""
    shown = [
        f'{r["resource_type"]} {r["resource_id"]} "{one_line(r["name"] or "")}"' + (f" {r['status']}" if r["status"] else "")
        for r in rows[:ROWS_SHOWN]
    ]
    return "; ".join(shown) + (f" and {len(rows) - ROWS_SHOWN} more" if len(rows) > ROWS_SHOWN else "")


def arguments_hash(arguments: Mapping[str, Any]) -> str:
    """A hash of the canonical arguments: the same call has the same hash, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True, default=str).encode()).hexdigest()


def request_preview(operation: Operation, request: ApiRequest) -> dict[str, Any]:
    """The request as it would be sent, secrets masked."""
    secret = sensitive_names(operation)
    path = _host_only(request.path) if request.leaves_the_api else clean(request.path)
    shown: dict[str, Any] = {"method": request.method, "path": path, "query": clean(request.query, secret)}
    if request.has_body:
        shown["body"] = clean(request.body, secret)
    return shown


def shown_arguments(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments without secrets; of an address only the host, since its path or query may hold a key."""
    plain = {
        name: _host_only(value) if (p := operation.parameters.get(name)) and p.wire is Wire.ABSOLUTE_URL else value
        for name, value in arguments.items()
    }
    return dict(clean(plain, sensitive_names(operation)))


def _host_only(address: Any) -> str:
    parts = urlsplit(str(address))
    return f"{parts.scheme}://{parts.hostname or '?'}/..."


def sensitive_names(operation: Operation) -> list[str]:
    """The arguments that are secret, by both of their names."""
    return [n for name, p in operation.parameters.items() if p.sensitive for n in dict.fromkeys((name, p.wire_name or name))]
