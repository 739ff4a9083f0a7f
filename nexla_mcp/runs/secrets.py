"""Secrets by reference: a run names where a secret lies, and reads it when the step that needs it is made.

    secrets.value("env:NEW_S3_KEY")        # an environment variable of this server
    secrets.value("file:/run/secrets/s3")  # a file, JSON or text
    secrets.keep("new-login", {...})       # "memory:...": told to this process, gone with it

So no secret is ever written into a plan, a table or a log.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MOST_BYTES = 64_000


class SecretReferenceError(Exception):
    """A secret is not where it was said to be."""


class Secrets:
    """Looks up references; keeps what was told to this process."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def keep(self, name: str, value: Any) -> str:
        """Remember a secret for as long as this process lives, and return its reference."""
        self._kept[name] = value
        return f"memory:{name}"

    def value(self, reference: str) -> Any:
        """The secret itself: an object where it is JSON, else the text.

        Raises:
            SecretReferenceError: it is not there. The text never holds a value.
        """
        kind, _, where = reference.partition(":")
        if kind == "memory":
            if where not in self._kept:
                raise SecretReferenceError(
                    "The secret was told to a server process that has ended, and is never written down. Start again, best with"
                    " a reference (an environment variable or a file)."
                )
            return self._kept[where]
        if kind == "env":
            if where.upper().startswith("NEXLA"):
                raise SecretReferenceError(f"{where} belongs to this server itself and is not passed on.")
            text = os.environ.get(where, "")
            if not text:
                raise SecretReferenceError(f"The environment of this server has no variable {where}, or it is empty.")
            return _parsed(text)
        if kind == "file":
            return _parsed(_read(Path(where).expanduser()))
        raise SecretReferenceError(f"{kind[:20]!r} is no kind of secret reference: use env:NAME or file:/path.")


def _read(path: Path) -> str:
    if not path.is_absolute():
        raise SecretReferenceError("A secret file is named by its absolute path.")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SecretReferenceError(f"{path} is larger than {MOST_BYTES} bytes: not a secret.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretReferenceError(f"{path} cannot be read ({type(error).__name__}).") from None


def _parsed(text: str) -> Any:
    text = text.strip()
    try:
        return json.loads(text) if text.startswith("{") else text
    except ValueError:
        return text
