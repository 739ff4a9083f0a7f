"""The tables of the state store. Importing this module imports SQLAlchemy: do it inside functions only."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()

SPENT_TICKETS = Table(
    "spent_tickets",
    METADATA,
    Column("nonce", String(64), primary_key=True),
    Column("expires", Float, nullable=False, index=True),
)

REFUSALS = Table(
    "refusals",
    METADATA,
    Column("call", String(64), primary_key=True),
    Column("declined", Boolean, nullable=False),
    Column("dismissed", Integer, nullable=False),
    Column("until", Float, nullable=False, index=True),
)

BUDGETS = Table(
    "budgets",
    METADATA,
    Column("principal", String(64), primary_key=True),
    Column("risk", String(16), primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
)

CHANGES = Table(
    "changes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("principal", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("title", String(80), nullable=False),
    Column("risk", String(16), nullable=False),
    Column("method", String(8), nullable=False),
    Column("path", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("target_kind", String(80), nullable=False),
    Column("target_id", String(80), nullable=False),
    Column("target_name", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("before_whole", Boolean, nullable=False),
    Column("result", Text, nullable=False),
    Column("picked", Text, nullable=False),
    Column("status", Integer, nullable=True),
    Column("error", Text, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("ticket", String(16), nullable=False),
    Column("answer_ms", Integer, nullable=True),
    Column("client", String(80), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("takes_back", Integer, nullable=True),
    Column("taken_back_by", Integer, nullable=True),
    Column("started", Float, nullable=False),
    Column("duration_ms", Integer, nullable=True),
    Column("size", Integer, nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process", String(32), nullable=False),
    Index("changes_of_a_principal", "principal", "id"),
    Index("changes_under_way", "state"),
    sqlite_autoincrement=True,
)

RUNS = Table(
    "runs",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("principal", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("runbook", String(64), nullable=False),
    Column("plan", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("progress", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("client", String(80), nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("started", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Index("runs_of_a_principal", "principal", "started"),
)

EXECUTORS = Table(
    "executors",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("principal", String(64), nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("beat", Float, nullable=False),
)
