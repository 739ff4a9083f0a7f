"""kill -9 in the middle of a run: the next server goes on with it, and nothing is done twice (all steps: make bench)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.kill_table import CASES, kill_at

FIX, ROTATE, SHARE, *_ = CASES
pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")


@pytest.mark.parametrize(
    ("case", "key", "operation", "held", "status"),
    [
        (FIX, "activate_6010", "flows_activate", "not carried out", "done"),
        (ROTATE, "create", "credentials_create", "carried out", "waiting"),
        (ROTATE, "delete_old", "credentials_delete", "carried out", "done"),
    ],
)
def test_a_killed_run_goes_on(seeded_organisation: Path, case: object, key: str, operation: str, held: str, status: str) -> None:
    seen = kill_at(case, seeded_organisation, key, operation, held)  # type: ignore[arg-type]

    assert (seen.status, seen.twice, seen.left_paused) == (status, [], [])
