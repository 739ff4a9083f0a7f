"""``nexla-mcp dev ...``: for people who work on this server, in a checkout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nexla_mcp.cli.common import JsonOption, print_json, stop

dev = typer.Typer(help="For people who work on this server: commands for a checkout.", no_args_is_help=True)


@dev.callback()
def _group() -> None:
    """For people who work on this server: commands for a checkout."""


@dev.command("new-operation")
def new_operation(
    method: Annotated[str, typer.Argument(help="GET, POST, PUT or DELETE.")],
    path: Annotated[str, typer.Argument(help="Path under the API's address, e.g. '/data_sources/{source_id}/reset'.")],
    name: Annotated[str | None, typer.Option("--name", help="Name of the operation; proposed when left out.")] = None,
    toolset: Annotated[str | None, typer.Option("--toolset", help="Toolset it belongs to; found by its path.")] = None,
    specs: Annotated[Path | None, typer.Option("--specs", help="Folder of the tool specs.", hidden=True)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the draft and write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a draft of an operation into the tool spec it belongs to. Nothing is offered until the draft is finished."""
    from nexla_mcp.catalog.loader import SpecError, data_root, load_catalog
    from nexla_mcp.catalog.scaffold import ScaffoldError, insert, propose, read_toolsets

    root = specs or data_root("tool_specs")
    if not specs and (root.parent / "__init__.py").exists():
        stop("new-operation works in a checkout of this project: its tool_specs/ is what people edit. Nothing was written.")
    try:
        load_catalog(root)
        draft = propose(read_toolsets(root), method, path, toolset=toolset, name=name)
        line = 0 if dry_run else insert(root, draft)
        load_catalog(root)
    except (ScaffoldError, SpecError) as error:
        stop(f"{error} Nothing was written.")
    file = f"{root.name}/{draft.toolset}.json"
    if as_json:
        return print_json({"file": file, "line": line or None, "entry": draft.entry, "reasons": draft.reasons})
    if dry_run:
        return print_json(draft.entry)
    sys.stdout.write(_what_next(f"{file}:{line}", draft.toolset, draft.entry["name"], draft.reasons))


def _what_next(place: str, toolset: str, name: str, reasons: tuple[str, ...]) -> str:
    return f"""Draft of {name} written to {place}
  {"; ".join(reasons)}

Fill in there:
  title, description     what it does; what it does not touch; the first sentence stands alone (200 characters at most)
  risk                   read, write, disrupt or destroy, as docs/architecture.md explains
  parameters, required   query and body as well: "in", type, description; "wire" where the form sent differs
  returns                shape, what comes back, summary_fields, sensitive_fields
  undo, preview          how it is taken back; what a person is shown before it is done (disrupt and destroy)
  synonyms, examples     three or more ways of asking for it; a call with real-looking arguments
  documented, in_sdk     true where the published API, or nexla-sdk, has it; then the description does not end in "Undocumented"
  sources                where the facts come from: OAS, SDK, GUIDE
Then take "draft": true out, and:
  nexla-mcp tools --toolsets {toolset}   names file and line of what is still wrong
  note name and least risk under "later" in tests/contract/expected_operations.json, and the route that is sent
    under "routes" in tests/contract/wire_differences.json unless nexla-sdk has the call
  make generate && python -m benchmarks.contract --update
  pytest tests/catalog tests/contract
CONTRIBUTING.md, "Adding an operation", has the whole way.
"""
