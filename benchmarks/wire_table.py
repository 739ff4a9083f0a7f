"""Every operation on the wire, beside the same call of the official nexla-sdk.

    python -m benchmarks.wire_table

Each operation is called in three ways (its example, all arguments, only the required ones) through a real MCP
client, and with the same values through the SDK; a recording server on loopback sees both. Whatever differs
has to be excused, with a reason, in ``tests/contract/wire_differences.json``, or the exit code is 1. Where
the SDK has no such call, the route noted in the same file takes its place.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

import anyio
import mcp_types as types
from mcp import Client
from nexla_sdk import NexlaClient
from nexla_sdk.models.webhooks.requests import WebhookSendOptions
from nexla_sdk.resources.webhooks import WebhooksResource
from pydantic import BaseModel, TypeAdapter

from nexla_mcp.catalog.catalog import PREFIX, Catalog
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.catalog.records import Operation, Parameter, ValueSchema, Wire
from nexla_mcp.client.auth import ACCEPT
from nexla_mcp.server.app import build_server
from nexla_mcp.server.execute import executor_of
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.settings import Confirm, Profile, Settings
from tests.contract.recording_server import RecordingServer, Sent

KNOWN = Path(__file__).resolve().parent.parent / "tests" / "contract" / "wire_differences.json"
KEY = "service key"
WEBHOOK_KEY = "webhook key"
WINDOW = {"from": "2026-11-01T06:30:00Z", "start_time": "2026-11-01T06:30:00Z"}
WINDOW |= {"to": "2026-11-02T18:45:10Z", "end_time": "2026-11-02T18:45:10Z"}
EITHER_OR = {"notifications_mark_read": "notification_ids", "notifications_mark_unread": "notification_ids"}
"""Operations where an argument stands in the place of another; it is left out when everything is given, and else given."""


# The same call in the words of the SDK -------------------------------------------------------------------------------

OTHER_NAMES = {
    "flows_get_by_resource": ("flows.get_by_resource", "metrics.get_resource_flow_metrics"),
    "flows_get_logs": ("flows.get_logs", "metrics.get_flow_logs"),
    "flows_get_metrics": ("flows.get_metrics", "metrics.get_flow_metrics"),
    "marketplace_create_domain": ("marketplace.create_domain", "marketplace.create_domains"),
    "organizations_current_account_summary": ("organizations.get_current_account_summary",),
    "organizations_get_flow_account_metrics": ("organizations.get_org_flow_account_metrics",),
    "projects_add_flows": ("projects.add_flows", "projects.add_data_flows"),
    "projects_remove_flows": ("projects.remove_flows", "projects.remove_data_flows"),
    "projects_replace_flows": ("projects.replace_flows", "projects.replace_data_flows"),
}
"""SDK methods that are not called like the operation; all others are ``<toolset>.<rest of the name>``."""

ARGUMENTS = {
    "from_date": "from",
    "from_ts": "from",
    "from_timestamp": "from",
    "to_date": "to",
    "to_ts": "to",
    "to_timestamp": "to",
    "async_mode": "async",
    "filter_overridden": "filter_overridden_settings",
    "notification_ids": "notification_id",  # the SDK takes "all" in the place of the list
}
"""An argument of an SDK method and ours, where there is none of the same name."""

PAYLOADS = frozenset({"data", "payload"})
FILTERS = frozenset({"page", "per_page", "access_role", "credentials_type", "from", "to", "event_filter", "change_filter"})
"""What the SDK documents for its ``**kwargs``, which would take any other name as well."""
UNIX_DATES = frozenset({"flows.get_flow_logs", "flows.search_flow_logs"})
"""Methods whose ``from_date`` is turned into unix seconds by the SDK; a number passes through as it is."""

FIELDS = {"global": "global_"}
"""A field of a request model and ours, where the SDK calls it differently."""

UNSENDABLE = frozenset({"tos_signed_at"})
"""Fields of request models that the SDK cannot turn into JSON: it fails before anything is sent."""


def sdk_methods(catalog: Catalog, operation: Operation) -> tuple[str, ...]:
    """``("flows.pause",)``: the SDK's calls of an operation, none when it has no such call."""
    if not operation.in_sdk:
        return ()
    toolset = catalog.toolset_of(operation)
    return OTHER_NAMES.get(operation.name, (f"{toolset}.{operation.name.removeprefix(toolset + '_')}",))


