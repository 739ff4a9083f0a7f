"""The world runs: schedules fire, changes of state change the next cycle."""

from __future__ import annotations

from typing import Any

import pytest

from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.engine.quartz import parse_cron
from nexla_mcp.sandbox.engine.transforms import encoded
from nexla_mcp.sandbox.serve import serve
from tests.sandbox.conftest import Api, Session

HOUR = 3600
GOOD_CODE = """def transform(record, *args):
    out = dict(record)
    out["last_name"] = (record["last_name"] or "").upper()
    return out
"""


def last(session: Session, kind: str, resource_id: int) -> tuple[int, int]:
    row = session.runs(kind, resource_id)[0]
    return row["records"], row["errors"]


def errors_since(session: Session, before: int) -> list[Any]:
    """ERROR lines of flow 5059 that are newer than the given number of them."""
    lines = [line for line in session.logs("/flows/5059/logs") if line[0] == "ERROR"]
    return lines[: len(lines) - before]


def test_active_flows_run_on_schedule_and_paused_ones_do_not(api: Api) -> None:
    session = api(scenario="healthy")
    session.advance(3 * HOUR)
    assert len(session.runs("data_sources", 5023)) == 9
    session.put("/data_sources/5023/pause")
    assert {session.get(f"/{path}")["status"] for path in ("data_sets/5101", "data_sinks/5029")} == {"PAUSED"}
    session.advance(5 * HOUR)
    assert len(session.runs("data_sources", 5023)) == 9


def test_activating_ingests_at_once_and_only_once(api: Api) -> None:
    session = api(scenario="7")
    assert session.put("/flows/5059/activate")["flows"][0]["status"] == "ACTIVE"
    assert last(session, "data_sinks", 5029) == (10_000, 0)
    assert len(session.runs("data_sources", 5023)) == 6
    session.put("/flows/5059/activate")
    assert len(session.runs("data_sources", 5023)) == 6


def test_activating_a_nexset_processes_what_waited(api: Api) -> None:
    session = api(scenario="8")
    session.put("/data_sets/5102/activate")
    assert [row["runId"] for row in session.runs("data_sinks", 5029)] == [
        row["runId"] for row in session.runs("data_sources", 5023)
    ]


def test_a_new_key_repairs_the_next_run(api: Api) -> None:
    session = api(scenario="1")
    new = {"access_key_id": "orders-input-access-key-id", "secret_key": "a-new-secret", "region": "eu-west-1"}
    view = session.put("/data_credentials/5001", {"credentials": new})
    assert view["credentials_non_secure_data"] == {
        "access_key_id": "orders-input-access-key-id",
        "region": "eu-west-1",
    }
    assert session.reply("GET", "/data_credentials/5001/probe").status_code == 200
    session.advance(HOUR)
    assert last(session, "data_sources", 5023) == (10_000, 0)
    assert session.get("/health/flow/5059")["metrics"]["healthStatus"] == "GREEN"


@pytest.mark.parametrize("broken", [{"secret_key": "new"}, {"access_key_id": "k", "secret_key": "bad-guess"}])
def test_a_wrong_or_partial_key_stays_refused(api: Api, broken: dict[str, str]) -> None:
    session = api(scenario="1")
    session.put("/data_credentials/5001", {"credentials": broken})
    assert session.reply("GET", "/data_credentials/5001/probe").status_code == 403


def test_pointing_the_source_to_another_credential_repairs_it(api: Api) -> None:
    session = api(scenario="1")
    body = {
        "name": "rotated",
        "credentials_type": "s3",
        "credentials": {"access_key_id": "k", "secret_key": "s"},
    }
    made = session.post("/data_credentials", body)
    session.put("/data_sources/5023", {"data_credentials_id": made["id"]})
    session.advance(HOUR)
    assert last(session, "data_sources", 5023) == (10_000, 0)
    assert session.delete("/data_credentials/5001") == {"code": "200", "message": "Ok"}


@pytest.mark.parametrize("path", ["transforms/601", "code_containers/601", "data_sets/5102"])
def test_repaired_code_changes_samples_and_ends_the_errors(api: Api, path: str) -> None:
    session = api(scenario="16")
    passed_through = session.get("/data_sets/5102/samples")
    body = {"transform": {"code": encoded(GOOD_CODE)}} if path.startswith("data_sets") else {"code": encoded(GOOD_CODE)}
    session.put(f"/{path}", body)
    samples = session.get("/data_sets/5102/samples")
    assert samples[0]["last_name"] == passed_through[0]["last_name"].upper()
    session.advance(2 * HOUR)
    assert errors_since(session, 1) == []


def test_a_guard_in_the_transform_ends_the_record_errors(api: Api) -> None:
    session = api(scenario="17")
    session.put("/transforms/601", {"code": encoded(GOOD_CODE)})
    session.advance(HOUR)
    assert last(session, "data_sets", 5102) == (10_000, 0)


