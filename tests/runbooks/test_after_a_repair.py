"""Between a repair and the next run: what was broken is not called healthy, and nothing is repaired twice."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.serve import running_sandbox
from tests.runbooks.investigation import ask

NEW_LOGIN = {"credentials": {"access_key_id": "shop-exports-access-key-id", "secret_key": "a-new-one"}}


def diagnose(url: str, flow_id: int) -> dict[str, Any]:
    return ask(url, {"flow_id": flow_id}, "nexla_debug_flow").answer


def refused_login(url: str) -> dict[str, Any] | None:
    findings = ask(url, {}, "nexla_triage").answer["findings"]
    return next((f for f in findings if f["cause"] == "credential_invalid"), None)


def test_a_repaired_login_is_not_health_before_a_run_has_proved_it() -> None:
    with running_sandbox() as sandbox:
        before = diagnose(sandbox.url, 6010)
        with sandbox.client() as person:
            person.put("/data_credentials/2001", json=NEW_LOGIN).raise_for_status()
        between = diagnose(sandbox.url, 6010)
        sandbox.run(6010)
        after = diagnose(sandbox.url, 6010)
    assert (before["verdict"], before["root_cause"]["confidence"]) == ("failing", "high")
    assert between["verdict"] == "failing"
    assert between["root_cause"]["cause"] == "credential_invalid"
    assert "login works" in between["root_cause"]["explanation"]
    assert between["next_steps"][0]["arguments"]["operation"] == "sources_run_now"
    assert between["first_bad_run_id"] == before["first_bad_run_id"]
    assert (after["verdict"], after["root_cause"]) == ("healthy", None)


def test_triage_keeps_only_the_flows_that_have_not_run_with_the_repaired_login() -> None:
    with running_sandbox() as sandbox:
        before = refused_login(sandbox.url)
        with sandbox.client() as person:
            person.put("/data_credentials/2001", json=NEW_LOGIN).raise_for_status()
        between = refused_login(sandbox.url)
        sandbox.run(6010)
        after_one = refused_login(sandbox.url)
        sandbox.run(6020)
        after_both = refused_login(sandbox.url)
    assert before
    assert between
    assert after_one
    assert sorted(before["flows"]) == sorted(between["flows"]) == [6010, 6020]
    assert after_one["flows"] == [6020]
    assert "next run will" not in between["explanation"] + after_one["explanation"]
    assert after_both is None


def test_a_refused_login_is_rotated_by_reference_before_it_is_sent_through_the_model() -> None:
    with running_sandbox() as sandbox:
        described = [s["arguments"]["operation"] for s in diagnose(sandbox.url, 6010)["next_steps"]]
    assert described.index("nexla_rotate_credential") < described.index("credentials_update")
