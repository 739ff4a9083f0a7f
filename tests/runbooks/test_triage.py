"""The whole organisation: shared causes are one finding, pauses are no failures, counts are honest."""

from __future__ import annotations

import pytest

from tests.runbooks.investigation import Found, investigate


def triage(scenario: str, **config: str) -> Found:
    return investigate(scenario, {}, "nexla_triage", **config)


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_the_seeded_org(shape: str) -> None:
    answer = triage("org", reply_shape=shape).answer
    causes = {f["cause"]: f for f in answer["findings"]}
    assert answer["verdict"] == "failing"
    assert len(causes["credential_invalid"]["flows"]) == 2
    assert {"paused", "record_errors", "validation_rejects", "type_mismatch_at_destination"} <= set(causes)
    flows = {flow for finding in answer["findings"] for flow in finding["flows"]}
    assert answer["healthy_count"] + len(flows) == answer["checked_count"]


def test_a_healthy_org_is_called_healthy() -> None:
    answer = triage("healthy").answer
    assert (answer["verdict"], answer["findings"], answer["healthy_count"]) == ("healthy", [], 1)


def test_a_pause_is_listed_and_not_a_failure() -> None:
    answer = triage("7").answer
    assert answer["verdict"] == "healthy"
    assert [f["cause"] for f in answer["findings"]] == ["paused"]


def test_a_refused_session_says_nothing_about_flows() -> None:
    answer = triage("6").answer
    assert answer["verdict"] == "unknown"
    assert answer["findings"][0]["cause"] == "token_invalid"
    assert answer["checked_count"] == 0


def test_a_flow_that_waits_for_a_failing_one_shares_its_finding() -> None:
    answer = triage("34").answer
    found = next(f for f in answer["findings"] if f["cause"] == "permission_denied_at_target")
    assert {5059, 5159} >= set(found["flows"])
    assert 5059 in found["flows"]


def test_health_check_gives_the_numbers_of_the_seed_document() -> None:
    answer = investigate("17", {"resource_type": "nexset", "resource_id": 5102}, "nexla_health_check").answer
    assert answer["status"] == "ACTIVE"
    assert answer["last_run"] == "2025-11-21T10:40:00Z"
    assert 0 < answer["error_rate"] < 0.5
    assert answer["issues"]
    assert (answer["resource_type"], answer["resource_id"]) == ("nexset", 5102)
