"""What a container platform asks: is the process alive, and can it do its work now?

    GET /healthz    200 {"status": "ok"}                         alive: it answers, whatever Nexla does
    GET /readyz     200 {"status": "ready"}                      Nexla is reached and accepts the key
                    503 {"status": "not ready", "why": "..."}    with what a person would be told

Probes come every few seconds: Nexla is asked at most once in :data:`ASK_EVERY_S`, however many probes there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nexla_mcp.server.runtime import Runtime

ASK_EVERY_S = 15.0
LIMIT_S = 8.0
_NO_STORE = {"Cache-Control": "no-store"}


class Readiness:
    """Whether Nexla answers this process, asked seldom and by one probe for all."""

    def __init__(self, runtime: Runtime, clock: Callable[[], float] = time.monotonic) -> None:
        self._runtime = runtime
        self._clock = clock
        self._lock = anyio.Lock()
        self._good_until = float("-inf")
        self._why = ""

    async def why_not(self) -> str:
        """Empty when ready, else the reason in one sentence; no secret is part of it."""
        async with self._lock:
            if self._clock() >= self._good_until:
                self._why = await self._ask()
                self._good_until = self._clock() + ASK_EVERY_S
            return self._why

    async def _ask(self) -> str:
        from nexla_mcp.client.errors import NexlaError
        from nexla_mcp.output.untrusted import clean

        try:
            with anyio.fail_after(LIMIT_S):
                await self._runtime.client.call(self._runtime.catalog.operation("users_get_current"), {})
        except NexlaError as error:
            return str(clean(error.message))
        except TimeoutError:
            return f"Nexla did not answer within {LIMIT_S:.0f} s."
        return ""


def health_routes(runtime: Runtime) -> list[Route]:
    """The two routes; they need no MCP session and change nothing."""
    readiness = Readiness(runtime)

    async def alive(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)

    async def ready(_: Request) -> JSONResponse:
        why = await readiness.why_not()
        if why:
            return JSONResponse({"status": "not ready", "why": why}, 503, headers=_NO_STORE)
        return JSONResponse({"status": "ready"}, headers=_NO_STORE)

    return [Route("/healthz", alive), Route("/readyz", ready)]
