"""What every command shares: settings from options and environment, how to stop, exit codes.

``EXIT_CODES`` says what a script may rely on; docs/cli.md shows the same table.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn

import typer

from nexla_mcp.cli.completion import instance_names

DONE, FAILED, USAGE, NOT_CONFIRMED, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_CODES = {
    DONE: "Done; also a dry run, and an install that found everything in place.",
    FAILED: "The tool, a check of doctor or a file said no; the message says why, and what was changed.",
    USAGE: "Wrong options, arguments, settings or configuration file. Nothing was sent.",
    NOT_CONFIRMED: "A person declined, or nobody could be asked: the preview and a ticket were printed. Nothing was changed.",
    INTERRUPTED: "Interrupted with Ctrl-C.",
}

ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="Tools to list: default, lean or all.", show_default="default")
]
ToolsetsOption = Annotated[
    str | None, typer.Option("--toolsets", help="List the operations of these toolsets as tools, comma-separated.")
]
ReadOnlyOption = Annotated[bool, typer.Option("--read-only", help="Refuse every call that changes something.")]
ConfirmOption = Annotated[
    str | None,
    typer.Option("--confirm", help="How changes are confirmed: auto, page, ticket, deny or off.", show_default="auto"),
]
ConfirmOffOption = Annotated[
    str | None,
    typer.Option(
        "--confirm-off-operations",
        metavar="NAMES",
        help="With --confirm off: the operations that nobody is asked about, comma-separated.",
    ),
]
InstanceOption = Annotated[
    str | None,
    typer.Option(
        "--instance",
        help="Instance of Nexla from the configuration file; see login.",
        show_default="default",
        autocompletion=instance_names,
    ),
]
SandboxOption = Annotated[bool, typer.Option("--sandbox", help="Use the built-in sandbox instead of a real Nexla; needs no key.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def settings_from(**given: Any) -> Any:
    """Settings from all sources with the options of the command line on top; stops with code 2 when they are wrong."""
    from pydantic import ValidationError

    from nexla_mcp.instances import InstancesError, load_settings

    try:
        return load_settings(**{k: v for k, v in given.items() if v is not None})
    except InstancesError as error:
        stop(str(error))
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, p['loc'])) or 'settings'}: {p['msg']}"
            for p in error.errors(include_input=False, include_url=False)
        ]
        stop("\n".join(lines))


def stop(message: str, code: int = USAGE) -> NoReturn:
    """End with a message for the person on stderr."""
    sys.stderr.write(f"nexla-mcp: {message}\n")
    raise typer.Exit(code)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    import json

    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n")
