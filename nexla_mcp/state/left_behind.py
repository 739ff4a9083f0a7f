"""Whether a run was left behind, asked at every start: so cheaply that a start without runs does not notice.

anything_left_behind(folder, shared=False)
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from nexla_mcp.state.folder import state_folder


def anything_left_behind(given: Path | None, *, shared: bool) -> bool:
    """True when some run is under way in the state folder; a database that is ``shared`` has to be asked itself."""
    if shared:
        return True
    file = state_folder(given) / "state.db"
    if not file.is_file():
        return False
    try:
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
    except sqlite3.Error:
        return False
    try:
        return connection.execute("SELECT 1 FROM runs WHERE status = 'under way' LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return False  # no such table yet, or nothing that can be read
    finally:
        connection.close()
