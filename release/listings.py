"""``server.json`` of the MCP registry and the manifest of the MCP bundle, made from ``pyproject.toml``, settings and catalogue.

    server_json()["version"]                      # as in the package
    bundle_manifest(load_catalog())["tools"]      # as --profile default lists them

Both files are generated (``make generate``), so that versions, tools and descriptions cannot drift apart. Sources of the
forms: the registry's ``server.schema.json`` of 2025-12-11; the bundle's manifest schema 0.4 and its README on ``uv``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import nexla_mcp
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.server.listing import listed_tools
from nexla_mcp.settings import DEFAULT_API_URL, Profile, Settings

ROOT = Path(__file__).resolve().parent.parent
REGISTRY_NAME = "io.github.nexla-mcp/nexla-mcp"
"""Has to begin with the account that publishes; the same line stands in the README, where the registry looks for it."""
REGISTRY_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
SHORT = "Run, troubleshoot and document Nexla data flows; changes wait for a person's confirmation."


def project() -> dict[str, Any]:
    """The table ``project`` of ``pyproject.toml``."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def _said(setting: str) -> str:
    return str(Settings.model_fields[setting].description)


def server_json() -> dict[str, Any]:
    """The entry of the MCP registry."""
    variables: list[dict[str, Any]] = [
        {"name": Settings.variable("service_key"), "description": _said("service_key"), "isRequired": True, "isSecret": True},
        {"name": Settings.variable("api_url"), "description": _said("api_url"), "default": DEFAULT_API_URL},
        {"name": Settings.variable("read_only"), "description": _said("read_only"), "format": "boolean", "default": "false"},
        {
            "name": Settings.variable("profile"),
            "description": _said("profile"),
            "choices": [p.value for p in Profile],
            "default": Profile.DEFAULT.value,
        },
    ]
    return {
        "$schema": REGISTRY_SCHEMA,
        "name": REGISTRY_NAME,
        "title": "Nexla",
        "description": SHORT,
        "version": nexla_mcp.__version__,
        "packages": [
            {
                "registryType": "pypi",
                "identifier": project()["name"],
                "version": nexla_mcp.__version__,
                "runtimeHint": "uvx",
                "transport": {"type": "stdio"},
                "packageArguments": [{"type": "positional", "value": "serve"}],
                "environmentVariables": variables,
            }
        ],
    }


def bundle_manifest(catalog: Catalog) -> dict[str, Any]:
    """The manifest of the MCP bundle: the host brings Python and the libraries (``uv``), and asks the person for the key."""
    tools = listed_tools(catalog, Settings(profile=Profile.DEFAULT, toolsets=()))
    return {
        "manifest_version": "0.4",
        "name": project()["name"],
        "display_name": "Nexla",
        "version": nexla_mcp.__version__,
        "description": SHORT,
        "long_description": project()["description"] + " Not affiliated with Nexla, Inc.",
        "author": {"name": "The nexla-mcp authors"},
        "license": project()["license"],
        "keywords": project()["keywords"],
        "server": {
            "type": "uv",
            "entry_point": "server.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", "server.py", "serve"],
                "env": {
                    Settings.variable("service_key"): "${user_config.service_key}",
                    Settings.variable("api_url"): "${user_config.api_url}",
                    Settings.variable("read_only"): "${user_config.read_only}",
                    Settings.variable("profile"): "${user_config.profile}",
                },
            },
        },
        "tools": [{"name": tool.name, "description": _first_sentence(tool.description or "")} for tool in tools],
        "tools_generated": True,
        "prompts_generated": True,
        "compatibility": {"platforms": ["darwin", "win32", "linux"], "runtimes": {"python": project()["requires-python"]}},
        "user_config": {
            "service_key": {
                "type": "string",
                "title": "Nexla service key",
                "description": "Made in Nexla under Settings > Authentication > Service Keys. Kept by the client, not in a file.",
                "sensitive": True,
                "required": True,
            },
            "api_url": {
                "type": "string",
                "title": "API address",
                "description": _said("api_url"),
                "default": DEFAULT_API_URL,
                "required": False,
            },
            "read_only": {
                "type": "boolean",
                "title": "Read only",
                "description": _said("read_only"),
                "default": False,
                "required": False,
            },
            "profile": {
                "type": "string",
                "title": "Tools to list",
                "description": _said("profile"),
                "default": Profile.DEFAULT.value,
                "required": False,
            },
        },
    }


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].rstrip(".") + "."
