"""Whether a run was left behind, asked at every start: so cheaply that a start without runs does not notice.

anything_left_behind(folder, shared=False)
anything_left_behind(folder, shared=False, statuses=UNFINISHED)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nexla_mcp.runs.records import OPEN
from nexla_mcp.state.folder import state_folder


def anything_left_behind(given: Path | None, *, shared: bool, statuses: Sequence[str] = OPEN) -> bool:
    """True when some run of the state folder has one of ``statuses``; a database that is ``shared`` has to be asked itself."""
    if shared:
        return True
    file = state_folder(given) / "state.db"
    if not file.is_file():
        return False
    import sqlite3

    try:
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
    except sqlite3.Error:
        return False
    try:
        return any(connection.execute("SELECT 1 FROM runs WHERE status = ? LIMIT 1", [s]).fetchone() for s in statuses)
    except sqlite3.Error:
        return False  # no such table yet, or nothing that can be read
    finally:
        connection.close()
