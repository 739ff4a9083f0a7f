"""Settings from the environment: how to reach Nexla, what is listed, how a person is asked.

    settings = Settings()          # reads NEXLA_* and NEXLA_MCP_*
    settings.configured            # is there a key or a token, or a place where one is kept?

This is what one source says: values that were passed, then the environment, then the defaults. The command line loads
its settings with :func:`nexla_mcp.instances.load_settings`, which puts the instances' file between the environment and
the defaults; the whole order is written there. Secrets are ``SecretStr`` and never printed.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nexla_mcp.addresses import LOOPBACK

DEFAULT_API_URL = "https://dataops.nexla.io/nexla-api"
_UNFILLED = re.compile(r"\$\{[^}]*\}|\$[A-Z_][A-Z0-9_]*")
"""What a host leaves behind where it could not fill in a variable."""


class Profile(StrEnum):
    """Which tools are listed; every operation can be called by name in each of them."""

    DEFAULT = "default"
    LEAN = "lean"
    ALL = "all"


class Confirm(StrEnum):
    """How a person confirms a call that stops, deletes or exposes something."""

    AUTO = "auto"
    PAGE = "page"
    TICKET = "ticket"
    DENY = "deny"
    OFF = "off"


class Settings(BaseSettings):
    """Everything that can be set from outside."""

    model_config = SettingsConfigDict(
        env_prefix="NEXLA_MCP_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    service_key: SecretStr | None = Field(
        None, validation_alias="NEXLA_SERVICE_KEY", description="Service key; exchanged for a session token. Wins over the token."
    )
    service_key_file: Path | None = Field(
        None,
        validation_alias="NEXLA_SERVICE_KEY_FILE",
        description="File that holds the service key and nothing else; only its owner may be able to read it.",
    )
    access_token: SecretStr | None = Field(
        None, validation_alias="NEXLA_ACCESS_TOKEN", description="Session token used as it is; cannot be renewed."
    )
    instance: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
        description="Name of an instance in the configuration file: its address, key and settings are used.",
    )
    key_store: Literal["keyring"] | None = Field(
        None,
        description="keyring: the key of this instance and address is in the system's keyring, put there by nexla-mcp login.",
    )
    config_file: Path | None = Field(
        None, description="File of the instances; default: instances.toml in the platform's configuration folder."
    )
    api_url: str = Field(
        DEFAULT_API_URL, validation_alias="NEXLA_API_URL", description="Base URL of the Nexla API, without a trailing slash."
    )
    profile: Profile = Field(Profile.DEFAULT, description="Tools to list: default, lean or all.")
    toolsets: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="List the operations of these toolsets as tools, comma-separated."
    )
    read_only: bool = Field(False, description="Refuse every call that changes something.")
    confirm: Confirm = Field(
        Confirm.AUTO,
        description="auto: ask with a form, else with a ticket; page: on a local web page; ticket: always two calls;"
        " deny: refuse; off: do not ask about the operations of confirm_off, else as auto.",
    )
    confirm_off: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Operations that nobody is asked about with confirm=off, comma-separated; guardrails still ask."
    )
    open_browser: bool = Field(True, description="Open the page of confirm=page in a browser of this machine.")
    page_wait_s: float = Field(
        40.0, ge=0, le=40, description="Seconds that a call waits for the page before it returns the address."
    )
    max_changes_per_hour: int = Field(60, ge=0, description="Changes of risk disrupt that one caller makes in an hour at most.")
    max_destroys_per_hour: int = Field(20, ge=0, description="Changes of risk destroy that one caller makes in an hour at most.")
    seal_keys: SecretStr | None = Field(
        None, description="Keys (32 bytes or more, comma-separated, the first one seals) for tickets; default: made at start."
    )
    log_level: str = Field("warning", description="Level of the log on stderr.")
    max_concurrency: int = Field(8, ge=1, le=64, description="Requests to Nexla at the same time.")
    allow_http: bool = Field(False, description="Accept an http:// API URL that is not on loopback.")
    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Further hosts that webhook records may be sent to, comma-separated."
    )
    state_dir: Path | None = Field(
        None, description="Folder of the receipts and of state.db; default: the platform's state folder."
    )
    state_url: SecretStr | None = Field(
        None, description="postgresql://... for the tickets, changes and limits of several processes; default: state.db."
    )

    @field_validator(
        "service_key", "service_key_file", "access_token", "state_url", "instance", "key_store", "config_file", mode="before"
    )
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and (not value.strip() or _UNFILLED.fullmatch(value.strip())) else value

    @field_validator("toolsets", "webhook_hosts", "confirm_off", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(v.strip() for v in value.split(",") if v.strip()) if isinstance(value, str) else value

    @field_validator("api_url", mode="before")
    @classmethod
    def _trim(cls, value: Any) -> Any:
        return (str(value).strip().rstrip("/") or DEFAULT_API_URL) if value is not None else DEFAULT_API_URL

    @model_validator(mode="after")
    def _off_names_something(self) -> Self:
        if self.confirm is Confirm.OFF and not self.confirm_off:
            raise ValueError("confirm=off needs the operations that nobody is asked about: NEXLA_MCP_CONFIRM_OFF=a,b")
        if self.state_url is not None:
            scheme = urlsplit(self.state_url.get_secret_value()).scheme
            if scheme not in ("postgresql", "postgres", "postgresql+psycopg", "sqlite"):
                raise ValueError("state_url must be a postgresql:// address")
        return self

    @property
    def configured(self) -> bool:
        """True when there is a way to authenticate, or a place that should hold one."""
        return any((self.service_key, self.service_key_file, self.access_token, self.key_store))

    @classmethod
    def variable(cls, name: str) -> str:
        """The environment variable of a setting."""
        alias = cls.model_fields[name].validation_alias
        return alias if isinstance(alias, str) else f"NEXLA_MCP_{name.upper()}"

    def url_problem(self) -> str | None:
        """Why ``api_url`` cannot be used, or None."""
        parts = urlsplit(self.api_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return f"NEXLA_API_URL is {self.api_url!r}: it must be a URL such as {DEFAULT_API_URL}."
        if parts.scheme == "http" and parts.hostname not in LOOPBACK and not self.allow_http:
            return "NEXLA_API_URL is plain http: the key would travel unencrypted. Use https, or set NEXLA_MCP_ALLOW_HTTP=1."
        return None
