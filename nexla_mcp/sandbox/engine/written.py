"""What cycles write, collected and inserted in one go."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.sandbox.engine.plan import Stage
from nexla_mcp.sandbox.engine.samples import keep_sample
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.world import World

_COLUMNS = {"cycles": 4, "stage_rows": 9, "logs": 8, "quarantine": 6, "files": 12}
_INSERT = {table: f"INSERT OR REPLACE INTO {table} VALUES({','.join('?' * width)})" for table, width in _COLUMNS.items()}


def _tables() -> dict[str, list[tuple[Any, ...]]]:
    return {table: [] for table in _COLUMNS}


@dataclass
class Written:
    """Rows that a batch of cycles produced, kept until they are inserted together."""

    tables: dict[str, list[tuple[Any, ...]]] = field(default_factory=_tables)
    samples: dict[int, tuple[int, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.tables.values())

    def cycle(self, stage: Stage, run_id: int, outcome: str) -> None:
        self.tables["cycles"].append((stage.node.resource_id, run_id, outcome, stage.log))

    def counts(self, stage: Stage, run_id: int, records: int, size: int, errors: int, at: int) -> None:
        """One run row of a stage."""
        node = stage.node
        self.tables["stage_rows"].append(
            (node.origin, run_id, node.kind, node.resource_id, stage.data_set_id, records, size, errors, at)
        )

    def log(self, stage: Stage, run_id: int, at: int, severity: str, text: str) -> None:
        """One log line; INFO lines are the summaries of a stage."""
        node, log_type = stage.node, "SUMMARY" if severity == "INFO" else "LOG"
        self.tables["logs"].append((node.origin, run_id, at, severity, log_type, node.kind, node.resource_id, text))

    def reject(self, stage: Stage, run_id: int, at: int, error: str, record: Doc) -> None:
        """One record that goes to quarantine."""
        body = json.dumps({"message": error})
        node = stage.node
        self.tables["quarantine"].append((node.kind, node.resource_id, run_id, at, body, json.dumps(record)))

    def file(self, stage: Stage, run_id: int, name: str, size: int, records: int, error: str | None) -> None:
        status, errors = ("ERROR", 1) if error else ("COMPLETE", 0)
        source_id, data_set_id = stage.node.resource_id, stage.data_set_id
        modified, ingested = run_id - 900_000, run_id + 15_000
        self.tables["files"].append(
            (
                None,
                source_id,
                data_set_id,
                run_id,
                name,
                size,
                status,
                records,
                errors,
                error,
                modified,
                ingested,
            )
        )

    def sample(self, stage: Stage, run_id: int) -> None:
        records = json.dumps([record for _, record in stage.passed])
        self.samples[stage.node.resource_id] = (run_id, records)

    def flush(self, world: World) -> None:
        """Insert everything and start afresh."""
        with world.store.atomic():
            for table, rows in self.tables.items():
                if rows:
                    world.store.db.executemany(_INSERT[table], rows)
            for data_set_id, (run_id, records) in self.samples.items():
                keep_sample(world, data_set_id, run_id, records)
        self.tables, self.samples = _tables(), {}
