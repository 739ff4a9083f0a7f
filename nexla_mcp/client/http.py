"""The HTTP connection under the client: every reply has a size limit and a time limit, every host a breaker.

    http = GuardedHttp(base_url="https://dataops.nexla.io/nexla-api", transport=None)
    response = await http.post("/token", extensions={"limit_s": 10.0})

A reply is read in pieces and refused above 8 MB, so that no server can fill the memory. ``limit_s`` bounds the
whole exchange; httpx's own timeouts start anew with each piece and never end a reply that trickles.

TLS certificates are always verified, against SSL_CERT_FILE or SSL_CERT_DIR where a company has its own authority;
HTTPS_PROXY and NO_PROXY are honoured, except that nothing for this very machine goes through a proxy: there
the key would travel unencrypted. Redirects are never followed, so the key goes to the configured host alone.
"""

from __future__ import annotations

from typing import Any

import anyio
import httpx

from nexla_mcp import __version__
from nexla_mcp.addresses import LOOPBACK
from nexla_mcp.client.breaker import Breaker

LARGEST_REPLY = 8_000_000
CONNECT_S = 10.0
HASTY_S = 5.0
"""Who waits no longer than this may not say that the host is down."""
_HOST_IS_DOWN = frozenset({502, 503, 504})
_OF_THE_TRANSFER = (b"content-encoding", b"content-length", b"transfer-encoding")


class ReplyTooLarge(Exception):
    """A reply above the limit; the rest of it was not read."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the reply is larger than {limit:,} bytes")
        self.limit = limit


class GuardedHttp(httpx.AsyncClient):
    """httpx with a size limit, a time limit and a breaker per host."""

    def __init__(
        self,
        base_url: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        largest_reply: int = LARGEST_REPLY,
        breaker: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            base_url=base_url,
            transport=transport,
            mounts={f"all://{f'[{host}]' if ':' in host else host}": None for host in LOOPBACK} if transport is None else None,
            timeout=httpx.Timeout(30.0, connect=CONNECT_S),
            headers={"User-Agent": f"nexla-mcp/{__version__}"},
            follow_redirects=False,
        )
        self._largest_reply = largest_reply
        self._breaker_options = breaker or {}
        self._breakers: dict[str, Breaker] = {}

    def breaker(self, url: httpx.URL) -> Breaker:
        """The breaker of the host that ``url`` points to."""
        host = url.netloc.decode("ascii")
        return self._breakers.setdefault(host, Breaker(host, **self._breaker_options))

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send and read the whole reply.

        Raises:
            CircuitOpen: the host is left alone; nothing was sent.
            ReplyTooLarge: the reply was broken off.
            httpx.TransportError: as httpx; a ReadTimeout when ``limit_s`` has passed.
        """
        breaker = self.breaker(request.url)
        turn = breaker.enter()
        limit_s: float | None = request.extensions.get("limit_s")
        try:
            with anyio.move_on_after(limit_s) as scope:
                response = await self._read(request, options)
            if scope.cancelled_caught:
                raise httpx.ReadTimeout("no whole reply in time", request=request)
        except (httpx.TransportError, OSError) as error:
            hasty = isinstance(error, httpx.TimeoutException) and limit_s is not None and limit_s < HASTY_S
            (breaker.undecided if hasty else breaker.bad)(turn)
            raise
        except ReplyTooLarge:
            breaker.good(turn)
            raise
        except BaseException:
            breaker.undecided(turn)
            raise
        if response.status_code in _HOST_IS_DOWN:
            breaker.bad(turn)
        else:
            breaker.good(turn)
        return response

    async def _read(self, request: httpx.Request, options: dict[str, Any]) -> httpx.Response:
        response = await super().send(request, **(options | {"stream": True}))
        try:
            pieces, size = [], 0
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > self._largest_reply:
                    raise ReplyTooLarge(self._largest_reply)
                pieces.append(piece)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(1.0):
                await response.aclose()
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_TRANSFER]
        return httpx.Response(response.status_code, headers=headers, content=b"".join(pieces), request=request)
