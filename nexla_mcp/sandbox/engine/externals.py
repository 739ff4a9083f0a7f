"""The systems outside Nexla: which logins they accept, which tables and files they hold, what they refuse.

A document of kind `externals` is one system: {connector, address, revoked[], refusal, tables{name: {column: type}},
write_denied[], required_fields[], paths[], hide_tables, texts{}}. A credential reaches it by connector and address. `texts`
holds how this system words an error, by kind: path, column, table, denied, field, cast; `{name}` and `{value}` are filled in.
"""

from __future__ import annotations

import re

from nexla_mcp.sandbox.store import Doc, Store
from nexla_mcp.sandbox.vocabulary import DATABASE_TYPES, FILE_TYPES, connector_kind

REFUSED_PREFIX = "bad-"
"""A login with a value that starts like this is refused everywhere; any other new value works."""
_QUERY = re.compile(r"^\s*select\s+(?P<columns>.+?)\s+from\s+(?P<table>[\w.\"]+)", re.IGNORECASE | re.DOTALL)


def external_of(store: Store, credential: Doc | None) -> Doc:
    """The system a credential points at; an unknown one accepts every login and knows nothing else."""
    if credential is None:
        return {}
    connector = credential["credentials_type"]
    systems = store.find("externals", connector=connector)
    given = credential.get("credentials") or {}
    keys = connector_kind(connector).address
    for system in systems:
        address = system.get("address") or {}
        if address and all(given.get(key) == address.get(key) for key in keys):
            return system
    return systems[0] if len(systems) == 1 else {}


def login_refusal(store: Store, credential: Doc | None) -> str | None:
    """Why the external system refuses a credential, or None when the login works."""
    if credential is None:
        return None
    given = credential.get("credentials") or {}
    missing = [key for key in connector_kind(credential["credentials_type"]).required if not given.get(key)]
    if missing:
        return f"missing required credential property: {', '.join(missing)}"
    system = external_of(store, credential)
    if any(value in system.get("revoked", []) for value in given.values() if isinstance(value, str)):
        return str(system.get("refusal") or "authentication failed")
    if any(isinstance(value, str) and value.startswith(REFUSED_PREFIX) for value in given.values()):
        return "authentication failed"
    return None


def source_fault(store: Store, source: Doc, credential: Doc | None) -> str | None:
    """Why a good login still cannot read what the source's configuration names, or None."""
    config = source.get("source_config") or {}
    system = external_of(store, credential)
    if source["source_type"] in DATABASE_TYPES and config.get("query"):
        return query_fault(system, str(config["query"]))
    if source["source_type"] in FILE_TYPES and system.get("paths") and config.get("path"):
        path = str(config["path"]).strip("/")
        if not any(path == known.strip("/") or path.startswith(known.strip("/") + "/") for known in system["paths"]):
            return worded(system, "path", f"path not found: {config['path']}", str(config["path"]))
    throttle: str | None = system.get("throttled")
    return throttle


def worded(system: Doc, kind: str, usual: str, name: str, value: str = "") -> str:
    """An error in the words of this system, or as usual."""
    text = (system.get("texts") or {}).get(kind)
    return str(text).replace("{name}", name).replace("{value}", value) if text else usual


def query_fault(system: Doc, query: str) -> str | None:
    match = _QUERY.match(query)
    if not match:
        return "syntax error in query"
    table = match["table"].strip('"').split(".")[-1]
    columns = (system.get("tables") or {}).get(table)
    if columns is None:
        return worded(system, "table", f'relation "{table}" does not exist', table) if system.get("tables") else None
    for column in match["columns"].split(","):
        name = column.strip().strip('"').split(" ")[0].split(".")[-1]
        if name != "*" and name.isidentifier() and name not in columns:
            return worded(system, "column", f'column "{name}" does not exist', name)
    return None


def target_name(sink: Doc) -> str | None:
    """Table, topic or path that a destination writes to."""
    config = sink.get("sink_config") or {}
    for key in ("table", "topic", "path", "url"):
        if config.get(key):
            return str(config[key])
    return None


def missing_target(store: Store, sink: Doc, credential: Doc | None) -> str | None:
    """The database error for a table that nobody created, or None."""
    if sink["sink_type"] not in DATABASE_TYPES:
        return None
    system = external_of(store, credential)
    table = target_name(sink)
    if table and system and table not in (system.get("tables") or {}):
        return worded(system, "table", f'relation "{table}" does not exist', table)
    return None


def object_tree(system: Doc, connector: str, depth: int) -> Doc:
    """What a probe tree shows of a system: files for file stores, tables and columns for databases."""
    kind = connector_kind(connector)
    if kind.connection == "file":
        folders = sorted({path.strip("/").split("/")[0] for path in system.get("paths") or ["data"]})
        inner: Doc = {"latest.csv": {"type": "file", "size": 94162, "display_name": "latest.csv"}} if depth > 1 else {}
        return {name: {"type": "folder", "display_name": name, "value": inner} for name in folders}
    tables: dict[str, dict[str, str]] = {} if system.get("hide_tables") else system.get("tables") or {}
    shown: Doc = {}
    for name, columns in tables.items() if depth > 1 else ():
        listed = [
            {"name": column, "type": kind_name, "primaryKey": column == "id", "defaultValue": None}
            for column, kind_name in columns.items()
        ]
        shown[name] = {"type": "table", "value": listed if depth > 2 else {}}
    return {str(system.get("database", "public")): {"type": "database", "value": shown}}
