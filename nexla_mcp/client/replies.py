"""From an HTTP reply to a value, or to the error that says what to do next.

    body = read_reply(request, response).body      # decoded JSON, text, or None for an empty body

One place maps status codes to the tree of :mod:`nexla_mcp.client.errors`; the hints come from
:mod:`nexla_mcp.client.explain`. The API has habits of its own (QUIRKS 4): 405 is a state conflict, a probe's
403 is the external system's, 401 and 404 have no body.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from nexla_mcp.client.errors import (
    AuthenticationError,
    AuthorizationError,
    CredentialError,
    FlowError,
    NexlaError,
    NotFoundError,
    RateLimitError,
    ResourceConflictError,
    ServerError,
    TransformError,
    ValidationError,
)
from nexla_mcp.client.explain import explain, is_conflict, is_probe, is_transform_test
from nexla_mcp.client.wire import ApiRequest

DEEPEST = 100
LONGEST_MESSAGE = 500
LONGEST_RETRY_AFTER_S = 86_400.0
_MESSAGE_KEYS = ("message", "error", "error_description", "detail", "errorMessage")


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer: its decoded body (None when empty) and what the headers said about paging.

    ``notices`` tell what a reader of a paged list must know: it changed underneath, or was not read to its end.
    """

    body: Any
    status_code: int
    total: int | None = None
    has_next: bool | None = None
    headers: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def read_reply(request: ApiRequest, response: httpx.Response) -> Reply:
    """Decode a reply.

    Raises:
        NexlaError: the status says that the call failed, or the body is no answer of the API.
    """
    if response.status_code >= 400:
        raise error_for(request, response)
    if 300 <= response.status_code < 400:
        raise _not_an_api(request, response, "a redirect, which is not followed")
    body: Any = None
    text = text_of(response)
    if text:
        try:
            body = decode(text)
        except ValueError as error:
            if _is_html(response, text):
                raise _not_an_api(request, response) from None
            if "json" in response.headers.get("content-type", "") or text[0] in "{[":
                raise _broken(request, response, f"the reply is broken JSON ({len(text)} characters: {error})") from None
            body = text
    link = response.headers.get("link", "").lower()
    total = response.headers.get("x-total-count", "").strip()
    return Reply(
        body=body,
        status_code=response.status_code,
        total=int(total) if total.isascii() and total.isdigit() and len(total) < 12 else None,
        has_next=('rel="next"' in link or "rel=next" in link) if link else None,
    )


def text_of(response: httpx.Response) -> str:
    """The body as text. JSON is UTF-8; what a server claims beside it is not believed, since a false claim must not fail."""
    content = response.content
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if wide else "utf-8-sig", "replace").strip()