def sdk_arguments(operation: Operation, method: str, signature: inspect.Signature, given: Mapping[str, Any]) -> dict[str, Any]:
    """Our arguments as the SDK method takes them; what it has no argument for is left out and will differ."""
    left = dict(given)
    bound: dict[str, Any] = {}
    in_path = [name for name, p in operation.parameters.items() if p.location == "path"]
    for parameter in signature.parameters.values():
        name, annotation = parameter.name, parameter.annotation
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            bound |= {n: sdk_time(method, n, left[n]) if n in WINDOW else left[n] for n in left if n in FILTERS}
        elif WebhookSendOptions in _models(annotation):
            bound[name] = WebhookSendOptions(**{n: v for n, v in left.items() if n in WebhookSendOptions.model_fields})
        elif (models := _models(annotation)) or name in PAYLOADS:
            body = body_of(operation, left, {f for model in models for f in model.model_fields})
            if body or parameter.default is inspect.Parameter.empty:
                bound[name] = TypeAdapter(annotation).validate_python(body)
        else:
            ours = name if name in left else ARGUMENTS.get(name, in_path[0] if name == "resource_id" and in_path else "")
            if ours in left:
                value = sdk_time(method, name, left[ours]) if ours in WINDOW else left[ours]
                bound[name] = TypeAdapter(annotation).validate_python(value)
                left.pop(ours)
    return bound


def body_of(operation: Operation, given: Mapping[str, Any], fields: set[str]) -> dict[str, Any]:
    """A request body out of our arguments; of the SDK's model only the declared ``fields``, where it has one.

    The models would pass on any other key as well, and with it every misspelt name of ours.
    """
    body: dict[str, Any] = {}
    for name, value in given.items():
        parameter = operation.parameters[name]
        if parameter.wire is Wire.MERGE:
            body |= value
        elif parameter.location == "body" and name not in UNSENDABLE and (not fields or FIELDS.get(name, name) in fields):
            body[FIELDS.get(name, name)] = value
    return body


