"""SQLite behind the sandbox: resources as JSON documents, everything that is counted in tables.

A resource's kind is its path segment (`data_sources`, `data_sets`, `teams`, ...). `version` rises whenever a change
could alter what the next cycle does; cached plans are keyed by it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

Doc = dict[str, Any]
LARGEST = (1 << 63) - 1
"""The largest number that SQLite takes."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS resources(kind TEXT, id INTEGER, doc TEXT NOT NULL, PRIMARY KEY(kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS resources_data_set ON resources(kind, doc->>'data_set_id');
CREATE TABLE IF NOT EXISTS nodes(id INTEGER PRIMARY KEY, origin INTEGER, parent INTEGER, kind TEXT,
  resource_id INTEGER);
CREATE INDEX IF NOT EXISTS nodes_origin ON nodes(origin);
CREATE INDEX IF NOT EXISTS nodes_resource ON nodes(kind, resource_id);
CREATE TABLE IF NOT EXISTS cycles(source_id INTEGER, run_id INTEGER, outcome TEXT, message TEXT,
  PRIMARY KEY(source_id, run_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stage_rows(flow_id INTEGER, run_id INTEGER, kind TEXT, resource_id INTEGER,
  data_set_id INTEGER, records INTEGER, size INTEGER, errors INTEGER, written INTEGER);
CREATE INDEX IF NOT EXISTS stage_rows_resource ON stage_rows(kind, resource_id, run_id);
CREATE INDEX IF NOT EXISTS stage_rows_flow ON stage_rows(flow_id, run_id);
CREATE TABLE IF NOT EXISTS logs(flow_id INTEGER, run_id INTEGER, at INTEGER, severity TEXT, log_type TEXT,
  kind TEXT, resource_id INTEGER, log TEXT);
CREATE INDEX IF NOT EXISTS logs_flow ON logs(flow_id, at);
CREATE TABLE IF NOT EXISTS quarantine(kind TEXT, resource_id INTEGER, run_id INTEGER, at INTEGER, error TEXT,
  record TEXT);
CREATE INDEX IF NOT EXISTS quarantine_resource ON quarantine(kind, resource_id, at);
CREATE TABLE IF NOT EXISTS files(id INTEGER PRIMARY KEY, source_id INTEGER, data_set_id INTEGER, run_id INTEGER,
  name TEXT, size INTEGER, status TEXT, records INTEGER, errors INTEGER, error TEXT, modified INTEGER,
  ingested INTEGER);
CREATE INDEX IF NOT EXISTS files_source ON files(source_id, run_id);
CREATE TABLE IF NOT EXISTS samples(data_set_id INTEGER, first_run INTEGER, last_run INTEGER,
  records TEXT);
CREATE INDEX IF NOT EXISTS samples_set ON samples(data_set_id, last_run);
CREATE TABLE IF NOT EXISTS audit(id INTEGER PRIMARY KEY, kind TEXT, resource_id INTEGER, event TEXT, changes TEXT,
  user_id INTEGER, at INTEGER, url TEXT, agent TEXT);
CREATE INDEX IF NOT EXISTS audit_resource ON audit(kind, resource_id);
CREATE TABLE IF NOT EXISTS accessors(kind TEXT, resource_id INTEGER, type TEXT, subject_id INTEGER, roles TEXT,
  created INTEGER, updated INTEGER, PRIMARY KEY(kind, resource_id, type, subject_id)) WITHOUT ROWID;
"""

TABLES = (
    "meta",
    "resources",
    "nodes",
    "cycles",
    "stage_rows",
    "logs",
    "quarantine",
    "files",
    "samples",
    "audit",
    "accessors",
)
_OUTSIDE_THE_PLAN = frozenset(
    {
        "notifications",
        "async_tasks",
        "async_requests",
        "api_keys",
        "service_keys",
        "users",
        "doc_containers",
        "notification_settings",
    }
)


class Store:
    """Documents by kind and id, and plain SQL for the rest."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.execute("PRAGMA synchronous=OFF")
        self.db.executescript(SCHEMA)
        self.version = 1

    def __del__(self) -> None:
        self.db.close()

    def clear(self) -> None:
        for table in TABLES:
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608 (a name from TABLES)
        self.version += 1

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        given = tuple(parameters)
        try:
            return self.db.execute(sql, given).fetchall()
        except (OverflowError, sqlite3.Error):
            # What a caller sent in place of a number or a word: it matches nothing, as any other wrong value.
            return self.db.execute(sql, tuple(map(_storable, given))).fetchall()

    def one(self, sql: str, parameters: Iterable[Any] = ()) -> Any:
        """First column of the first row, or None."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """All changes of the block, or none of them when it raises."""
        self.db.execute("SAVEPOINT atomic")
        before = self.version
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK TO atomic")
            self.version += self.version != before  # what was planned on the way is void as well
            raise
        finally:
            self.db.execute("RELEASE atomic")

    def meta(self, name: str) -> str | None:
        value: str | None = self.one("SELECT value FROM meta WHERE name=?", (name,))
        return value

    def set_meta(self, name: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (name, value))

    def get(self, kind: str, resource_id: Any) -> Doc | None:
        """The document, or None: also for what a caller sent as an id and is none."""
        if not isinstance(resource_id, int) or abs(resource_id) > LARGEST:
            return None
        text = self.one("SELECT doc FROM resources WHERE kind=? AND id=?", (kind, resource_id))
        return None if text is None else json.loads(text)

    def require(self, kind: str, resource_id: int) -> Doc:
        doc = self.get(kind, resource_id)
        if doc is None:
            raise LookupError(f"{kind} {resource_id} does not exist")
        return doc

    def all(self, kind: str) -> list[Doc]:
        """Every document of a kind, by id."""
        return [json.loads(row[0]) for row in self.rows("SELECT doc FROM resources WHERE kind=? ORDER BY id", (kind,))]

    def find(self, kind: str, **equal: Any) -> list[Doc]:
        """Documents with these values; SQLite narrows them down where it compares as JSON does."""
        plain = {key: value for key, value in equal.items() if isinstance(value, int | str) and not isinstance(value, bool)}
        where = "".join(f" AND doc->>'{key}'=?" for key in plain)  # keys are names in our own code
        query = f"SELECT doc FROM resources WHERE kind=?{where} ORDER BY id"  # noqa: S608
        found = (json.loads(text) for (text,) in self.db.execute(query, (kind, *map(_storable, plain.values()))))
        return [doc for doc in found if all(doc.get(key) == value for key, value in equal.items())]

    def put(self, kind: str, doc: Doc) -> Doc:
        """Write a whole document; without an id it gets the next one of its kind."""
        if "id" not in doc:
            doc = {"id": self.next_id(kind), **doc}
        self.db.execute("INSERT OR REPLACE INTO resources VALUES(?,?,?)", (kind, doc["id"], json.dumps(doc)))
        if kind not in _OUTSIDE_THE_PLAN:
            self.version += 1
        return doc

    def change(self, kind: str, resource_id: int, **changes: Any) -> Doc:
        return self.put(kind, {**self.require(kind, resource_id), **changes})

    def remove(self, kind: str, resource_id: int) -> None:
        """Remove a document; its id is never given again."""
        self.set_meta(f"last id of {kind}", str(self.next_id(kind) - 1))
        self.db.execute("DELETE FROM resources WHERE kind=? AND id=?", (kind, resource_id))
        self.version += 1

    def next_id(self, kind: str) -> int:
        highest = self.one("SELECT MAX(id) FROM resources WHERE kind=?", (kind,))
        return max(int(highest or 1000), int(self.meta(f"last id of {kind}") or 0)) + 1


def _storable(value: Any) -> Any:
    """A value that SQLite can compare: numbers within its range, anything that is no scalar as text."""
    if isinstance(value, int):
        return max(min(value, LARGEST), -LARGEST)
    return value if value is None or isinstance(value, str | float | bytes) else json.dumps(value)
