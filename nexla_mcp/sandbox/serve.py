"""Serving a sandbox on a loopback socket: for a person who tries the product, and for tests.

serve(SandboxConfig(), port=8765, ready=print)            # until interrupted
with running_sandbox(SandboxConfig(scenario="7")) as sandbox:
    sandbox.advance(3600)
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from nexla_mcp.sandbox import SandboxConfig, create_app
from nexla_mcp.sandbox.config import SERVICE_KEY

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_START_LIMIT_S = 10.0
_LOOKS = 5


class Connection(H11Protocol):
    """A connection that the app can reach through the scope's state, to break it as a fault says."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "connection": self}, _loop)


class Port:
    """The listening socket of a running sandbox; can be closed for a while, as when a service is restarted."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket) -> None:
        self._server = server
        self._host, self._port = listener.getsockname()[:2]
        self._closed = False

    def refuse_for(self, seconds: float) -> None:
        """Break every connection and refuse new ones for so long; called on the server's loop.

        The port stays bound meanwhile: given up even for a moment, another process's connection may be given it, and then
        nothing would ever listen here again.
        """
        if self._closed:
            return
        self._closed = True
        for server in self._server.servers:
            server.close()
        self._server.servers.clear()
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        kept = _bound(self._host, self._port)
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, lambda: self._server.server_state.tasks.add(loop.create_task(self._listen_again(kept))))

    async def _listen_again(self, kept: socket.socket) -> None:
        if self._server.should_exit:
            kept.close()
            return
        state, lifespan = self._server.server_state, self._server.lifespan.state
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self._server.config, state, lifespan), sock=kept
        )
        self._server.servers.append(server)
        self._closed = False


def serve(
    config: SandboxConfig,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str], None] | None = None,
    faults: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Run a sandbox until the process is interrupted; `ready` gets the URL once it listens."""
    listener = _listen(host, port)
    server = _server(config, listener, faults)
    if ready:
        ready(_url(listener))
    server.run(sockets=[listener])


class RunningSandbox:
    """A sandbox that listens in a thread of this process, with its control routes as methods."""

    def __init__(self, config: SandboxConfig) -> None:
        self._listener = _listen("127.0.0.1", 0)
        self.config = config
        self.url = _url(self._listener)
        self._server = _server(config, self._listener)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)
        patient = httpx.HTTPTransport(retries=5)  # a fault may close the port for a moment
        self._control = httpx.Client(base_url=f"{self.url}/__sandbox__", timeout=30, trust_env=False, transport=patient)

    def start(self) -> None:
        self._thread.start()
        # The socket listens already: this request waits in its queue until the server takes it.
        self._control.get("/clock", timeout=_START_LIMIT_S).raise_for_status()

    def stop(self) -> None:
        self._control.close()
        self._server.should_exit = self._server.force_exit = True  # a held request must not hold the end
        self._thread.join(timeout=_START_LIMIT_S)
        self._listener.close()

    def requests(self) -> list[dict[str, Any]]:
        """What was asked of the API so far, in order."""
        for _ in range(_LOOKS):
            try:
                found: list[dict[str, Any]] = self._control.get("/requests").json()
            except httpx.TransportError:
                continue  # a fault that closes the port ends whoever waits at it, too
            return found
        raise ConnectionError("the sandbox does not tell its record of requests")

    def clear_requests(self) -> None:
        self._control.delete("/requests").raise_for_status()

    def advance(self, seconds: float) -> None:
        """Move the clock forward; the cycles that become due are run."""
        self._post("/clock", {"advance_s": seconds})

    def run(self, flow_id: int) -> int:
        """Run one cycle of a flow at once; answers the run id."""
        return int(self._post("/run", {"flow_id": flow_id})["run_id"])

    def repair(self, flow_id: int) -> list[str]:
        """Put right what stands outside Nexla for a flow (producer, table, grants)."""
        done: list[str] = self._post("/repair", {"flow_id": flow_id})["repaired"]
        return done

    def reset(self) -> None:
        self._post("/reset", {})

    def fault(self, match: str, **fault: Any) -> None:
        """Disturb requests whose "METHOD /path" matches; see `nexla_mcp.sandbox.faults` for what can be done to them."""
        self._post("/faults", [{"match": match, **fault}])

    def clear_faults(self) -> None:
        self._control.delete("/faults").raise_for_status()

    def client(self, key: str = SERVICE_KEY) -> httpx.Client:
        """An HTTP client with a fresh session for a service key."""
        reply = httpx.post(f"{self.url}/token", headers={"Authorization": f"Basic {key}"}, trust_env=False)
        token = reply.raise_for_status().json()["access_token"]
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)

    def _post(self, path: str, body: Any) -> Any:
        reply = self._control.post(path, json=body)
        reply.raise_for_status()
        return reply.json()


@contextmanager
def running_sandbox(config: SandboxConfig | None = None) -> Iterator[RunningSandbox]:
    """A sandbox on a free port of 127.0.0.1 for as long as the block runs."""
    sandbox = RunningSandbox(config or SandboxConfig())
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.stop()


def _listen(host: str, port: int) -> socket.socket:
    listener = _bound(host, port)
    listener.listen()
    return listener


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has the port and does not listen yet: connections to it are refused."""
    if host not in _LOOPBACK:
        raise ValueError(f"the sandbox listens on loopback only, not on {host!r}")
    found = socket.socket(socket.AF_INET6 if host == "::1" else socket.AF_INET)
    try:
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it; without it the delayed acknowledgement costs 40 ms a reply.
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.bind(("127.0.0.1" if host == "localhost" else host, port))
    except OSError:
        found.close()
        raise
    return found


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(config: SandboxConfig, listener: socket.socket, faults: Iterable[Mapping[str, Any]] = ()) -> uvicorn.Server:
    app = create_app(config)
    app.state.sandbox.control.book.add(faults)
    settings = uvicorn.Config(
        app,
        http=Connection,
        log_level="critical",
        access_log=False,
        lifespan="off",
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(settings)
    app.state.sandbox.port = Port(server, listener)
    return server
