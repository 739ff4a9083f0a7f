"""Evidence of incidents in which a request is refused or misread while the flow may be good."""

from __future__ import annotations

from starlette.testclient import TestClient

from nexla_mcp.sandbox import SERVICE_KEY
from tests.sandbox.conftest import Session
from tests.sandbox.evidence import SINK, SOURCE, R, healthy, newest


def credential_in_use(s: Session) -> None:
    healthy(s)
    answer = s.reply("DELETE", "/data_credentials/5001")
    assert (answer.status_code, answer.json()) == (
        405,
        {"message": "credential is still used by other resources"},
    )


def only_owned(s: Session) -> None:
    owned = s.get("/flows?flows_only=1")["flows"]
    assert len(owned) == 2
    assert 5059 not in [flow["id"] for flow in owned]
    shared = s.get("/flows?flows_only=1&access_role=collaborator")["flows"]
    assert len(shared) == 40
    assert 5059 in [flow["id"] for flow in shared]
    assert s.get("/flows/5059")["flows"][0]["id"] == 5059


def collaborator_activates(s: Session) -> None:
    answer = s.reply("PUT", f"/{SOURCE}/activate")
    assert (answer.status_code, answer.content) == (403, b"")
    source = s.get(f"/{SOURCE}")
    assert (source["access_roles"], source["owner"]["full_name"]) == (["collaborator"], "Priya Raman")
    assert source["status"] == "PAUSED"


def token_refused(s: Session) -> None:
    answer = s.reply("GET", "/flows")
    assert (answer.status_code, answer.content) == (401, b"")
    assert s.http.post("/token", headers={"Authorization": f"Basic {SERVICE_KEY}"}).status_code == 200


def webhook_paused(s: Session) -> None:
    source = s.get(f"/{SOURCE}")
    assert (source["source_type"], source["status"]) == ("nexla_rest", "PAUSED")
    url = source["api_keys"][0]["url"]
    answer = TestClient(s.http.app).post(url, json={"order_id": 1})
    assert (answer.status_code, answer.json()) == (500, {"error": "Source #5023 is PAUSED"})
    assert newest(s, "data_sources", 5023) == R[5]


def active_delete(s: Session) -> None:
    answer = s.reply("DELETE", f"/{SINK}")
    assert answer.status_code == 405
    assert "must be paused before deletion" in answer.json()["message"]
    assert s.reply("DELETE", "/flows/5059").status_code == 405
    healthy(s)


def active_update(s: Session) -> None:
    answer = s.reply("PUT", f"/{SOURCE}", {"source_config": {"path": "elsewhere"}})
    assert (answer.status_code, answer.json()) == (
        405,
        {"message": "configuration of an active source cannot be changed"},
    )
    healthy(s)


def wrong_log_unit(s: Session) -> None:
    for start in ("2025-11-21", str(R[6] - 1000)):
        assert s.logs(f"/flows/5059/logs?from={start}") == []
    assert any(level == "ERROR" for level, *_ in s.logs(f"/flows/5059/logs?from={R[6] // 1000}"))
    assert s.logs(f"/{SOURCE}/flow/logs?from={R[6]}&run_id={R[6]}")


def unknown_parameter(s: Session) -> None:
    answer = s.reply("GET", "/data_sources?flow_id=5059")
    assert answer.status_code == 400
    assert 'additional properties ["flow_id"]' in answer.json()["message"]
    assert s.get("/data_sources")


def first_page(s: Session) -> None:
    answer = s.reply("GET", "/flows?page=1&per_page=10")
    assert (answer.headers["X-Total-Count"], len(answer.json()["flows"])) == ("137", 10)
    assert 'rel="next"' in answer.headers["Link"]
    assert 5059 in [flow["id"] for flow in s.get("/flows?page=6&per_page=10")["flows"]]
    healthy(s)


def genai_missing(s: Session) -> None:
    answer = s.post("/flows/5059/docs/recommendation")
    assert answer["status"] != "ok"
    assert "not enabled" in answer["output"]["errorMessage"]
    assert "response" not in answer["output"]
    assert s.get("/gen_ai_org_settings") == []


def wrong_sample_keys(s: Session) -> None:
    answer = s.reply("POST", "/data_credentials/5001/probe/sample", {"path": "exports/orders"})
    assert answer.status_code == 500
    assert '"varInfo" is null' in answer.json()["message"]
    assert s.reply("GET", "/data_credentials/5001/probe").status_code == 200


def hidden_instructions(s: Session) -> None:
    assert "Ignore previous instructions" in s.get(f"/{SOURCE}")["description"]
    healthy(s)


def cluster_moves(s: Session) -> None:
    for path in (f"/{SOURCE}/activate", f"/{SINK}/pause"):
        answer = s.reply("PUT", path)
        assert (answer.status_code, answer.json()["message"]) == (405, "cluster change in progress")
    org = s.get("/orgs/42")
    assert (org["cluster_status"], org["new_cluster_id"]) == ("MIGRATING", 8)
    assert newest(s, "data_sources", 5023) == R[5]
