"""``nexla-mcp doctor``: what is right and what is not, each with its fix."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import typer

from nexla_mcp.cli.common import FAILED, JsonOption, SandboxOption, print_json, settings_from

_CLOCK_TOLERANCE_S = 120


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: ok, warn or fail, what was found, and what to do about it."""

    name: str
    status: str
    found: str
    fix: str = ""


def doctor(sandbox: SandboxOption = False, as_json: JsonOption = False) -> None:
    """Check Python, command, key, API, clock, permissions, state and client configurations."""
    settings = settings_from()
    checks = [_python(), _command(), _specs(), _key(settings, sandbox), _state(settings), *_api(settings, sandbox), _clients()]
    if as_json:
        print_json({"checks": [asdict(c) for c in checks], "ok": all(c.status != "fail" for c in checks)})
    else:
        _show(checks)
    if any(c.status == "fail" for c in checks):
        raise typer.Exit(FAILED)


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Check("python", "ok" if good else "fail", found, "" if good else "Install Python 3.11 or newer.")


def _command() -> Check:
    here = Path(sys.argv[0]).resolve()
    if shutil.which("nexla-mcp"):
        return Check("command", "ok", f"nexla-mcp is on PATH; for clients use {here}")
    return Check(
        "command", "warn", f"nexla-mcp is not on PATH; it is {here}", f"Use {here} as command in the client's configuration."
    )


def _specs() -> Check:
    from nexla_mcp.catalog.loader import SpecError, load_catalog

    try:
        catalog = load_catalog()
    except SpecError as error:
        return Check("tool specs", "fail", str(error).splitlines()[0], "Reinstall nexla-mcp.")
    return Check("tool specs", "ok", f"{len(catalog.operations)} operations, {len(catalog.tools)} tools")


def _key(settings: Any, sandbox: bool) -> Check:
    if sandbox:
        return Check("key", "ok", "the sandbox brings its own")
    if settings.service_key:
        return Check("key", "ok", "NEXLA_SERVICE_KEY is set")
    if settings.access_token:
        return Check(
            "key", "warn", "NEXLA_ACCESS_TOKEN is set; it cannot be renewed", "Use NEXLA_SERVICE_KEY for more than an hour."
        )
    return Check(
        "key",
        "fail",
        "neither NEXLA_SERVICE_KEY nor NEXLA_ACCESS_TOKEN is set",
        "Set NEXLA_SERVICE_KEY, or try doctor --sandbox.",
    )


def _state(settings: Any) -> Check:
    from nexla_mcp.state.receipts import Receipts

    folder = Receipts.at(settings.state_dir).path.parent
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    if os.access(existing, os.W_OK):
        return Check("state folder", "ok", str(folder))
    return Check("state folder", "fail", f"{folder} cannot be written", "Set NEXLA_MCP_STATE_DIR to a folder of yours.")


def _api(settings: Any, sandbox: bool) -> list[Check]:
    """Reach, clock and permissions; skipped with a reason where an earlier one failed."""
    import anyio

    if problem := None if sandbox else settings.url_problem():
        return [Check("api", "fail", problem, "Correct NEXLA_API_URL.")]
    if not sandbox and not settings.configured:
        return [Check("api", "warn", f"{settings.api_url} was not tried without a key", "Set a key first.")]
    return anyio.run(_ask_api, settings, sandbox)


async def _ask_api(settings: Any, sandbox: bool) -> list[Check]:
    from nexla_mcp.client.errors import NexlaError
    from nexla_mcp.output.render import pick
    from nexla_mcp.output.untrusted import clean
    from nexla_mcp.server.runtime import Runtime

    async with Runtime.open(settings, sandbox=sandbox) as runtime:
        try:
            reply = await runtime.client.call(runtime.catalog.operation("users_get_current"), {})
        except NexlaError as error:
            return [Check("api", "fail", clean(error.message), error.hint)]
        checks = [Check("api", "ok", f"signed in at {runtime.api_url} as {clean(str(pick(reply.body, 'email')))}")]
        checks += _clock(reply.headers.get("date", ""))
        member = next((m for m in pick(reply.body, "org_memberships") or [] if isinstance(m, dict)), {})
        admin = bool(member.get("is_admin?", member.get("is_admin")))
        role = "organisation administrator" if admin else "member: some operations need more rights"
        return [*checks, Check("permissions", "ok" if admin else "warn", role)]


def _clock(date: str) -> list[Check]:
    try:
        apart = abs((parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return []
    if apart <= _CLOCK_TOLERANCE_S:
        return [Check("clock", "ok", f"{apart:.0f} s from the API's")]
    return [Check("clock", "warn", f"{apart:.0f} s from the API's", "Set this machine's clock: session tokens depend on it.")]


def _clients() -> Check:
    home = Path.home()
    places: dict[str, Callable[[], Path]] = {
        "Claude Desktop": lambda: home / "Library/Application Support/Claude/claude_desktop_config.json",
        "Claude Desktop (Linux)": lambda: home / ".config/Claude/claude_desktop_config.json",
        "Claude Code": lambda: home / ".claude.json",
        "Cursor": lambda: home / ".cursor/mcp.json",
        "VS Code": lambda: home / ".config/Code/User/mcp.json",
        "Gemini CLI": lambda: home / ".gemini/settings.json",
        "Codex": lambda: home / ".codex/config.toml",
    }
    found = [name for name, place in places.items() if place().is_file() and "nexla-mcp" in place().read_text(errors="replace")]
    if found:
        return Check("clients", "ok", f"configured in {', '.join(found)}")
    return Check("clients", "warn", "no client configuration names nexla-mcp", "See README, Connect a client.")


def _show(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    table = Table("check", "", "found", "what to do", box=None)
    for c in checks:
        table.add_row(c.name, Text(c.status, style=colours[c.status]), Text(c.found), Text(c.fix))
    Console().print(table)
