"""Control routes: the record of requests, faults, the clock, a fresh start."""

from __future__ import annotations

import httpx
import pytest

from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.serve import running_sandbox
from tests.sandbox.conftest import Api


def test_every_api_request_is_on_record(api: Api) -> None:
    session = api(scenario="healthy")
    session.reply("PUT", "/data_sources/5023?x=1", {"name": "new"})
    entry = session.get("/__sandbox__/requests")[-1]
    assert (entry["method"], entry["path"], entry["query"]) == ("PUT", "/data_sources/5023", {"x": "1"})
    assert (entry["body"], entry["status"]) == ({"name": "new"}, 400)
    assert "authorization" not in entry["headers"]
    session.delete("/__sandbox__/requests")
    assert session.get("/__sandbox__/requests") == []


def test_faults_disturb_matching_requests_as_often_as_told(api: Api) -> None:
    session = api(scenario="healthy")
    throttle = {
        "match": "GET /flows$",
        "status": 429,
        "body": {"message": "slow"},
        "headers": {"Retry-After": "7"},
        "count": 1,
    }
    session.post("/__sandbox__/faults", [throttle])
    refused = session.reply("GET", "/flows")
    assert (refused.status_code, refused.headers["Retry-After"], refused.json()) == (
        429,
        "7",
        {"message": "slow"},
    )
    assert session.reply("GET", "/flows").status_code == 200
    session.post("/__sandbox__/faults", [{"match": ".*", "status": 502, "html": True}])
    assert session.reply("GET", "/limits").headers["content-type"].startswith("text/html")
    session.post("/__sandbox__/faults", [{"match": "nothing", "status": 200, "body": "{broken"}])
    session.delete("/__sandbox__/faults")
    assert session.reply("GET", "/limits").status_code == 200


def test_a_bad_fault_is_refused(api: Api) -> None:
    session = api(scenario="healthy")
    assert session.reply("POST", "/__sandbox__/faults", [{"match": "(", "status": 500}]).status_code == 400
    assert session.reply("POST", "/__sandbox__/nothing", {}).status_code == 404


def test_reset_goes_back_to_the_seed(api: Api) -> None:
    session = api(scenario="healthy")
    session.put("/flows/5059/pause")
    session.advance(9999)
    session.post("/__sandbox__/reset")
    assert session.reply("GET", "/flows").status_code == 401
    assert session.get("/__sandbox__/clock")["now"].startswith("2025-11-21T11:40:0")


def test_the_connection_can_break_in_the_middle_of_a_reply() -> None:
    with running_sandbox(SandboxConfig(scenario="healthy")) as sandbox, sandbox.client() as http:
        sandbox.fault("GET /flows", reset=True, count=1)
        with pytest.raises(httpx.TransportError):
            http.get("/flows")
        assert http.get("/flows").status_code == 200
        assert sandbox.requests()[-2]["status"] == 0


@pytest.mark.parametrize("body", ["[" * 100_000, '{"name":' * 50_000, "[" * 3_000 + "]" * 3_000])
def test_a_body_nested_without_end_is_refused(body: str) -> None:
    with running_sandbox(SandboxConfig(scenario="healthy")) as sandbox, sandbox.client() as client:
        assert client.post("/projects", content=body).status_code == 400
        assert client.post("/__sandbox__/faults", content=body).status_code == 400
        assert sandbox.requests()[-1]["status"] == 400


def test_a_change_that_fails_half_way_changes_nothing(api: Api) -> None:
    session = api(scenario="healthy")
    session.post("/data_sets/5101/docs", {"docs": [{"name": "first", "text": "kept"}]})
    broken = {"docs": [{"name": "second"}, {"name": "third", "created_at": 1, "id": [1]}]}
    assert session.reply("POST", "/data_sets/5101/docs", broken).status_code == 400
    assert [doc["name"] for doc in session.get("/data_sets/5101/docs")] == ["first"]


def test_the_id_of_what_was_removed_is_never_given_again(api: Api) -> None:
    session = api(scenario="healthy")
    first = session.post("/projects", {"name": "first"})["id"]
    session.delete(f"/projects/{first}")
    assert session.post("/projects", {"name": "second"})["id"] > first
