"""How a client reaches the server: the process's stdin and stdout, or HTTP on loopback."""

from __future__ import annotations

import logging

from nexla_mcp.addresses import LOOPBACK
from nexla_mcp.server.app import build_server
from nexla_mcp.server.runtime import Runtime

_LOG = logging.getLogger(__name__)


class AddressError(Exception):
    """An address that cannot or must not be listened on."""


async def run_stdio(runtime: Runtime) -> None:
    """Serve one client over stdin and stdout until it closes them."""
    from mcp.server.stdio import stdio_server

    from nexla_mcp.server.unreadable import Readable

    server = build_server(runtime)
    async with stdio_server() as (read, write):
        await server.run(Readable(read, write), write, server.create_initialization_options())


async def run_http(runtime: Runtime, address: str) -> None:
    """Serve many clients over streamable HTTP at ``http://HOST:PORT/mcp``; see :mod:`nexla_mcp.server.health` for probes.

    Raises:
        AddressError: the address is not HOST:PORT, or not on loopback. Every caller acts with the key of this
            process, so nobody but the person at this machine may be one.
    """
    import uvicorn

    from nexla_mcp.server.health import health_routes

    host, port = parse_address(address)
    app = build_server(runtime).streamable_http_app(host=host, custom_starlette_routes=[*health_routes(runtime)])
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False)
    _LOG.warning("nexla-mcp listens on http://%s:%d/mcp", f"[{host}]" if ":" in host else host, port)
    await uvicorn.Server(config).serve()


def parse_address(address: str) -> tuple[str, int]:
    """``127.0.0.1:8000`` as host and port."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise AddressError(f"--http takes HOST:PORT, e.g. 127.0.0.1:8000, not {address!r}.")
    if host not in LOOPBACK:
        raise AddressError(
            f"--http {address}: only loopback addresses are served, since every caller would act with this process's Nexla key."
        )
    return host, int(port)
