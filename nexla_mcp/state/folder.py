"""Where state lies on disk, and whether it can be written there; asks the file system and creates nothing."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder(given: Path | None) -> Path:
    """The folder that was set, or the platform's folder for state."""
    if given is not None:
        return given
    from platformdirs import user_state_path

    return user_state_path("nexla-mcp", appauthor=False)


def writable(folder: Path) -> bool:
    """True when files can be made in ``folder``, or when it can be made itself."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
