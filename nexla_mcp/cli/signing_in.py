"""``nexla-mcp login``, ``logout`` and ``instances``: keep a key on this machine, checked before it is stored."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexla_mcp.cli.common import FAILED, INTERRUPTED, JsonOption, print_json, stop

if TYPE_CHECKING:
    from nexla_mcp.instances import Instances
    from nexla_mcp.settings import Settings

LARGEST_KEY = 64_000
InstanceName = Annotated[
    str | None, typer.Option("--instance", help="Name of the instance, for several of them.", show_default="the default one")
]


def login(
    instance: InstanceName = None,
    api_url: Annotated[
        str | None, typer.Option("--api-url", help="Address of the API.", show_default="the instance's, or NEXLA_API_URL")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="PATH", help="Keep the key in this file instead of the system's keyring.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="Use this instance where none is named.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask for a service key (hidden; or read it from stdin), try it, and store it in the system's keyring."""
    from nexla_mcp.service_key import KeyProblemError, remove_from_keyring, store_in_keyring, write_key_file

    found = _instances()
    name = instance or found.default or "default"
    before = dict(found.settings.get(name, {}))
    settings = _with_url(name, api_url or os.environ.get("NEXLA_API_URL", "").strip() or before.get("api_url"))
    if problem := settings.url_problem():
        stop(f"{problem} Nothing was stored.")
    secret = _ask_for_key(settings.api_url)
    who = _try_key(settings, secret)
    file = Path(os.path.abspath(key_file.expanduser())) if key_file else None
    try:
        if file is not None:
            write_key_file(file, secret)
            where = str(file)
        else:
            where = store_in_keyring(name, settings.api_url, secret)
            if before.get("key_store") and before.get("api_url", settings.api_url) != settings.api_url:
                remove_from_keyring(name, str(before["api_url"]))
    except KeyProblemError as error:
        stop(f"The key is good, and was not stored. {error}", FAILED)
    except OSError as error:
        stop(f"The key is good, and was not stored: {file} cannot be written ({error.strerror}).", FAILED)
    kept: dict[str, Any] = {"api_url": settings.api_url, "key_store": None if file else "keyring"}
    kept["service_key_file"] = str(file) if file else None
    _save(found, name, kept, default=name if default or found.default is None else None)
    report = {"instance": name, "api_url": settings.api_url, "user": who, "stored_in": where, "file": str(found.path)}
    if as_json:
        return print_json(report)
    sys.stdout.write(
        f"Signed in at {settings.api_url} as {who}.\nThe key is in: {where}.\nThe instance {name} is in {found.path}, without"
        " the key.\nNext: nexla-mcp install claude-desktop (or claude-code, cursor, vscode, gemini, codex)\n"
    )
    return None


