"""Two runs side by side: which two, where they part, what only one logged, and who changed what between them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from nexla_mcp.client.errors import NexlaError
from tests.runbooks.altered_api import AlteredApi
from tests.runbooks.investigation import FLOW, Found, investigate
from tests.runbooks.test_answer_contract import check_schema, check_steps

GOOD, BAD = 1763718000000, 1763721600000


def compared(scenario: str, arguments: dict[str, Any] | None = None, **config: Any) -> Found:
    found = investigate(scenario, FLOW | (arguments or {}), "nexla_compare_runs", **config)
    check_schema("nexla_compare_runs", found.answer)
    check_steps(found)
    return found


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_the_bad_run_is_held_against_the_last_good_one(shape: str) -> None:
    answer = compared("17", reply_shape=shape).answer
    assert (answer["verdict"], answer["run_id"], answer["base_run_id"]) == ("worse", BAD, GOOD)
    parted = next(s for s in answer["stages"] if s["tendency"] == "worse")
    assert (parted["resource_id"], parted["errors"], parted["base_errors"]) == (5102, 1300, 0)
    (line,) = [c for c in answer["log_changes"] if c["new"]]
    assert "has no attribute 'upper'" in line["text"]
    assert answer["rejected"][0]["field"] == "last_name"
    assert answer["duration_s"] == (65 if shape == "seed" else pytest.approx(65, abs=20))


def test_durations_that_the_rows_do_not_carry_are_called_a_lower_bound() -> None:
    assert "at least, by the last log line" in compared("17").text
    assert "at least" not in compared("17", reply_shape="seed").text


def test_changed_code_is_shown_by_the_lines_that_differ() -> None:
    found = compared("16")
    (change,) = found.answer["changes"]
    assert (change["resource_type"], change["resource_id"]) == ("transform", 601)
    assert (change["before"], change["after"]) == ("def transform(record, *args):", "def transform(record):")
    assert found.answer["verdict"] == "worse"  # by its log: the counts are the same
    assert change["who"] in found.text


def test_a_run_that_did_not_come_is_told_with_the_change_before_it() -> None:
    answer = compared("24").answer
    assert (answer["verdict"], answer["run_id"]) == ("worse", GOOD)
    assert answer["overdue_since"] == "2025-11-21T10:40:00Z"
    assert [(c["field"], c["after"]) for c in answer["changes"]] == [("source_config.start.cron", "")]
    assert answer["next_steps"][0]["tool"] == "nexla_debug_flow"


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_two_good_runs_are_the_same(shape: str) -> None:
    found = compared("healthy", reply_shape=shape)
    assert found.answer["verdict"] == "same"
    assert found.answer["log_changes"] == found.answer["changes"] == []
    assert "do not differ" in found.text


def test_good_runs_of_other_sizes_are_told_with_the_largest_difference() -> None:
    found = compared("org", {"flow_id": 6120}, now=datetime(2026, 3, 4, 12, 0, tzinfo=UTC))
    assert found.answer["verdict"] == "same"
    stage = found.answer["stages"][0]
    share = (stage["records"] - stage["base_records"]) / stage["base_records"]
    assert share != 0
    assert f"No notable difference in records or errors at any stage: the largest is {share:+.1%} records" in found.text


def test_runs_that_were_asked_for_are_compared() -> None:
    answer = compared("17", {"run_id": GOOD, "base_run_id": BAD}).answer
    assert f"run {GOOD} is held against run {BAD}, as asked." in answer["summary"]
    assert (answer["verdict"], answer["run_id"], answer["base_run_id"]) == ("better", GOOD, BAD)


def test_a_run_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(NexlaError, match=f"Run 5 is not among .*{BAD}"):
        compared("17", {"run_id": 5})


def test_a_secret_that_was_changed_is_not_shown() -> None:
    def rotate(http: httpx.Client) -> None:
        http.put("/data_sources/5023/pause").raise_for_status()
        config = {"path": "exports/orders", "api_key": "hunter2-hunter2"}
        http.put("/data_sources/5023", json={"source_config": config}).raise_for_status()

    found = compared("healthy", before=rotate)
    assert any(c["field"] == "source_config.api_key" for c in found.answer["changes"])
    assert "hunter2" not in found.text + str(found.answer)


def test_what_could_not_be_read_is_named() -> None:
    wire = AlteredApi(refuse={"/data_sets/5102/audit_log": 403, "/flows/5059/logs": 404})
    answer = compared("17", wire=wire).answer
    assert answer["log_changes"] == []
    assert any("nexsets_get_audit_log" in n for n in answer["not_checked"])
    assert any("flows_get_flow_logs" in n for n in answer["not_checked"])
