"""The plan of a change: what it is about, what it reaches, and how it could be undone, read before anyone is asked.

    plan = await make_plan(client, catalog, operation, arguments)
    plan.text()          # for the person
    plan.fingerprint     # the state of the target; if it differs later, the consent is void

A plan only reads. Everything in it comes from the API and is masked and cleaned before it is shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Call, Operation, Risk
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import AuthenticationError, NexlaError, NotConfiguredError
from nexla_mcp.client.wire import ApiRequest
from nexla_mcp.output.flow_view import with_owner
from nexla_mcp.output.untrusted import clean, mask
from nexla_mcp.policy.blast import affected, users_of
from nexla_mcp.policy.diff import FieldChange, field_changes, list_changes

SHOWN = 12
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
        name = f' "{self.name}"' if self.name else ""
        return f"{self.kind} {self.identity}{name}" + (f" ({facts})" if facts else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """A change that was looked at and not yet made."""

    operation: Operation
    arguments: Mapping[str, Any]
    request: ApiRequest
    target: Target | None
    fingerprint: str
    before: Any = None
    affected: list[dict[str, Any]] = field(default_factory=list)
    changes: list[FieldChange] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    undo: str = ""
    gaps: list[str] = field(default_factory=list)

    @property
    def phrase(self) -> str:
        """What a person types to confirm a destroy: the target's name, else its id, else the operation's name."""
        if self.operation.risk is not Risk.DESTROY:
            return ""
        if self.target is None:
            return self.operation.name
        return self.target.name or str(self.target.identity)

    def text(self) -> str:
        """For the person who decides; a dozen lines at most."""
        lines = [f"{self.operation.title}: {self.target.words() if self.target else self.operation.name}"]
        lines += [change.sentence() for change in self.changes[:SHOWN]]
        lines += self.effects
        if self.affected:
            shown = [
                f'{r["resource_type"]} {r["resource_id"]} "{r["name"] or ""}"' + (f" {r['status']}" if r["status"] else "")
                for r in self.affected
            ]
            more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
            change = self.operation.preview.change if self.operation.preview else ""
            lines.append(f"{_EFFECT.get(change, 'Affects:')} {'; '.join(shown[:SHOWN])}{more}")
        lines += [f"Not known: {gap}" for gap in self.gaps]
        lines.append(f"Undo: {self.undo or 'not possible through the API'}")
        return "\n".join(lines)

    def structured(self) -> dict[str, Any]:
        """The same as data."""
        target = self.target
        return {
            "operation": self.operation.name,
            "risk": str(self.operation.risk),
            "target": {
                "type": target.kind,
                "id": target.identity,
                "name": target.name,
                "owner": target.owner,
                "status": target.status,
            }
            if target
            else {},
            "affected": self.affected,
            "changes": [
                {"field": c.field, "before": c.before, "after": c.after, "vanishing": list(c.vanishing)} for c in self.changes
            ],
            "effects": self.effects,
            "undo": self.undo,
            "not_known": self.gaps,
            "request": request_preview(self.operation, self.request),
        }


def arguments_hash(arguments: Mapping[str, Any]) -> str:
    """A hash of the canonical arguments: the same call has the same hash, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True, default=str).encode()).hexdigest()


def request_preview(operation: Operation, request: ApiRequest) -> dict[str, Any]:
    """The request as it would be sent, secrets masked."""
    secret = [p.wire_name or name for name, p in operation.parameters.items() if p.sensitive]
    shown: dict[str, Any] = {"method": request.method, "path": clean(request.path), "query": clean(request.query, secret)}
    if request.has_body:
        shown["body"] = clean(request.body, secret)
    return shown


async def make_plan(client: NexlaClient, catalog: Catalog, operation: Operation, arguments: Mapping[str, Any]) -> Plan:
    """Read the target and what depends on it, and say what would happen.

    Raises:
        NexlaError: the target cannot be read; what depends on it may be unknown, and the plan then says so.
    """
    request = client.request(operation, arguments)
    preview = operation.preview
    target_body = await _read(client, catalog, preview.target, arguments) if preview and preview.target else None
    current = await _read(client, catalog, preview.current, arguments) if preview and preview.current else None
    gaps: list[str] = []
    dependents = None
    if preview and preview.dependents:
        try:
            dependents = await _read(client, catalog, preview.dependents, arguments)
        except (AuthenticationError, NotConfiguredError):
            raise
        except NexlaError as error:
            gaps.append(f"what depends on it ({error.status_code or type(error).__name__} from {preview.dependents.operation})")
    target = describe_target(operation, request, target_body)
    changes, effects = _differences(operation, arguments, target_body, current)
    return Plan(
        operation=operation,
        arguments=arguments,
        request=request,
        target=target,
        fingerprint=_fingerprint(target_body, current),
        before=current if current is not None else target_body,
        affected=clean(_reach(request, arguments, target_body, dependents)),
        changes=changes,
        effects=effects,
        undo=_undo_words(operation, arguments),
        gaps=gaps,
    )


