"""Making the plan of a change: read the target, what depends on it and what would be replaced; change nothing.

    plan = await make_plan(client, catalog, operation, arguments)

What to read is data of the operation (``preview``), what speaks against the change too (``guard``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Call, Operation, Preview, Risk
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import AuthenticationError, NexlaError, NotConfiguredError, ValidationError
from nexla_mcp.client.wire import ApiRequest
from nexla_mcp.output.flow_view import objects, with_owner
from nexla_mcp.output.untrusted import clean
from nexla_mcp.policy.blast import affected, users_of
from nexla_mcp.policy.diff import one_line, reach
from nexla_mcp.policy.differences import differences, stored_under
from nexla_mcp.policy.guardrails import guardrails
from nexla_mcp.policy.masked import restored
from nexla_mcp.policy.plan import Plan, Target, sensitive_names
from nexla_mcp.policy.seen import find_names, find_users
from nexla_mcp.policy.undo import fill, undo_words

_NO_ROUTE = (404, 405)
_NOT_TO_BE_HAD = (403, *_NO_ROUTE)
_WORDS = {"data_sources": "source", "data_sets": "nexset", "data_sinks": "destination", "data_credentials": "credential"}
_NAMES = ("name", "full_name", "email", "domain")


@dataclass(slots=True)
class Facts:
    """What was read for a plan, and what could not be."""

    target: Any = None
    current: Any = None
    dependents: Any = None
    users: list[dict[str, Any]] | None = None
    gaps: list[str] = field(default_factory=list)

    @property
    def before(self) -> Any:
        """What was there before, as undo templates mean it."""
        return self.current if self.current is not None else self.target


async def make_plan(client: NexlaClient, catalog: Catalog, operation: Operation, arguments: Mapping[str, Any]) -> Plan:
    """Read the target and what depends on it, and say what would happen.

    Raises:
        NexlaError: the target of a gated operation cannot be read, or an argument holds the mask of a secret that
            is not stored. What depends on the target may be unknown, and the plan then says so.
    """
    request = client.request(operation, arguments)
    facts = await _read_facts(client, catalog, operation, arguments, request)
    sent = _with_secrets(operation, arguments, facts.target)
    request = client.request(operation, sent)
    target = describe_target(operation, request, facts.target)
    names = await find_names(client, catalog, operation.preview, arguments)
    told = differences(operation, arguments, request, facts.target, facts.current, names)
    told_by_list = operation.preview is not None and operation.preview.listed is not None
    reached = [] if told_by_list else clean(_reach(request, arguments, facts))
    guarded = await guardrails(client, catalog, operation, arguments, facts.target, reached)
    risk, phrase = _risk(operation, arguments, facts.target)
    if risk is Risk.DESTROY and not phrase:
        phrase = operation.name if target is None else target.name or str(target.identity)
    return Plan(
        operation=operation,
        arguments=arguments,
        request=request,
        target=target,
        risk=risk,
        phrase=phrase,
        state=_state(facts),
        before=_kept(catalog, operation, facts),
        affected=reached,
        targets=told.targets,
        changes=told.changes,
        effects=told.effects,
        reasons=guarded.reasons,
        instead=guarded.instead,
        undo=undo_words(operation, arguments),
        gaps=[*facts.gaps, *guarded.gaps],
        must_ask=guarded.must_ask,
        sent=sent,
        read=facts.before,
    )


async def _read_facts(
    client: NexlaClient, catalog: Catalog, operation: Operation, arguments: Mapping[str, Any], request: ApiRequest
) -> Facts:
    preview, facts = operation.preview, Facts()
    if preview is None:
        return facts
    try:
        if preview.target:
            facts.target = await _read(client, catalog, preview.target, arguments)
    except NexlaError as error:
        if not _dispensable(catalog, operation, preview, error):
            raise
        why = ", which is not published" if error.status_code in _NO_ROUTE else ""
        facts.gaps.append(f"its name and owner ({_status(error)} from {error.operation}{why})")
    try:
        if preview.current:
            facts.current = await _read(client, catalog, preview.current, arguments)
    except NexlaError as error:
        if operation.risk.gated or isinstance(error, AuthenticationError | NotConfiguredError):
            raise
        facts.gaps.append(f"what it replaces ({_status(error)} from {error.operation})")
    await _read_dependents(client, catalog, preview, arguments, request, facts)
    return facts


async def _read_dependents(
    client: NexlaClient, catalog: Catalog, preview: Preview, arguments: Mapping[str, Any], request: ApiRequest, facts: Facts
) -> None:
    """Who uses the target: by the route for it, else by looking for its id in the lists of what may use it."""
    gap, look = "", preview.dependents is None
    if preview.dependents:
        try:
            facts.dependents = await _read(client, catalog, preview.dependents, arguments)
        except (AuthenticationError, NotConfiguredError):
            raise
        except NexlaError as error:
            gap = f"what depends on it ({_status(error)} from {preview.dependents.operation})"
            look = error.status_code in _NOT_TO_BE_HAD
    if look and preview.users and request.resource_id is not None:
        facts.users, complete = await find_users(client, catalog, preview.users, request.resource_id)
        gap = "" if complete else f"all of what depends on it (not every page of {preview.users.listing} could be read)"
    if gap:
        facts.gaps.append(gap)


def _dispensable(catalog: Catalog, operation: Operation, preview: Preview, error: NexlaError) -> bool:
    """Whether the plan can do without its target.

    An additive write goes on without (only its before-image is poorer), unless the target does not exist. A
    published change must not depend on a route that the instance may lack: the list that it replaces is then
    the state that the consent is bound to.
    """
    if isinstance(error, AuthenticationError | NotConfiguredError) or preview.target is None:
        return False
    lacked = catalog.operation(preview.target.operation)
    missing = error.status_code in _NO_ROUTE
    if not operation.risk.gated:
        return not missing or not lacked.documented
    return missing and preview.current is not None and not lacked.documented and operation.documented


async def _read(client: NexlaClient, catalog: Catalog, call: Call, arguments: Mapping[str, Any]) -> Any:
    return (await client.call(catalog.operation(call.operation), fill(call.arguments, arguments))).body


def describe_target(operation: Operation, request: ApiRequest, body: Any) -> Target | None:
    """The thing a change is about, out of whatever its read operation answered: itself, its flow, or a list with it."""
    if isinstance(body, list):
        body = next((r for r in body if isinstance(r, dict) and r.get("id") == request.resource_id), None)
    row: dict[str, Any] = body if isinstance(body, dict) else {}
    if isinstance(row.get("flows"), list) and row["flows"] and any(name in row for name in _WORDS):
        roots = [n for n in row["flows"] if isinstance(n, dict)]
        row = next((n for n in roots if n.get("id") == request.resource_id), roots[0] if roots else {})
        row = with_owner(body, row)
    identity = request.resource_id if request.resource_id is not None else row.get("id")
    name = next((str(row[key]) for key in _NAMES if row.get(key)), "")
    if identity is None and not name:
        return None
    owner = row.get("owner")
    owner_name = (owner.get("full_name") or owner.get("email") or "") if isinstance(owner, dict) else ""
    kind = str(request.resource_type or operation.name.split("_")[0])
    return Target(
        kind=_WORDS.get(kind, kind.removesuffix("s").replace("_", " ")),
        identity=identity,
        name=one_line(clean(name)),
        owner=one_line(clean(str(owner_name))),
        status=one_line(clean(str(row.get("status") or "")), 40),
    )


def _reach(request: ApiRequest, arguments: Mapping[str, Any], facts: Facts) -> list[dict[str, Any]]:
    """Rows of what is touched: the flow at and below the node, or the users of a credential or a transform."""
    if facts.users is not None:
        return facts.users
    whole = bool(arguments.get("all") or arguments.get("full_tree"))
    flow = next((b for b in (facts.dependents, facts.target) if isinstance(b, dict) and isinstance(b.get("flows"), list)), None)
    if flow is None:
        return users_of(facts.dependents)
    if not str(request.resource_id).isdigit():
        return []
    number = int(str(request.resource_id))
    if request.resource_type in ("data_sources", "data_sets", "data_sinks"):
        return affected(flow, resource=(request.resource_type, number), whole=whole)
    return affected(flow, node_id=number, whole=whole)


def _with_secrets(operation: Operation, arguments: Mapping[str, Any], target: Any) -> dict[str, Any]:
    """The arguments with the stored secrets in place of their masks; a mask that fits none is refused."""
    where = stored_under(operation, target)
    whole: dict[str, Any] = {}
    lost: list[str] = []
    for name, value in arguments.items():
        path = where(name)
        whole[name], missing = restored(value, reach(target, path) if path else None, name)
        lost += missing
    if lost:
        raise ValidationError(
            f"{operation.name}: {', '.join(lost[:5])} is a masked secret, not the secret itself: sending it would overwrite the"
            " real one. Nothing was sent.",
            operation=operation.name,
            sent=False,
            hint="Leave it out where the API allows that, or give the real value.",
        )
    return whole


def _risk(operation: Operation, arguments: Mapping[str, Any], target: Any) -> tuple[Risk, str]:
    """The risk of this very call, and what has to be typed where its arguments decide about that."""
    for name, harmless in operation.guard.destroy_unless.items():
        value = arguments.get(name, target.get(name) if isinstance(target, dict) else None)
        if value not in harmless:
            return Risk.DESTROY, one_line(clean(str(value or operation.name)))
    return operation.risk, ""


def _state(facts: Facts) -> list[Any]:
    """What a consent is bound to: identity, name, status and age of the target, and the list to be replaced."""
    seen: list[Any] = []
    target = facts.target
    if isinstance(target, dict):
        rows = [target]
        for name in ("flows", "data_sources", "data_sets", "data_sinks"):
            rows += objects(target.get(name))
        seen = [[r.get("id"), r.get("name"), r.get("status"), r.get("updated_at")] for r in rows]
    elif target is not None:
        seen = [target]
    return seen if facts.current is None else [*seen, facts.current]


def _kept(catalog: Catalog, operation: Operation, facts: Facts) -> Any:
    """The before-image: what was read, without its secrets."""
    preview = operation.preview
    call = (preview.current if facts.current is not None else preview.target) if preview else None
    hidden = catalog.operation(call.operation).returns.sensitive_fields if call else ()
    return clean(facts.before, [*hidden, *sensitive_names(operation)])


def _status(error: NexlaError) -> str:
    return str(error.status_code or type(error).__name__)
