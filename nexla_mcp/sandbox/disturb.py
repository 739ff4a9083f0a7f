"""How a fault is done to one exchange: on the ASGI side where that is enough, on the socket where it is not.

    await disturb(fault, server, request, raw, scope, receive, send)

The request is recorded before a byte of the answer leaves, with the fault and whether it was carried out.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nexla_mcp.sandbox.api.call import Reply
from nexla_mcp.sandbox.faults import PIECES, Fault, altered

if TYPE_CHECKING:
    from nexla_mcp.sandbox.app import SandboxServer

_NOW = struct.pack("ii", 1, 0)
"""SO_LINGER: close at once and tell the other side with a reset."""


async def disturb(
    fault: Fault, server: SandboxServer, request: Request, raw: bytes, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer, or do not answer, as the fault says."""
    if fault.kind in ("expired_token", "revoked_token"):
        token = (request.headers.get("authorization") or "").removeprefix("Bearer ").strip()
        server.sessions.close(token) if fault.kind == "expired_token" else server.sessions.clear()
    if fault.delay_s and not fault.kind:
        await asyncio.sleep(fault.delay_s)
    real = server.answer(request, raw) if fault.carried_out else None
    if fault.kind == "duplicate":
        server.answer(request, raw)
    reply = altered(fault, real, server.moment())
    silent = fault.reset or fault.kind in ("refused", "reset_before", "reset_after", "truncated")
    server.control.record(request, raw, 0 if silent else reply.status, fault=fault.name, handled=real.status if real else None)
    response = server.response(reply)
    if fault.kind == "refused" and server.port is not None:
        server.port.refuse_for(fault.delay_s or 0.3)
    if fault.kind in ("refused", "reset_before", "reset_after"):
        await _reset(scope)
    elif fault.kind == "truncated" or fault.reset:
        await _break_off(scope, send, response if fault.kind else None)
    elif fault.kind == "slow_body":
        await _trickle(send, response, fault.delay_s)
    else:
        if fault.kind == "slow_headers":
            await asyncio.sleep(fault.delay_s)
        await response(scope, receive, send)


async def _reset(scope: Scope) -> None:
    """End the connection without a word; in process, where there is none, as the error that a socket would give."""
    connection: Any = (scope.get("state") or {}).get("connection")
    if connection is None:
        raise ConnectionResetError("the sandbox was told to drop this connection")
    transport: asyncio.Transport = connection.transport
    found = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
    transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def _break_off(scope: Scope, send: Send, response: Response | None) -> None:
    """Promise more bytes than are sent: the connection closes in the middle of the reply."""
    body = bytes(response.body) if response else b""
    headers = [(k, v) for k, v in response.raw_headers if k != b"content-length"] if response else []
    promised = max(len(body), 100)
    status = response.status_code if response else 200
    headers.append((b"content-length", str(promised).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2] or b"{", "more_body": True})
    raise ConnectionResetError("the sandbox was told to drop this connection")


async def _trickle(send: Send, response: Response, seconds: float) -> None:
    body = bytes(response.body)
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    step = max(1, -(-len(body) // PIECES))
    for start in range(0, len(body), step):
        await asyncio.sleep(seconds / PIECES)
        await send({"type": "http.response.body", "body": body[start : start + step], "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def response_of(reply: Reply, date: str) -> Response:
    """A reply as Starlette sends it, with the date of the world's clock."""
    headers = {"date": date, **{name.lower(): value for name, value in reply.headers.items()}}
    if reply.body is None:
        return Response(b"", reply.status, headers)
    if isinstance(reply.body, str):
        return Response(reply.body, reply.status, headers, media_type="text/plain")
    content = json.dumps(reply.body, ensure_ascii=False).encode()
    return Response(content, reply.status, headers, media_type="application/json")
