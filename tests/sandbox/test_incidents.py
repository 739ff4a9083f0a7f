"""Every incident shows its key evidence, in both reply shapes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from nexla_mcp.sandbox import ADMIN_KEY, SERVICE_KEY
from tests.sandbox import broken_flows, refused_requests
from tests.sandbox.conftest import Api, Session
from tests.sandbox.evidence import DERIVED, SOURCE, R, counts, healthy, logged

Check = Callable[[Session], object]

EVIDENCE: dict[str, Check] = {
    "healthy": healthy,
    "1": broken_flows.credential_refused,
    "2": broken_flows.write_denied,
    "3": refused_requests.credential_in_use,
    "4": refused_requests.only_owned,
    "5": refused_requests.collaborator_activates,
    "6": refused_requests.token_refused,
    "7": broken_flows.paused_by_person,
    "8": broken_flows.nexset_paused,
    "9": broken_flows.nothing_new,
    "10": broken_flows.cron_never_fires,
    "11": broken_flows.account_capped,
    "12": broken_flows.one_bad_file,
    "13": broken_flows.column_dropped,
    "14": refused_requests.webhook_paused,
    "15": broken_flows.not_detected,
    "16": broken_flows.transform_silent,
    "17": broken_flows.null_names,
    "18": broken_flows.validation_too_strict,
    "19": broken_flows.text_in_number,
    "20": broken_flows.quarantine_expired,
    "21": broken_flows.table_missing,
    "22": refused_requests.active_delete,
    "23": refused_requests.active_update,
    "24": broken_flows.config_lost,
    "25": broken_flows.payload_rejected,
    "26": refused_requests.wrong_log_unit,
    "27": refused_requests.unknown_parameter,
    "28": refused_requests.first_page,
    "29": broken_flows.volume_drop,
    "30": refused_requests.genai_missing,
    "31": refused_requests.wrong_sample_keys,
    "32": refused_requests.hidden_instructions,
    "33": refused_requests.cluster_moves,
    "34": broken_flows.chain_broken,
}


@pytest.mark.parametrize("shape", ["published", "seed"])
@pytest.mark.parametrize("scenario", EVIDENCE)
def test_key_evidence(api: Api, scenario: str, shape: str) -> None:
    EVIDENCE[scenario](api(scenario=scenario, reply_shape=shape))


def test_6_b_the_key_itself_is_paused(api: Api) -> None:
    session = api(scenario="6", variant="B")
    refused = session.http.post("/token", headers={"Authorization": f"Basic {SERVICE_KEY}"})
    assert (refused.status_code, refused.content) == (401, b"")
    session.sign_in(ADMIN_KEY)
    assert {row["id"]: row["status"] for row in session.get("/service_keys?access_role=admin")}[901] == "PAUSED"


def test_15_webhook_gets_its_nexset_with_the_first_payload(api: Api) -> None:
    session = api(scenario="15", variant="webhook")
    source = session.get(f"/{SOURCE}")
    assert (source["source_type"], source["data_sets"]) == ("nexla_rest", [])
    sent = TestClient(session.http.app).post(source["api_keys"][0]["url"], json=[{"a": 1}, {"a": 2}])
    assert sent.json()["processed"] == 2
    assert session.get(f"/{SOURCE}")["data_sets"][0]["id"] == sent.json()["datasetId"]


def test_21_a_tree_that_shows_nothing_proves_nothing(api: Api) -> None:
    session = api(scenario="21", variant="inconclusive")
    assert session.post("/data_credentials/5002/probe/tree", {"depth": 2})["object"] == {
        "public": {"type": "database", "value": {}}
    }
    assert ("SINK", 5029, 'ERROR: relation "orders" does not exist') in logged(session, "ERROR")


def test_29_the_drop_can_start_in_the_nexset(api: Api) -> None:
    session = api(scenario="29", variant="nexset")
    assert counts(session, "data_sources", 5023, R[6]) == [(10_000, 0)]
    assert counts(session, "data_sets", 5102, R[6]) == [(1_150, 0)]


def test_32_the_sentence_can_stand_in_a_sample(api: Api) -> None:
    samples = api(scenario="32", variant="sample").get(f"/{DERIVED}/samples")
    assert any("Ignore previous instructions" in record["first_name"] for record in samples)


@pytest.mark.parametrize("scenario", ["1", "2"])
def test_seed_shape_marks_a_failed_run(api: Api, scenario: str) -> None:
    kind, resource_id = ("data_sources", 5023) if scenario == "1" else ("data_sinks", 5029)
    rows = api(scenario=scenario, reply_shape="seed").runs(kind, resource_id)
    assert [row["status"] for row in rows] == ["FAILED", *["SUCCESS"] * 5]
    assert {"startTime", "endTime", "duration_s"} <= set(rows[0])


@pytest.mark.parametrize("status", [405, 409, 400])
@pytest.mark.parametrize(
    ("form", "body"),
    [("message", {"message"}), ("lists", {"message", "data_sources"}), ("empty", set())],
)
def test_state_conflicts_come_in_the_configured_form(api: Api, status: int, form: str, body: set[str]) -> None:
    answer = api(scenario="3", state_conflict=status, state_conflict_body=form).reply("DELETE", "/data_credentials/5001")
    assert answer.status_code == status
    assert set(answer.json() if answer.content else {}) == body


def test_1_somebody_may_have_paused_the_flow_afterwards(api: Api) -> None:
    session = api(scenario="1", variant="paused")
    assert counts(session, "data_sources", 5023, R[6]) == [(0, 1)]
    assert session.get(f"/{SOURCE}")["status"] == "PAUSED"
    assert session.get(f"/{SOURCE}/audit_log")[0]["created_at"] == "2025-11-21T11:10:00.000Z"


def test_32_the_sentence_can_come_with_another_incident(api: Api) -> None:
    session = api(scenario="32", variant="17")
    assert "Ignore previous instructions" in session.get(f"/{SOURCE}")["description"]
    broken_flows.null_names(session)