def sdk_time(method: str, name: str, value: str) -> str | int:
    """A moment in the unit that the SDK documents for an argument of this name."""
    seconds = int(datetime.fromisoformat(value + ("" if "T" in value else "T00:00:00+00:00")).timestamp())
    if name.endswith("_ts"):
        return seconds * 1000
    if name.endswith("_timestamp"):
        return seconds
    return str(seconds) if method in UNIX_DATES else value[:10]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The request models an argument is annotated with, itself or as Optional, but not as the items of a list."""
    return [c for c in (annotation, *get_args(annotation)) if inspect.isclass(c) and issubclass(c, BaseModel)]


# Values --------------------------------------------------------------------------------------------------------------


def cases(operation: Operation, server: RecordingServer) -> dict[str, dict[str, Any]]:
    """The arguments an operation is called with: its example, everything, only what is needed."""
    values, instead = {n: value_for(n, p) for n, p in operation.parameters.items()}, EITHER_OR.get(operation.name)
    full = {n: v for n, v in values.items() if n != instead}
    needed = {*operation.required, *(operation.at_least_one[:1] if instead is None else (instead,))}
    least = {n: v for n, v in values.items() if n in needed}
    found = {"example": dict(operation.examples[0]), "full": full} | ({"least": least} if least != full else {})
    if "webhook_url" in operation.parameters:
        own = {"webhook_url": f"{server.origin}/data/5023", "api_key": WEBHOOK_KEY}
        found = {case: given | own for case, given in found.items()}
        found["full"]["auth_method"] = "header"
    return found


def value_for(name: str, schema: ValueSchema) -> Any:
    """A value that fits, the same in every run; free text has characters that need encoding."""
    if isinstance(schema, Parameter) and schema.wire in (Wire.DATE, Wire.UNIX_SECONDS, Wire.UNIX_MS):
        return WINDOW[name]
    match schema.type:
        case "boolean":
            return True
        case "integer" | "number":
            number = zlib.crc32(name.encode()) % 9_000 + 1_000
            return int(max(schema.minimum or 0, min(number, schema.maximum or number)))
        case "array":
            assert schema.items is not None
            return [value_for(f"{name} {i}", schema.items) for i in range(max(1, schema.min_items or 0))]
        case "object":
            return {n: value_for(n, s) for n, s in schema.properties.items()} or {f"{name} key": f"{name} value"}
    if schema.enum or schema.known_values:
        return (schema.enum or schema.known_values)[0]
    if name.endswith("_at"):
        return WINDOW["from"]
    return "ana@example.com" if "email" in name else f"{name} a/b & ü=?"[: schema.max_length]


# Both clients --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Seen:
    """What one case of one operation sent: our requests, and the last one of each method of the SDK."""

    operation: Operation
    arguments: dict[str, Any]
    failure: str = ""
    ours: list[Sent] = field(default_factory=list)
    sdk: dict[str, Sent | str] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """Why there is nothing to compare, or nothing."""
        if self.failure or not self.ours:
            return self.failure or "we sent nothing"
        if not self.sdk:
            return "the SDK has no such call: note the route under routes in wire_differences.json"
        return next((f"{method}: {p}" for method, p in self.sdk.items() if isinstance(p, str)), "")


@dataclass(slots=True)
class Drive:
    """Everything that was sent, and the two ways of signing in."""

    catalog: Catalog
    seen: dict[tuple[str, str], Seen]
    sign_in: tuple[Sent, Sent]

    def differences(self) -> dict[str, set[Difference]]:
        """What differs, for each operation."""
        found: dict[str, set[Difference]] = {name: set() for name in self.catalog.operations}
        for (name, _), seen in self.seen.items():
            for other in seen.sdk.values():
                if isinstance(other, Sent) and seen.ours:
                    found[name] |= set(compare(name, seen.ours[-1], other))
        return found

    def unexplained(self, name: str, found: Iterable[Difference]) -> list[Difference]:
        """The differences of an operation without an excuse; there is none for a departure from a noted route."""
        allowed = excuses() if sdk_methods(self.catalog, self.catalog.operation(name)) else []
        return [d for d in found if not any(e.covers(d) for e in allowed)]


async def agree(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    """The person at the client: ticks the box, or types the name that the form asks for."""
    assert isinstance(params, types.ElicitRequestFormParams)
    name, wanted = next(iter(params.requested_schema["properties"].items()))
    typed = re.search('Type "(.*)" to confirm', wanted["description"])
    return types.ElicitResult(action="accept", content={name: typed[1] if typed else True})


async def drive_ours(server: RecordingServer, catalog: Catalog) -> dict[tuple[str, str], Seen]:
    """Call every operation through an MCP client: the example with an executor, the others by their own tool."""
    seen: dict[tuple[str, str], Seen] = {}
    with tempfile.TemporaryDirectory() as folder:
        reach: dict[str, Any] = {"service_key": KEY, "access_token": None, "api_url": server.url}
        reach |= {"max_changes_per_hour": 10_000, "max_destroys_per_hour": 10_000}
        settings = Settings(**reach, profile=Profile.ALL, confirm=Confirm.AUTO, read_only=False, state_dir=folder)
        async with Runtime.open(settings) as runtime, Client(build_server(runtime), elicitation_callback=agree) as client:
            for operation in catalog.operations.values():
                for case, arguments in cases(operation, server).items():
                    tool, call = PREFIX + operation.name, arguments
                    if case == "example":
                        tool, call = executor_of(operation), {"operation": operation.name, "arguments": arguments}
                    result = await client.call_tool(tool, call)
                    failure = str(result.content[0]) if result.is_error else ""
                    seen[operation.name, case] = Seen(operation, arguments, failure, server.take())
    return seen


def drive_sdk(server: RecordingServer, catalog: Catalog, seen: Iterable[Seen]) -> None:
    """The same calls through the SDK, or what the noted route says; the reply, and what the SDK makes of it, do not matter."""
    sdk = NexlaClient(service_key=KEY, base_url=server.url)
    webhooks = WebhooksResource(api_key=WEBHOOK_KEY, http_client=sdk.http_client)
    routes = known()["routes"]
    for call in seen:
        for method in sdk_methods(catalog, call.operation):
            resource, _, name = method.partition(".")
            function = getattr(webhooks if resource == "webhooks" else getattr(sdk, resource), name)
            problem = "nothing was sent"
            try:
                function(**sdk_arguments(call.operation, method, inspect.signature(function), call.arguments))
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            sent = server.take()
            call.sdk[method] = sent[-1] if sent else problem
        if not call.sdk and call.operation.name in routes:
            call.sdk["route"] = noted(routes[call.operation.name], call.arguments, server.prefix)
    sdk.http_client.session.close()


@cache
def drive() -> Drive:
    """Drive both; takes some seconds."""
    catalog = load_catalog()
    with RecordingServer() as server, warnings.catch_warnings():
        seen = anyio.run(drive_ours, server, catalog)
        warnings.simplefilter("ignore")  # the SDK warns about its own arguments
        drive_sdk(server, catalog, seen.values())
        return Drive(catalog, seen, (server.exchanges[0], server.exchanges[-1]))


# Routes without a call in the SDK ------------------------------------------------------------------------------------

ROUTE = re.compile(r"(?P<method>[A-Z]+) (?P<path>[^ ?]+)(?:\?(?P<query>\S+))?(?: (?P<style>array|object)(?P<fields>.*))?")


def noted(route: str, arguments: Mapping[str, Any], prefix: str) -> Sent:
    """The request that a route's line stands for.

    ``GET /data_flows/{resource_type}/{resource_id}/logs?run_id&from=ms`` or ``POST /flow_triggers object: name, at=ms``:
    the allowed names, each with its unit on the wire where it is not the plain value. More fields are always allowed.
    """
    found = ROUTE.fullmatch(route)
    if found is None:
        raise ValueError(f"not a route: {route}")
    in_path = set(re.findall(r"\{(\w+)\}", found["path"]))
    path = re.sub(r"\{(\w+)\}", lambda m: quote(str(arguments[m[1]]), safe=""), found["path"])
    query = dict(_units((found["query"] or "").split("&")))
    fields = dict(_units((found["fields"] or "").strip(":").split(",")))
    body: Any = None
    if found["style"] == "array":
        body = next((v for n, v in arguments.items() if n not in in_path and n not in query), None)
    elif found["style"] == "object":
        body = {n: _rendered(v, fields[n]) for n, v in arguments.items() if n in fields} | arguments.get("more_fields", {})
    if not body and not (found["style"] == "object" and found["method"] in ("POST", "PUT")):
        body = None  # an empty object is still a body, but never of a DELETE
    headers = {"Accept": ACCEPT, "Authorization": "Bearer session-token"}
    headers |= {"Content-Type": "application/json"} if body is not None else {}
    pairs = [(n, str(sent)) for n, v in arguments.items() if n in query and (sent := _rendered(v, query[n])) is not None]
    return Sent(found["method"], prefix + path, tuple(sorted(pairs)), tuple(headers.items()), body)


def _units(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in filter(None, (n.strip() for n in names)):
        plain, _, unit = name.partition("=")
        yield plain, unit


def _rendered(value: Any, unit: str) -> Any:
    match unit:
        case "":
            return value
        case "date":
            return value[:10]
        case "ms":
            return int(datetime.fromisoformat(value).timestamp()) * 1000
        case "true":
            return str(value).lower()
        case "1":
            return 1 if value else None
    raise ValueError(f"not a unit: {unit}")


# Differences ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same on the wire; None where one side sends nothing."""

    operation: str
    aspect: str
    ours: str | None
    sdk: str | None


