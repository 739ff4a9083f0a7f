"""A server that answers whatever a test wants, over a real socket, for what the sandbox would never say.

    async with odd_api(lambda asked: Answer([{"id": 1}], headers={"X-Total-Count": "1"})) as api:
        NexlaClient(api.url, ...)
        api.asked        # what came, in order

``POST /token`` is answered by itself unless ``sign_in`` is False.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from nexla_mcp.client.auth import ServiceKeyTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.permits import PermitLedger

KEY = "odd-service-key"


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    number: int


@dataclass(frozen=True)
class Answer:
    """One reply: a value becomes JSON, bytes go out as they are. ``cut`` ends the connection after so many bytes of it."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None

    def raw(self) -> bytes:
        """The bytes on the wire."""
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        typed = {} if isinstance(self.body, bytes) else {"Content-Type": "application/json"}
        lines = {"Content-Length": str(len(content)), **typed, **self.headers}
        head = f"HTTP/1.1 {self.status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n"
        return head.encode() + content


Handler = Callable[[Asked], Answer]


class OddApi:
    """The running server."""

    def __init__(self, handler: Handler, sign_in: bool) -> None:
        self.handler = handler
        self.sign_in = sign_in
        self.asked: list[Asked] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                answer = self._answer(head, await self._body(head, reader))
                raw = answer.raw()
                writer.write(raw if answer.cut is None else raw[: answer.cut])
                await writer.drain()
                if answer.cut is not None:
                    break
        writer.close()

    async def _body(self, head: str, reader: asyncio.StreamReader) -> bytes:
        sizes = [line.split(":")[1] for line in head.splitlines() if line.lower().startswith("content-length")]
        return await reader.readexactly(int(sizes[0])) if sizes and int(sizes[0]) else b""

    def _answer(self, head: str, body: bytes) -> Answer:
        first, *lines = head.strip().splitlines()
        method, target, _ = first.split(" ")
        parts = urlsplit(target)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if self.sign_in and parts.path == "/token":
            return Answer({"access_token": "odd-session-token", "expires_in": 86400})
        asked = Asked(method, parts.path, dict(parse_qsl(parts.query)), headers, body, len(self.asked))
        self.asked.append(asked)
        return self.handler(asked)


@asynccontextmanager
async def odd_api(handler: Handler, *, sign_in: bool = True, tls: ssl.SSLContext | None = None) -> AsyncIterator[OddApi]:
    """A server for as long as the block runs."""
    api = OddApi(handler, sign_in)
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    api.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{port}"
    try:
        yield api
    finally:
        server.close()


def odd_client(api: OddApi, ledger: PermitLedger | None = None, **options: Any) -> NexlaClient:
    """A client of an odd API."""
    return NexlaClient(api.url, lambda http: ServiceKeyTokens(http, KEY), ledger or PermitLedger(), **options)
