"""Replace a file as a whole: whoever reads it sees the old content or the new, also when the process dies in between."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def replace_file(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write ``content`` to ``path``; a symlink stays, and the file that it leads to is replaced.

    The rights of a file that was there are kept unless ``mode`` is given; a new one can be read by its owner alone.

    Raises:
        OSError: the folder cannot be made or written in; what was there is unharmed.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    if mode is None:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
