"""The whole organisation: shared causes are one finding, pauses are no failures, counts are honest."""

from __future__ import annotations

from typing import Any

import pytest

from nexla_mcp.sandbox.seed.large import broken
from nexla_mcp.sandbox.serve import running_sandbox
from nexla_mcp.sandbox.world import World
from tests.runbooks.investigation import Found, ask, investigate
from tests.scenarios.worlds import Plot, Scene, ids, refuse_login


def triage(scenario: str, **config: Any) -> Found:
    return investigate(scenario, {}, "nexla_triage", **config)


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_the_seeded_org(shape: str) -> None:
    answer = triage("org", reply_shape=shape).answer
    causes = {f["cause"]: f for f in answer["findings"]}
    assert answer["verdict"] == "failing"
    assert len(causes["credential_invalid"]["flows"]) == 2
    assert {"paused", "record_errors", "validation_rejects", "type_mismatch_at_destination"} <= set(causes)
    flows = {flow for finding in answer["findings"] for flow in finding["flows"]}
    assert answer["healthy_count"] + len(flows) == answer["checked_count"]


def test_a_healthy_org_is_called_healthy() -> None:
    answer = triage("healthy").answer
    assert (answer["verdict"], answer["findings"], answer["healthy_count"]) == ("healthy", [], 1)


def test_a_pause_is_listed_and_not_a_failure() -> None:
    answer = triage("7").answer
    assert answer["verdict"] == "healthy"
    assert [f["cause"] for f in answer["findings"]] == ["paused"]


def test_a_refused_session_says_nothing_about_flows() -> None:
    answer = triage("6").answer
    assert answer["verdict"] == "unknown"
    assert answer["findings"][0]["cause"] == "token_invalid"
    assert answer["checked_count"] == 0


def test_a_flow_that_waits_for_a_failing_one_shares_its_finding() -> None:
    answer = triage("34").answer
    found = next(f for f in answer["findings"] if f["cause"] == "permission_denied_at_target")
    assert {5059, 5159} >= set(found["flows"])
    assert 5059 in found["flows"]


def test_health_check_gives_the_numbers_of_the_seed_document() -> None:
    answer = investigate("17", {"resource_type": "nexset", "resource_id": 5102}, "nexla_health_check").answer
    assert answer["status"] == "ACTIVE"
    assert answer["last_run"] == "2025-11-21T10:40:00Z"
    assert 0 < answer["error_rate"] < 0.5
    assert answer["issues"]
    assert (answer["resource_type"], answer["resource_id"]) == ("nexset", 5102)


def test_many_flows_with_few_requests_and_each_under_its_own_cause() -> None:
    flows = 120
    found = investigate("large", {"limit": 40}, "nexla_triage", flows=flows)
    truth = {flow: cause for cause, hit in broken(flows).items() for flow in hit}
    assert {flow: f["cause"] for f in found.answer["findings"] for flow in f["flows"]} == truth
    logins = [f for f in found.answer["findings"] if f["cause"] == "credential_invalid"]
    assert sorted(len(f["flows"]) for f in logins) == [3, 5]
    assert found.requests < 2 * flows
    assert found.answer["healthy_count"] == flows - len(truth)


def test_what_was_left_over_is_named_and_the_wider_call_proposed() -> None:
    found = investigate("org", {"limit": 3}, "nexla_triage")
    left = next(n for n in found.answer["not_checked"] if "not examined closely" in n)
    wider = found.answer["next_steps"][-1]
    assert wider["tool"] == "nexla_triage"
    whole = investigate("org", wider["arguments"], "nexla_triage")
    assert left.startswith(f"{wider['arguments']['limit'] - 3} suspicious flows")
    assert not any("not examined closely" in n for n in whole.answer["not_checked"])


def test_a_login_that_fails_for_one_flow_names_the_others_that_it_will_fail_for() -> None:
    def build(p: Plot) -> None:
        often, daily = ids(71_000, source_credential=555), ids(72_000, source_credential=555)
        p.flow(often, "orders-to-lake", "orders", "s3", "snowflake")
        p.flow(daily, "report-to-lake", "orders", "s3", "snowflake", cron=p.at_hours(8))
        p.before_run(3, refuse_login(555, "The AWS Access Key Id you provided does not exist (InvalidAccessKeyId)"))

    with running_sandbox(Scene(build).config()) as sandbox:
        answer = ask(sandbox.url, {}, "nexla_triage").answer
    (finding,) = answer["findings"]
    assert (finding["cause"], finding["resource_id"], finding["flows"]) == ("credential_invalid", 555, [71_000, 72_000])
    assert "no failure yet" in finding["explanation"]


def test_one_reason_of_the_whole_account_is_not_examined_flow_by_flow() -> None:
    def build(p: Plot) -> None:
        for number in range(14):
            p.flow(ids(70_000 + 100 * number), f"flow-{number}", "orders", "s3", "snowflake", cron=p.hourly(number))

        def suspend(world: World) -> None:
            world.store.change("orgs", world.org_id, status="SOURCE_DATA_CAPPED")
            for source in world.store.all("data_sources"):
                world.store.change("data_sources", source["id"], status="RATE_LIMITED", updated_at=world.stamp())

        p.before_run(4, suspend)

    with running_sandbox(Scene(build).config()) as sandbox:
        found = ask(sandbox.url, {}, "nexla_triage")
    (finding,) = found.answer["findings"]
    assert (finding["cause"], finding["resource_type"], len(finding["flows"])) == ("account_limited", "org", 14)
    assert found.requests < 25
