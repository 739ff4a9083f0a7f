"""``nexla-mcp changes``: what was changed through this server with the present key, and taking it back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from nexla_mcp.cli.common import InstanceOption, JsonOption, settings_from
from nexla_mcp.cli.front_door import perform

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the request and its effects; send nothing.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100, help="Rows.")]


class ChangeOutcome(StrEnum):
    """What came of a change."""

    APPLIED = "applied"
    NOT_APPLIED = "not applied"
    UNKNOWN = "outcome unknown"
    UNDER_WAY = "under way"


changes = typer.Typer(name="changes", help="What was changed through this server, and taking it back.", no_args_is_help=True)
NumberArgument = Annotated[int, typer.Argument(min=1, help="Number of the change, from changes list.", show_default=False)]


@changes.command("list")
def list_changes(
    limit: LimitOption = 20,
    before: Annotated[int | None, typer.Option("--before", min=1, help="Only changes with a lower number.")] = None,
    operation: Annotated[str | None, typer.Option("--operation", help="Only this operation.")] = None,
    outcome: Annotated[ChangeOutcome | None, typer.Option("--outcome", help="Only these.")] = None,
    instance: InstanceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List changes, the newest first."""
    given = {"limit": limit, "before": before, "operation": operation, "outcome": outcome and outcome.value}
    arguments = {name: value for name, value in given.items() if value is not None}
    perform("nexla_history_list_changes", arguments, settings_from(instance=instance), as_json=as_json)


@changes.command()
def show(number: NumberArgument, instance: InstanceOption = None, as_json: JsonOption = False) -> None:
    """Show one change: what was before, what was sent, what came of it."""
    perform("nexla_history_get_change", {"change_id": number}, settings_from(instance=instance), as_json=as_json)


@changes.command()
def revert(
    number: NumberArgument, dry_run: DryRunOption = False, instance: InstanceOption = None, as_json: JsonOption = False
) -> None:
    """Take one change back, after a confirmation at the terminal."""
    arguments = {"change_id": number} | ({"dry_run": True} if dry_run else {})
    perform("nexla_history_revert_change", arguments, settings_from(instance=instance), as_json=as_json)
