"""The command line: serve an MCP client, call a tool, try the sandbox, check the set-up.

stdout belongs to the protocol while serving; everything for people goes to stderr. Commands import what they
need when they run, so that ``serve`` starts as fast as it can: it is even made without the other commands, since setting up
their options takes longer than reading its own.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the console script."""
    if sys.argv[1:2] == ["serve"]:
        return _serve_alone()
    from nexla_mcp.cli.commands import app

    app()
    return None


def _serve_alone() -> None:
    import typer

    from nexla_mcp.cli.serving import serve

    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command()(serve)
    alone(args=sys.argv[2:], prog_name="nexla-mcp serve")
