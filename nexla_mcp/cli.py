"""The command line: ``nexla-mcp serve``, ``sandbox``, ``tools``, ``version``.

stdout belongs to the protocol while serving; everything for people goes to stderr.
"""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any, NoReturn

import typer

from nexla_mcp import __version__

app = typer.Typer(
    name="nexla-mcp",
    help="The Nexla data-flow platform as MCP tools: find out what broke, why, and repair it behind a confirmation.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)

ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="Tools to list: default, lean or all.", show_default="default")
]
ToolsetsOption = Annotated[
    str | None, typer.Option("--toolsets", help="List the operations of these toolsets as tools, comma-separated.")
]


@app.command()
def serve(
    http: Annotated[
        str | None, typer.Option("--http", metavar="HOST:PORT", help="Serve HTTP on loopback instead of stdio.")
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Use the built-in sandbox instead of a real Nexla; needs no key.")
    ] = False,
    profile: ProfileOption = None,
    toolsets: ToolsetsOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse every call that changes something.")] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", help="How changes are confirmed: auto, ticket or deny.", show_default="auto")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option("--log-level", help="debug, info, warning or error.", show_default="warning")
    ] = None,
) -> None:
    """Serve an MCP client over stdio, or over HTTP with --http."""
    import anyio

    from nexla_mcp.catalog.loader import SpecError
    from nexla_mcp.server.listing import UnknownToolsetError
    from nexla_mcp.server.runtime import Runtime
    from nexla_mcp.server.transports import AddressError, run_http, run_stdio

    settings = _settings(profile=profile, toolsets=toolsets, read_only=read_only or None, confirm=confirm, log_level=log_level)
    logging.basicConfig(stream=sys.stderr, level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines would carry whole URLs

    async def run() -> None:
        async with Runtime.open(settings, sandbox=sandbox, transport_name="http" if http else "stdio") as runtime:
            await (run_http(runtime, http) if http else run_stdio(runtime))

    try:
        anyio.run(run)
    except (SpecError, UnknownToolsetError, AddressError) as error:
        _stop(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@app.command()
def sandbox(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one.")] = 8765,
    scenario: Annotated[str, typer.Option("--scenario", help="org, healthy, or the number of an incident.")] = "org",
    reply_shape: Annotated[str, typer.Option("--reply-shape", help="published or seed.")] = "published",
) -> None:
    """Run the embedded Nexla as an HTTP server on loopback, for trials and tests."""
    from rich.console import Console

    from nexla_mcp.sandbox import SERVICE_KEY, SandboxConfig
    from nexla_mcp.sandbox.serve import serve as serve_sandbox

    console = Console(stderr=True)
    if reply_shape not in ("published", "seed"):
        _stop(f"--reply-shape is published or seed, not {reply_shape!r}.")

    def ready(url: str) -> None:
        console.print(f"Sandbox Nexla at [bold]{url}[/bold]. Connect with:")
        console.print(f"  NEXLA_API_URL={url} NEXLA_SERVICE_KEY={SERVICE_KEY} nexla-mcp serve", soft_wrap=True)

    try:
        serve_sandbox(SandboxConfig(scenario=scenario, reply_shape=reply_shape), port=port, ready=ready)  # type: ignore[arg-type]
    except (ValueError, KeyError, OSError) as error:
        _stop(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@app.command()
def tools(
    profile: ProfileOption = None,
    toolsets: ToolsetsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The tools/list result as JSON.")] = False,
) -> None:
    """Show the tools that a profile lists."""
    from nexla_mcp.catalog.loader import SpecError, load_catalog
    from nexla_mcp.server.listing import UnknownToolsetError, listed_tools

    settings = _settings(profile=profile, toolsets=toolsets)
    try:
        listed = listed_tools(load_catalog(), settings)
    except (SpecError, UnknownToolsetError) as error:
        _stop(str(error))
    if as_json:
        import json

        dump = [t.model_dump(by_alias=True, mode="json", exclude_none=True) for t in listed]
        sys.stdout.write(json.dumps({"tools": dump}, ensure_ascii=False, indent=1) + "\n")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("tool", "what it does", "hints")
    for tool in listed:
        hints = tool.annotations
        kind = "read" if hints and hints.read_only_hint else "confirmed" if hints and hints.destructive_hint else "write"
        table.add_row(tool.name, (tool.description or "").split(". ")[0], kind)
    Console().print(table)


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(__version__ + "\n")


def _settings(**given: Any) -> Any:
    """Settings from the environment with the options of the command line on top."""
    from pydantic import ValidationError

    from nexla_mcp.settings import Settings

    try:
        return Settings(**{k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, p['loc'])) or 'settings'}: {p['msg']}"
            for p in error.errors(include_input=False, include_url=False)
        ]
        _stop("\n".join(lines))


def _stop(message: str) -> NoReturn:
    """End with a message for the person and exit code 2."""
    sys.stderr.write(f"nexla-mcp: {message}\n")
    raise typer.Exit(2)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
