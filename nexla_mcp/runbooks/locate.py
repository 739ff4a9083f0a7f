"""From the arguments of a runbook to the flow that is meant.

    located = await locate(facts, {"resource_type": "source", "resource_id": 5023})
    located.flow, located.asked

What cannot be found is explained with what to do instead; a resource that the caller may merely not see
is never called missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.client.errors import (
    ApiUnreachableError,
    AuthenticationError,
    AuthorizationError,
    NexlaError,
    NotConfiguredError,
    NotFoundError,
    RateLimitError,
    ValidationError,
)
from nexla_mcp.runbooks.facts import Facts, Fetched
from nexla_mcp.runbooks.flow_lists import flows_in
from nexla_mcp.runbooks.flow_map import FlowMap
from nexla_mcp.runbooks.gathering.reads import consumers_of
from nexla_mcp.runbooks.shapes.lenient import bodies, kind_of, objects, pick, quote, whole

LOCATING = "nexla_debug_flow"
"""The name under which errors about the arguments are raised; ``run_runbook`` puts the runbook's own."""
KINDS = ("source", "nexset", "destination", "credential")
_LISTS = (
    ("flows", "flow"),
    ("data_sources", "source"),
    ("data_sets", "nexset"),
    ("data_sinks", "destination"),
    ("data_credentials", "credential"),
)


