"""The habits of the reference: look before a create, pause before a structural change, change a child and not the base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nexla_mcp.sandbox.serve import RunningSandbox
from tests.conftest import answer, text_of
from tests.in_process import client_of

CREATE = {"operation": "sources_create", "arguments": {"name": " Orders-S3 ", "source_type": "s3"}}


def sent(sandbox: Any, method: str, path: str) -> int:
    return sum((r["method"], r["path"]) == (method, path) for r in sandbox.requests())


async def test_a_create_without_a_twin_is_not_asked_about(sandbox: RunningSandbox, tmp_path: Path) -> None:
    person = answer("decline")
    call = {"operation": "sources_create", "arguments": {"name": "a new one", "source_type": "s3"}}
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        result = await client.call_tool("nexla_write", call)
        assert result.structured_content["status"] == "done", text_of(result)
        again = await client.call_tool("nexla_write", call)  # the same create once more has become a twin
        assert again.is_error
    assert len(person.asked) == 1  # type: ignore[attr-defined]
    assert sent(sandbox, "POST", "/data_sources") == 1


@pytest.mark.parametrize("agrees", [True, False])
async def test_a_twin_is_shown_and_a_person_decides(sandbox: RunningSandbox, tmp_path: Path, agrees: bool) -> None:
    person = answer("accept", confirm=True) if agrees else answer("decline")
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        result = await client.call_tool("nexla_write", CREATE)
    assert result.is_error != agrees, text_of(result)
    question = person.asked[0].message  # type: ignore[attr-defined]
    assert 'There is one of the same name already: source 3001 "orders-s3" (ACTIVE, owner Priya Raman)' in question
    assert sent(sandbox, "POST", "/data_sources") == int(agrees)
    if not agrees:
        assert '"sources_update", "arguments": {"source_id": 3001}' in text_of(result)


async def test_a_twin_of_somebody_else_counts(sandbox: RunningSandbox, tmp_path: Path) -> None:
    call = {"operation": "sources_create", "arguments": {"name": "daily-sales-report-snowflake", "source_type": "s3"}}
    async with client_of(sandbox.url, tmp_path) as client:
        first = await client.call_tool("nexla_write", call)
        assert first.structured_content["status"] == "confirmation_required"
        assert "owner Tomas Weber" in text_of(first)
        second = await client.call_tool("nexla_write", {**call, "ticket": first.structured_content["ticket"]})
        assert second.structured_content["status"] == "done"


async def test_a_tag_that_marks_one_run_makes_a_twin_and_a_grouping_tag_does_not(sandbox: RunningSandbox, tmp_path: Path) -> None:
    def lookup(name: str, *tags: str) -> dict[str, Any]:
        arguments = {"name": name, "data_type": "string", "map_primary_key": "k", "tags": list(tags)}
        return {"operation": "lookups_create", "arguments": arguments}

    person = answer("decline")
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        with sandbox.client() as api:
            for number in range(7):
                tags = ["prod", *(["load-0042"] if number == 0 else [])]
                body = {"name": f"codes {number}", "data_type": "string", "map_primary_key": "k", "tags": tags}
                api.post("/data_maps", json=body).raise_for_status()
        assert not (await client.call_tool("nexla_write", lookup("more codes", "prod"))).is_error
        assert (await client.call_tool("nexla_write", lookup("other codes", "prod", "load-0042"))).is_error
    assert "with the tag load-0042, prod already" in person.asked[0].message  # type: ignore[attr-defined]


async def test_when_nobody_can_tell_whether_there_is_a_twin_a_person_is_asked(sandbox: RunningSandbox, tmp_path: Path) -> None:
    sandbox.fault("GET /data_sources$", status=403)
    person = answer("decline")
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        result = await client.call_tool("nexla_write", CREATE)
    assert result.is_error
    assert "Not known: whether one called" in person.asked[0].message  # type: ignore[attr-defined]


async def test_a_structural_change_of_what_runs_proposes_pause_change_activate(sandbox: RunningSandbox, tmp_path: Path) -> None:
    call = {"operation": "sources_update", "arguments": {"source_id": 3012, "source_config": {"start.cron": "0 6 * * * ?"}}}
    async with client_of(sandbox.url, tmp_path) as client:
        result = await client.call_tool("nexla_confirmed_write", call)
        preview = result.structured_content["preview"]
        assert "It is ACTIVE, and this changes how data flows (source_config)" in preview["guardrails"][0]
        steps = preview["instead"][0]["calls"]
        assert [step["arguments"]["operation"] for step in steps] == ["sources_pause", "sources_update", "sources_activate"]
        for step in steps:  # the proposal is ready: it can be carried out as it stands
            first = await client.call_tool(step["tool"], step["arguments"])
            done = await client.call_tool(step["tool"], {**step["arguments"], "ticket": first.structured_content["ticket"]})
            assert done.structured_content["status"] == "done", text_of(done)
    with sandbox.client() as api:
        source = api.get("/data_sources/3012").json()
    assert source["status"] == "ACTIVE"
    assert source["source_config"] == {"start.cron": "0 6 * * * ?"}


async def test_a_name_is_no_structure(shared_sandbox: RunningSandbox, tmp_path: Path) -> None:
    call = {"operation": "sources_update", "arguments": {"source_id": 3001, "description": "Orders of all shops"}}
    async with client_of(shared_sandbox.url, tmp_path) as client:
        preview = (await client.call_tool("nexla_confirmed_write", call)).structured_content["preview"]
    assert preview["guardrails"] == []


async def test_a_base_nexset_that_feeds_others_gets_a_child_proposed(sandbox: RunningSandbox, tmp_path: Path) -> None:
    transform = {"code": [{"operation": "shift", "spec": {"*": "&"}}]}
    call = {"operation": "nexsets_update", "arguments": {"set_id": 4002, "transform": transform}}
    async with client_of(sandbox.url, tmp_path) as client:
        preview = (await client.call_tool("nexla_confirmed_write", call)).structured_content["preview"]
        assert any('Others read from it: nexset 4003 "orders cleaned"' in reason for reason in preview["guardrails"])
        child = next(a for a in preview["instead"] if "child" in a["title"])["calls"][0]
        assert child["tool"] == "nexla_write"
        assert child["arguments"]["arguments"]["parent_data_set_id"] == 4002
        made = await client.call_tool(child["tool"], child["arguments"])
        assert made.structured_content["status"] == "done", text_of(made)
        leaf = {"operation": "nexsets_update", "arguments": {"set_id": 4003, "description": "cleaned"}}
        assert (await client.call_tool("nexla_confirmed_write", leaf)).structured_content["preview"]["instead"] == []


async def test_fields_that_an_additive_operation_does_not_describe_are_asked_about(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    arguments = {"project_id": 11, "name": "sales", "more_fields": {"owner_id": 104}}
    person = answer("decline")
    async with client_of(sandbox.url, tmp_path, elicit=person) as client:
        result = await client.call_tool("nexla_write", {"operation": "projects_update", "arguments": arguments})
    assert result.is_error
    assert "fields that this operation does not describe: owner_id" in person.asked[0].message  # type: ignore[attr-defined]
    assert sent(sandbox, "PUT", "/projects/11") == 0
