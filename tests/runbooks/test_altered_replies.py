"""Odd replies do not change a diagnosis: lists for objects, missing and null fields, other counts, refused routes."""

from __future__ import annotations

import pytest

from tests.runbooks.altered_api import AlteredApi, Change, lists_for_objects, null, reworded, scaled, without
from tests.runbooks.investigation import investigate

CAUSES = {
    "healthy": None,
    "1": "credential_invalid",
    "2": "permission_denied_at_target",
    "7": "paused",
    "8": "paused",
    "9": "no_new_data",
    "10": "schedule_misconfigured",
    "16": "transform_not_applied",
    "17": "record_errors",
    "18": "validation_rejects",
    "19": "type_mismatch_at_destination",
    "21": "target_missing",
    "24": "config_lost",
    "29": "volume_drop",
}
CHANGES: dict[str, Change] = {
    "lists for objects": lists_for_objects,
    "bare": without("meta", "dataSetId", "size", "runtime_status", "access_roles", "updated_at", "log_type"),
    "nulls": null("name", "description", "runtime_status", "owner"),
    "a third": scaled(0.37),
    "a hundredth": scaled(0.01),
    "no tree": without("children"),
    "no credentials list": without("data_credentials"),
}
REFUSED = {
    "health": r"^/health/",
    "triggers": r"/flow_triggers",
    "usage": r"/usage$",
    "organisation": r"^/orgs/",
    "samples": r"/samples$",
    "logs by flow": r"^/flows/\d+/logs",
}
WORDS = {
    "1": {r"access key expired": "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records"},
    "2": {r"permission denied for table \w+": "ORA-01031: insufficient privileges"},
    "16": {r"takes exactly 1 argument \(3 given\)": "takes 1 positional argument but 3 were given"},
    "17": {r"'?NoneType'? .*upper'?": "Cannot read properties of null (reading 'toUpperCase')"},
    "21": {r"relation .* does not exist": "SQL compilation error: Object 'SHOP.ORDERS' does not exist or not authorized."},
    "13": {r"column .* does not exist": "ORA-00904: invalid identifier"},
    "9": {r"0 files found": "Nothing new to ingest"},
    "25": {r"HTTP 422[^\"]*": "Response code 400: missing required property 'sku'"},
}


@pytest.mark.parametrize("shape", ["published", "seed"])
@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize("scenario", list(CAUSES))
def test_other_forms_of_the_same_facts(scenario: str, change: str, shape: str) -> None:
    found = investigate(scenario, wire=AlteredApi(change=[CHANGES[change]]), reply_shape=shape)
    assert found.root.get("cause") == CAUSES[scenario], found.answer["summary"]


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("route", list(REFUSED))
@pytest.mark.parametrize("scenario", list(CAUSES))
def test_a_refused_route_is_a_gap_and_not_a_finding(scenario: str, route: str, status: int) -> None:
    found = investigate(scenario, wire=AlteredApi(refuse={REFUSED[route]: status}))
    assert found.root.get("cause") == CAUSES[scenario], found.answer["summary"]


@pytest.mark.parametrize("scenario", list(WORDS))
def test_other_words_for_the_same_error(scenario: str) -> None:
    plain = investigate(scenario)
    found = investigate(scenario, wire=AlteredApi(change=[reworded(WORDS[scenario])]))
    assert found.root["cause"] == plain.root["cause"], found.answer["summary"]
    assert found.root["resource_id"] == plain.root["resource_id"]


def test_without_any_run_counts_a_good_flow_is_unknown_and_not_healthy() -> None:
    found = investigate("healthy", wire=AlteredApi(refuse={r"run_summary": 403}))
    assert found.answer["verdict"] == "unknown"
    assert any("run" in note for note in found.answer["not_checked"])


@pytest.mark.parametrize("scenario", ["1", "2", "17", "21"])
def test_without_any_run_counts_logs_and_rejected_records_still_tell(scenario: str) -> None:
    found = investigate(scenario, wire=AlteredApi(refuse={r"run_summary": 403}))
    assert found.root["cause"] == CAUSES[scenario]


def test_a_probe_refused_without_a_reason_does_not_condemn_a_credential_that_works() -> None:
    found = investigate("healthy", wire=AlteredApi(refuse={r"/probe$": 403}))
    assert found.answer["verdict"] == "healthy"
    assert any("probe" in note for note in found.answer["not_checked"])


def test_a_missing_table_is_found_without_logs_when_the_target_lists_its_tables() -> None:
    found = investigate("21", wire=AlteredApi(refuse={r"/logs": 403}))
    assert found.root["cause"] in ("target_missing", "unknown")
    inconclusive = investigate("21", wire=AlteredApi(refuse={r"/logs": 403}), variant="inconclusive")
    assert inconclusive.root["cause"] == "unknown"
