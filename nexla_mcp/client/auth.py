"""How the client proves who it is: a service key that is exchanged for session tokens, or a token as is.

    tokens = ServiceKeyTokens(http, key)
    await tokens.current()          # "eyJ..." , fetched once however many callers wait
    await tokens.renew(stale)       # after a 401: one renewal for all who saw the same stale token

Source of the exchange: FACTS 1.3 (``POST /token``, ``Authorization: Basic <service key verbatim>``).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import anyio
import httpx

from nexla_mcp.client.breaker import CircuitOpen
from nexla_mcp.client.errors import AuthenticationError, NexlaError, NotConfiguredError, ServerError
from nexla_mcp.client.http import ReplyTooLarge
from nexla_mcp.client.replies import decode, read_reply, retry_after, text_of, where
from nexla_mcp.client.retry import Deadline, with_retries
from nexla_mcp.client.unreachable import circuit_open, unreachable
from nexla_mcp.client.wire import ApiRequest

ACCEPT = "application/vnd.nexla.api.v1+json"
ASSUMED_LIFETIME_S = 86_400.0
LIMIT_S = 15.0
_SIGN_IN = ApiRequest(operation="token", reads=True, method="POST", path="/token", timeout_s=LIMIT_S)
_HINT_URL = "NEXLA_API_URL may point to a web page or another service; it should look like https://dataops.nexla.io/nexla-api."


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
            hint="Run nexla-mcp login on this machine, or set NEXLA_SERVICE_KEY (or NEXLA_ACCESS_TOKEN) in the MCP client's"
            " configuration of this server; then restart it. Or try the built-in sandbox: nexla-mcp serve --sandbox.",
            sent=False,
        )

    async def renew(self, stale: str) -> str:
        return await self.current()


class FixedToken:
    """An access token given by the person; it cannot be renewed."""

    def __init__(self, token: str) -> None:
        self._token = token
        self.secrets = (token,)

    async def current(self) -> str:
        return _sendable(self._token, "NEXLA_ACCESS_TOKEN")

    async def renew(self, stale: str) -> str:
        raise AuthenticationError(
            "Nexla refused the access token (401): it is wrong, expired or revoked.",
            status_code=401,
            cause="token_invalid",
            hint="Put a fresh token into NEXLA_ACCESS_TOKEN, or use NEXLA_SERVICE_KEY, which renews itself; then restart.",
        )


class ServiceKeyTokens:
    """Exchanges a service key for session tokens; single flight, renewed before they expire."""

    def __init__(self, http: httpx.AsyncClient, key: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._key = key
        self._clock = clock
        self._token: str | None = None
        self._good_until = 0.0
        self._lock = anyio.Lock()
        self._failed: NexlaError | None = None
        self.exchanges = 0
        self.secrets: tuple[str, ...] = (key,)

    async def current(self) -> str:
        if self._token is not None and self._clock() < self._good_until:
            return self._token
        return await self._one_for_all(None)

    async def renew(self, stale: str) -> str:
        return await self._one_for_all(stale)

    async def _one_for_all(self, stale: str | None) -> str:
        """One exchange for everybody who waits; they share its failure as well, instead of failing one after the other."""
        seen = self.exchanges
        async with self._lock:
            good = self._token is not None and self._token != stale and self._clock() < self._good_until
            if good and self._token is not None:
                return self._token
            if self.exchanges > seen and self._failed is not None:
                raise copy.copy(self._failed)
            self._token, self._failed = None, None
            try:
                content = await with_retries(_SIGN_IN, self._exchange, Deadline.of_this_call())
            except NexlaError as error:
                error.sent = False  # whatever was to be sent with the token has not left
                self._failed = error
                raise
            finally:
                self.exchanges += 1
            return self._keep(content)

    def _keep(self, content: dict[str, Any]) -> str:
        token, lifetime = str(content["access_token"]), _lifetime(content.get("expires_in"))
        self._token = token
        self._good_until = self._clock() + lifetime - margin(lifetime)
        self.secrets = (self._key, token, *self.secrets[1:3])
        return token

    async def _exchange(self) -> dict[str, Any]:
        basic = f"Basic {_sendable(self._key, 'NEXLA_SERVICE_KEY')}"
        try:
            reply = await self._http.post(
                "/token",
                headers={"Authorization": basic, "Accept": ACCEPT, "Content-Length": "0"},
                extensions={"limit_s": min(LIMIT_S, max(1.0, Deadline.of_this_call().left()))},
            )
        except CircuitOpen as error:
            raise circuit_open(_SIGN_IN, error) from None
        except (httpx.HTTPError, OSError) as error:
            found = unreachable(str(self._http.base_url), _SIGN_IN, error)
            found.message = f"Could not reach Nexla at {self._http.base_url} to sign in ({found.context['reason']})."
            raise found from error
        except ReplyTooLarge as error:
            raise _no_token(200, self._http.base_url) from error
        if reply.status_code in (400, 401, 403):
            raise AuthenticationError(
                f"Nexla refused the service key ({reply.status_code}): it is wrong, paused or revoked.",
                cause="token_invalid",
                next_call={"tool": "nexla_whoami", "arguments": {}},
                hint="Check NEXLA_SERVICE_KEY and that NEXLA_API_URL is the instance the key belongs to; an administrator can see"
                " the key's status under Service Keys.",
                **where(_SIGN_IN, reply),
            )
        if reply.status_code == 429:
            read_reply(_SIGN_IN, reply)
        try:
            content = decode(text_of(reply))
            if not isinstance(content, dict) or not str(content["access_token"]).strip():
                raise ValueError
            _sendable(str(content["access_token"]), "the token")
        except (ValueError, KeyError, NexlaError):
            nothing = _no_token(reply.status_code, self._http.base_url)
            nothing.retry_after = retry_after(reply) if reply.status_code == 503 else None
            raise nothing from None
        return content


def _no_token(status: int, url: httpx.URL) -> ServerError:
    said = f"The sign-in at {url} answered {status} without a token."
    return ServerError(said, operation="token", status_code=status, hint=_HINT_URL)


def margin(lifetime: float) -> float:
    """How long before its end a session is renewed: a tenth of its life, 300 s at most (QUIRKS 4), so 60 s for ten minutes."""
    return min(300.0, lifetime * 0.1)


def _lifetime(value: Any) -> float:
    """Seconds that a session lives; what cannot be true is taken for the usual day."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return ASSUMED_LIFETIME_S
    return seconds if math.isfinite(seconds) and seconds > 0 else ASSUMED_LIFETIME_S


def _sendable(secret: str, name: str) -> str:
    """The secret, when it can stand in an HTTP header; its text is never part of the error."""
    if secret and secret.isascii() and secret.isprintable():
        return secret
    raise NotConfiguredError(
        f"{name} holds characters that cannot be sent (a line break, a space at its end, or a letter that is not ASCII)."
        " Nothing was sent.",
        hint="Copy it again without line breaks and restart the server.",
        sent=False,
    )
