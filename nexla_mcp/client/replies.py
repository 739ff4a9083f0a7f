"""From an HTTP reply to a value, or to the error that says what to do next.

    body = read_reply(request, response)      # decoded JSON, text, or None for an empty body

One place maps status codes to the tree of :mod:`nexla_mcp.client.errors`. The API has habits of its own
(QUIRKS 4): 405 is a state conflict, a probe's 403 is the external system's, 401 and 404 have no body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from nexla_mcp.client.errors import (
    AuthenticationError,
    AuthorizationError,
    CredentialError,
    NexlaError,
    NotFoundError,
    RateLimitError,
    ResourceConflictError,
    ServerError,
    TransformError,
    ValidationError,
)
from nexla_mcp.client.wire import ApiRequest

_STATE_WORDS = re.compile(r"\b(active|paused?|in use|still used|rate.?limited|cluster|already)\b", re.I)
_CHANGES_STATE = re.compile(r"activate|pause|delete|update|run_now")


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer: its decoded body (None when empty) and what the headers said about paging."""

    body: Any
    status_code: int
    total: int | None = None
    has_next: bool | None = None
    headers: dict[str, str] = field(default_factory=dict)


def read_reply(request: ApiRequest, response: httpx.Response) -> Reply:
    """Decode a reply.

    Raises:
        NexlaError: the status says that the call failed, or the body is no answer of the API.
    """
    if response.status_code >= 400:
        raise error_for(request, response)
    body: Any = None
    text = response.text.strip()
    if text:
        try:
            body = response.json()
        except ValueError:
            if _is_html(response, text):
                raise _not_an_api(request, response) from None
            if "json" in response.headers.get("content-type", ""):
                raise ServerError(
                    f"{request.operation}: the reply is broken JSON ({len(text)} characters).",
                    hint="The request may have been carried out. Read the resource before you repeat it.",
                    **_where(request, response),
                ) from None
            body = text
    link = response.headers.get("link", "").lower()
    total = response.headers.get("x-total-count", "")
    return Reply(
        body=body,
        status_code=response.status_code,
        total=int(total) if total.isdigit() else None,
        has_next=('rel="next"' in link or "rel=next" in link) if link else None,
    )


def error_for(request: ApiRequest, response: httpx.Response) -> NexlaError:
    """The error that a failed reply stands for."""
    status = response.status_code
    said = server_message(response)
    text = f"{request.operation}: " + (said or f"Nexla answered {status}")
    where = _where(request, response) | {"server_message": said}
    probe = request.operation.startswith("credentials_probe") or request.operation.endswith("test_config")
    if status == 401:
        return AuthenticationError(
            f"{request.operation}: Nexla does not accept the session (401).",
            hint="The key or token is wrong, expired or revoked. Check it with nexla_whoami.",
            **where,
        )
    if status == 403 and probe:
        return CredentialError(
            f"{request.operation}: the external system refused the credential: {said or 'no reason given'}",
            hint="This is not a missing Nexla role. Update the whole credentials object, probe again, then run the flow.",
            **where,
        )
    if status == 403:
        return AuthorizationError(
            text if said else f"{request.operation}: not permitted (403).",
            hint="You lack a role on this resource; see its owner and access_roles. Operator may activate and pause, admin all.",
            **where,
        )
    if status == 404:
        return NotFoundError(
            text if said else f"{request.operation}: nothing there (404).",
            hint="Check the id and that it is an id of this kind of resource (a flow id is not the id of its source)."
            " Lists show only what you own unless access_role is given.",
            **where,
        )
    if status in (405, 409) or (status == 400 and _CHANGES_STATE.search(request.operation) and _STATE_WORDS.search(said)):
        return ResourceConflictError(
            text if said else f"{request.operation}: the state of the resource forbids this ({status}).",
            hint="Not an outage: something active must be paused first, something in use must be released first. Read its status"
            " and what depends on it, then decide.",
            **where,
        )
    if status == 429:
        return RateLimitError(text, retry_after=retry_after(response), hint="Wait, then ask for less at a time.", **where)
    if status in (400, 413, 422):
        return ValidationError(
            text, hint="The API refuses the request as it stands; see nexla_describe_operation for its parameters.", **where
        )
    if _is_html(response, response.text):
        return _not_an_api(request, response)
    if "test_transform" in request.operation:
        return TransformError(text, hint="Look at the transform's code and at a sample of its input.", **where)
    return ServerError(
        text,
        hint="A fault on the far side. "
        + ("Try again in a moment." if request.reads else "Read the resource before you repeat it."),
        **where,
    )


def server_message(response: httpx.Response) -> str:
    """What the API said about a failure, at most 500 characters; '' for no body or a web page."""
    try:
        body = response.json()
    except ValueError:
        text = response.text.strip()
        return "" if not text or _is_html(response, text) else text[:500]
    if isinstance(body, dict):
        for key in ("message", "error", "error_description", "detail"):
            if isinstance(body.get(key), str) and body[key].strip():
                return str(body[key]).strip()[:500]
    return body[:500] if isinstance(body, str) else ""


def retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait: the header as a number or as a date, or ``retry_after`` of the body."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        try:
            body = response.json()
            return float(body["retry_after"]) if isinstance(body, dict) and "retry_after" in body else None
        except (ValueError, TypeError):
            return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())


def _is_html(response: httpx.Response, text: str) -> bool:
    return "html" in response.headers.get("content-type", "") or text.lstrip()[:15].lower().startswith(("<!doctype", "<html"))


def _not_an_api(request: ApiRequest, response: httpx.Response) -> ServerError:
    return ServerError(
        f"{request.operation}: {response.url.host} answered {response.status_code} with a web page, not with JSON.",
        hint="NEXLA_API_URL probably points to a web site, a proxy or a login page; it should look like"
        " https://dataops.nexla.io/nexla-api. If it is right, the service is down: try again later.",
        **_where(request, response),
    )


def _where(request: ApiRequest, response: httpx.Response) -> dict[str, Any]:
    return {
        "operation": request.operation,
        "resource_type": request.resource_type,
        "resource_id": request.resource_id,
        "status_code": response.status_code,
    }
