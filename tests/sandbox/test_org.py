"""The seeded org: what a newcomer meets."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexla_mcp.sandbox import SandboxConfig, create_app
from tests.sandbox.conftest import Api, Session

COLOURS = {
    6010: "RED", 6020: "RED", 6030: "GREEN", 6040: "GREEN", 6050: "GREEN", 6060: "GREEN", 6070: "YELLOW", 6080: "YELLOW",
    6090: "YELLOW", 6100: "GREEN", 6110: "GREEN", 6120: "GREEN", 6130: "GREEN", 6140: "GREEN", 6150: "GREEN", 6160: "GREEN",
    6170: "GREEN",
}  # fmt: skip


@pytest.fixture(scope="module")
def org() -> Session:
    return Session(SandboxConfig())


def test_health_of_every_flow(org: Session) -> None:
    rows = org.get("/health/org/flows")["metrics"]["data"]
    assert {row["originNodeId"]: row["healthStatus"] for row in rows} == COLOURS
    assert org.get("/health/org/all")["metrics"] == {"GREEN": 12, "YELLOW": 3, "RED": 2}


def test_two_weeks_of_history_and_the_last_hours_are_bad(org: Session) -> None:
    runs = org.runs("data_sources", 3001)
    assert 330 <= len(runs) <= 340
    bad = [run for run in runs if run["errors"]]
    assert 3 <= len(bad) <= 5
    assert min(run["runId"] for run in bad) > max(run["runId"] for run in runs if not run["errors"])


def test_one_credential_breaks_two_flows(org: Session) -> None:
    assert org.reply("GET", "/data_credentials/2001/probe").json()["message"] == "access key expired"
    usage = org.get("/data_credentials/2001/usage")
    assert [source["id"] for source in usage["data_sources"]] == [3001, 3002]


def test_the_other_incidents(org: Session) -> None:
    assert org.get("/data_sources/3003")["status"] == "PAUSED"
    assert org.get("/data_sources/3003/audit_log")[0]["user"]["id"] == 102
    assert org.get("/data_sets/4009")["status"] == "PAUSED"
    assert org.get("/data_sources/3004")["status"] == "ACTIVE"
    assert "EMPTY_DATA" in org.get("/notifications?resource_type=SOURCE&resource_id=3005")[0]["message"]
    assert any("takes exactly 1 argument" in text for *_, text in org.logs("/flows/6060/logs?severity=ERROR"))
    assert org.post("/data_sets/4015/probe/quarantine/sample", {})["output"]["data"][0]["rawMessage"]["last_name"] is None
    assert "#/email" in org.post("/data_sets/4017/probe/quarantine/sample", {})["output"]["data"][0]["error"]["message"]
    assert "numeric" in org.post("/data_sinks/5009/probe/quarantine/sample", {})["output"]["data"][0]["error"]["message"]
    past = [run for run in org.runs("data_sets", 4021) if run["errors"]]
    assert len(past) == 1
    assert org.post("/data_sets/4021/probe/quarantine/sample", {})["output"]["data"] == []
    assert org.get("/data_sinks/5011")["runtime_status"] == "PROCESSING"
    assert "Ignore previous instructions" in org.get("/data_sources/3016")["description"]


def test_names_are_unique(org: Session) -> None:
    for kind in ("data_sources", "data_sets", "data_sinks"):
        names = [row["name"] for row in org.get(f"/{kind}?access_role=admin")]
        assert len(names) == len(set(names)) >= 17


def test_a_file_keeps_the_org_over_a_restart(tmp_path: Path) -> None:
    config = SandboxConfig(database=str(tmp_path / "org.db"))
    Session(config).put("/flows/6120/pause")
    again = Session(config)
    assert again.get("/data_sources/3012")["status"] == "PAUSED"
    rows = again.runs("data_sinks", 5001)
    assert len(rows) == len({row["runId"] for row in rows})


def test_sandboxes_do_not_share_anything(api: Api) -> None:
    one, two = api(scenario="healthy"), api(scenario="healthy")
    one.put("/flows/5059/pause")
    assert two.get("/data_sources/5023")["status"] == "ACTIVE"


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="scenario"):
        create_app(SandboxConfig(scenario="35"))
    with pytest.raises(ValueError, match="state_conflict"):
        SandboxConfig(state_conflict=500)
