"""Paging, filters, errors and the forms that replies can take."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import Api


def test_paging_headers_and_links(api: Api) -> None:
    session = api()
    first = session.reply("GET", "/data_sources?page=1&per_page=6")
    assert (first.headers["X-Total-Count"], first.headers["X-Current-Page"], len(first.json())) == (
        "15",
        "1",
        6,
    )
    assert 'rel="next"' in first.headers["Link"]
    assert "previous" not in first.headers["Link"]
    last = session.reply("GET", "/data_sources?page=3&per_page=6")
    assert (len(last.json()), 'rel="next"' in last.headers["Link"]) == (3, False)
    assert session.get("/data_sources?page=9&per_page=6") == []


def test_without_paging_everything_comes_and_half_of_it_means_ten(api: Api) -> None:
    session = api()
    assert len(session.get("/data_sources")) == 15
    assert len(session.get("/data_sources?page=1")) == 10
    assert len(session.get("/data_sources?per_page=4")) == 4


def test_run_summary_pages_by_size_and_newest_comes_first(api: Api) -> None:
    session = api()
    metrics = session.get("/data_sinks/5012/metrics/run_summary?page=2&size=50")["metrics"]
    assert (metrics["meta"]["currentPage"], len(metrics["data"])) == (2, 50)
    assert metrics["data"][0]["runId"] > metrics["data"][-1]["runId"]
    by_write = session.get("/data_sinks/5012/metrics/run_summary?groupby=lastWritten&size=1")["metrics"]["data"][0]
    assert by_write["lastWritten"] > by_write["runId"]


def test_errors_have_the_published_forms(api: Api) -> None:
    session = api(scenario="healthy")
    for path in ("/data_sources/1", "/nowhere", "/data_sources/abc", "/flows/5059/flow/logs"):
        reply = session.reply("GET", path)
        assert (path, reply.status_code, reply.content) == (path, 404, b"")
    bad = session.http.post("/data_sources", content=b"{not json")
    assert (bad.status_code, bad.json()) == (400, {"message": "The request body is not valid JSON"})
    missing = session.reply("POST", "/data_sources", {"name": "x"})
    assert "'source_type'" in missing.json()["message"]
    assert session.reply("GET", "/health/org/flows?health_status=RED").status_code == 400
    assert session.get("/health/org/flows?from=2025-11-20")["metrics"]["data"] == []


def test_flags_are_read_in_any_case(api: Api) -> None:
    session = api(scenario="healthy")
    for flag in ("true", "True", "1"):
        assert "rawMessage" in session.get(f"/data_sets/5102/samples?include_metadata={flag}")[0]
    assert set(session.get("/flows/5059?flows_only=1")) == {"flows"}
    assert session.get("/flows?include_run_metrics=1")["metrics"][0]["records"] == 10_000


@pytest.mark.parametrize(("shape", "words"), [("published", "completed"), ("seed", "success")])
def test_async_calls_answer_an_envelope_first(api: Api, shape: str, words: str) -> None:
    session = api(scenario="healthy", reply_shape=shape)
    envelope = session.get("/data_credentials/5001/probe?async=true")
    assert (envelope["status"], envelope["progress"]) == ("pending", 0)
    done = session.get(f"/data_credentials/5001/probe?request_id={envelope['request_id']}")
    assert (done["status"], done["progress"]) == (words, 100)
    pausing = session.put("/flows/5059/pause?async=1&all=1")
    assert session.put(f"/flows/5059/pause?request_id={pausing['request_id']}")["result"]["flows"][0]["status"] == "PAUSED"


def test_async_probe_of_a_bad_credential_fails(api: Api) -> None:
    session = api(scenario="1")
    request_id = session.get("/data_credentials/5001/probe?async=true")["request_id"]
    assert session.get(f"/data_credentials/5001/probe?request_id={request_id}")["status"] == "failed"


def test_seed_shapes(api: Api) -> None:
    session = api(scenario="healthy", reply_shape="seed")
    row = session.get("/data_sources/5023/metrics/run_summary")["metrics"][0]
    assert set(row) == {
        "runId",
        "records",
        "errors",
        "status",
        "startTime",
        "endTime",
        "duration_s",
        "lastWritten",
    }
    log = session.get("/flows/5059/logs")[0]
    assert {"message", "timestamp"} <= set(log)
    assert session.get("/data_credentials/5001/probe")["status"] == "success"
    assert session.get("/data_sources")[0]["data_credentials_id"] == 5001
    nexset = session.get("/data_sets/5102")
    assert (nexset["has_custom_transform"], nexset["parent_data_set_id"]) == (True, 5101)
    assert session.post("/flows/5059/docs/recommendation")["recommendation"].startswith("# ")


def test_published_shapes(api: Api) -> None:
    session = api(scenario="healthy")
    assert session.reply("GET", "/data_credentials/5001/probe").content == b""
    assert "data_credentials_id" not in session.get("/data_sources")[0]
    assert "source_config" not in session.get("/data_sources")[0]
    assert "parent_data_set_id" not in session.get("/data_sets/5102")
    assert session.get("/flows/5059")["data_sets"][1]["parent_data_set_id"] == 5101
    log = session.get("/data_sinks/5029/flow/logs?page=1&per_page=1")["logs"]
    assert set(log["data"][0]) == {"timestamp", "severity", "log", "log_type", "resource_id", "resource_type"}
    assert set(log["meta"]) == {"current_page", "pages_count", "total_count", "org_id", "run_id"}
    daily = session.get("/data_sources/5023/metrics?from=2025-11-21&aggregate=1")
    assert daily["metrics"] == [{"time": "2025-11-21", "records": 60_000, "size": daily["metrics"][0]["size"], "errors": 0}]


def test_logs_can_be_searched(api: Api) -> None:
    session = api(scenario="17")
    found = session.post("/flows/5059/logs_v2?size=5&facets=true", {"severity": ["ERROR"], "search_string": "NoneType"})
    assert [row["severity"] for row in found["logs"]["data"]] == ["ERROR"]
    assert found["facets"]["severity"] == {"ERROR": 1}


def test_limits_are_shown_and_enforced_on_request(api: Api) -> None:
    session = api(scenario="healthy", enforce_limits=True)
    limit = session.get("/limits")["second"]["common"]["limit"]
    replies = [session.reply("GET", "/limits") for _ in range(3 * limit)]
    throttled = next(reply for reply in replies if reply.status_code == 429)
    assert throttled.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("/data_sources/5023", {"source_config": "text"}, "object"),
        ("/data_sources/5023", {"data_credentials_id": "5001"}, "integer"),
        ("/data_sets/5102", {"output_validation_schema": []}, "object"),
        ("/data_credentials/5001", {"credentials": "text"}, "object"),
        ("/projects/1", {"name": 5}, ""),
    ],
)
def test_bodies_of_the_wrong_type_are_refused(api: Api, path: str, body: dict[str, object], word: str) -> None:
    reply = api(scenario="healthy").reply("PUT", path, body)
    assert reply.status_code == (400 if word else 404)
    assert word in reply.text