class CannotStart(Exception):
    """The session or the access stops everything; ``error`` says how."""

    def __init__(self, error: NexlaError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass
class Located:
    """The flow, and the resource the question named, if any."""

    flow: FlowMap
    asked: tuple[str, int] | None = None
    notes: list[str] = field(default_factory=list)
    consumers: list[tuple[str, int, str]] = field(default_factory=list)


async def locate(facts: Facts, arguments: Mapping[str, Any]) -> Located:
    """Find the flow.

    Raises:
        ValidationError: no, contradictory or ambiguous arguments (nothing was sent, or only lists).
        NotFoundError: nothing the caller can see fits.
        CannotStart: the session is refused, the caller may not read, or Nexla throttles.
    """
    flow_id, kind, resource_id, name = _checked(arguments)
    if flow_id is not None:
        located = await _by_flow(facts, flow_id)
        if resource_id is not None and kind and not _belongs(located.flow, kind, resource_id):
            raise _invalid(f"{kind} {resource_id} does not belong to flow {located.flow.flow_id}. Give one of them only.")
        located.asked = (kind, resource_id) if kind and resource_id is not None else None
        return located
    if resource_id is not None and kind:
        return await (_by_credential(facts, resource_id) if kind == "credential" else _by_resource(facts, kind, resource_id))
    return await _by_name(facts, name or "", kind)


def _checked(arguments: Mapping[str, Any]) -> tuple[int | None, str | None, int | None, str | None]:
    flow_id, resource_id = whole(arguments.get("flow_id")), whole(arguments.get("resource_id"))
    word = arguments.get("resource_type")
    kind = kind_of(word) if word else None
    name = str(arguments.get("name") or "").strip() or None
    if word and kind == "flow" and resource_id is not None:
        flow_id, kind, resource_id = flow_id or resource_id, None, None
    elif word and kind not in KINDS:
        raise _invalid(f"resource_type {str(word)[:40]!r} is not known: use source, nexset, destination or credential.")
    if resource_id is not None and kind is None:
        raise _invalid("resource_id needs resource_type: source, nexset, destination or credential.")
    if flow_id is None and resource_id is None and name is None:
        raise _invalid(
            "Say which flow is meant: flow_id, or resource_type with resource_id, or name. nexla_triage finds what is broken "
            "in the whole org."
        )
    if name is not None and (flow_id is not None or resource_id is not None):
        name = None  # an id is exact; the name is only a remark
    return flow_id, kind, resource_id, name


def _invalid(text: str) -> ValidationError:
    return ValidationError(text, operation=LOCATING, hint="Correct the arguments and call again.", sent=False)


async def _by_flow(facts: Facts, flow_id: int) -> Located:
    fetched = await facts.fetch("flows_get", flow_id=flow_id)
    flow = _read(fetched, flow_id)
    if flow is not None:
        return Located(flow)
    if fetched.ok or isinstance(fetched.error, NotFoundError):
        raise await _not_a_flow(facts, flow_id)
    raise _stopped(fetched)


async def _not_a_flow(facts: Facts, number: int) -> NexlaError:
    """404 for a flow id: perhaps the id of one of its resources."""
    tries = await facts.fetch_all(
        *[("flows_get_by_resource", {"resource_type": k, "resource_id": number}) for k in ("source", "nexset", "destination")]
    )
    hits = [(k, flow) for k, f in zip(("source", "nexset", "destination"), tries, strict=True) if (flow := _read(f)) is not None]
    if hits:
        listed = "; ".join(f"{k} {number} (its flow is {flow.flow_id})" for k, flow in hits)
        return ValidationError(
            f"{number} is not a flow id but the id of {listed}. A flow's id is its origin node's, not its source's.",
            operation=LOCATING,
            resource_id=number,
            hint=f"Call again with flow_id {hits[0][1].flow_id}, or with resource_type {hits[0][0]} and resource_id {number}.",
            sent=True,
        )
    return _unseen(f"flow {number}")


def _unseen(what: str) -> NotFoundError:
    return NotFoundError(
        f"No {what} answers to you: the id may be wrong, or it is not shared with you. That does not mean it does not exist.",
        operation=LOCATING,
        status_code=404,
        hint="Check the id; list what is shared with you with nexla_list resource_type=flow access_role=collaborator; else "
        "ask its owner or an administrator.",
    )


def _stopped(fetched: Fetched) -> Exception:
    error = fetched.error or NotFoundError(f"{fetched.operation} answered with nothing.", operation=fetched.operation)
    if isinstance(error, ApiUnreachableError | NotConfiguredError):
        return error
    return CannotStart(error) if isinstance(error, AuthenticationError | AuthorizationError | RateLimitError) else error


def _read(fetched: Fetched, wanted: int | None = None) -> FlowMap | None:
    return FlowMap.read(fetched.body, wanted) if fetched.ok else None


async def _by_resource(facts: Facts, kind: str, resource_id: int) -> Located:
    fetched = await facts.fetch("flows_get_by_resource", resource_type=kind, resource_id=resource_id)
    flow = _read(fetched)
    if flow is not None:
        if flow.stages and not _belongs(flow, kind, resource_id):
            facts.skip(f"{kind} {resource_id} is not in the tree that its flow route answered; the flow as a whole was examined")
        return Located(flow, (kind, resource_id))
    if not fetched.ok and not isinstance(fetched.error, NotFoundError):
        raise _stopped(fetched)
    operation, argument = {
        "source": ("sources_get", "source_id"),
        "nexset": ("nexsets_get", "set_id"),
        "destination": ("destinations_get", "sink_id"),
    }[kind]
    single = await facts.fetch(operation, **{argument: resource_id})
    if not single.ok:
        if isinstance(single.error, NotFoundError):
            raise _unseen(f"{kind} {resource_id}")
        raise _stopped(single)
    row = single.body if isinstance(single.body, dict) else (objects(single.body) or [{}])[0]
    flow_id = whole(pick(row, "origin_node_id", "flow_node_id"))
    if flow_id is not None:
        return Located((await _by_flow(facts, flow_id)).flow, (kind, resource_id))
    from nexla_mcp.runbooks.flow_map import Stage

    stage = Stage(kind, resource_id, str(pick(row, "name") or ""), str(pick(row, "status") or "").upper(), row)
    facts.skip(f"the flow of {kind} {resource_id}: its route did not answer, so only the resource itself was examined")
    return Located(
        FlowMap(None, stage.status, stage.name, [stage], org_id=whole(pick(pick(row, "org"), "id"))), (kind, resource_id)
    )


async def _by_credential(facts: Facts, credential: int) -> Located:
    usage, listed, shared = await facts.fetch_all(
        ("credentials_get_usage", {"credential_id": credential}),
        ("flows_list", {"page": 1, "per_page": 100}),
        ("flows_list", {"page": 1, "per_page": 100, "access_role": "collaborator"}),
    )
    users = {(k, i): n for k, i, n in consumers_of(usage.body)} if usage.ok else {}
    flows: dict[int, FlowMap] = {}
    for fetched in (listed, shared):
        for flow in flows_in(fetched):
            mine = [s for s in flow.stages if s.credential_id == credential or s.key in users]
            if mine and flow.flow_id is not None:
                flows.setdefault(flow.flow_id, flow)
                users |= {s.key: s.name for s in mine if s.key not in users}
    if not flows and users:
        kind, resource_id = next(iter(users))
        located = await _by_resource(facts, kind, resource_id)
        located.asked = ("credential", credential)
        located.consumers = [(k, i, n) for (k, i), n in users.items()]
        return located
    if not flows:
        if not listed.ok and not usage.ok:
            raise _stopped(usage if not isinstance(usage.error, NotFoundError) else listed)
        single = await facts.fetch("credentials_get", credential_id=credential)
        if not single.ok:
            raise _unseen(f"credential {credential}")
        raise _invalid(
            f"Credential {credential} exists, but no flow that you can see uses it. nexla_read credentials_probe checks the "
            "login alone."
        )
    chosen = next((f for f in flows.values() if f.status == "ACTIVE"), next(iter(flows.values())))
    located = await _by_flow(facts, chosen.flow_id or 0)
    located.asked = ("credential", credential)
    located.consumers = [(k, i, n) for (k, i), n in users.items()]
    others = [f for f in flows if f != chosen.flow_id]
    if others:
        facts.skip(f"the other {len(others)} flows that use credential {credential}: {', '.join(map(str, others[:8]))}")
    return located


async def _by_name(facts: Facts, name: str, kind: str | None) -> Located:
    replies = [
        await facts.fetch_pages("flows_list", limit=1000),
        await facts.fetch_pages("flows_list", limit=1000, access_role="collaborator"),
    ]
    if all(r.error is not None for r in replies):
        raise _stopped(replies[0])
    hits: dict[int | str, tuple[str, int, str, str, str]] = {}
    exact: set[int | str] = set()
    for reply in replies:
        for body in _bodies(reply):
            for key, what in _LISTS:
                for row in objects(body.get(key) or []):
                    _match(row, what, name, kind, hits, exact)
    wanted = [hits[k] for k in hits if k in exact] or list(hits.values())
    if not wanted:
        raise NotFoundError(
            f"Nothing that you own or that is shared with you has {quote(name, 80)!r} in its name. It may exist without "
            "being shared with you.",
            operation=LOCATING,
            hint="Try a part of the name, an id, or nexla_list resource_type=flow access_role=collaborator; else ask an "
            "administrator.",
            sent=True,
        )
    if len({w[1] for w in wanted}) > 1:
        listed = "\n".join(
            f"- flow {w[1]}: {w[0]} {quote(w[2], 60)!r}, status {w[3] or '?'}, owner {w[4] or '?'}" for w in wanted[:12]
        )
        raise ValidationError(
            f"{len(wanted)} resources match {quote(name, 80)!r}:\n{listed}\nCall again with the flow_id that is meant.",
            operation=LOCATING,
            sent=True,
        )
    return await _by_flow(facts, wanted[0][1])


def _match(row: dict[str, Any], what: str, name: str, kind: str | None, hits: dict[Any, Any], exact: set[Any]) -> None:
    label = str(pick(row, "name") or "")
    flow_id = whole(pick(row, "origin_node_id", "id") if what == "flow" else pick(row, "origin_node_id"))
    if flow_id is None or name.lower() not in label.lower() or (kind and what not in (kind, "flow")):
        return
    owner = pick(row, "owner")
    key = flow_id
    if key not in hits or label.lower() == name.lower():
        hits[key] = (
            what,
            flow_id,
            label,
            str(pick(row, "status") or ""),
            quote(pick(owner, "email", "full_name") or pick(row, "owner_id") or "", 60),
        )
    if label.lower() == name.lower():
        exact.add(key)


def _bodies(reply: Fetched) -> list[dict[str, Any]]:
    """The objects of all pages of a list reply."""
    found = [body for page in reply.pages or [reply.body] for body in bodies(page)]
    return [b if "flows" in b else {"flows": [b]} for b in found]


def _belongs(flow: FlowMap, kind: str, resource_id: int) -> bool:
    if kind == "credential":
        return any(s.credential_id == resource_id for s in flow.stages) or resource_id in flow.credentials
    return flow.stage(kind, resource_id) is not None
