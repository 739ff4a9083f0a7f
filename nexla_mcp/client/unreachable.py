"""No reply: why, whether the request may have arrived, and what to check.

raise unreachable(base_url, request, error) from error
"""

from __future__ import annotations

import ssl

import httpx

from nexla_mcp.client.breaker import CircuitOpen
from nexla_mcp.client.errors import ApiUnreachableError, CircuitOpenError
from nexla_mcp.client.explain import explain
from nexla_mcp.client.replies import where
from nexla_mcp.client.wire import ApiRequest

_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
MAYBE = "The change may have been carried out: read the resource before you repeat it."


def unreachable(base_url: str, request: ApiRequest, error: BaseException) -> ApiUnreachableError:
    """The error for a connection that could not be made, broke, or stayed silent."""
    sent = False if isinstance(error, _NEVER_LEFT) else None
    certificate = _certificate_error(error)
    reason = (
        "its certificate cannot be verified"
        if certificate
        else "no answer in time"
        if isinstance(error, TimeoutError | httpx.TimeoutException)
        else "the proxy refused"
        if isinstance(error, httpx.ProxyError)
        else type(error).__name__
    )
    after = "" if request.reads else " Nothing was changed." if sent is False else f" {MAYBE}"
    found = explain(None, "", request.operation, request.resource_type, request.resource_id, reads=request.reads)
    hint = found.solution
    if certificate:
        hint = (
            "Certificates are always verified. If your company signs its own, set SSL_CERT_FILE to its CA bundle; otherwise"
            " somebody else may be answering for this address."
        )
    fields = where(request)
    fields["context"] |= {"reason": reason, "api_url": base_url}
    return ApiUnreachableError(
        f"{request.operation}: could not reach Nexla at {base_url} ({reason}).{after}",
        hint=hint,
        cause=found.cause,
        next_call=found.next_call,
        sent=sent,
        may_repeat=not certificate,
        **fields,
    )


def circuit_open(request: ApiRequest, error: CircuitOpen) -> CircuitOpenError:
    """The error while the API is left alone."""
    unchanged = "" if request.reads else " Nothing was changed."
    return CircuitOpenError(
        f"{request.operation}: not sent. {error.host} failed {error.failures} times in a row, so it is left alone and tried"
        f" again in {error.retry_in:.0f} s.{unchanged}",
        hint="Wait that long; do not repeat the call before. If it goes on, Nexla or the network between is down.",
        retry_after=error.retry_in,
        sent=False,
        **where(request),
    )


def _certificate_error(error: BaseException) -> bool:
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(found):
            return True
        found = found.__cause__ or found.__context__
    return False
