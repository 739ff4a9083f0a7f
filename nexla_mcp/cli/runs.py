"""``nexla-mcp runs``: runs of several steps, going on with one that waits, taking one back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from nexla_mcp.cli.common import InstanceOption, JsonOption, settings_from
from nexla_mcp.cli.front_door import perform
from nexla_mcp.cli.history import DryRunOption, LimitOption


class RunStatus(StrEnum):
    """How far a run is."""

    UNDER_WAY = "under way"
    WAITING = "waiting"
    DONE = "done"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    UNCLEAR = "unclear"


runs = typer.Typer(name="runs", help="Runs of several steps: see, go on, take back.", no_args_is_help=True)
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, from runs list.", show_default=False)]


@runs.command("list")
def list_runs(
    limit: LimitOption = 20,
    status: Annotated[RunStatus | None, typer.Option("--status", help="Only these.")] = None,
    instance: InstanceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, the newest first."""
    arguments = {"limit": limit} | ({"status": status.value} if status else {})
    perform("nexla_runs_list", arguments, settings_from(instance=instance), as_json=as_json)


@runs.command()
def show(run: RunArgument, instance: InstanceOption = None, as_json: JsonOption = False) -> None:
    """Show one run: its steps, how far it is, what comes next."""
    perform("nexla_runs_get", {"run_id": run}, settings_from(instance=instance), as_json=as_json)


@runs.command()
def resume(run: RunArgument, dry_run: DryRunOption = False, instance: InstanceOption = None, as_json: JsonOption = False) -> None:
    """Go on with a run that waits or was stopped, after a confirmation at the terminal; follow it to its end."""
    arguments = {"run_id": run} | ({"dry_run": True} if dry_run else {})
    perform("nexla_runs_resume", arguments, settings_from(instance=instance), as_json=as_json)


@runs.command()
def cancel(run: RunArgument, dry_run: DryRunOption = False, instance: InstanceOption = None, as_json: JsonOption = False) -> None:
    """Take back what a run has changed, after a confirmation at the terminal."""
    arguments = {"run_id": run} | ({"dry_run": True} if dry_run else {})
    perform("nexla_runs_cancel", arguments, settings_from(instance=instance), as_json=as_json)
