"""Evidence of incidents in which the flow itself is broken, stopped or short of data."""

from __future__ import annotations

from tests.sandbox.conftest import Session
from tests.sandbox.evidence import DERIVED, DETECTED, SINK, SOURCE, R, audit_changes, colour, counts, logged, newest, quarantined


def credential_refused(s: Session) -> None:
    before = s.get("/data_credentials/5001")
    assert (before["verified_status"], before["verified_at"][:7]) == ("200 Ok", "2025-10")
    probe = s.reply("GET", "/data_credentials/5001/probe")
    assert (probe.status_code, probe.json()) == (403, {"status": 403, "message": "access key expired"})
    assert s.get("/data_credentials/5001")["verified_at"] is None
    assert s.get(f"/{SOURCE}")["status"] == "ACTIVE"
    assert counts(s, "data_sources", 5023, R[6]) == [(0, 1)]
    assert logged(s, "ERROR")[0][:2] == ("SOURCE", 5023)
    assert s.get("/notifications?level=ERROR")[0]["resource_id"] == 5023
    assert s.get("/health/flow/5059")["metrics"]["affectedResources"][0]["resourceId"] == 5023
    assert colour(s) == "RED"
    assert s.get("/data_credentials/5001/usage")["data_sources"][0]["id"] == 5023


def write_denied(s: Session) -> None:
    assert s.reply("GET", "/data_credentials/5002/probe").status_code == 200
    assert counts(s, "data_sinks", 5029, R[6]) == [(0, 10_000)]
    assert counts(s, "data_sets", 5102, R[6]) == [(10_000, 0)]
    assert ("SINK", 5029, "permission denied for table orders") in logged(s, "ERROR")
    assert "permission denied" in quarantined(s, SINK)[0]["error"]["message"]


def paused_by_person(s: Session) -> None:
    assert s.get(f"/{SOURCE}")["status"] == "PAUSED"
    assert s.get("/flows/5059")["flows"][0]["status"] == "PAUSED"
    assert newest(s, "data_sources", 5023) == R[5]
    entry = s.get(f"/{SOURCE}/audit_log")[0]
    assert entry["object_changes"] == {"status": ["ACTIVE", "PAUSED"]}
    assert entry["user"] == {"id": 102, "email": "tomas.weber@harborline.test"}
    assert "2025-11-21T09:40" < entry["created_at"] < "2025-11-21T10:40"
    assert "was paused" in s.get("/notifications?level=INFO&resource_type=SOURCE")[0]["message"]
    assert colour(s) == "GREEN"


def nexset_paused(s: Session) -> None:
    assert counts(s, "data_sources", 5023, R[6]) == counts(s, "data_sets", 5101, R[6]) == [(10_000, 0)]
    assert s.get(f"/{DERIVED}")["status"] == "PAUSED"
    assert newest(s, "data_sets", 5102) == newest(s, "data_sinks", 5029) == R[5]
    assert s.get(f"/{SINK}")["status"] == s.get("/flows/5059")["flows"][0]["status"] == "ACTIVE"


def nothing_new(s: Session) -> None:
    assert newest(s, "data_sources", 5023) == R[5]
    assert s.get(f"/{SOURCE}")["status"] == "ACTIVE"
    assert s.reply("GET", "/data_credentials/5001/probe").status_code == 200
    note = s.get("/notifications?level=WARN")[0]
    assert (note["resource_type"], note["resource_id"]) == ("SOURCE", 5023)
    kinds = {row["id"]: row["event_type"] for row in s.get("/notification_types")}
    assert kinds[note["message_id"]] == "EMPTY_DATA"
    assert logged(s, "INFO") == [("SOURCE", 5023, "0 files found")]
    assert s.get(f"/{SOURCE}/metrics/files_stats")["metrics"]["data"]["COMPLETE"] == 50


def cron_never_fires(s: Session) -> None:
    assert s.get(f"/{SOURCE}")["source_config"]["start.cron"] == "0 0 9 29 2 ? *"
    assert newest(s, "data_sources", 5023) == R[5]
    old, new = audit_changes(s, SOURCE)["source_config"]
    assert (old["start.cron"], new["start.cron"]) == ("0 40 * * * ?", "0 0 9 29 2 ? *")
    s.put(f"/{SOURCE}/pause")
    assert s.reply("PUT", f"/{SOURCE}", {"source_config": {"start.cron": "0 9 * * *"}}).status_code == 400


def account_capped(s: Session) -> None:
    assert s.get(f"/{SOURCE}")["status"] == "RATE_LIMITED"
    org = s.get("/orgs/42")
    assert (org["status"], org["org_tier"]["record_count_limit"]) == ("SOURCE_DATA_CAPPED", 50_000)
    answer = s.reply("PUT", f"/{SOURCE}/activate")
    assert (answer.status_code, answer.json()["message"]) == (405, "source is rate limited")
    assert newest(s, "data_sources", 5023) == R[5]


def one_bad_file(s: Session) -> None:
    rows = s.get(f"/{SOURCE}/metrics/files?page=1&size=10")["metrics"]["data"]
    bad = [row for row in rows if row["ingestionStatus"] == "ERROR"]
    assert [(row["error"], row["errorCount"]) for row in bad] == [("unterminated quoted field", 1)]
    assert {row["ingestionStatus"] for row in rows} == {"ERROR", "COMPLETE"}
    assert counts(s, "data_sources", 5023, R[6]) == [(9_000, 1)]
    assert colour(s) == "YELLOW"


