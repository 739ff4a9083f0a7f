"""The official SDK works against the sandbox over a real socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nexla_sdk import NexlaClient
from nexla_sdk.exceptions import AuthenticationError, AuthorizationError, ServerError
from nexla_sdk.models.credentials.requests import CredentialCreate, CredentialUpdate, ProbeTreeRequest
from nexla_sdk.models.destinations.requests import DestinationCreate
from nexla_sdk.models.nexsets.requests import NexsetCreate
from nexla_sdk.models.sources.requests import SourceCreate

from nexla_mcp.sandbox import PAUSED_KEY, SERVICE_KEY, SandboxConfig
from nexla_mcp.sandbox.serve import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxConfig()) as running:
        yield running


@pytest.fixture
def nexla(sandbox: RunningSandbox) -> NexlaClient:
    return NexlaClient(service_key=SERVICE_KEY, base_url=sandbox.url)


def test_lists_parse(nexla: NexlaClient) -> None:
    assert len(nexla.flows.list()[0].flows) == 15
    assert {source.source_type for source in nexla.sources.list()} >= {
        "s3",
        "mysql",
        "kafka",
        "nexla_rest",
        "ftp",
    }
    assert nexla.nexsets.list(page=1, per_page=5)[0].status == "ACTIVE"
    assert {sink.sink_type for sink in nexla.destinations.list()} >= {"snowflake", "bigquery", "redshift"}
    assert all(credential.name for credential in nexla.credentials.list())
    assert nexla.notifications.list(page=1, per_page=5)[0].message
    assert [team.name for team in nexla.teams.list()] == ["data-engineering", "analytics"]
    assert len(nexla.projects.list()) == 3
    assert nexla.lookups.list()[0].map_primary_key == "code"
    assert nexla.transforms.list()[0].code[0].operation == "nexla.custom"
    assert nexla.runtimes.list()[0].active is True
    assert {user.status for user in nexla.users.list(access_role="admin")} == {"ACTIVE"}
    assert nexla.organizations.get(42).name == "Harborline Retail"


def test_single_resources_parse(nexla: NexlaClient) -> None:
    flow = nexla.flows.get(6010, include_run_metrics=True)
    assert flow.flows[0].children[0].children[0].children[0].data_sink_id == 5001
    assert flow.data_sources[0].data_credentials_id == 2001
    assert nexla.sources.get(3001).data_credentials.id == 2001
    assert nexla.destinations.get(5001).data_set.id == 4003
    assert nexla.nexsets.get(4003).transform_id == 601
    assert nexla.credentials.get(2001, expand=True).referenced_resource_ids["data_sources"] == [3001, 3002]
    assert nexla.nexsets.get_samples(4003, count=2, include_metadata=True)[0].nexla_metadata["resourceId"] == 4003
    assert nexla.nexsets.list_docs(4003)[0].text.startswith("# Orders")


def test_metrics_logs_and_health_parse(nexla: NexlaClient) -> None:
    runs = nexla.metrics.get_resource_metrics_by_run("data_sources", 3012, page=1, size=5)
    assert len(runs.metrics["data"]) == 5
    run_id = runs.metrics["data"][0]["runId"]
    logs = nexla.flows.get_logs("data_sources", 3012, run_id=run_id, from_ts=run_id - 1000)
    assert logs.logs[0].message.startswith("Processed records=")
    day = nexla.metrics.get_resource_daily_metrics("data_sources", 3012, from_date="2020-01-01").metrics[-1]
    assert day["records"] > 0
    flow = nexla.flows.get_metrics("data_sources", 3012, from_date="2020-01-01", groupby="runId")
    assert set(next(iter(flow.metrics.data.values()))) == {"data_sources", "data_sets", "data_sinks"}
    assert nexla.flows.get_flow_health(6010)["metrics"]["healthStatus"] == "RED"
    assert nexla.metrics.get_rate_limits()["second"]["common"]["limit"] > 0


def test_probes(nexla: NexlaClient) -> None:
    assert nexla.credentials.probe(2006)["status"] == "success"
    with pytest.raises(AuthorizationError, match="access key expired"):
        nexla.credentials.probe(2001)
    assert nexla.credentials.probe_tree(2006, ProbeTreeRequest(depth=3)).object["public"]["value"]["inventory"]


def test_pause_and_activate(nexla: NexlaClient) -> None:
    paused = nexla.flows.pause(6120, all=True)
    assert {paused.data_sources[0].status, paused.data_sinks[0].status} == {"PAUSED"}
    assert nexla.sources.activate(3012).status == "ACTIVE"
    assert nexla.destinations.get(5012).status == "ACTIVE"
    audit = nexla.sources.get_audit_log(3012, page=1, per_page=1)
    assert audit[0]["object_changes"]["status"] == ["PAUSED", "ACTIVE"]


def test_a_flow_from_nothing(nexla: NexlaClient, sandbox: RunningSandbox) -> None:
    credential = nexla.credentials.create(
        CredentialCreate(
            name="new s3",
            credentials_type="s3",
            credentials={"access_key_id": "new-id", "secret_key": "new-secret"},
        )
    )
    source = nexla.sources.create(
        SourceCreate(
            name="new source",
            source_type="s3",
            data_credentials_id=credential.id,
            source_config={"path": "in", "start.cron": "0 0 * * * ?"},
        )
    )
    assert source.status == "INIT"
    detected = nexla.sources.activate(source.id).data_sets[0]
    derived = nexla.nexsets.create(
        NexsetCreate(name="derived", parent_data_set_id=detected.id, has_custom_transform=False, transform={})
    )
    sink = nexla.destinations.create(
        DestinationCreate(
            name="new sink",
            sink_type="s3",
            data_credentials_id=credential.id,
            data_set_id=derived.id,
            sink_config={"path": "out"},
        )
    )
    nexla.nexsets.activate(derived.id)
    runs = nexla.metrics.get_resource_metrics_by_run("data_sinks", sink.id)
    assert runs.metrics["data"][0]["errors"] == 0


def test_refusals_reach_the_sdk(nexla: NexlaClient, sandbox: RunningSandbox) -> None:
    with pytest.raises(ServerError, match="must be paused before deletion"):
        nexla.destinations.delete(5013)
    with pytest.raises(AuthenticationError):
        NexlaClient(service_key=PAUSED_KEY, base_url=sandbox.url).flows.list()


def test_a_replaced_credential_repairs_both_flows(nexla: NexlaClient, sandbox: RunningSandbox) -> None:
    nexla.credentials.update(
        2001,
        CredentialUpdate(credentials={"access_key_id": "shop-exports-access-key-id", "secret_key": "fresh"}),
    )
    assert nexla.credentials.probe(2001)["status"] == "success"
    for flow_id, source_id in ((6010, 3001), (6020, 3002)):
        sandbox.run(flow_id)
        newest = nexla.metrics.get_resource_metrics_by_run("data_sources", source_id).metrics["data"][0]
        assert newest["records"] > 0
        assert newest["errors"] == 0
