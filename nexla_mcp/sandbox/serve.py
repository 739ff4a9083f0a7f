"""Serving a sandbox on a loopback socket: for a person who tries the product, and for tests.

serve(SandboxConfig(), port=8765, ready=print)            # until interrupted
with running_sandbox(SandboxConfig(scenario="7")) as sandbox:
    sandbox.advance(3600)
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from nexla_mcp.sandbox import SandboxConfig, create_app
from nexla_mcp.sandbox.config import SERVICE_KEY

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_START_LIMIT_S = 10.0


def serve(config: SandboxConfig, host: str = "127.0.0.1", port: int = 0, ready: Callable[[str], None] | None = None) -> None:
    """Run a sandbox until the process is interrupted; `ready` gets the URL once it listens."""
    listener = _listen(host, port)
    server = _server(config)
    if ready:
        ready(_url(listener))
    server.run(sockets=[listener])


class RunningSandbox:
    """A sandbox that listens in a thread of this process, with its control routes as methods."""

    def __init__(self, config: SandboxConfig) -> None:
        self._listener = _listen("127.0.0.1", 0)
        self.config = config
        self.url = _url(self._listener)
        self._server = _server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)
        self._control = httpx.Client(base_url=f"{self.url}/__sandbox__", timeout=30, trust_env=False)

    def start(self) -> None:
        self._thread.start()
        # The socket listens already: this request waits in its queue until the server takes it.
        self._control.get("/clock", timeout=_START_LIMIT_S).raise_for_status()

    def stop(self) -> None:
        self._control.close()
        self._server.should_exit = True
        self._thread.join(timeout=_START_LIMIT_S)
        self._listener.close()

    def requests(self) -> list[dict[str, Any]]:
        """What was asked of the API so far, in order."""
        found: list[dict[str, Any]] = self._control.get("/requests").json()
        return found

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
        """Disturb requests whose "METHOD /path" matches: status, body, headers, delay_s, html, reset, count."""
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
    if host not in _LOOPBACK:
        raise ValueError(f"the sandbox listens on loopback only, not on {host!r}")
    listener = socket.create_server(
        ("127.0.0.1" if host == "localhost" else host, port),
        family=socket.AF_INET6 if host == "::1" else socket.AF_INET,
    )
    # Accepted sockets inherit it; without it the delayed acknowledgement costs 40 ms a reply.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(config: SandboxConfig) -> uvicorn.Server:
    app = create_app(config)
    settings = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    return uvicorn.Server(settings)
