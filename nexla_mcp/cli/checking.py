"""``nexla-mcp doctor``: what is right and what is not, each with its fix."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import typer

from nexla_mcp.cli.common import (
    FAILED,
    InstanceOption,
    JsonOption,
    ProfileOption,
    SandboxOption,
    ToolsetsOption,
    print_json,
    settings_from,
)

if TYPE_CHECKING:
    from nexla_mcp.settings import Settings

_CLOCK_TOLERANCE_S = 120
_LOGIN = "Run nexla-mcp login, or set NEXLA_SERVICE_KEY; or try doctor --sandbox."


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: ok, warn or fail, what was found, and what to do about it."""

    name: str
    status: str
    found: str
    fix: str = ""


def doctor(
    sandbox: SandboxOption = False,
    instance: InstanceOption = None,
    profile: ProfileOption = None,
    toolsets: ToolsetsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check Python, command, tools, key, API, clock, permissions, state and clients; each with what to do."""
    settings = settings_from(instance=instance, profile=profile, toolsets=toolsets)
    checks = [_python(), _command(), _tools(settings), _instance(settings), _key(settings, sandbox), _state(settings)]
    checks += [*_api(settings, sandbox), *_clients()]
    if as_json:
        print_json({"checks": [asdict(c) for c in checks], "ok": all(c.status != "fail" for c in checks)})
    else:
        _show(checks)
    if any(c.status == "fail" for c in checks):
        raise typer.Exit(FAILED)


def _python() -> Check:
    found = f"{'.'.join(map(str, sys.version_info[:3]))} at {sys.executable}"
    good = sys.version_info >= (3, 11)
    return Check("python", "ok" if good else "fail", found, "" if good else "Install Python 3.11 or newer.")


def _command() -> Check:
    from nexla_mcp.cli.clients.entry import own_command, passing

    here = own_command()
    if passing(here):
        return Check("command", "warn", f"{here[0]} lies in a temporary environment", "pipx install nexla-mcp")
    on_path = shutil.which("nexla-mcp")
    if on_path is None:
        fix = f"Clients do not need it: install writes {here[0]}. For the shell: pipx ensurepath"
        return Check("command", "warn", "nexla-mcp is not on PATH", fix)
    if os.path.realpath(on_path) != os.path.realpath(here[0]):
        return Check("command", "warn", f"PATH has another one: {on_path}; this is {here[0]}", "Remove one of them.")
    return Check("command", "ok", on_path)


def _tools(settings: Settings) -> Check:
    from nexla_mcp.catalog.loader import SpecError, load_catalog
    from nexla_mcp.server.listing import UnknownToolsetError, check_names, listed_tools

    try:
        catalog = load_catalog()
        listed = listed_tools(catalog, settings)
        check_names(catalog, settings)
    except SpecError as error:
        return Check("tools", "fail", str(error).splitlines()[0], "Reinstall nexla-mcp.")
    except UnknownToolsetError as error:
        return Check("tools", "fail", str(error), "Correct NEXLA_MCP_TOOLSETS or NEXLA_MCP_CONFIRM_OFF.")
    what = f"toolsets {', '.join(settings.toolsets)}" if settings.toolsets else f"profile {settings.profile}"
    return Check("tools", "ok", f"{len(listed)} tools are listed ({what}), {len(catalog.operations)} operations can be called")


def _instance(settings: Settings) -> Check:
    from nexla_mcp.instances import config_path, read_instances

    found = read_instances(config_path())  # settings_from has read it without an error
    known = f"of {len(found.settings)} in {found.path}" if found.settings else f"none in {found.path}"
    if settings.instance:
        return Check("instance", "ok", f"{settings.instance}, {known}")
    aside = " is left aside: the environment names a key or another address" if found.default else ""
    return Check("instance", "ok", f"{found.default}{aside}" if aside else f"none is used, {known}")


def _key(settings: Settings, sandbox: bool) -> Check:
    from nexla_mcp.service_key import KeyProblemError, find_key

    if sandbox:
        return Check("key", "ok", "the sandbox brings its own")
    try:
        key = find_key(settings)
    except KeyProblemError as error:
        said, _, fix = str(error).rpartition(". ")
        return Check("key", "fail", said or fix, fix if said else _LOGIN)
    if key is None:
        return Check("key", "fail", "no key is set or stored", _LOGIN)
    if key.kind == "access token":
        return Check("key", "warn", f"access token from {key.where}; it cannot be renewed", "Use a service key: nexla-mcp login")
    return Check("key", "ok", f"service key from {key.where}")


def _state(settings: Settings) -> Check:
    from nexla_mcp.state.folder import state_folder, writable

    folder = state_folder(settings.state_dir)
    if writable(folder):
        return Check("state folder", "ok", str(folder))
    return Check("state folder", "fail", f"{folder} cannot be written", "Set NEXLA_MCP_STATE_DIR to a folder of yours.")


def _api(settings: Settings, sandbox: bool) -> list[Check]:
    """Reach, clock and permissions; skipped with a reason where an earlier one failed."""
    import anyio

    if problem := None if sandbox else settings.url_problem():
        return [Check("api", "fail", problem, "Correct NEXLA_API_URL.")]
    if not sandbox and not settings.configured:
        return [Check("api", "warn", f"{settings.api_url} was not tried without a key", "Set a key first.")]
    return anyio.run(_ask_api, settings, sandbox)


async def _ask_api(settings: Settings, sandbox: bool) -> list[Check]:
    from nexla_mcp.client.errors import NexlaError
    from nexla_mcp.output.render import pick
    from nexla_mcp.output.untrusted import clean
    from nexla_mcp.server.runtime import Runtime

    async with Runtime.open(settings, sandbox=sandbox, transport_name="terminal") as runtime:
        try:
            reply = await runtime.client.call(runtime.catalog.operation("users_get_current"), {})
        except NexlaError as error:
            return [Check("api", "fail", clean(error.message), clean(error.hint))]
        who = clean(str(pick(reply.body, "email")))
        return [
            Check("api", "ok", f"signed in at {runtime.api_url} as {who}"),
            *_clock(reply.headers.get("date", ""), datetime.now(UTC)),
            _permissions(reply.body, settings),
        ]


def _clock(date: str, now: datetime) -> list[Check]:
    try:
        apart = abs((parsedate_to_datetime(date) - now).total_seconds())
    except (ValueError, TypeError):
        return []
    if apart <= _CLOCK_TOLERANCE_S:
        return [Check("clock", "ok", f"{apart:.0f} s from the API's")]
    return [Check("clock", "warn", f"{apart:.0f} s from the API's", "Set this machine's clock: session tokens depend on it.")]


def _permissions(body: Any, settings: Settings) -> Check:
    """What the key may do: the role of its user in the organisation that it works in, and what this server allows."""
    from nexla_mcp.output.render import pick
    from nexla_mcp.output.untrusted import clean

    org = next((v for key in ("default_org", "org", "current_org") if isinstance(v := pick(body, key), dict)), {})
    memberships = [m for m in pick(body, "org_memberships") or [] if isinstance(m, dict)]
    mine = next((m for m in memberships if m.get("id") == org.get("id")), memberships[0] if memberships else {})
    where = clean(str(org.get("name") or mine.get("name") or "its organisation"))
    allowed = "; this server only reads" if settings.read_only else f"; changes are confirmed ({settings.confirm})"
    if bool(mine.get("is_admin?", mine.get("is_admin"))):
        return Check("permissions", "ok", f"administrator of {where}{allowed}")
    text = f"member of {where}: sees and changes what it owns or what is shared with it{allowed}"
    return Check("permissions", "warn", text, "Users, service keys and everybody's resources need a key of an administrator.")


def _clients() -> Iterator[Check]:
    from nexla_mcp.cli.clients.installed import installed

    any_found = False
    for found in installed():
        if not found.name:
            yield Check("client", "warn", found.problem, found.fix)
            continue
        any_found = True
        place = f"{found.client.title}: {found.name} in {found.path}"
        yield Check("client", "fail", f"{place}: {found.problem}", found.fix) if found.problem else Check("client", "ok", place)
    if not any_found:
        yield Check("client", "warn", "no client has this server yet", "nexla-mcp install cursor (or another client)")


def _show(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    table = Table("check", "", "found", "what to do", box=None)
    for c in checks:
        found, fix = (Text(text, overflow="fold") for text in (c.found, c.fix))
        table.add_row(c.name, Text(c.status, style=colours[c.status]), found, fix)
    Console().print(table)