def logout(
    instance: InstanceName = None,
    delete_key_file: Annotated[
        bool, typer.Option("--delete-key-file", help="Delete the key file as well, if there is one.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget the stored key of an instance; its address and settings stay."""
    from nexla_mcp.service_key import KeyProblemError, remove_from_keyring
    from nexla_mcp.settings import DEFAULT_API_URL

    found = _instances()
    name = instance or found.default or "default"
    own = dict(found.settings.get(name, {}))
    file = own.get("service_key_file")
    if not file and not own.get("key_store"):
        stop(f"No key of instance {name} is stored. Nothing was changed.", FAILED)
    removed: list[str] = []
    try:
        if own.get("key_store") and remove_from_keyring(name, str(own.get("api_url", DEFAULT_API_URL))):
            removed.append("keyring")
        if file and delete_key_file:
            Path(file).unlink(missing_ok=True)
            removed.append(str(file))
    except KeyProblemError as error:
        stop(f"{error} Nothing was changed.", FAILED)
    except OSError as error:
        stop(f"{file} cannot be deleted ({error.strerror}).", FAILED)
    _save(found, name, {"key_store": None, "service_key_file": None})
    left = str(file) if file and not delete_key_file else None
    if as_json:
        return print_json({"instance": name, "removed": removed, "left": left})
    sys.stdout.write(f"The key of instance {name} is forgotten ({', '.join(removed) or 'no copy was kept here'}).\n")
    sys.stdout.write(f"The file {left} was left; delete it yourself.\n" if left else "")
    sys.stdout.write("A running server keeps its session until it ends. To end the key itself, revoke it in Nexla.\n")
    return None


def instances(as_json: JsonOption = False) -> None:
    """Show the instances in the configuration file, and where their keys are."""
    found = _instances()
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "default": name == found.default,
            "api_url": own.get("api_url"),
            "key": own.get("service_key_file") or own.get("key_store"),
            "settings": {k: v for k, v in own.items() if k not in ("api_url", "key_store", "service_key_file")},
        }
        for name, own in found.settings.items()
    ]
    if as_json:
        return print_json({"file": str(found.path), "instances": rows})
    if not rows:
        sys.stdout.write(f"No instances in {found.path}. Add one: nexla-mcp login\n")
        return None
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("instance", "address", "key", "settings", box=None)
    for row in rows:
        more = ", ".join(f"{key}={value}" for key, value in row["settings"].items())
        mark = " (default)" if row["default"] else ""
        table.add_row(*(Text(str(cell or "-")) for cell in (f"{row['name']}{mark}", row["api_url"], row["key"], more)))
    Console().print(table)
    return None


def _instances() -> Instances:
    from nexla_mcp.instances import InstancesError, config_path, read_instances

    try:
        return read_instances(config_path())
    except InstancesError as error:
        stop(str(error))


def _with_url(name: str, url: Any) -> Settings:
    """Settings of this address alone: what the environment says of a key does not count here."""
    from pydantic import ValidationError

    from nexla_mcp.settings import DEFAULT_API_URL, Settings

    nothing = {"NEXLA_SERVICE_KEY": None, "NEXLA_SERVICE_KEY_FILE": None, "NEXLA_ACCESS_TOKEN": None, "key_store": None}
    try:
        return Settings(NEXLA_API_URL=url or DEFAULT_API_URL, instance=name, **nothing)
    except ValidationError as error:
        stop(
            "\n".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors(include_input=False, include_url=False))
        )


def _ask_for_key(url: str) -> str:
    if sys.stdin.isatty():
        from getpass import getpass

        try:
            secret = getpass(f"Service key for {url} (not shown): ", stream=sys.stderr)  # hides before it asks
        except EOFError:
            secret = ""
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
    else:
        secret = sys.stdin.read(LARGEST_KEY)
    lines = secret.strip().splitlines()
    if len(lines) != 1:
        stop("The key must be one line, typed or on stdin. Nothing was stored.")
    return str(lines[0].strip())


def _try_key(settings: Settings, secret: str) -> str:
    """Who the key signs in; stops when it does not."""
    import anyio
    from pydantic import SecretStr

    from nexla_mcp.client.errors import NexlaError
    from nexla_mcp.output.render import pick
    from nexla_mcp.output.untrusted import clean
    from nexla_mcp.server.runtime import Runtime

    trial = settings.model_copy(update={"service_key": SecretStr(secret)})

    async def ask() -> str:
        async with Runtime.open(trial, transport_name="terminal") as runtime:
            reply = await runtime.client.call(runtime.catalog.operation("users_get_current"), {})
            return str(clean(str(pick(reply.body, "email") or pick(reply.body, "full_name") or "?")))

    try:
        return anyio.run(ask)
    except NexlaError as error:
        stop(f"{clean(error.message)} Nothing was stored. {clean(error.hint)}", FAILED)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _save(found: Instances, name: str, values: dict[str, Any], default: str | None = None) -> None:
    from nexla_mcp.instances import InstancesError, save_instance

    try:
        save_instance(found.path, name, values, default=default)
    except InstancesError as error:
        stop(str(error), FAILED)
