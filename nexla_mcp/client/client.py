"""The shared client: every request to Nexla of every tool and runbook goes through one of these.

    async with NexlaClient(base_url, tokens_for, ledger) as client:
        reply = await client.call(catalog.operation("flows_get"), {"flow_id": 5059})

Reads are retried when the API is busy or the connection is lost; a write is sent again only when it
certainly did not arrive, and a create never (QUIRKS 9: there is no idempotency key). A 401 renews the
session once. Whatever is not a read needs a permit of the policy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import anyio
import httpx
import tenacity

from nexla_mcp import __version__
from nexla_mcp.addresses import LOOPBACK
from nexla_mcp.catalog.records import Operation
from nexla_mcp.client.auth import ACCEPT, TokenSource
from nexla_mcp.client.errors import ApiUnreachableError, NexlaError, RateLimitError, ServerError, ValidationError
from nexla_mcp.client.permits import Permit, PermitLedger
from nexla_mcp.client.replies import Reply, read_reply
from nexla_mcp.client.wire import ApiRequest, build_request

ATTEMPTS = 3
LONGEST_WAIT_S = 10.0
DEADLINE_S = 45.0
NEXLA_DOMAINS = (".nexla.io", ".nexla.com")
_BUSY = frozenset({429, 502, 503, 504})


class NexlaClient:
    """One per principal, shared by all calls; closes its connections on exit."""

    def __init__(
        self,
        base_url: str,
        tokens: Callable[[httpx.AsyncClient], TokenSource],
        ledger: PermitLedger,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        max_concurrency: int = 8,
        webhook_hosts: Sequence[str] = (),
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            transport=transport,
            timeout=httpx.Timeout(30.0, connect=10.0),
            headers={"User-Agent": f"nexla-mcp/{__version__}"},
            follow_redirects=False,
        )
        self._tokens = tokens(self._http)
        self._ledger = ledger
        self._webhook_hosts = frozenset(webhook_hosts)
        self._places = anyio.CapacityLimiter(max_concurrency)
        self.requests = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    def request(self, operation: Operation, arguments: Mapping[str, Any]) -> ApiRequest:
        """The request a call would send, for previews, permits and dry runs; sends nothing.

        Raises:
            ValidationError: a value cannot be put on the wire, or a webhook address is not one of Nexla's.
        """
        request = build_request(operation, arguments)
        if request.leaves_the_api or operation.path.startswith("{"):
            self._check_address(request)
        return request

    async def call(self, operation: Operation, arguments: Mapping[str, Any]) -> Reply:
        """Carry out a read.

        Raises:
            NexlaError: see :mod:`nexla_mcp.client.errors`; a PermitError for anything but a read.
        """
        return await self.send(self.request(operation, arguments))

    async def send(self, request: ApiRequest, permit: Permit | None = None) -> Reply:
        """Send a request, once or with retries as its kind allows, within 45 s.

        Raises:
            PermitError: it changes something and ``permit`` is missing, spent or for another request.
            NexlaError: the API refused, failed or could not be reached.
        """
        if not request.reads:
            self._ledger.spend(request, permit)
        retrying = tenacity.AsyncRetrying(
            sleep=anyio.sleep,
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_wait,
            retry=tenacity.retry_if_exception(lambda error: _may_repeat(request, error)),
            reraise=True,
        )
        try:
            with anyio.fail_after(DEADLINE_S):
                return await retrying(self._attempt, request)
        except TimeoutError as error:
            raise _unreachable(self.base_url, request, error, sent=None) from error

    async def pages(self, operation: Operation, arguments: Mapping[str, Any], *, per_page: int = 100) -> AsyncIterator[Reply]:
        """The pages of a list from the first on; ends at a short page, or where the headers say so."""
        size_name = "per_page" if "per_page" in operation.parameters else "size"
        paged = "page" in operation.parameters and size_name in operation.parameters
        page = 1
        while True:
            extra = {"page": page, size_name: per_page} if paged else {}
            reply = await self.call(operation, {**arguments, **extra})
            yield reply
            rows = rows_of(operation, reply.body)
            if not paged or len(rows) < per_page or reply.has_next is False:
                return
            page += 1

    async def _attempt(self, request: ApiRequest) -> Reply:
        if request.leaves_the_api:
            self._check_address(request)
            async with self._places:
                return read_reply(request, await self._exchange(request, request.headers))
        token = await self._tokens.current()
        async with self._places:
            response = await self._exchange(request, _session(token))
            if response.status_code == 401:
                response = await self._exchange(request, _session(await self._tokens.renew(token)))
        return read_reply(request, response)

    async def _exchange(self, request: ApiRequest, headers: Mapping[str, str]) -> httpx.Response:
        self.requests += 1
        try:
            return await self._http.request(
                request.method,
                request.path,
                params=request.query or None,
                json=request.body if request.has_body else None,
                headers=headers,
                timeout=httpx.Timeout(request.timeout_s, connect=10.0),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _unreachable(self.base_url, request, error, sent=False) from error
        except httpx.HTTPError as error:
            raise _unreachable(self.base_url, request, error, sent=None) from error

    def _check_address(self, request: ApiRequest) -> None:
        """Only Nexla's hosts and the allowed ones get a webhook key, and only over TLS (or on loopback)."""
        address, api = httpx.URL(request.path), httpx.URL(self.base_url)
        family = next((f for f in NEXLA_DOMAINS if f".{api.host}".endswith(f)), None)
        known = address.host in {api.host, *self._webhook_hosts} or (family is not None and f".{address.host}".endswith(family))
        if not known:
            raise ValidationError(
                f"webhook_url: {address.host or 'this address'} is not a host of this Nexla instance. Nothing was sent.",
                operation=request.operation,
                hint="If it really is a webhook of yours, the person who runs this server adds the host to NEXLA_MCP_WEBHOOK_HOSTS.",
                sent=False,
            )
        if address.scheme != "https" and address.host not in LOOPBACK:
            raise ValidationError("webhook_url: must be https. Nothing was sent.", operation=request.operation, sent=False)


