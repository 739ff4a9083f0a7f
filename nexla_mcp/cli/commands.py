"""Every command of the program, as one app; :func:`nexla_mcp.cli.main` starts it."""

from __future__ import annotations

import typer

from nexla_mcp.cli import calling, checking, developing, history, inspecting, installing, runs, serving, signing_in

app = typer.Typer(
    name="nexla-mcp",
    help="The Nexla data-flow platform as MCP tools: find out what broke, why, and repair it behind a confirmation.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command()(serving.serve)
app.command()(serving.sandbox)
app.command()(signing_in.login)
app.command()(signing_in.logout)
app.command()(signing_in.instances)
app.command()(installing.install)
app.command()(installing.uninstall)
app.command()(calling.call)
app.add_typer(history.changes)
app.add_typer(runs.runs)
app.command()(checking.doctor)
app.command()(inspecting.tools)
app.command()(inspecting.prompts)
app.command()(inspecting.openapi)
app.command()(inspecting.version)
app.add_typer(developing.dev, name="dev")
