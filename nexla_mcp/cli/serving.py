"""``nexla-mcp serve`` and ``nexla-mcp sandbox``."""

from __future__ import annotations

import gc
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from nexla_mcp.cli.common import (
    INTERRUPTED,
    ConfirmOffOption,
    ConfirmOption,
    InstanceOption,
    ProfileOption,
    ReadOnlyOption,
    SandboxOption,
    ToolsetsOption,
    settings_from,
    stop,
)


def serve(
    http: Annotated[
        str | None, typer.Option("--http", metavar="HOST:PORT", help="Serve HTTP on loopback instead of stdio.")
    ] = None,
    sandbox: SandboxOption = False,
    instance: InstanceOption = None,
    profile: ProfileOption = None,
    toolsets: ToolsetsOption = None,
    read_only: ReadOnlyOption = False,
    confirm: ConfirmOption = None,
    confirm_off: ConfirmOffOption = None,
    log_level: Annotated[
        str | None, typer.Option("--log-level", help="debug, info, warning or error.", show_default="warning")
    ] = None,
) -> None:
    """Serve an MCP client over stdio, or over HTTP with --http."""
    gc.disable()  # collecting while importing costs a tenth of the start-up
    import anyio

    from nexla_mcp.catalog.loader import SpecError
    from nexla_mcp.output.log_filter import install
    from nexla_mcp.server.listing import UnknownToolsetError
    from nexla_mcp.server.runtime import Runtime
    from nexla_mcp.server.transports import AddressError, run_http, run_stdio

    settings = settings_from(
        instance=instance,
        profile=profile,
        toolsets=toolsets,
        read_only=read_only or None,
        confirm=confirm,
        confirm_off=confirm_off,
        log_level=log_level,
    )
    logging.basicConfig(stream=sys.stderr, level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines would carry whole URLs
    secrets = (settings.service_key, settings.access_token, settings.seal_keys)
    masking = install(secret.get_secret_value() for secret in secrets if secret)

    async def run() -> None:
        transport = "http" if http else "stdio"
        async with Runtime.open(settings, sandbox=sandbox, transport_name=transport, hide=masking.hide) as runtime:
            gc.freeze()
            gc.enable()
            await (run_http(runtime, http) if http else run_stdio(runtime))

    try:
        anyio.run(run)
    except (SpecError, UnknownToolsetError, AddressError) as error:
        stop(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def sandbox(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one.")] = 8765,
    scenario: Annotated[str, typer.Option("--scenario", help="org, healthy, or the number of an incident.")] = "org",
    reply_shape: Annotated[str, typer.Option("--reply-shape", help="published or seed.")] = "published",
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE", help="JSON list of faults to switch on; see docs/faults.md.")
    ] = None,
) -> None:
    """Run the embedded Nexla as an HTTP server on loopback, for trials and tests."""
    from rich.console import Console

    from nexla_mcp.sandbox import SERVICE_KEY, SandboxConfig
    from nexla_mcp.sandbox.faults import load_faults
    from nexla_mcp.sandbox.serve import serve as serve_sandbox

    console = Console(stderr=True)
    if reply_shape not in ("published", "seed"):
        stop(f"--reply-shape is published or seed, not {reply_shape!r}.")

    def ready(url: str) -> None:
        console.print(f"Sandbox Nexla at [bold]{url}[/bold]. Connect with:")
        console.print(f"  NEXLA_API_URL={url} NEXLA_SERVICE_KEY={SERVICE_KEY} nexla-mcp serve", soft_wrap=True)

    try:
        disturbances = load_faults(faults) if faults else ()
        config = SandboxConfig(scenario=scenario, reply_shape=reply_shape)  # type: ignore[arg-type]
        serve_sandbox(config, port=port, ready=ready, faults=disturbances)
    except (ValueError, KeyError, OSError) as error:
        stop(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
