"""The instances of Nexla that a person works with, in one TOML file, and the settings that follow from all sources.

    settings = load_settings(instance="prod", read_only=True)

    # instances.toml
    default = "prod"
    [instances.prod]
    api_url = "https://dataops.nexla.io/nexla-api"
    key_store = "keyring"              # or service_key_file = "/home/me/.nexla/prod.key"; never the key itself
    read_only = true                   # any other setting that is no secret

For each setting the first source that has it counts: an option of the command line, the environment, the instance in the
file, the default. Address and key are taken together, so that the key of one instance is not sent to another:

- an instance that was named (--instance, NEXLA_MCP_INSTANCE) brings its address, and its key if it has one;
- else a key in the environment counts, with the environment's address;
- else the file's default instance counts, unless the environment names another address than the instance's.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from nexla_mcp.files import replace_file
from nexla_mcp.settings import DEFAULT_API_URL, Settings

SECRETS = ("service_key", "access_token", "seal_keys", "state_url")
KEYS = ("service_key", "service_key_file", "access_token", "key_store")
REACH = ("api_url", *KEYS)
_NOT_OF_AN_INSTANCE = ("instance", "config_file", *SECRETS)
KNOWN = tuple(name for name in Settings.model_fields if name not in _NOT_OF_AN_INSTANCE)


class InstancesError(Exception):
    """The file of the instances cannot be used, or does not have the instance; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Instances:
    """What the file says: the settings of each instance by name, and which one counts when none is named."""

    path: Path
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    default: str | None = None

    def named(self, name: str) -> Mapping[str, Any]:
        """The settings of one instance.

        Raises:
            InstancesError: there is none of this name.
        """
        if name in self.settings:
            return self.settings[name]
        there = ", ".join(self.settings) or "none yet"
        raise InstancesError(
            f"There is no instance {name!r} in {self.path} (there is: {there}). Run: nexla-mcp login --instance {name}"
        )


def config_path(given: Path | str | None = None) -> Path:
    """The file of the instances: what was given, NEXLA_MCP_CONFIG_FILE, or the platform's place for configuration."""
    if given := given or os.environ.get("NEXLA_MCP_CONFIG_FILE", "").strip():
        return Path(given).expanduser()
    from platformdirs import user_config_path

    return user_config_path("nexla-mcp", appauthor=False) / "instances.toml"


def read_instances(path: Path) -> Instances:
    """The file as it is; no file means no instances.

    Raises:
        InstancesError: it cannot be read, is no TOML, or holds a secret or a setting that does not exist.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return Instances(path)
    except (OSError, ValueError) as error:
        raise InstancesError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    tables, default = document.get("instances", {}), document.get("default")
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise InstancesError(f"{path}: each instance is a table, such as [instances.prod].")
    if unknown := set(document) - {"instances", "default"}:
        raise InstancesError(f"{path}: {sorted(unknown)[0]!r} is not known here; there is default, and [instances.NAME].")
    for name, table in tables.items():
        for key in table:
            _check(path, name, key)
    if default is not None and default not in tables:
        raise InstancesError(f"{path}: default names {default!r}, which is not one of its instances.")
    return Instances(path, tables, default or ("default" if "default" in tables else None))


def _check(path: Path, name: str, key: str) -> None:
    if key in SECRETS:
        raise InstancesError(f"{path}: {key} of instance {name} is a secret and does not belong there. Use nexla-mcp login.")
    if key not in KNOWN:
        near = get_close_matches(key, KNOWN, n=1)
        guess = f" Did you mean {near[0]}?" if near else ""
        raise InstancesError(f"{path}: instance {name} has {key!r}, which is no setting.{guess}")


def load_settings(**given: Any) -> Settings:
    """The settings from all sources; ``given`` are the options of the command line.

    Raises:
        InstancesError: the file cannot be used, or the instance that was named is not in it.
        pydantic.ValidationError: a value is not one of the setting's.
    """
    named = given.get("instance") or os.environ.get("NEXLA_MCP_INSTANCE", "").strip() or None
    found = read_instances(config_path(given.get("config_file")))
    name = named or found.default
    if name is None:
        return Settings(**given)
    own = {key: value for key, value in found.named(name).items() if value is not None}
    if named:
        reach = {"api_url": DEFAULT_API_URL} | {key: own[key] for key in REACH if key in own}
        if any(key in reach for key in KEYS):
            reach = dict.fromkeys(KEYS) | reach
    elif _brings_its_own(own):
        reach, name = {}, None
    else:
        reach = {key: own[key] for key in REACH if key in own}
    rest = {key: value for key, value in own.items() if key not in REACH and _environment(key) is None}
    return Settings(**{_key(key): value for key, value in (rest | reach | given | {"instance": name}).items()})


def _brings_its_own(own: Mapping[str, Any]) -> bool:
    """True when the environment says whom to reach, and it is not just the default instance's address."""
    if any(_environment(key) for key in KEYS):
        return True
    url = _environment("api_url")
    return bool(url) and url.rstrip("/") != str(own.get("api_url", DEFAULT_API_URL)).rstrip("/")  # type: ignore[union-attr]


def _environment(name: str) -> str | None:
    """A setting's value in the environment; for a key, an empty variable is none."""
    value = os.environ.get(Settings.variable(name))
    return (value or "").strip() or None if name in REACH else value


def _key(name: str) -> str:
    """The name by which a value wins over the variable of the same setting."""
    return Settings.variable(name) if Settings.model_fields[name].validation_alias else name


def save_instance(path: Path, name: str, values: Mapping[str, Any], *, default: str | None = None) -> None:
    """Set values of one instance, or remove those that are None; comments and the rest of the file stay.

    Raises:
        InstancesError: the file cannot be read or written; it is as it was.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
        if default is not None:
            document["default"] = default
        tables = document.setdefault("instances", tomlkit.table(is_super_table=True))
        table = tables.setdefault(name, tomlkit.table())
        for key, value in values.items():
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        replace_file(path, tomlkit.dumps(document).encode())
    except (OSError, TOMLKitError) as error:
        raise InstancesError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from None
