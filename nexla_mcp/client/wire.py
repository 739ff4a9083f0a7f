"""From an operation and its arguments to the bytes on the wire, in one place.

    request = build_request(catalog.operation("flows_pause"), {"flow_id": 5059, "all": True})
    request.path    # "/flows/5059/pause"
    request.query   # {"all": "1"}

Path values are percent-encoded here and nowhere else. Times are ISO 8601 on our side; the API wants a
date, unix seconds or milliseconds depending on the route (FACTS 1.6), and a wrong unit silently matches
nothing, so the conversion is data (``wire``) and never left to the caller.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from nexla_mcp.catalog.records import Operation, Parameter, Wire
from nexla_mcp.client.errors import ValidationError
from nexla_mcp.output.untrusted import NAMED, looks_secret, names_secret

SEGMENTS = {"source": "data_sources", "nexset": "data_sets", "destination": "data_sinks"}
KINDS = {"source": "SOURCE", "nexset": "DATASET", "destination": "SINK"}
SHORTEST_SECRET = 6
"""A shorter text is not masked by its value: it would be found in harmless places."""
_SECRET_WORD = re.compile(r"pass|secret|token|cred|private|signature|(?<!primary)(?<!primary_)key$", re.I)
_MS_FROM = 100_000_000_000  # an integer time above this is milliseconds, below seconds


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request, ready to send. ``path`` is relative to the API base, or a whole URL for webhooks."""

    operation: str
    reads: bool
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: Any = field(default=None, repr=False)
    has_body: bool = False
    creates: bool = False
    timeout_s: float = 30.0
    resource_type: str | None = None
    resource_id: int | str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What the caller gave as a secret: it is masked in everything that comes back."""

    @property
    def leaves_the_api(self) -> bool:
        """True for a webhook: a whole URL, without the session."""
        return "://" in self.path

    def content(self) -> bytes | None:
        """The body as it is sent, or None.

        Raises:
            ValueError: it cannot be written as JSON in UTF-8 (half a character, no number, nested without end).
        """
        if not self.has_body:
            return None
        try:
            return json.dumps(self.body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, RecursionError) as error:
            raise ValueError(type(error).__name__) from error

    def digest(self) -> str:
        """A hash of everything that is sent."""
        content = [self.operation, self.method, self.path, self.query, self.headers, self.has_body, self.body]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def build_request(operation: Operation, arguments: Mapping[str, Any]) -> ApiRequest:
    """The request for ``operation``; ``arguments`` must already fit its schema.

    Raises:
        ValidationError: a value cannot be put on the wire (a time that is no time, an empty path value).
    """
    path = operation.path
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    merged: dict[str, Any] = {}
    body: Any = None
    has_body = False
    for name, parameter in operation.parameters.items():
        if name not in arguments or arguments[name] is None:
            continue
        wire_name = parameter.wire_name or name
        value = to_wire(operation.name, name, parameter, arguments[name])
        if value is None:
            continue
        if parameter.wire is Wire.WEBHOOK_KEY and _key_goes_into_header(operation, arguments):
            headers["Authorization"] = "Basic " + base64.b64encode(str(value).encode()).decode()
        elif parameter.location == "path":
            path = path.replace("{" + name + "}", value)
        elif parameter.location == "query":
            query[wire_name] = _query_text(value)
        elif parameter.wire is Wire.BARE:
            body, has_body = value, True
        else:
            merged.update(value if parameter.wire is Wire.MERGE else {wire_name: value})
            has_body = True
    if not has_body and operation.method in ("POST", "PUT"):  # an empty object is a body; a DELETE without one means all
        has_body = any(p.location == "body" and p.wire is not Wire.BARE for p in operation.parameters.values())
    if has_body and body is None:
        body = merged
    request = ApiRequest(
        operation=operation.name,
        reads=operation.reads,
        method=operation.method,
        path=path,
        query=query,
        headers=headers,
        body=body,
        has_body=has_body,
        creates=operation.creates,
        timeout_s=operation.timeout_s,
        secrets=tuple(_secrets(operation, arguments)),
        **_resource(operation, arguments),
    )
    _check_writable(request)
    return request


def _check_writable(request: ApiRequest) -> None:
    """Refuse what cannot travel: half characters (lone surrogates), NaN, endless nesting."""
    try:
        request.content()
        "".join([*request.query.values(), *request.headers.values(), request.path]).encode()
    except ValueError as error:
        raise ValidationError(
            f"{request.operation}: an argument cannot be sent ({type(error).__name__}): it holds half a character, a number that"
            " is none, or is nested too deeply. Nothing was sent.",
            operation=request.operation,
            sent=False,
            cause="unsupported_request",
        ) from None


def to_wire(operation: str, name: str, parameter: Parameter, value: Any) -> Any:
    """The value as it leaves the process; None means that it is left out."""
    wire = parameter.wire
    if wire is Wire.FLAG:
        return 1 if value else None
    if wire is Wire.SWITCH:
        return 1 if value else 0
    if wire is Wire.TRUE_TEXT:
        return "true" if value else None
    if wire in (Wire.DATE, Wire.UNIX_SECONDS, Wire.UNIX_MS):
        return _time(operation, name, wire, value)
    if wire is Wire.WEBHOOK_AUTH:
        return None
    if wire is Wire.KEYS:
        return ",".join(_segment(operation, name, key) for key in value)
    if wire is Wire.ABSOLUTE_URL:
        return str(value)
    if wire is Wire.SEGMENT:
        value = SEGMENTS.get(str(value), value)
    if wire is Wire.KIND:
        value = KINDS.get(str(value), value)
    return _segment(operation, name, value) if parameter.location == "path" else value


def parse_time(value: Any, *, end_of_day: bool = False) -> datetime:
    """A moment from ISO 8601 text or an integer of seconds or milliseconds, in UTC.

    A date without a time means its first moment, or its last second with ``end_of_day``.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, bool):
        raise ValueError(value)
    text = str(value).strip()
    if text.lstrip("-").isdigit() and len(text) != 8:
        number = int(text)
        return datetime.fromtimestamp(number / 1000 if number > _MS_FROM else number, UTC)
    moment = datetime.fromisoformat(text)
    if len(text) <= 10 and end_of_day:
        moment += timedelta(days=1, seconds=-1)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _time(operation: str, name: str, wire: Wire, value: Any) -> str | int:
    try:
        moment = parse_time(value, end_of_day=name in ("to", "end_time"))
    except (ValueError, OverflowError, OSError):
        raise ValidationError(
            f"{name}: {value!r} is not a time. Use ISO 8601, e.g. 2026-11-01 or 2026-11-01T06:30:00Z. Nothing was sent.",
            operation=operation,
            sent=False,
        ) from None
    if wire is Wire.DATE:
        return moment.strftime("%Y-%m-%d")
    seconds = moment.timestamp()
    return int(seconds) if wire is Wire.UNIX_SECONDS else int(seconds * 1000)


