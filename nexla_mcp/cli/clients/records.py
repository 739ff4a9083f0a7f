"""One record for each client: where its configuration is, its form, and what it can do for a key and a question.

    client = CLIENTS["cursor"]
    client.path()        # where its configuration is on this machine

Sources are the clients' own documentation: VS Code "MCP configuration reference", Cursor "MCP", Gemini CLI "MCP servers" and
"Configuration", Codex "MCP", Claude Code "Connect to tools via MCP" (user scope), Claude Desktop "Local MCP servers".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Client:
    """What differs between clients.

    ``places`` are templates by system; of several, the first whose folder exists counts. ``variable`` is how a value of
    ``env`` names a variable of the client's own environment; ``inputs``, that the client asks for a secret and keeps it;
    ``passes_on``, the key that lists variables to pass on by name.
    """

    name: str
    title: str
    places: Mapping[str, tuple[str, ...]]
    table: str = "mcpServers"
    form: Literal["json", "toml"] = "json"
    typed: bool = False
    variable: str | None = None
    inputs: bool = False
    passes_on: str | None = None
    asks_by: Literal["form", "either", "ticket"] = "ticket"
    extra: Mapping[str, int] = field(default_factory=dict)
    then: str = "Restart it."

    def paths(
        self, system: str = sys.platform, environment: Mapping[str, str] | None = None, home: Path | None = None
    ) -> list[Path]:
        """Where the configuration may be, the likeliest first."""
        given = os.environ if environment is None else environment
        home = home or Path.home()
        known = {
            "home": str(home),
            "config": given.get("XDG_CONFIG_HOME") or f"{home}/.config",
            "appdata": given.get("APPDATA") or f"{home}/AppData/Roaming",
            "localappdata": given.get("LOCALAPPDATA") or f"{home}/AppData/Local",
            "claude": given.get("CLAUDE_CONFIG_DIR") or str(home),
            "codex": given.get("CODEX_HOME") or f"{home}/.codex",
        }
        templates = self.places.get(system) or self.places["linux"]
        return [Path(template.format_map(known)) for template in templates]

    def path(self, system: str = sys.platform, environment: Mapping[str, str] | None = None, home: Path | None = None) -> Path:
        """Where the configuration is, or would be made."""
        paths = self.paths(system, environment, home)
        return next((path for path in paths if path.parent.is_dir()), paths[-1])


def _same(place: str) -> dict[str, tuple[str, ...]]:
    return {"linux": (place,)}


_ALL = (
    Client(
        "claude-desktop",
        "Claude Desktop",
        {
            "linux": ("{config}/Claude/claude_desktop_config.json",),
            "darwin": ("{home}/Library/Application Support/Claude/claude_desktop_config.json",),
            "win32": (
                # the package from the store keeps its files apart
                "{localappdata}/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json",
                "{appdata}/Claude/claude_desktop_config.json",
            ),
        },
        then="Quit it (not only its window) and start it again.",
    ),
    Client(
        "claude-code",
        "Claude Code",
        _same("{claude}/.claude.json"),
        typed=True,
        variable="${%s}",
        asks_by="form",
        then="Start a new session; /mcp shows the server.",
    ),
    Client(
        "cursor",
        "Cursor",
        _same("{home}/.cursor/mcp.json"),
        typed=True,
        variable="${env:%s}",
        asks_by="form",
        then="Settings > MCP shows the server; switch it on there.",
    ),
    Client(
        "vscode",
        "VS Code",
        {
            "linux": ("{config}/Code/User/mcp.json",),
            "darwin": ("{home}/Library/Application Support/Code/User/mcp.json",),
            "win32": ("{appdata}/Code/User/mcp.json",),
        },
        table="servers",
        typed=True,
        variable="${env:%s}",
        inputs=True,
        asks_by="form",
        then="Run 'MCP: List Servers' and start it; with an input, VS Code asks for the key once and keeps it.",
    ),
    Client(
        "gemini",
        "Gemini CLI",
        _same("{home}/.gemini/settings.json"),
        variable="$%s",
        extra={"timeout": 60_000},
        then="Start a new session; /mcp shows the server.",
    ),
    Client(
        "codex",
        "Codex",
        _same("{codex}/config.toml"),
        table="mcp_servers",
        form="toml",
        passes_on="env_vars",
        asks_by="either",
        extra={"tool_timeout_sec": 60},
        then="Start a new session; /mcp shows the server.",
    ),
)
CLIENTS: Mapping[str, Client] = {client.name: client for client in _ALL}