async def _read(client: NexlaClient, catalog: Catalog, call: Call, arguments: Mapping[str, Any]) -> Any:
    return (await client.call(catalog.operation(call.operation), fill(call.arguments, arguments))).body


def fill(template: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """``$name`` replaced by the argument; a template value whose argument was not given is left out."""
    filled = {k: arguments.get(v[1:]) if isinstance(v, str) and v.startswith("$") else v for k, v in template.items()}
    return {k: v for k, v in filled.items() if v is not None}


def describe_target(operation: Operation, request: ApiRequest, body: Any) -> Target | None:
    """The thing a change is about, out of whatever its read operation answered."""
    if request.resource_id is None and not isinstance(body, dict):
        return None
    row: dict[str, Any] = body if isinstance(body, dict) else {}
    if isinstance(row.get("flows"), list) and row["flows"]:
        roots = [n for n in row["flows"] if isinstance(n, dict)]
        row = next((n for n in roots if n.get("id") == request.resource_id), roots[0] if roots else {})
        row = with_owner(body, row)
    owner = row.get("owner")
    owner_name = (owner.get("full_name") or owner.get("email") or "") if isinstance(owner, dict) else ""
    words = {"data_sources": "source", "data_sets": "nexset", "data_sinks": "destination", "data_credentials": "credential"}
    kind = str(request.resource_type or operation.name.split("_")[0])
    return Target(
        kind=words.get(kind, kind.removesuffix("s").replace("_", " ")),
        identity=request.resource_id if request.resource_id is not None else row.get("id"),
        name=clean(str(row.get("name") or "")),
        owner=clean(str(owner_name)),
        status=clean(str(row.get("status") or "")),
    )


def _reach(request: ApiRequest, arguments: Mapping[str, Any], target: Any, dependents: Any) -> list[dict[str, Any]]:
    """Rows of what is touched: the flow at and below the node, or the users of a credential."""
    whole = bool(arguments.get("all") or arguments.get("full_tree"))
    flow = next((b for b in (dependents, target) if isinstance(b, dict) and isinstance(b.get("flows"), list)), None)
    if flow is None:
        return users_of(dependents)
    if request.resource_type in ("data_sources", "data_sets", "data_sinks"):
        return affected(flow, resource=(request.resource_type, int(request.resource_id or 0)), whole=whole)
    return affected(flow, node_id=int(request.resource_id or 0), whole=whole)


def _differences(
    operation: Operation, arguments: Mapping[str, Any], target: Any, current: Any
) -> tuple[list[FieldChange], list[str]]:
    body = {n: v for n, v in arguments.items() if (p := operation.parameters.get(n)) and p.location == "body"}
    change = operation.preview.change if operation.preview else ""
    if change == "update":
        changes = []
        for found in field_changes(target, body):
            hidden = operation.parameters[found.field].sensitive
            before = "(not shown)" if hidden else clean(found.before)
            after = _masked(found.after) if hidden else clean(found.after)
            changes.append(FieldChange(found.field, before, after, found.vanishing))
        return changes, [] if changes else ["No field would change."]
    lists = [v for v in body.values() if isinstance(v, list)]
    if not lists and change == "revoke":
        return [], ["No list was given: this removes every entry."]
    if not lists or change not in ("replace", "grant", "revoke"):
        return [], []
    listed = current if isinstance(current, list) else target if isinstance(target, list) else None
    gained, lost = list_changes(clean(listed), clean(lists[0]))
    if change == "grant":
        return [], [f"Gains access: {', '.join(gained) or 'nobody new'}"]
    if change == "revoke":
        return [], [f"Loses access: {', '.join(list_changes([], clean(lists[0]))[0])}"]
    return [], [f"Gained: {', '.join(gained) or 'nothing'}", f"Lost: {', '.join(lost) or 'nothing'}"]


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _masked(v) for k, v in value.items()}
    return [_masked(v) for v in value] if isinstance(value, list) else mask(value)


def _fingerprint(target: Any, current: Any) -> str:
    """A hash of what the person saw: identity, name, status and age of the target, and the list to be replaced."""
    seen: list[Any] = []
    if isinstance(target, dict):
        rows = [target]
        for name in ("flows", "data_sources", "data_sets", "data_sinks"):
            rows += [r for r in target.get(name) or [] if isinstance(r, dict)]
        seen = [[r.get("id"), r.get("name"), r.get("status"), r.get("updated_at")] for r in rows]
    elif target is not None:
        seen = [target]
    if current is not None:
        seen.append(current)
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()


def _undo_words(operation: Operation, arguments: Mapping[str, Any]) -> str:
    undo = operation.undo
    if undo is None:
        return ""
    if undo.operation is None:
        return undo.note
    filled = {k: v for k, v in fill(undo.arguments, arguments).items() if k in undo.arguments}
    shown = json.dumps(clean(filled), ensure_ascii=False, default=str)
    return f"{undo.operation} {shown if len(shown) <= 200 else ''}".strip() + (f". {undo.note}" if undo.note else "")
