"""Every incident of the catalogue, in both reply shapes: cause, place, verdict, first bad run, evidence, budget."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.runbooks.investigation import FLOW, R, investigate

MOST_REQUESTS = 12


@dataclass(frozen=True)
class Incident:
    """What a diagnosis must say about one scenario."""

    number: str
    verdicts: tuple[str, ...]
    cause: str | None
    places: tuple[tuple[str, int | None], ...] = ()
    first_bad: int | None = R[6]
    cites: tuple[str, ...] = ()
    ask: dict[str, Any] = field(default_factory=lambda: FLOW)
    contributing: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    flow_id: int | None = 5059
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.number}{self.variant}-{self.ask.get('symptom', '')[:24]}"


def said(symptom: str, **ask: Any) -> dict[str, Any]:
    return {**(ask or FLOW), "symptom": symptom}


SOURCE, SINK, CALLER = ("source", 5023), ("destination", 5029), ("caller", None)
INCIDENTS = [
    Incident(
        "1",
        ("failing",),
        "credential_invalid",
        (("credential", 5001),),
        cites=("credentials_probe", "flows_get_flow_logs"),
        never=("destination 5029 is at fault",),
    ),
    Incident(
        "2",
        ("failing",),
        "permission_denied_at_target",
        (SINK, ("credential", 5002)),
        cites=("credentials_probe", "flows_get_flow_logs"),
        never=("expired",),
    ),
    Incident(
        "3",
        ("healthy",),
        "state_conflict",
        (("credential", 5001),),
        None,
        ("credentials_get_usage",),
        said(
            "DELETE /data_credentials/5001 -> 405 credential is still used by other resources",
            resource_type="credential",
            resource_id=5001,
        ),
    ),
    Incident(
        "3",
        ("healthy",),
        "state_conflict",
        (("credential", 5001),),
        None,
        ("credentials_get_usage",),
        said("I cannot delete credential 5001, it fails with 409"),
    ),
    Incident(
        "4",
        ("healthy",),
        "access_denied_to_caller",
        (CALLER,),
        None,
        ("flows_list", "flows_get"),
        said("flow 5059 vanished, GET /flows does not list it"),
        never=("was deleted",),
    ),
    Incident(
        "5",
        ("stopped",),
        "access_denied_to_caller",
        (CALLER, SOURCE),
        None,
        ("sources_get",),
        said("PUT /data_sources/5023/activate -> 403, empty body"),
        ("paused",),
    ),
    Incident("6", ("unknown",), "token_invalid", (CALLER,), None, flow_id=None, says=("new session",)),
    Incident("6", ("unknown",), "token_invalid", (CALLER,), None, flow_id=None, variant="B", says=("service key itself",)),
    Incident("7", ("stopped",), "paused", (SOURCE,), None, ("sources_get", "sources_get_audit_log"), says=("paused by",)),
    Incident("8", ("degraded", "stopped"), "paused", (("nexset", 5102),), cites=("nexsets_get_audit_log",)),
    Incident("9", ("degraded", "healthy"), "no_new_data", (SOURCE,), cites=("sources_get_file_metrics", "notifications_list")),
    Incident(
        "10",
        ("stopped", "degraded"),
        "schedule_misconfigured",
        (SOURCE,),
        cites=("sources_get", "sources_get_audit_log"),
        says=("2028-02-29",),
    ),
    Incident("11", ("stopped",), "account_limited", (("org", 42), SOURCE), cites=("organizations_get", "sources_get")),
    Incident(
        "11",
        ("stopped",),
        "account_limited",
        (("org", 42), SOURCE),
        ask=said("activating source 5023 fails: 400 source is rate limited"),
    ),
    Incident("12", ("degraded",), "bad_input_file", (SOURCE,), cites=("sources_get_file_metrics",)),
    Incident(
        "13",
        ("failing",),
        "query_error",
        (SOURCE,),
        cites=("credentials_probe_sample", "flows_get_flow_logs"),
        never=("credential_invalid",),
    ),
    Incident("14", ("stopped",), "webhook_source_paused", (SOURCE,), cites=("sources_get",), contributing=("paused",)),
    Incident(
        "14",
        ("stopped",),
        "webhook_source_paused",
        (SOURCE,),
        ask=said('webhook senders get 500 {"error":"Source #5023 is PAUSED"}', resource_type="source", resource_id=5023),
    ),
    Incident("15", ("unknown", "degraded"), "no_data_detected", (SOURCE,), None, ("sources_get",), never=("creation failed",)),
    Incident("15", ("unknown", "degraded"), "no_data_detected", (SOURCE,), None, ("sources_get",), variant="webhook"),
    Incident(
        "16",
        ("failing", "degraded"),
        "transform_not_applied",
        (("transform", 601), ("nexset", 5102)),
        cites=("nexsets_get_samples", "flows_get_flow_logs"),
        says=("transform(record, *args)",),
    ),
    Incident(
        "17",
        ("degraded",),
        "record_errors",
        (("nexset", 5102), ("transform", 601)),
        cites=("quarantine_get_samples",),
        says=("last_name", "13%"),
    ),
    Incident(
        "18",
        ("degraded",),
        "validation_rejects",
        (("nexset", 5102),),
        cites=("quarantine_get_samples", "nexsets_get"),
        says=("email",),
    ),
    Incident(
        "19",
        ("degraded",),
        "type_mismatch_at_destination",
        (SINK,),
        cites=("quarantine_get_samples",),
        contributing=("schema_drift",),
        says=("amount", "1,200.50"),
    ),
    Incident(
        "20",
        ("healthy", "degraded"),
        "record_errors",
        (("nexset", 5102),),
        R[2],
        ("quarantine_get_samples", "metrics_get_resource_metrics_by_run"),
        says=("72 hours",),
    ),
    Incident("21", ("failing",), "target_missing", (SINK,), cites=("flows_get_flow_logs",)),
    Incident("21", ("failing",), "target_missing", (SINK,), cites=("flows_get_flow_logs",), variant="inconclusive"),
    Incident(
        "22",
        ("healthy",),
        "state_conflict",
        (SINK,),
        None,
        ask=said("DELETE /data_sinks/5029 -> 405 must be paused before deletion"),
    ),
    Incident("22", ("healthy",), "state_conflict", (("flow", 5059),), None, ask=said("DELETE /flows/5059 -> 409")),
    Incident(
        "22",
        ("healthy",),
        "state_conflict",
        (SOURCE,),
        None,
        ask=said("delete refused with an empty body", resource_type="source", resource_id=5023),
    ),
    Incident(
        "23",
        ("healthy",),
        "state_conflict",
        (SOURCE,),
        None,
        ask=said("PUT /data_sources/5023 with a source_config -> 400"),
        says=("whole",),
    ),
    Incident(
        "24",
        ("stopped", "degraded"),
        "config_lost",
        (SOURCE,),
        cites=("sources_get_audit_log", "sources_get"),
        says=("start.cron",),
    ),
    Incident("25", ("failing",), "destination_rejects_payload", (SINK,), cites=("quarantine_get_samples", "credentials_probe")),
    Incident(
        "26",
        ("degraded",),
        "record_errors",
        (("nexset", 5102),),
        ask=said("GET /flows/5059/logs?from=2025-11-21 -> 200 and no entries: there are no logs"),
        contributing=("unsupported_request",),
        never=("no errors were",),
    ),
    Incident(
        "27",
        ("healthy",),
        "unsupported_request",
        (("api", None),),
        None,
        ask=said('GET /data_sources?flow_id=5059 -> 400 contains additional properties ["flow_id"] outside of the schema'),
    ),
    Incident(
        "28",
        ("healthy",),
        None,
        first_bad=None,
        cites=("flows_list",),
        ask=said("flow 5059 is missing: GET /flows?page=1&per_page=10 shows 10 flows without it"),
        says=("137",),
        never=("does not exist",),
    ),
    Incident("29", ("degraded",), "volume_drop", (SOURCE,), cites=("metrics_get_resource_metrics_by_run",), says=("10,000",)),
    Incident("29", ("degraded",), "volume_drop", (("nexset", 5102),), variant="nexset"),
    Incident(
        "30",
        ("healthy",),
        "genai_disabled",
        (("org", 42),),
        None,
        ask=said("docs recommendation fails: not enabled for the organisation"),
    ),
    Incident(
        "31",
        ("healthy",),
        "unsupported_request",
        (CALLER, ("api", None)),
        None,
        ("credentials_probe",),
        said('POST /data_credentials/5001/probe/sample -> 500 Cannot read field "template" because "varInfo" is null'),
        never=("credential_invalid",),
    ),
    Incident("32", ("healthy",), None, first_bad=None, says=("reads like an instruction",)),
    Incident("32", ("healthy",), None, first_bad=None, variant="sample"),
    Incident(
        "33",
        ("stopped", "unknown"),
        "cluster_migrating",
        (("org", 42),),
        cites=("organizations_get",),
        ask=said("PUT /data_sources/5023/activate -> 405 cluster change in progress"),
    ),
    Incident("33", ("stopped", "unknown"), "cluster_migrating", (("org", 42),), cites=("organizations_get",)),
    Incident(
        "34",
        ("stopped",),
        "upstream_flow_failing",
        (("flow", 5059),),
        cites=("flow_triggers_list",),
        ask={"flow_id": 5159},
        flow_id=5159,
        contributing=("permission_denied_at_target",),
    ),
    Incident(
        "healthy", ("healthy",), None, first_bad=None, cites=("metrics_get_resource_metrics_by_run", "flows_get_flow_health")
    ),
]


@pytest.mark.parametrize("shape", ["published", "seed"])
@pytest.mark.parametrize("incident", INCIDENTS, ids=str)
def test_incident_is_explained(incident: Incident, shape: str) -> None:
    found = investigate(incident.number, incident.ask, reply_shape=shape, variant=incident.variant)
    answer, root = found.answer, found.root
    assert answer["verdict"] in incident.verdicts, answer["summary"]
    assert root.get("cause") == incident.cause, answer["summary"]
    if incident.cause:
        assert (root["resource_type"], root["resource_id"]) in incident.places
        assert root["explanation"]
    assert answer["flow_id"] == incident.flow_id
    assert answer["first_bad_run_id"] == incident.first_bad
    assert set(incident.cites) <= found.cited
    assert set(incident.contributing) <= {c["cause"] for c in answer["contributing"]}
    whole = answer["summary"] + str(answer["not_checked"]) + str(answer["evidence"])
    assert [words for words in incident.says if words not in whole] == []
    assert [words for words in incident.never if words in found.text] == []
    assert found.requests <= MOST_REQUESTS


@pytest.mark.parametrize("scenario", ["healthy", "1", "17", "22", "32"])
def test_nothing_but_reads_is_sent_and_no_delete_proposed(scenario: str) -> None:
    found = investigate(scenario)
    posts = [path for method, path in found.sent if method != "GET" and path != "/token"]
    assert all("/probe" in path for path in posts)
    assert not any("delete" in name for name in found.proposed)


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_a_credential_that_failed_before_the_pause_is_the_root(shape: str) -> None:
    """1 + 7: the order of events decides."""
    found = investigate("1", before=lambda http: http.put("/data_sources/5023/pause").raise_for_status(), reply_shape=shape)
    assert (found.root["cause"], found.root["resource_id"]) == ("credential_invalid", 5001)
    assert ("paused", 5023) in {(c["cause"], c["resource_id"]) for c in found.answer["contributing"]}


@pytest.mark.parametrize("scenario", ["7", "8", "11", "1"])
def test_blast_radius_names_what_waits_or_shares_the_cause(scenario: str) -> None:
    found = investigate(scenario)
    expected = {"7": {5101, 5102, 5029}, "8": {5029}, "11": set(), "1": {5023}}[scenario]
    assert {r["resource_id"] for r in found.answer["blast_radius"]} == expected


def test_the_text_stands_alone_and_is_short() -> None:
    found = investigate("19")
    assert found.text.startswith("**DEGRADED**")
    assert "| destination 5029 |" in found.text
    assert "untrusted" in found.text
    assert len(found.text) < 3600


@pytest.mark.parametrize("scenario", ["20", "17"])
def test_rejected_records_that_are_gone_are_named_as_not_checked(scenario: str) -> None:
    found = investigate(scenario)
    gone = [n for n in found.answer["not_checked"] if "72 hours" in n]
    assert bool(gone) == (scenario == "20")
