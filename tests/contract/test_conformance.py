"""What the conformance suite may find is written down with reasons that hold; ``make conformance`` runs the suite itself."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXCEPTIONS = json.loads((ROOT / "benchmarks" / "conformance_exceptions.json").read_text(encoding="utf-8"))


def test_every_exception_has_a_reason_and_our_own_tests_exist() -> None:
    for group in EXCEPTIONS:
        assert group["why"].endswith(".")
        assert all((ROOT / path).is_file() for path in group.get("ours", []))


def test_an_exception_is_one_check_of_one_scenario() -> None:
    checks = Counter(check for group in EXCEPTIONS for check in group["checks"])
    assert all(check.count(":") == 1 for check in checks)
    assert set(checks.values()) == {1}


def test_the_page_explains_every_exception() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert all(group["why"] in page for group in EXCEPTIONS)
    assert all(check.rpartition(":")[2] in page for group in EXCEPTIONS for check in group["checks"])
    assert "**failed**" not in page