def column_dropped(s: Session) -> None:
    assert s.reply("GET", "/data_credentials/5001/probe").status_code == 200
    query = s.get(f"/{SOURCE}")["source_config"]["query"]
    sample = s.post("/data_credentials/5001/probe/sample", {"query": query})
    assert (sample["status"], sample["output"]["statusCode"]) == ("ok", 500)
    assert 'column "country" does not exist' in sample["output"]["response"]
    assert counts(s, "data_sources", 5023, R[6]) == []
    assert logged(s, "ERROR") == [("SOURCE", 5023, 'column "country" does not exist')]


def not_detected(s: Session) -> None:
    source = s.get(f"/{SOURCE}")
    assert (source["status"], source["data_sets"], source["run_ids"]) == ("ACTIVE", [], [])
    assert source["runtime_status"] != "PROCESSING"
    assert source["created_at"] == "2025-11-21T11:20:00.000Z"


def transform_silent(s: Session) -> None:
    assert counts(s, "data_sets", 5102, R[6]) == [(10_000, 0)]
    assert colour(s) == "GREEN"
    assert s.get(f"/{DERIVED}/samples") == s.get(f"/{DETECTED}/samples")
    assert s.get(f"/{DERIVED}")["output_schema"] == s.get(f"/{DETECTED}")["output_schema"]
    assert ("DATASET", 5102, "TypeError: transform() takes exactly 1 argument (3 given)") in logged(s, "ERROR")
    assert s.post(f"/{DERIVED}/transform", {"input": [{}]}) == {"output": [], "errors": []}


def null_names(s: Session) -> None:
    assert counts(s, "data_sets", 5102, R[6]) == [(8_700, 1_300)]
    assert counts(s, "data_sources", 5023, R[6]) == [(10_000, 0)]
    rows = quarantined(s, DERIVED)
    assert all("NoneType" in row["error"]["message"] and row["rawMessage"]["last_name"] is None for row in rows)
    assert colour(s) == "YELLOW"


def validation_too_strict(s: Session) -> None:
    changes = audit_changes(s, DERIVED)
    assert changes["output_schema_validation_enabled"] == [None, True]
    nexset = s.get(f"/{DERIVED}")
    assert nexset["output_schema_validation_enabled"] is True
    pattern = nexset["output_validation_schema"]["properties"]["email"]["pattern"]
    message = quarantined(s, DERIVED)[0]["error"]["message"]
    assert "#/email" in message
    assert pattern in message
    assert [counts(s, "data_sets", 5102, run)[0][1] for run in (R[5], R[6])] == [0, 1_000]


def text_in_number(s: Session) -> None:
    row = quarantined(s, SINK)[0]
    assert "numeric" in row["error"]["message"]
    assert row["rawMessage"]["amount"] == "1,200.50"
    assert counts(s, "data_sinks", 5029, R[6]) == [(9_580, 420)]
    assert counts(s, "data_sets", 5102, R[6]) == [(10_000, 0)]
    samples = s.get(f"/{DERIVED}/samples?include_metadata=true")
    by_run = {run: {type(x["rawMessage"]["amount"]) for x in samples if x["nexlaMetaData"]["runId"] == run} for run in R}
    assert (by_run[R[5]], str in by_run[R[6]]) == ({float}, True)


def quarantine_expired(s: Session) -> None:
    assert counts(s, "data_sets", 5102, R[2]) == [(9_500, 500)]
    assert counts(s, "data_sets", 5102, R[3]) == [(10_000, 0)]
    assert quarantined(s, DERIVED) == []
    assert colour(s) == "GREEN"


def table_missing(s: Session) -> None:
    sink = s.get(f"/{SINK}")
    assert (sink["status"], sink["runtime_status"]) == ("ACTIVE", "PROCESSING")
    assert s.runs("data_sinks", 5029) == []
    assert ("SINK", 5029, 'ERROR: relation "orders" does not exist') in logged(s, "ERROR")
    tree = s.post("/data_credentials/5002/probe/tree", {"depth": 2})["object"]
    assert "orders" not in tree["public"]["value"]


def config_lost(s: Session) -> None:
    before, after = audit_changes(s, SOURCE)["source_config"]
    assert (set(before), set(after)) == ({"start.cron", "path"}, {"path"})
    assert "start.cron" not in s.get(f"/{SOURCE}")["source_config"]
    assert newest(s, "data_sources", 5023) == R[5]


def payload_rejected(s: Session) -> None:
    assert counts(s, "data_sinks", 5029, R[6]) == [(0, 10_000)]
    message = quarantined(s, SINK)[0]["error"]["message"]
    assert "HTTP 422" in message
    assert "customer_ref" in message
    assert s.reply("GET", "/data_credentials/5002/probe").status_code == 200
    assert s.get(f"/{SINK}")["data_set_id"] == 5101


def volume_drop(s: Session) -> None:
    assert counts(s, "data_sources", 5023, R[6]) == [(1_150, 0)]
    assert colour(s) == "GREEN"
    assert "volume" in s.get("/notifications?level=WARN")[0]["message"]


def chain_broken(s: Session) -> None:
    trigger = s.get("/flow_triggers")[0]
    assert (trigger["triggering_resource_id"], trigger["triggered_resource_id"]) == (5029, 5123)
    assert (trigger["triggering_event_type"], trigger["status"]) == ("DATA_SINK_WRITE_DONE", "ACTIVE")
    assert counts(s, "data_sinks", 5029, R[6]) == [(0, 10_000)]
    assert [row["records"] for row in s.runs("data_sources", 5123)] == [10_000] * 5
    assert newest(s, "data_sources", 5123) == R[5] + 120_000
    assert s.get("/flows/5159")["data_sinks"][0]["status"] == "ACTIVE"
