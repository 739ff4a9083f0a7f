"""A client's configuration on disk: read it, keep a backup, replace it as a whole.

    file = ConfigFile.read(path)
    backup = file.write(after)      # the path of the backup, or None where nothing was there

What a person wrote is never lost: before the first byte is changed a copy with date and time lies beside it.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from nexla_mcp.cli.clients.document import DocumentError
from nexla_mcp.files import replace_file

LARGEST = 20_000_000


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration as it was read; ``text`` is empty where there is no file."""

    path: Path
    text: str
    existed: bool

    @classmethod
    def read(cls, path: Path) -> Self:
        """The file at ``path``, or an empty one.

        Raises:
            DocumentError: it is no text, or too large.
            OSError: it cannot be read.
        """
        try:
            size = path.stat().st_size
            raw = path.read_bytes() if size <= LARGEST else b""
        except FileNotFoundError:
            return cls(path, "", existed=False)
        if size > LARGEST:
            raise DocumentError(f"it is larger than {LARGEST // 1_000_000} MB")
        try:
            return cls(path, raw.decode("utf-8"), existed=True)
        except UnicodeDecodeError:
            raise DocumentError("it is no text in UTF-8") from None

    def write(self, after: str) -> Path | None:
        """Replace the file, unless somebody else changed it meanwhile; the backup's path, if there was a file.

        Raises:
            DocumentError: it was changed since it was read.
            OSError: the folder cannot be written in; the file is as it was.
        """
        if ConfigFile.read(self.path) != self:
            raise DocumentError("another program changed it meanwhile; try again")
        backup = self._keep() if self.existed else None
        try:
            replace_file(self.path, after.encode())
        except OSError:
            if backup is not None:
                backup.unlink(missing_ok=True)
            raise
        return backup

    def remove(self) -> None:
        """Remove a file that holds nothing any more."""
        Path(os.path.realpath(self.path)).unlink()

    def backups(self) -> list[Path]:
        """The copies beside the file, the oldest first."""
        real = Path(os.path.realpath(self.path))
        return sorted(real.parent.glob(f"{_escaped(real.name)}.nexla-mcp-*.bak"))

    def like_before(self, *candidates: str) -> str | None:
        """The content of the newest backup that differs from one of ``candidates`` in blanks and line ends alone."""
        wanted = {"".join(text.split()) for text in candidates}
        for backup in reversed(self.backups()):
            try:
                text = backup.read_bytes().decode()
            except (OSError, ValueError):
                continue
            if "".join(text.split()) in wanted:
                return text
        return None

    def difference(self, after: str) -> str:
        """What would change, as a unified diff with secrets masked."""
        before, new = (_shown(text).splitlines() for text in (self.text, after))
        return "\n".join(difflib.unified_diff(before, new, str(self.path), f"{self.path} (new)", n=2, lineterm=""))

    def _keep(self) -> Path:
        real = Path(os.path.realpath(self.path))
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        backup = real.with_name(f"{real.name}.nexla-mcp-{stamp}.bak")
        shutil.copy2(real, backup)
        return backup


def _shown(text: str) -> str:
    """A configuration for the screen: values under names such as token or password masked, and what looks like a secret."""
    from nexla_mcp.output.untrusted import clean_text, looks_secret, mask

    def masked(found: re.Match[str]) -> str:
        name, between, value = found.groups()
        plain = "${" in value or value.startswith("$") or not looks_secret(name)
        return found[0] if plain else f'"{name}"{between}"{mask(value)}"'

    text = re.sub(r'"?([\w.-]+)"?(\s*[:=]\s*)"([^"\n]{4,})"', masked, text)
    return clean_text(text)


def _escaped(name: str) -> str:
    return name.replace("[", "[[]")