def _segment(operation: str, name: str, value: Any) -> str:
    """One path segment, percent-encoded; dots and nothing are refused because they change the route."""
    text = str(value)
    try:
        if text.strip(". ") != "":
            return quote(text, safe="")
    except UnicodeEncodeError:
        pass
    raise ValidationError(f"{name}: {text!a} cannot be part of a path. Nothing was sent.", operation=operation, sent=False)


def _key_goes_into_header(operation: Operation, arguments: Mapping[str, Any]) -> bool:
    return any(p.wire is Wire.WEBHOOK_AUTH and arguments.get(n) == "header" for n, p in operation.parameters.items())


def _query_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _resource(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the call is about, for errors and receipts: the last id in the path."""
    ids = [n for n, p in operation.parameters.items() if p.location == "path" and n.endswith("_id") and n in arguments]
    kind = arguments.get("resource_type") if "resource_type" in operation.parameters else None
    if kind is None and operation.path.startswith("/"):
        kind = operation.path.split("/")[1]
        kind = arguments.get(kind.strip("{}")) if kind.startswith("{") else kind
    return {"resource_type": kind, "resource_id": arguments[ids[0]] if ids else None}


def _secrets(operation: Operation, arguments: Mapping[str, Any]) -> Iterator[str]:
    """The secret texts among the arguments: a sensitive value, or inside a sensitive object what its key calls a secret."""
    for name, parameter in operation.parameters.items():
        value = arguments.get(name)
        if not parameter.sensitive and isinstance(value, dict | list):
            yield from _secret_leaves(value, hidden=False)
        elif parameter.sensitive and value is not None:
            yield from _secret_leaves(value, hidden=not isinstance(value, dict | list))


def _secret_leaves(value: Any, *, hidden: bool) -> Iterator[str]:
    waiting: list[tuple[Any, bool]] = [(value, hidden)]
    while waiting:
        value, hidden = waiting.pop()
        if isinstance(value, dict):
            named = NAMED if names_secret(value) else ()
            waiting += [
                (v, hidden or looks_secret(str(k)) or k in named or bool(_SECRET_WORD.search(str(k)))) for k, v in value.items()
            ]
        elif isinstance(value, list):
            waiting += [(inner, hidden) for inner in value]
        elif hidden and isinstance(value, str) and len(value) >= SHORTEST_SECRET:
            yield value
