"""How the client proves who it is: a service key that is exchanged for session tokens, or a token as is.

    tokens = ServiceKeyTokens(http, key)
    await tokens.current()          # "eyJ..." , fetched once however many callers wait
    await tokens.renew(stale)       # after a 401: one renewal for all who saw the same stale token

Source of the exchange: FACTS 1.3 (``POST /token``, ``Authorization: Basic <service key verbatim>``).
"""

from __future__ import annotations

import time
from typing import Protocol

import anyio
import httpx

from nexla_mcp.client.errors import ApiUnreachableError, AuthenticationError, NotConfiguredError, ServerError

ACCEPT = "application/vnd.nexla.api.v1+json"
ASSUMED_LIFETIME_S = 86_400.0


class TokenSource(Protocol):
    """Something that yields a bearer token."""

    async def current(self) -> str:
        """A token that is believed to be good."""
        ...

    async def renew(self, stale: str) -> str:
        """A token after ``stale`` was refused."""
        ...


class NoTokens:
    """Nothing usable was configured: every call explains how to change that."""

    def __init__(self, problem: str | None = None) -> None:
        self._problem = problem

    async def current(self) -> str:
        if self._problem:
            raise NotConfiguredError(f"{self._problem} Nothing was sent.", hint="Change it and restart the server.", sent=False)
        raise NotConfiguredError(
            "No Nexla key is configured. Nothing was sent.",
            hint="Set NEXLA_SERVICE_KEY (or NEXLA_ACCESS_TOKEN) in the MCP client's configuration of this server and restart it,"
            " or try the built-in sandbox: nexla-mcp serve --sandbox.",
            sent=False,
        )

    async def renew(self, stale: str) -> str:
        return await self.current()


class FixedToken:
    """An access token given by the person; it cannot be renewed."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def current(self) -> str:
        return self._token

    async def renew(self, stale: str) -> str:
        raise AuthenticationError(
            "Nexla refused the access token (401): it is wrong, expired or revoked.",
            status_code=401,
            hint="Put a fresh token into NEXLA_ACCESS_TOKEN, or use NEXLA_SERVICE_KEY, which renews itself; then restart.",
        )


class ServiceKeyTokens:
    """Exchanges a service key for session tokens; single flight, renewed before they expire."""

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self._http = http
        self._key = key
        self._token: str | None = None
        self._good_until = 0.0
        self._lock = anyio.Lock()
        self.exchanges = 0

    async def current(self) -> str:
        async with self._lock:
            if self._token is not None and time.monotonic() < self._good_until:
                return self._token
            return await self._exchange()

    async def renew(self, stale: str) -> str:
        async with self._lock:
            if self._token is not None and self._token != stale:
                return self._token
            return await self._exchange()

    async def _exchange(self) -> str:
        self._token = None
        self.exchanges += 1
        try:
            reply = await self._http.post(
                "/token", headers={"Authorization": f"Basic {self._key}", "Accept": ACCEPT, "Content-Length": "0"}
            )
        except httpx.HTTPError as error:
            raise ApiUnreachableError(
                f"Could not reach Nexla at {self._http.base_url} to sign in ({type(error).__name__}).",
                operation="token",
                hint="Check NEXLA_API_URL and the network, then try again.",
                sent=None,
            ) from error
        if reply.status_code in (400, 401, 403):
            raise AuthenticationError(
                f"Nexla refused the service key ({reply.status_code}): it is wrong, paused or revoked.",
                operation="token",
                status_code=reply.status_code,
                hint="Check NEXLA_SERVICE_KEY and that NEXLA_API_URL is the instance the key belongs to; an administrator can see"
                " the key's status under Service Keys.",
            )
        try:
            content = reply.json()
            token = content["access_token"]
            lifetime = float(content.get("expires_in") or ASSUMED_LIFETIME_S)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ServerError(
                f"The sign-in at {self._http.base_url} answered {reply.status_code} without a token.",
                operation="token",
                status_code=reply.status_code,
                hint="NEXLA_API_URL may point to a web page or another service; it should look like https://dataops.nexla.io/nexla-api.",
            ) from error
        self._token = str(token)
        self._good_until = time.monotonic() + lifetime - min(300.0, lifetime * 0.1)
        return self._token