@dataclass(frozen=True, slots=True)
class Excuse(Difference):
    """A difference that is meant, and why; ``*`` stands for any text."""

    reason: str

    @property
    def general(self) -> bool:
        """True when it holds for every operation."""
        return self.operation == "*"

    def covers(self, difference: Difference) -> bool:
        """True when the difference is the one that is excused."""
        pairs = [(getattr(self, name), getattr(difference, name)) for name in ("operation", "aspect", "ours", "sdk")]
        return all(_fits(pattern, text) for pattern, text in pairs)


@cache
def known() -> dict[str, Any]:
    """The file of excuses and routes."""
    content: dict[str, Any] = json.loads(KNOWN.read_text(encoding="utf-8"))
    return content


@cache
def excuses() -> list[Excuse]:
    """Every excuse."""
    return [Excuse(**entry) for entry in known()["differences"]]


def compare(operation: str, ours: Sent, sdk: Sent) -> Iterator[Difference]:
    """Each difference of two requests, as small as it can be: one query name, one header, one field of the body."""
    if (ours.method, ours.path) != (sdk.method, sdk.path):
        yield Difference(operation, "path", f"{ours.method} {ours.path}", f"{sdk.method} {sdk.path}")
    yield from _named(operation, "query", ours.query, sdk.query, "{}={}")
    note = " (we send no body)" if ours.body is None else ""
    headers = [[(n, v + note if n == "Content-Type" else v) for n, v in side.headers] for side in (ours, sdk)]
    yield from _named(operation, "header", headers[0], headers[1], "{}: {}")
    if isinstance(ours.body, dict) and isinstance(sdk.body, dict):
        sides = [[(name, _json(value)) for name, value in side.items()] for side in (ours.body, sdk.body)]
        yield from _named(operation, "body", sides[0], sides[1], "{}={}")
    elif (ours.body, type(ours.body)) != (sdk.body, type(sdk.body)):
        yield Difference(operation, "body", *(None if s.body is None else _json(s.body) for s in (ours, sdk)))


