"""Where the key to Nexla is, and how it is read: a variable, a file of the person's own, the system's keyring.

    found = find_key(settings)         # FoundKey(secret, "service key", "NEXLA_SERVICE_KEY"), or None
    store_in_keyring("prod", "https://dataops.nexla.io/nexla-api", secret)

The first that is set counts: NEXLA_SERVICE_KEY, NEXLA_SERVICE_KEY_FILE, NEXLA_ACCESS_TOKEN, the keyring. An entry of the
keyring carries the address that it was stored for in its name, so that a stored key is never sent to another one.
The keyring's library is imported when it is asked, never at start.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nexla_mcp.files import replace_file
from nexla_mcp.settings import Settings

SERVICE = "nexla-mcp"
DEFAULT_INSTANCE = "default"
LARGEST_FILE = 64_000
CONTAINER_SECRETS = Path("/run/secrets")
"""Where containers get their secrets: nobody but the container sees that folder, whatever the rights of its files."""


class KeyProblemError(Exception):
    """A key should be there and cannot be used; the text says why and what to do, and never holds the key."""


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A secret, what it is, and where it came from."""

    secret: str = field(repr=False)
    kind: Literal["service key", "access token"]
    where: str


def find_key(settings: Settings) -> FoundKey | None:
    """The key that counts, or None when nothing says where one is.

    Raises:
        KeyProblemError: the place that is named cannot be read, or holds nothing.
    """
    if settings.service_key is not None:
        return FoundKey(settings.service_key.get_secret_value(), "service key", "NEXLA_SERVICE_KEY")
    if settings.service_key_file is not None:
        return FoundKey(read_key_file(settings.service_key_file), "service key", str(settings.service_key_file))
    if settings.access_token is not None:
        return FoundKey(settings.access_token.get_secret_value(), "access token", "NEXLA_ACCESS_TOKEN")
    if settings.key_store is not None:
        name = settings.instance or DEFAULT_INSTANCE
        secret = read_keyring(name, settings.api_url)
        if not secret:
            raise KeyProblemError(
                f"The keyring has no key of instance {name} for {settings.api_url}. Run: nexla-mcp login --instance {name}"
            )
        return FoundKey(secret, "service key", f"keyring, instance {name}")
    return None


def read_key_file(path: Path) -> str:
    """The key in a file of the person's own.

    Raises:
        KeyProblemError: it is missing, no plain file, readable by others, too large, empty, or no text.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise KeyProblemError(f"The key file {path} is no plain file.")
            if problem := _open_to_others(path, facts):
                raise KeyProblemError(problem)
            content = os.read(descriptor, LARGEST_FILE + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise KeyProblemError(
            f"The key file {path} cannot be read ({error.strerror}). Correct NEXLA_SERVICE_KEY_FILE, or: nexla-mcp login"
        ) from None
    lines = content.decode("utf-8-sig", "replace").strip().splitlines()
    if len(content) > LARGEST_FILE or len(lines) > 1 or "\ufffd" in "".join(lines):
        raise KeyProblemError(f"The key file {path} must hold the service key alone, as one line of text.")
    secret = "".join(lines)
    if not secret:
        raise KeyProblemError(f"The key file {path} is empty.")
    return secret


def _open_to_others(path: Path, facts: os.stat_result) -> str | None:
    """Why others could read the file or put another key there; Windows keeps its rights elsewhere, and is not judged."""
    if os.name != "posix" or CONTAINER_SECRETS in path.parents:
        return None
    mode = stat.S_IMODE(facts.st_mode)
    if mode & 0o077:
        return f"The key file {path} can be read or changed by others (mode {mode:04o}). Run: chmod 600 {path}"
    if facts.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        return f"The key file {path} belongs to another user, who could change it. Copy it to a file of your own."
    return None


def write_key_file(path: Path, secret: str) -> None:
    """Put a key into a file that only its owner can read; a file that is there is replaced as a whole.

    Raises:
        OSError: it cannot be written.
    """
    replace_file(path, (secret + "\n").encode(), mode=0o600)


def read_keyring(instance: str, api_url: str) -> str | None:
    """The key that was stored for an instance at this address.

    Raises:
        KeyProblemError: there is no keyring, it is locked, or it failed.
    """
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, _entry(instance, api_url))
    except KeyringError as error:
        raise _no_keyring(error) from None


def store_in_keyring(instance: str, api_url: str, secret: str) -> str:
    """Store a key and return the name of the keyring.

    Raises:
        KeyProblemError: there is no keyring, it is locked, or it failed.
    """
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, _entry(instance, api_url), secret)
    except KeyringError as error:
        raise _no_keyring(error) from None
    return str(keyring.get_keyring().name)


def remove_from_keyring(instance: str, api_url: str) -> bool:
    """Remove a stored key; False when there was none.

    Raises:
        KeyProblemError: there is no keyring, it is locked, or it failed.
    """
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        keyring.delete_password(SERVICE, _entry(instance, api_url))
    except PasswordDeleteError:
        return False
    except KeyringError as error:
        raise _no_keyring(error) from None
    return True


def _entry(instance: str, api_url: str) -> str:
    return f"{instance} {api_url}"


def _no_keyring(error: Exception) -> KeyProblemError:
    return KeyProblemError(
        f"The system's keyring cannot be used ({type(error).__name__}). Keep the key in a file of your own instead:"
        " nexla-mcp login --key-file PATH"
    )
