"""The ASGI app: record, delay, authenticate, route, answer."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from nexla_mcp.sandbox.api import rooms
from nexla_mcp.sandbox.api.access import Principal, Sessions, key_owner
from nexla_mcp.sandbox.api.call import ApiError, Call, Reply
from nexla_mcp.sandbox.api.published import published
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.config import SandboxConfig
from nexla_mcp.sandbox.control import CONTROL_PREFIX, Control
from nexla_mcp.sandbox.disturb import disturb, response_of
from nexla_mcp.sandbox.engine.schedule import advance
from nexla_mcp.sandbox.faults import http_date
from nexla_mcp.sandbox.limits import Limiter
from nexla_mcp.sandbox.seed import seed_world
from nexla_mcp.sandbox.store import Store
from nexla_mcp.sandbox.world import World

if TYPE_CHECKING:
    from nexla_mcp.sandbox.serve import Port

rooms.load()
_UNFIT = (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)


class SandboxServer:
    """Everything that one app holds, as an ASGI application."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.port: Port | None = None
        self.sessions = Sessions()
        self.limiter = Limiter()
        self.control = Control(self)
        self.store = Store(config.database)
        self.world = self._new_world()

    def _new_world(self) -> World:
        world = seed_world(self.config, self.store)
        world.limiter = self.limiter
        return world

    def reset(self) -> None:
        """Back to the seeded state: the same org, the clock at its start, no sessions, faults or records."""
        self.store.clear()
        self.sessions.clear()
        self.limiter.clear()
        self.control.clear()
        self.world = self._new_world()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        scope["began"] = time.monotonic()
        request = Request(scope, receive)
        path = request.url.path
        raw = await request.body()
        if path.startswith(CONTROL_PREFIX) and _is_local(scope):
            reply = self.control.answer(request.method, path, raw)
            await self.response(reply)(scope, receive, send)
            return
        if self.config.latency_s:
            await asyncio.sleep(self.config.latency_s)
        fault = self.control.book.take(request.method, path)
        if fault:
            await disturb(fault, self, request, raw, scope, receive, send)
            return
        reply = self.answer(request, raw)
        self.control.record(request, raw, reply.status, handled=reply.status)
        await self.response(reply)(scope, receive, send)

    def moment(self) -> datetime:
        """Now, on the clock of the world: every timestamp of this Nexla agrees with its Date header."""
        return datetime.fromtimestamp(self.world.now() / 1000, UTC)

    def response(self, reply: Reply) -> Response:
        """A reply as it is sent."""
        return response_of(reply, http_date(self.moment()))

    def answer(self, request: Request, raw: bytes) -> Reply:
        """The reply of the API to one request."""
        advance(self.world)
        path = request.url.path
        if path in ("/token", "/token/logout"):
            return self._session(request)
        found = ROUTES.find(request.method, path)
        public = bool(found and found[0].public)
        who = self.sessions.principal(self.world, request.headers.get("authorization"))
        if who is None and not public:
            return Reply(None, 401, {"x-request-id": f"req-{len(self.control.requests) + 1}"})
        within_limits = self.limiter.allow()
        if self.config.enforce_limits and not within_limits:
            return Reply({"message": "Too many requests"}, 429, {"Retry-After": "1"})
        if found is None:
            return Reply(None, 404)
        route, parameters = found
        if not self.config.undocumented and not published(request.method, path):
            return Reply(None, 404)
        try:
            query = _query(request, route.query, strict=not public)
            call = Call(
                self.world,
                who or Principal(0, False),
                request.method,
                path,
                str(request.base_url).rstrip("/"),
                query,
                _json(raw),
                dict(request.headers),
            )
            with self.store.atomic():  # what fails half-way has changed nothing
                result = route.handler(call, **parameters)
        except ApiError as error:
            return error.reply
        except (*_UNFIT, sqlite3.Error) as error:
            if raw:  # a body of another form than the route reads, such as text where an id belongs
                return Reply({"message": f"The request body is invalid: {error}"}, 400)
            raise
        return result if isinstance(result, Reply) else Reply(result)

    def _session(self, request: Request) -> Reply:
        if request.method != "POST":
            return Reply(None, 404)
        authorization = request.headers.get("authorization")
        if request.url.path == "/token/logout":
            token = (authorization or "").removeprefix("Bearer ").strip()
            return Reply(None, 200 if self.sessions.close(token) else 400)
        key = key_owner(self.world, authorization)
        if key is None:
            return Reply(None, 401)
        return Reply(rooms.session_reply(self.world, key, self.sessions.open(self.world, key["owner_id"])))


def _is_local(scope: Scope) -> bool:
    """Control routes answer this machine only; in-process clients have no real address."""
    host = (scope.get("client") or ("testclient",))[0]
    return host in ("127.0.0.1", "::1", "testclient")


def build_app(config: SandboxConfig) -> Starlette:
    server = SandboxServer(config)
    app = Starlette(routes=[Mount("/", app=server)])
    app.state.sandbox = server
    return app


def _query(request: Request, known: frozenset[str], strict: bool) -> dict[str, str]:
    query = dict(parse_qsl(request.url.query, keep_blank_values=True))
    unknown = [name for name in query if name not in known]
    if strict and unknown:
        names = ", ".join(json.dumps(name) for name in unknown)
        raise ApiError(400, f"The property '#/' contains additional properties [{names}] outside of the schema")
    return query


def _json(raw: bytes) -> Any:
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise ApiError(400, "The request body is not valid JSON") from None