def _session(token: str) -> dict[str, str]:
    return {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}


def rows_of(operation: Operation, body: Any) -> list[Any]:
    """The rows of a list reply, wherever the operation keeps them."""
    if isinstance(body, list):
        return body
    for key in (operation.returns.rows or "").split("."):
        body = body.get(key) if isinstance(body, dict) else body
    return body if isinstance(body, list) else []


def _may_repeat(request: ApiRequest, error: BaseException) -> bool:
    """Reads when the API is busy or silent; a change only when it certainly was not taken; a create never."""
    if not isinstance(error, NexlaError):
        return False
    if request.reads:
        return isinstance(error, ApiUnreachableError) or error.status_code in _BUSY
    if request.creates:
        return False
    return (error.sent is False and isinstance(error, ApiUnreachableError)) or isinstance(error, RateLimitError)


def _wait(state: tenacity.RetryCallState) -> float:
    """Full jitter from half a second up, or what the API asks for, at most ten seconds."""
    error = state.outcome.exception() if state.outcome else None
    asked = getattr(error, "retry_after", None)
    jitter = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_S)(state)
    return min(max(asked, 0.0) + jitter * 0.1, LONGEST_WAIT_S) if asked is not None else jitter


def _unreachable(base_url: str, request: ApiRequest, error: BaseException, *, sent: bool | None) -> ServerError:
    reason = "no answer in time" if isinstance(error, TimeoutError | httpx.TimeoutException) else type(error).__name__
    if request.reads or sent is False:
        after = "Nothing was changed." if not request.reads else ""
    else:
        after = "The change may have been carried out: read the resource before you repeat it."
    return ApiUnreachableError(
        f"{request.operation}: could not reach Nexla at {base_url} ({reason}). {after}".strip(),
        operation=request.operation,
        resource_type=request.resource_type,
        resource_id=request.resource_id,
        hint="Check NEXLA_API_URL, the network and the proxy (HTTPS_PROXY), then try again.",
        sent=sent,
    )
