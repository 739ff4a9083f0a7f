"""The log on stderr shows no secret and cannot be forged: messages and tracebacks are cleaned like every other text.

    install(secrets=["the service key"])      # cli.serve, right after logging.basicConfig

A text that reaches a log comes from anywhere: a library, an exception, a reply of the API. Known secrets are masked by
their value, others by how they look; what follows a line break is indented, so that it cannot pass for a
line of its own.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterable
from types import TracebackType

from nexla_mcp.output.untrusted import clean_text, mask

SHORTEST = 6
LONGEST = 20_000


class MaskingFilter(logging.Filter):
    """Rewrites each record before it is formatted."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets: list[str] = []
        for secret in secrets:
            self.hide(secret)

    def hide(self, secret: str) -> None:
        """Mask one more text from now on; a shorter one would be found in harmless places."""
        if len(secret) >= SHORTEST:
            self._secrets.append(secret)

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            text = record.getMessage()
        except Exception as error:
            text = f"{record.msg!s} (its arguments do not fit: {type(error).__name__})"
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = self.clean("".join(traceback.format_exception(*record.exc_info)).rstrip())
        elif record.exc_text:
            record.exc_text = self.clean(record.exc_text)
        record.exc_info = None
        record.stack_info = self.clean(record.stack_info) if record.stack_info else None
        record.msg, record.args = self.clean(text), ()
        return True

    def clean(self, text: str) -> str:
        """``text`` without secrets, cut to a sane length, its further lines indented."""
        for secret in self._secrets:
            text = text.replace(secret, mask(secret))
        text = clean_text(text)
        if len(text) > LONGEST:
            text = f"{text[:LONGEST]} ... ({len(text):,} characters)"
        return text.replace("\n", "\n  ")


def install(secrets: Iterable[str] = ()) -> MaskingFilter:
    """Clean everything that the root logger's handlers write, and what an uncaught exception would print."""
    masking = MaskingFilter(secrets)
    for handler in logging.getLogger().handlers:
        handler.addFilter(masking)

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(masking.clean("".join(traceback.format_exception(kind, error, trace))) + "\n")

    sys.excepthook = uncaught
    return masking
