"""The ASGI app: record, delay, authenticate, route, answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from nexla_mcp.sandbox.api import rooms
from nexla_mcp.sandbox.api.access import Principal, Sessions, key_owner
from nexla_mcp.sandbox.api.call import ApiError, Call, Reply
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.config import SandboxConfig
from nexla_mcp.sandbox.control import CONTROL_PREFIX, Control, Fault
from nexla_mcp.sandbox.engine.schedule import advance
from nexla_mcp.sandbox.limits import Limiter
from nexla_mcp.sandbox.seed import seed_world
from nexla_mcp.sandbox.store import Store
from nexla_mcp.sandbox.world import World

rooms.load()


class SandboxServer:
    """Everything that one app holds, as an ASGI application."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
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
        request = Request(scope, receive)
        path = request.url.path
        raw = await request.body()
        if path.startswith(CONTROL_PREFIX) and _is_local(scope):
            reply = self.control.answer(request.method, path, raw)
            await _response(reply)(scope, receive, send)
            return
        if self.config.latency_s:
            await asyncio.sleep(self.config.latency_s)
        fault = self.control.fault_for(request.method, path)
        if fault and fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault and fault.reset:
            self.control.record(request, raw, 0)
            await _break_off(send)
            return
        reply = _fault_reply(fault) if fault and fault.status else self.answer(request, raw)
        self.control.record(request, raw, reply.status)
        await _response(reply)(scope, receive, send)

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
            result = route.handler(call, **parameters)
        except ApiError as error:
            return error.reply
        except (KeyError, TypeError, ValueError, AttributeError) as error:
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
    except ValueError:
        raise ApiError(400, "The request body is not valid JSON") from None


def _fault_reply(fault: Fault) -> Reply:
    if fault.html:
        page = fault.body if isinstance(fault.body, str) else "<html><body><h1>Bad gateway</h1></body></html>"
        return Reply(page, fault.status or 502, {"content-type": "text/html", **fault.headers})
    return Reply(fault.body, fault.status or 500, fault.headers)


def _response(reply: Reply) -> Response:
    if reply.body is None:
        return Response(b"", reply.status, reply.headers)
    if isinstance(reply.body, str):
        return Response(reply.body, reply.status, reply.headers, media_type="text/plain")
    return Response(
        json.dumps(reply.body, ensure_ascii=False).encode(),
        reply.status,
        reply.headers,
        media_type="application/json",
    )


async def _break_off(send: Send) -> None:
    """Promise more bytes than are sent: the server closes the connection in the middle of the reply."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise ConnectionResetError("the sandbox was told to drop this connection")
