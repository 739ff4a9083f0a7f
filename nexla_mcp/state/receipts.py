"""Receipts: one JSON line for every call, so that a person can see later what was asked and decided.

    receipts.write(tool="nexla_confirmed_write", operation="flows_pause", decision="declined", ...)

No argument values and no replies are written, only hashes and counts. A folder that cannot be written
to costs a warning on stderr, never a call.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from nexla_mcp.state.folder import state_folder

_LOG = logging.getLogger(__name__)
_LARGEST = 10_000_000


class Receipts:
    """Appends to ``receipts.jsonl``; at 10 MB the file is kept as ``receipts.1.jsonl`` and a new one begun."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._broken = False

    @classmethod
    def at(cls, folder: Path | None) -> Self:
        """Receipts in ``folder``, or in the platform's folder for state."""
        return cls(state_folder(folder) / "receipts.jsonl")

    def write(self, **facts: Any) -> None:
        """Add one line; values that are None are left out."""
        if self._broken:
            return
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")} | {k: v for k, v in facts.items() if v is not None}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.path.exists() and self.path.stat().st_size > _LARGEST:
                self.path.replace(self.path.with_name("receipts.1.jsonl"))
            with open(os.open(self.path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600), "a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        except OSError as error:
            self._broken = True
            _LOG.warning("Receipts cannot be written to %s (%s); going on without.", self.path, error.strerror)
