"""The shared client: every request to Nexla of every tool and runbook goes through one of these.

    async with NexlaClient(base_url, tokens_for, ledger) as client:
        reply = await client.call(catalog.operation("flows_get"), {"flow_id": 5059})

Reads are retried when the API is busy or the connection is lost; a change is sent again only when it
certainly did not arrive, and a create never (:mod:`nexla_mcp.client.retry`). A 401 renews the session once
for all. An API that keeps failing is left alone for a while. Whatever is not a read needs a permit of the policy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import anyio
import httpx

from nexla_mcp.addresses import LOOPBACK
from nexla_mcp.catalog.records import Operation
from nexla_mcp.client.auth import ACCEPT, TokenSource
from nexla_mcp.client.breaker import CircuitOpen
from nexla_mcp.client.clock import ServerClock
from nexla_mcp.client.errors import NexlaError, RateLimitError, ServerError, ValidationError
from nexla_mcp.client.http import LARGEST_REPLY, GuardedHttp, ReplyTooLarge
from nexla_mcp.client.pace import Pace
from nexla_mcp.client.paging import read_pages, rows_of
from nexla_mcp.client.permits import Permit, PermitLedger
from nexla_mcp.client.places import Places
from nexla_mcp.client.replies import Reply, date_of, read_reply, where
from nexla_mcp.client.retry import FOR_A_LOOK_S, Deadline, with_retries
from nexla_mcp.client.unreachable import circuit_open, unreachable
from nexla_mcp.client.wire import SHORTEST_SECRET, ApiRequest, build_request
from nexla_mcp.output.untrusted import mask

NEXLA_DOMAINS = (".nexla.io", ".nexla.com")
LIMITS_PATH = "/limits"
LEAST_TIME_S = 2.0
_REMEMBERED = 500

__all__ = ["NexlaClient", "rows_of"]


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
        largest_reply: int = LARGEST_REPLY,
        breaker: dict[str, Any] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = GuardedHttp(self.base_url, transport=transport, largest_reply=largest_reply, breaker=breaker)
        self._tokens = tokens(self._http)
        self._ledger = ledger
        self._webhook_hosts = frozenset(webhook_hosts)
        self._places = Places(max_concurrency)
        self._learning = anyio.Lock()
        self.pace = Pace()
        self.server_clock = ServerClock()
        self.made: dict[tuple[str, Any], None] = {}
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
        """Send a request, once or with retries as its kind allows, within 45 s or what is left of the call.

        Raises:
            PermitError: it changes something and ``permit`` is missing, spent or for another request.
            NexlaError: the API refused, failed or could not be reached. ``undecided`` is True when a change may
                have been carried out; :mod:`nexla_mcp.client.outcome_lookup` finds out.
        """
        if not request.reads:
            self._ledger.spend(request, permit)
        deadline = Deadline.of_this_call(keep_s=0.0 if request.reads else FOR_A_LOOK_S)
        if not request.reads and deadline.left() < LEAST_TIME_S:
            raise _too_late(request)

        async def attempt() -> Reply:
            return await self._attempt(request, deadline)

        reply = await with_retries(request, attempt, deadline)
        if request.creates and isinstance(reply.body, dict) and "id" in reply.body:
            self.remember(request.path, reply.body["id"])
        return reply

    def pages(self, operation: Operation, arguments: Mapping[str, Any], *, per_page: int = 100) -> AsyncIterator[Reply]:
        """The pages of a list from the first on, in whatever form they come; see :mod:`nexla_mcp.client.paging`."""
        return read_pages(self.call, operation, arguments, per_page=per_page)

    async def _attempt(self, request: ApiRequest, deadline: Deadline) -> Reply:
        try:
            return await self._one_attempt(request, deadline)
        except RateLimitError as error:
            if error.status_code == 429:
                self.pace.throttled()
                await self._learn_limits(deadline)
            raise

    async def _one_attempt(self, request: ApiRequest, deadline: Deadline) -> Reply:
        if request.leaves_the_api:
            self._check_address(request)
        token = ""
        with anyio.move_on_after(deadline.left()) as waiting:
            if not request.leaves_the_api:
                token = await self._tokens.current()
                await self._keep_pace(request, deadline)
            place = await self._places.take()
        if waiting.cancelled_caught:
            raise _too_late(request)
        try:
            response = await self._exchange(request, _session(token) if token else request.headers, deadline)
            if response.status_code == 401 and token:
                response = await self._exchange(request, _session(await self._tokens.renew(token)), deadline)
        finally:
            self._places.give_back(place)
        return self._read(request, response)

    async def _exchange(self, request: ApiRequest, headers: Mapping[str, str], deadline: Deadline) -> httpx.Response:
        limit_s = min(request.timeout_s, deadline.left())
        if limit_s < (0.01 if request.reads else 0.5):
            raise _too_late(request)
        content = request.content()
        typed = {"Content-Type": "application/json"} if content is not None else {}
        self.requests += 1
        try:
            response = await self._http.request(
                request.method,
                request.path,
                params=request.query or None,
                content=content,
                headers={**typed, **headers},
                timeout=httpx.Timeout(max(limit_s, 0.1), connect=min(10.0, max(limit_s, 0.1))),
                extensions={"limit_s": limit_s},
            )
        except CircuitOpen as error:
            raise circuit_open(request, error) from None
        except ReplyTooLarge as error:
            raise _too_large(request, error) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise unreachable(self.base_url, request, error) from error
        if not request.leaves_the_api:
            self.server_clock.saw(date_of(response.headers.get("date", "")))
        return response

    def _read(self, request: ApiRequest, response: httpx.Response) -> Reply:
        """The reply, with every secret of this client and of this request masked wherever it is echoed."""
        secrets = [s for s in (*getattr(self._tokens, "secrets", ()), *request.secrets) if len(s) >= SHORTEST_SECRET]
        content = response.content
        for secret in secrets:
            content = content.replace(secret.encode(), mask(secret).encode())
        if content is not response.content:
            response = httpx.Response(response.status_code, headers=response.headers, content=content, request=response.request)
            response.headers.pop("content-length", None)
        reply = read_reply(request, response)
        if request.path == LIMITS_PATH:
            self.pace.learn(reply.body)
        return replace(reply, headers={"date": response.headers.get("date", "")})

    async def _keep_pace(self, request: ApiRequest, deadline: Deadline) -> None:
        if self.pace.peek() > deadline.left():
            wait = self.pace.peek()
            raise RateLimitError(
                f"{request.operation}: not sent. Nexla throttles this key, and the turn of this request comes in {wait:.0f} s.",
                retry_after=wait,
                cause="api_throttled",
                sent=False,
                may_repeat=False,
                hint="Wait that long, then ask for less at a time.",
                **where(request),
            )
        if (wait := self.pace.wait()) > 0:
            await anyio.sleep(wait)

    async def _learn_limits(self, deadline: Deadline) -> None:
        """After a 429: ask once what is allowed, for at most three seconds, and go on without an answer."""
        if self._learning.locked() or not self.pace.wants_limits or deadline.left() < LEAST_TIME_S:
            return
        request = ApiRequest(operation="metrics_get_rate_limits", reads=True, method="GET", path=LIMITS_PATH, timeout_s=3.0)
        async with self._learning:
            self.pace.asked()
            try:
                token = await self._tokens.current()
                self._read(request, await self._exchange(request, _session(token), Deadline.of_this_call()))
            except NexlaError:
                return

    def remember(self, path: str, identity: Any) -> None:
        """Keep what was made, so that a later look for a lost create does not take it for the lost one."""
        if isinstance(identity, int | str):
            self.made[path, identity] = None
        while len(self.made) > _REMEMBERED:
            del self.made[next(iter(self.made))]

    def _check_address(self, request: ApiRequest) -> None:
        """Only Nexla's hosts and the allowed ones get a webhook key, and only over TLS (or on loopback)."""
        try:
            address = httpx.URL(request.path)
        except httpx.InvalidURL:
            text = "webhook_url: is not an address. Nothing was sent."
            raise ValidationError(text, operation=request.operation, sent=False) from None
        api = httpx.URL(self.base_url)
        family = next((f for f in NEXLA_DOMAINS if f".{api.host}".endswith(f)), None)
        known = address.host in {api.host, *self._webhook_hosts} or (family is not None and f".{address.host}".endswith(family))
        if not known:
            raise ValidationError(
                f"webhook_url: {address.host or 'this address'} is not a host of this Nexla instance. Nothing was sent.",
                operation=request.operation,
                hint="If it is a webhook of yours, the person who runs this server adds the host to NEXLA_MCP_WEBHOOK_HOSTS.",
                sent=False,
            )
        if address.scheme != "https" and address.host not in LOOPBACK:
            raise ValidationError("webhook_url: must be https. Nothing was sent.", operation=request.operation, sent=False)


def _session(token: str) -> dict[str, str]:
    return {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}


def _too_late(request: ApiRequest) -> ServerError:
    unchanged = "" if request.reads else " Nothing was changed."
    return ServerError(
        f"{request.operation}: not sent, because too little of the call's 45 s was left.{unchanged}",
        hint="Call again, by itself; many requests were waiting before this one, or Nexla is slow.",
        sent=False,
        may_repeat=False,
        **where(request),
    )


def _too_large(request: ApiRequest, error: ReplyTooLarge) -> ServerError:
    maybe = "" if request.reads else " The change may have been carried out: read the resource before you repeat it."
    return ServerError(
        f"{request.operation}: the reply is larger than {error.limit // 1_000_000} MB and was broken off.{maybe}",
        hint="Ask for less at a time: a smaller limit or page, a shorter window, one resource instead of all.",
        **where(request),
    )
