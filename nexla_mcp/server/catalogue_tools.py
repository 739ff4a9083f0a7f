"""The handlers of the catalogue tools: who am I, search, describe, and the three executors.

Three executors instead of one keep the hints honest: a host may run reads by itself and always ask before
the third. Each refuses an operation of another class and names the right one.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import nexla_mcp
from nexla_mcp.arguments.check import check
from nexla_mcp.catalog.catalog import PREFIX
from nexla_mcp.catalog.records import Operation, Risk, ToolSpec, ValueSchema
from nexla_mcp.catalog.schema import CONTROLS, nested, tool_schema, value_schema
from nexla_mcp.output.flow_view import objects
from nexla_mcp.output.render import pick, table
from nexla_mcp.output.untrusted import clean, clean_text
from nexla_mcp.runs.records import UNFINISHED, Run
from nexla_mcp.server.call import VIEW, Call, Controls, view_of
from nexla_mcp.server.execute import UNDOCUMENTED, change, executor_of, read
from nexla_mcp.server.history import get_change, list_changes, revert_change
from nexla_mcp.server.outcome import Outcome, failure
from nexla_mcp.server.recommend_docs import recommend_docs
from nexla_mcp.server.resources_of_a_kind import get_resource, list_resources
from nexla_mcp.server.runs import cancel_run, get_run, list_runs, resume_run
from nexla_mcp.state.store import StateError

MOST_RUNS = 5
"""So many unfinished runs are named by whoami."""
Handler = Callable[[Call, Mapping[str, Any]], Awaitable[Outcome]]
_ASKED = {
    Risk.READ: "Nothing is asked: it changes nothing.",
    Risk.WRITE: "Nothing is asked; dry_run shows the request first.",
    Risk.DISRUPT: "A person is shown what it reaches and confirms.",
    Risk.DESTROY: "A person is shown what it reaches and types the name of the target.",
}


async def whoami(call: Call, _: Mapping[str, Any]) -> Outcome:
    """Handler of ``nexla_whoami``."""
    runtime = call.runtime
    operation = runtime.catalog.operation("users_get_current")
    body = clean((await runtime.client.call(operation, {})).body, operation.returns.sensitive_fields)
    person = {
        k: v for k in ("id", "full_name", "email", "status", "user_tier", "impersonated") if (v := pick(body, k)) is not None
    }
    org_row = next((v for k in ("default_org", "org", "current_org") if isinstance(v := pick(body, k), dict)), {})
    organization = {k: org_row[k] for k in ("id", "name", "email_domain", "status") if k in org_row}
    if isinstance(body, dict) and isinstance(body.get("super_user"), bool):
        person["super_user"] = body["super_user"]
    memberships = objects(pick(body, "org_memberships"))
    mine = next((m for m in memberships if m.get("id") == organization.get("id")), None)
    if mine is not None:
        organization["administrator"] = bool(mine.get("is_admin?", mine.get("is_admin", False)))
    server = {
        "version": nexla_mcp.__version__,
        "api_url": clean(runtime.api_url),
        "sandbox": runtime.sandbox,
        "signed_in_with": getattr(runtime.key, "kind", "service key"),
        "profile": str(runtime.settings.profile),
        "toolsets": list(runtime.settings.toolsets),
        "read_only": runtime.settings.read_only,
        "confirm": str(runtime.settings.confirm),
        "asks_by": str(runtime.gate.channel(call.asker)),
        "not_asked_about": sorted(runtime.gate.unasked),
        "most_per_hour": {str(risk): most for risk, most in runtime.gate.limits.items()},
        "state": runtime.state.kind,
        "protocol": call.protocol_version,
        "operations": len(runtime.catalog.operations),
    }
    how = {
        "form": "a form of your client",
        "page": "a person on a page that this server opens on its machine",
        "ticket": "a preview and a ticket in two calls; your client cannot show a form",
        "deny": "nothing: such changes are refused",
    }[server["asks_by"]]
    admin = "" if "administrator" not in organization else ", administrator" if organization["administrator"] else ", member"
    lines = [
        f"Nexla user {person.get('full_name') or '?'} <{person.get('email') or '?'}> (id {person.get('id')}){admin},"
        f" organisation {organization.get('name') or '?'} (id {organization.get('id')}).",
        f"Server nexla-mcp {server['version']} at {server['api_url']}"
        + (" (the built-in sandbox: nothing real)." if runtime.sandbox else "."),
        "Read-only: every change is refused."
        if runtime.settings.read_only
        else f"Changes that stop or delete something are confirmed by {how}.",
    ]
    if runtime.gate.unasked:
        lines.append(f"Nobody is asked about {', '.join(sorted(runtime.gate.unasked))}: the server was started so.")
    if runtime.state.kind == "memory" and not runtime.sandbox:
        lines.append(
            "The folder for state cannot be written: the list of changes, used tickets and limits end with this process."
        )
    elif not runtime.settings.read_only:
        lines.append("What was changed: nexla_read operation=history_list_changes.")
    if waiting := await _unfinished_runs(call):
        server["unfinished_runs"] = [run.id for run in waiting]
        lines += [f"Not finished: run {run.id} ({run.status}): {clean_text(run.plan.title)}. See runs_get." for run in waiting]
        lines += ["There may be more: runs_list."] if len(waiting) == MOST_RUNS else []
    return Outcome("\n".join(lines), {"user": person, "organization": organization, "server": server}, operation=operation.name)


async def _unfinished_runs(call: Call) -> list[Run]:
    """What somebody may still want to go on with, or take back; who you are is told even when that cannot be read."""
    if not call.runtime.may_have_runs(*UNFINISHED):
        return []
    try:
        return await call.runtime.runs.find(limit=MOST_RUNS, statuses=UNFINISHED)
    except StateError:
        return []


async def search(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``nexla_search_operations``."""
    catalog = call.runtime.catalog
    toolset = arguments.get("toolset")
    if toolset is not None and toolset not in catalog.toolset_names:
        return failure(f"toolset: there is no {toolset!r}; there are {', '.join(catalog.toolset_names)}.", decision="invalid")
    hits = call.runtime.search.search(arguments["query"], limit=arguments.get("limit", 8), toolset=toolset)
    rows = []
    for hit in hits:
        record = catalog.operations.get(hit.name) or catalog.tools[hit.name]
        rows.append(
            {
                "name": hit.name,
                "title": hit.title,
                "risk": hit.risk,
                "toolset": hit.toolset,
                "call_with": executor_of(record),
                "description": hit.sentence,
            }
        )
    text = table(rows, ("name", "risk", "call_with", "description"), cell=160)
    example = f"Arguments: nexla_describe_operation operation={rows[0]['name']}"
    return Outcome(f"{text}\n{example}", {"operations": rows}, rows=len(rows))


