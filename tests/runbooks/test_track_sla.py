"""Targets against runs: compliance, violations with run ids, burn; what is not told is not judged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runbooks.altered_api import AlteredApi
from tests.runbooks.investigation import FLOW, Found, R, investigate
from tests.runbooks.test_answer_contract import check_schema, check_steps


def tracked(scenario: str, arguments: dict[str, Any] | None = None, **config: Any) -> Found:
    found = investigate(scenario, FLOW | (arguments or {}), "nexla_track_sla", **config)
    check_schema("nexla_track_sla", found.answer)
    check_steps(found)
    return found


def objective(found: Found, name: str) -> dict[str, Any]:
    return dict(next(o for o in found.answer["objectives"] if o["name"] == name))


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_a_healthy_flow_keeps_the_targets_that_nobody_gave(shape: str) -> None:
    found = tracked("healthy", reply_shape=shape)
    assert found.answer["verdict"] == "kept"
    success = objective(found, "success_rate")
    assert (success["default"], success["target"], success["compliance"], success["burn"]) == (True, 0.95, 1, 0)
    assert [w["records"] for w in found.answer["windows"]] == [60000]
    assert "(default)" in found.text


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_a_run_that_fails_anywhere_in_the_flow_violates_the_success_rate(shape: str) -> None:
    found = tracked("17", reply_shape=shape)
    success = objective(found, "success_rate")
    assert (found.answer["verdict"], success["state"]) == ("missed", "missed")
    (violation,) = success["violations"]
    assert violation["run_id"] == R[6]
    assert "errors 1300 at nexset 5102" in violation["what"]
    assert success["burn"] > 1
    assert found.answer["next_steps"][1]["arguments"]["run_id"] == success["violations"][-1]["run_id"]


def test_a_lower_target_is_kept_and_its_budget_counted() -> None:
    success = objective(tracked("17", {"min_success_rate": 0.5}), "success_rate")
    assert (success["state"], success["default"]) == ("kept", False)
    assert success["burn"] == pytest.approx(1 / 3, abs=0.01)


def test_a_resource_is_judged_by_itself() -> None:
    found = investigate("17", {"resource_type": "destination", "resource_id": 5029}, "nexla_track_sla")
    assert objective(found, "success_rate")["state"] == "kept"
    assert found.answer["measured_at"] == "destination 5029"


def test_latency_is_judged_only_where_runs_carry_times() -> None:
    slow = objective(tracked("healthy", {"max_latency_s": 60}, reply_shape="seed"), "latency")
    assert (slow["state"], slow["violation_count"], slow["current"]) == ("missed", 6, 65)
    assert objective(tracked("healthy", {"max_latency_s": 70}, reply_shape="seed"), "latency")["state"] == "kept"
    untold = objective(tracked("healthy", {"max_latency_s": 60}), "latency")
    assert (untold["state"], untold["compliance"]) == ("unknown", None)
    assert "carry no times" in untold["note"]


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_data_that_stopped_coming_is_not_fresh(shape: str) -> None:
    found = tracked("24", reply_shape=shape)
    fresh = objective(found, "freshness")
    assert (fresh["state"], fresh["current"]) == ("missed", pytest.approx(2.0, abs=0.1))
    assert fresh["violations"][-1]["run_id"] == 1763718000000
    assert objective(tracked("24", {"max_age_hours": 6}, reply_shape=shape), "freshness")["state"] == "kept"


def test_too_few_records_are_named() -> None:
    volume = objective(tracked("healthy", {"min_records": 20000}), "volume")
    assert (volume["state"], volume["violation_count"], volume["target"]) == ("missed", 6, 20000)


def test_runs_that_cannot_be_read_are_no_success() -> None:
    found = tracked("healthy", wire=AlteredApi(refuse={"run_summary": 403}))
    assert found.answer["verdict"] == "unknown"
    assert "nothing could be judged" in found.text
    assert any("metrics_get_resource_metrics_by_run" in n for n in found.answer["not_checked"])
