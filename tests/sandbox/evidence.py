"""How the evidence of an incident is read, and what the healthy fixture shows."""

from __future__ import annotations

from typing import Any

from tests.sandbox.conftest import Session

R = [1_763_700_000_000 + 3_600_000 * k for k in range(7)]
SOURCE, DETECTED, DERIVED, SINK = "data_sources/5023", "data_sets/5101", "data_sets/5102", "data_sinks/5029"


def counts(session: Session, kind: str, resource_id: int, run: int) -> list[tuple[int, int]]:
    """Records and errors of a resource in one run."""
    return [(row["records"], row["errors"]) for row in session.runs(kind, resource_id) if row["runId"] == run]


def newest(session: Session, kind: str, resource_id: int) -> int | None:
    return max((row["runId"] for row in session.runs(kind, resource_id)), default=None)


def logged(session: Session, severity: str, run: int = R[6]) -> list[tuple[str, int, str]]:
    rows = session.logs(f"/flows/5059/logs?run_id={run}")
    return [(word, resource_id, text) for level, word, resource_id, text in rows if level == severity]


def quarantined(session: Session, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = session.post(f"/{path}/probe/quarantine/sample", {"page": 1, "per_page": 10})["output"]["data"]
    return rows


def colour(session: Session) -> str:
    return str(session.get("/health/flow/5059")["metrics"]["healthStatus"])


def audit_changes(session: Session, path: str) -> dict[str, Any]:
    changes: dict[str, Any] = session.get(f"/{path}/audit_log")[0]["object_changes"]
    return changes


def healthy(s: Session) -> None:
    for kind, resource_id in (
        ("data_sources", 5023),
        ("data_sets", 5101),
        ("data_sets", 5102),
        ("data_sinks", 5029),
    ):
        assert [counts(s, kind, resource_id, run) for run in R[1:]] == [[(10_000, 0)]] * 6
    assert colour(s) == "GREEN"
    assert s.get("/flows/5059")["flows"][0]["children"][0]["children"][0]["children"][0]["id"] == 5062
    assert logged(s, "ERROR") == []