def test_parsing_the_text_in_the_transform_ends_the_cast_errors(api: Api) -> None:
    session = api(scenario="19")
    code = (
        'def transform(record, *args):\n    record["amount"] = float(str(record["amount"]).replace(",", ""))\n    return record\n'
    )
    session.put("/transforms/601", {"code": encoded(code)})
    session.advance(HOUR)
    assert last(session, "data_sinks", 5029) == (10_000, 0)


def test_relaxing_the_rule_ends_the_rejects(api: Api) -> None:
    session = api(scenario="18")
    session.put("/data_sets/5102", {"output_schema_validation_enabled": False})
    session.advance(HOUR)
    assert last(session, "data_sets", 5102) == (10_000, 0)


def test_restoring_the_configuration_needs_a_pause_and_brings_the_runs_back(api: Api) -> None:
    session = api(scenario="24")
    old = session.get("/data_sources/5023/audit_log")[0]["object_changes"]["source_config"][0]
    assert session.reply("PUT", "/data_sources/5023", {"source_config": old}).status_code == 405
    session.put("/flows/5059/pause")
    session.put("/data_sources/5023", {"source_config": old})
    session.put("/flows/5059/activate")
    session.advance(HOUR)
    assert len(session.runs("data_sources", 5023)) == 7


def test_an_existing_table_ends_the_wait_of_the_sink(api: Api) -> None:
    session = api(scenario="21")
    session.put("/data_sinks/5029/pause")
    session.put("/data_sinks/5029", {"sink_config": {"table": "customers", "insert.mode": "INSERT"}})
    session.put("/data_sinks/5029/activate")
    assert last(session, "data_sinks", 5029) == (10_000, 0)
    assert session.get("/data_sinks/5029")["runtime_status"] == "IDLE"


def test_what_stands_outside_nexla_is_repaired_by_a_control_route(api: Api) -> None:
    session = api(scenario="9")
    session.post("/__sandbox__/repair", {"flow_id": 5059})
    session.advance(HOUR)
    assert last(session, "data_sinks", 5029) == (10_000, 0)


def test_a_flow_can_be_copied_paused_and_deleted(api: Api) -> None:
    session = api(scenario="healthy")
    copy = session.post("/flows/5059/copy", {"reuse_data_credentials": True})
    flow = copy["flows"][0]
    assert (flow["status"], copy["data_sources"][0]["copied_from_id"]) == ("PAUSED", 5023)
    assert session.get("/data_credentials/5001/usage")["data_sources"][1]["id"] == copy["data_sources"][0]["id"]
    assert session.delete(f"/flows/{flow['id']}") == {"code": "200", "message": "Ok"}
    assert session.reply("GET", f"/flows/{flow['id']}").status_code == 404
    assert session.get("/data_credentials/5001")["id"] == 5001


def test_a_node_below_the_source_can_be_paused_alone(api: Api) -> None:
    session = api(scenario="healthy")
    session.put("/flows/5062/pause")
    assert session.get("/data_sinks/5029")["status"] == "PAUSED"
    assert session.get("/data_sets/5102")["status"] == "ACTIVE"
    session.put("/flows/5062/pause?all=1")
    assert session.get("/data_sources/5023")["status"] == "PAUSED"


def test_tasks_finish_with_the_clock(api: Api) -> None:
    session = api(scenario="1")
    task = session.post("/async_tasks", {"type": "CallProbe", "arguments": {"data_credentials_id": 5001}})
    assert session.reply("GET", f"/async_tasks/{task['id']}/result").status_code == 202
    session.advance(10)
    assert session.get(f"/async_tasks/{task['id']}")["status"] == "completed"
    assert session.get(f"/async_tasks/{task['id']}/result")["result"]["status"] == 403


def test_two_sandboxes_with_one_clock_agree(api: Api) -> None:
    first, second = api(scenario="19"), api(scenario="19")
    first.advance(5 * HOUR)
    second.advance(5 * HOUR)
    assert first.runs("data_sinks", 5029) == second.runs("data_sinks", 5029)


@pytest.mark.parametrize(
    ("cron", "after", "fires"),
    [
        ("0 40 * * * ?", 1763721600000, 1763725200000),
        ("0 0 9 29 2 ? *", 1763721600000, 1835427600000),
        ("0 0 9 ? * MON-FRI *", 1763721600000, 1763974800000),
        ("0 0/30 8-10 * * ?", 1763721600000, 1763798400000),
        ("0 0 9 1 1 ? 2020", 1763721600000, None),
    ],
)
def test_quartz_schedules(cron: str, after: int, fires: int | None) -> None:
    assert parse_cron(cron).next_after(after) == fires


def test_the_sandbox_listens_on_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback only"):
        serve(SandboxConfig(scenario="healthy"), host="0.0.0.0")