def decode(text: str) -> Any:
    """JSON of an untrusted server: no NaN or infinity, not nested deeper than what can be walked.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        value = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        if not level:
            return value
        inside = (inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer))
        level = [inner for inner in inside if isinstance(inner, dict | list)]
    raise ValueError("nested too deeply")


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def error_for(request: ApiRequest, response: httpx.Response) -> NexlaError:
    """The error that a failed reply stands for."""
    status = response.status_code
    said = server_message(response)
    html = _is_html(response, text_of(response))
    if html and (status >= 500 or status in (403, 404, 407)):
        return _not_an_api(request, response)
    kind = _kind(request, status, said)
    found = explain(status, said, request.operation, request.resource_type, request.resource_id, reads=request.reads)
    lead = _LEADS.get(kind, "Nexla answered {status}")
    if kind is CredentialError:
        text = f"the external system refused the credential: {said or 'no reason given'}"
    elif kind is AuthenticationError:
        text = "Nexla does not accept the session (401)."
    else:
        text = said or lead.format(status=status)
    refused = " Nothing was changed." if not request.reads and 400 <= status < 500 else ""
    return kind(
        f"{request.operation}: {_sentence(text)}{refused}" if refused else f"{request.operation}: {text}",
        hint=found.solution,
        cause=found.cause,
        next_call=found.next_call,
        server_message=said,
        retry_after=retry_after(response) if kind is RateLimitError or status == 503 else None,
        **where(request, response),
    )


_LEADS: dict[type[NexlaError], str] = {
    AuthorizationError: "not permitted ({status}).",
    NotFoundError: "nothing there ({status}).",
    ResourceConflictError: "the state of the resource forbids this ({status}).",
}


def _kind(request: ApiRequest, status: int, said: str) -> type[NexlaError]:
    plain: dict[int, type[NexlaError]] = {401: AuthenticationError, 404: NotFoundError, 429: RateLimitError}
    if status in plain:
        return plain[status]
    if status == 403:
        return CredentialError if is_probe(request.operation) else AuthorizationError
    if is_conflict(status, said, request.operation):
        return ResourceConflictError
    if 400 <= status < 500:
        return ValidationError
    if is_transform_test(request.operation):
        return TransformError
    return FlowError if status == 500 and request.operation.startswith("flows_") and not request.reads else ServerError


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."


def server_message(response: httpx.Response) -> str:
    """What the API said about a failure, at most 500 characters; '' for no body or a web page."""
    text = text_of(response)
    if not text or _is_html(response, text):
        return ""
    try:
        body = decode(text)
    except ValueError:
        return text[:LONGEST_MESSAGE]
    if isinstance(body, dict):
        for key in _MESSAGE_KEYS:
            found = body.get(key)
            if isinstance(found, dict):
                found = next((found[k] for k in _MESSAGE_KEYS if isinstance(found.get(k), str)), None)
            if isinstance(found, str) and found.strip():
                return found.strip()[:LONGEST_MESSAGE]
    return body[:LONGEST_MESSAGE] if isinstance(body, str) else ""


def retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait: the header as a number or as a date (by the server's own clock), or ``retry_after`` of the body."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        try:
            body = decode(text_of(response))
            return _seconds(body["retry_after"]) if isinstance(body, dict) and "retry_after" in body else None
        except ValueError:
            return None
    seconds = _seconds(value)
    if seconds is not None:
        return seconds
    when = date_of(value)
    if when is None:
        return None
    now = date_of(response.headers.get("date", "")) or datetime.now(UTC)
    return _seconds((when - now).total_seconds())


def date_of(value: str) -> datetime | None:
    """An HTTP date as a moment in UTC."""
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _seconds(value: Any) -> float | None:
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, number), LONGEST_RETRY_AFTER_S) if math.isfinite(number) else None


def _is_html(response: httpx.Response, text: str) -> bool:
    return "html" in response.headers.get("content-type", "") or text.lstrip()[:15].lower().startswith(("<!doctype", "<html"))


def _not_an_api(request: ApiRequest, response: httpx.Response, what: str = "a web page, not with JSON") -> ServerError:
    found = explain(response.status_code, "", request.operation, reads=request.reads, api_reply=False)
    return ServerError(
        f"{request.operation}: {response.url.host} answered {response.status_code} with {what}.",
        hint=found.solution,
        next_call=found.next_call,
        may_repeat=response.status_code in (502, 503, 504),
        retry_after=retry_after(response) if response.status_code == 503 else None,
        **where(request, response),
    )


def _broken(request: ApiRequest, response: httpx.Response, what: str) -> ServerError:
    hint = "Try again." if request.reads else "The request may have been carried out. Read the resource before you repeat it."
    return ServerError(f"{request.operation}: {what}.", hint=hint, **where(request, response))


def where(request: ApiRequest, response: httpx.Response | None = None) -> dict[str, Any]:
    """The fields of an error that say which call it was."""
    fields: dict[str, Any] = {
        "operation": request.operation,
        "resource_type": request.resource_type,
        "resource_id": request.resource_id,
        "context": {"method": request.method, "path": request.path if not request.leaves_the_api else "(webhook)"},
    }
    if response is None:
        return fields
    trace = response.headers.get("x-request-id", "")[:80]
    seen = {"status": response.status_code, "request_id": trace, "content_type": response.headers.get("content-type", "")[:80]}
    return fields | {"status_code": response.status_code, "response": {k: v for k, v in seen.items() if v}}