async def describe(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``nexla_describe_operation``."""
    record = call.runtime.catalog.resolve(arguments["operation"])
    if record is None:
        return unknown_operation(call, arguments["operation"])
    if path := arguments.get("path"):
        return _describe_path(record, str(path))
    schema = tool_schema(record)
    example = dict(record.examples[0]) if record.examples else {}
    facts: dict[str, Any] = {"name": record.name, "title": record.title, "input_schema": schema, "example": example}
    lines = [f"{record.name}: {record.title}", record.description]
    if isinstance(record, Operation):
        executor = executor_of(record)
        undo = (
            record.undo.note if record.undo and record.undo.operation is None else record.undo.operation if record.undo else None
        )
        facts |= {"risk": str(record.risk), "call_with": executor, "request": f"{record.method} {record.path}", "undo": undo}
        facts |= {"documented": record.documented, "returns": record.returns.description}
        facts |= {"needs_one_of": list(record.at_least_one) or None, "instead": list(record.instead) or None}
        lines += [f"Risk: {record.risk}. {_ASKED[record.risk]}", f"Request: {record.method} {record.path}"]
        lines += [f"Returns: {record.returns.description}"] if record.returns.description else []
        lines += [f"Undo: {undo}"] if undo else []
        lines += [f"Give at least one of: {', '.join(record.at_least_one)}."] if record.at_least_one else []
        lines += [f"If this instance lacks the route, use: {' or '.join(record.instead)}."] if record.instead else []
        lines += [f"Notes: {record.notes}"] if record.notes else []
        lines += [] if record.documented else [UNDOCUMENTED]
        ready: dict[str, Any] = {"operation": record.name, "arguments": example}
    else:
        executor = executor_of(record)
        facts |= {"risk": str(record.risk), "call_with": executor}
        ready = {"operation": record.name.removeprefix(PREFIX), "arguments": example} if record.kind == "local" else example
    required = set(record.required)
    rows = [
        {"argument": n, "type": v.type, "required": "yes" if n in required else "", "description": _argument_words(v)}
        for n, v in record.parameters.items()
    ]
    lines.append(table(rows, ("argument", "type", "required", "description"), cell=600) if rows else "It takes no arguments.")
    lines.append(f"Example: {executor} {json.dumps(ready, ensure_ascii=False)}")
    return Outcome("\n".join(lines), {k: v for k, v in facts.items() if v is not None})


def _argument_words(value: ValueSchema) -> str:
    words = value.description
    if value.enum:
        words += f" One of {', '.join(value.enum)}."
    if value.known_values:
        more = "..." if len(value.known_values) > 12 else ""
        words += f" Seen in use: {', '.join(value.known_values[:12])}{more}"
    inner = value.items if value.type == "array" and value.items else value
    if inner is not value and inner.enum:
        words += f" Each one of {', '.join(inner.enum)}."
    return words + (f" Fields: {', '.join(inner.properties)} (open with path)." if inner.properties else "")


def _describe_path(record: Operation | ToolSpec, path: str) -> Outcome:
    found = nested(record.parameters, path)
    if found is None:
        return failure(
            f"path: {record.name} has no argument {path!r}; it has {', '.join(record.parameters) or 'none'}.", decision="invalid"
        )
    inner = found.items if found.type == "array" and found.items else found
    lines = [f"{record.name}, {path}: {found.type}. {_argument_words(found)}"]
    rows = [
        {"field": n, "type": v.type, "required": "yes" if n in inner.required else "", "description": _argument_words(v)}
        for n, v in inner.properties.items()
    ]
    if rows:
        lines.append(table(rows, ("field", "type", "required", "description"), cell=600))
    elif inner.type == "object":
        lines.append("A free object: its keys depend on the connector; they are sent as they are.")
    if found.known_values:
        lines.append(f"Seen in use: {', '.join(found.known_values)}")
    return Outcome("\n".join(lines), {"name": record.name, "input_schema": value_schema(found, deep=True)})


async def run_read(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``nexla_read``."""
    return await _execute(call, "nexla_read", arguments)


async def run_write(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``nexla_write``."""
    return await _execute(call, "nexla_write", arguments)


async def run_confirmed_write(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of ``nexla_confirmed_write``."""
    return await _execute(call, "nexla_confirmed_write", arguments)


async def _execute(call: Call, executor: str, arguments: Mapping[str, Any]) -> Outcome:
    record = call.runtime.catalog.resolve(arguments["operation"])
    if record is None:
        return unknown_operation(call, arguments["operation"])
    right = executor_of(record)
    if isinstance(record, ToolSpec) and record.kind != "local":
        return failure(f"{record.name} is a tool of its own: call it directly. Nothing was sent.", decision="invalid")
    if right != executor:
        return failure(
            f"{record.name} has risk {record.risk}: call it with {right}, not with {executor}. Nothing was sent.",
            decision="wrong_executor",
            operation=record.name,
        )
    given = dict(arguments.get("arguments") or {})
    misplaced = {n: given.pop(n) for n in (*CONTROLS, *VIEW) if n in given and n not in record.parameters and n not in arguments}
    arguments = {**arguments, **misplaced}  # models put these one level too deep
    call = replace(call, view=view_of(arguments))
    if isinstance(record, ToolSpec):
        steering = {n: arguments[n] for n in CONTROLS if n in arguments and n in record.parameters}
        outcome = await HANDLERS[record.name](call, check(record, given | steering))
        if outcome.structured is None:
            return outcome
        if executor != "nexla_read":  # its schema wants the operation named; a run does not name it itself
            return replace(outcome, structured={"operation": record.name} | dict(outcome.structured))
        return replace(outcome, structured={"operation": record.name, "truncated": outcome.truncated, "data": outcome.structured})
    fitted = check(record, given)
    if record.reads:
        return await read(call, record, fitted, call.view)
    controls = Controls(bool(arguments.get("dry_run")), arguments.get("ticket"), arguments.get("typed_name"))
    return await change(call, record, fitted, controls)


def unknown_operation(call: Call, name: str) -> Outcome:
    """There is no such operation: the nearest names, and how to find the right one."""
    near = call.runtime.catalog.nearest(name)
    guess = f" Did you mean {', '.join(near)}?" if near else ""
    return failure(
        f"There is no operation or tool {clean(name)[:80]!r}.{guess} Find one with nexla_search_operations. Nothing was sent.",
        decision="invalid",
    )


HANDLERS: dict[str, Handler] = {
    "nexla_whoami": whoami,
    "nexla_list": list_resources,
    "nexla_get": get_resource,
    "nexla_search_operations": search,
    "nexla_describe_operation": describe,
    "nexla_read": run_read,
    "nexla_write": run_write,
    "nexla_confirmed_write": run_confirmed_write,
    "nexla_recommend_docs": recommend_docs,
    "nexla_history_list_changes": list_changes,
    "nexla_history_get_change": get_change,
    "nexla_history_revert_change": revert_change,
    "nexla_runs_list": list_runs,
    "nexla_runs_get": get_run,
    "nexla_runs_resume": resume_run,
    "nexla_runs_cancel": cancel_run,
}