def _named(
    operation: str, aspect: str, ours: Iterable[tuple[str, str]], sdk: Iterable[tuple[str, str]], form: str
) -> Iterator[Difference]:
    sides: list[dict[str, str]] = [{}, {}]
    for side, pairs in zip(sides, (ours, sdk), strict=True):
        for name, value in pairs:
            side[name] = f"{side[name]}&{name}={value}" if name in side else form.format(name, value)
    for name in sorted(sides[0].keys() | sides[1].keys()):
        if sides[0].get(name) != sides[1].get(name):
            yield Difference(operation, aspect, sides[0].get(name), sides[1].get(name))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _fits(pattern: str | None, text: str | None) -> bool:
    if pattern is None or text is None:
        return pattern == text
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


# The table -----------------------------------------------------------------------------------------------------------

COLUMNS = ("same", "general", "own", "no call", "open")
HEADINGS = ("same", "same but general habits", "differs, reason", "no SDK call", "unexplained")


def verdict(driven: Drive, operation: Operation, found: set[Difference]) -> str:
    """One of ``COLUMNS`` for an operation."""
    if driven.unexplained(operation.name, found):
        return "open"
    if not sdk_methods(driven.catalog, operation):
        return "no call"
    if not found:
        return "same"
    general = [e for e in excuses() if e.general]
    return "general" if all(any(e.covers(d) for e in general) for d in found) else "own"


def main() -> int:
    """Print the table; 1 when something is unexplained."""
    driven = drive()
    found = driven.differences()
    totals: Counter[str] = Counter()
    print(f"{'toolset':<24}{'operations':>11}" + "".join(f"{h:>{len(h) + 2}}" for h in HEADINGS))
    for name, toolset in driven.catalog.toolsets.items():
        rows = Counter(verdict(driven, o, found[o.name]) for o in toolset.operations)
        totals += rows
        print(_line(name, rows))
    print(_line("all", totals))
    undriven = [(key, problem) for key, seen in driven.seen.items() if (problem := seen.problem)]
    for (operation, case), problem in undriven:
        print(f"not compared: {operation} ({case}): {problem[:200]}")
    for difference in sorted((d for name, ds in found.items() for d in driven.unexplained(name, ds)), key=str):
        print(f"unexplained: {difference}")
    requests = sum(len(s.ours) for s in driven.seen.values())
    print(f"{len(driven.seen)} calls of {len(found)} operations through an MCP client, {requests} requests")
    return 1 if totals["open"] or undriven else 0


def _line(name: str, row: Counter[str]) -> str:
    cells = "".join(f"{row[c] or '':>{len(h) + 2}}" for c, h in zip(COLUMNS, HEADINGS, strict=True))
    return f"{name:<24}{row.total():>11}{cells}"


if __name__ == "__main__":
    sys.exit(main())
