"""nexla_recommend_docs: Nexla's text or a brief to write from, the difference, and storing that loses no document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import Client

from nexla_mcp.runbooks.documentation.fields import UNCLEAR, read_fields
from nexla_mcp.sandbox import SandboxConfig
from nexla_mcp.sandbox.serve import RunningSandbox, running_sandbox
from nexla_mcp.server.recommend_docs import merge, read_recommendation
from tests.conftest import answer, text_of
from tests.in_process import CATALOG, client_of

TOOL = "nexla_recommend_docs"
SCHEMA = Draft202012Validator(CATALOG.tools[TOOL].output_schema)
FLOW = {"resource_type": "flow", "resource_id": 6010}
NEXSET = {"resource_type": "nexset", "resource_id": 4003}
PEOPLE = ("Mara", "LINDT", "mara.lindt@example.com")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of changes of a server without a folder of its own stays in this test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(params=["published", "seed"])
def without_genai(request: pytest.FixtureRequest) -> Iterator[RunningSandbox]:
    """An organisation in which GenAI is off, in both forms of reply."""
    with running_sandbox(SandboxConfig(scenario="30", reply_shape=request.param)) as running:
        yield running


async def ask(client: Client, **arguments: Any) -> tuple[str, dict[str, Any]]:
    result = await client.call_tool(TOOL, arguments)
    assert not result.is_error, text_of(result)
    SCHEMA.validate(result.structured_content)
    return text_of(result), result.structured_content or {}


def docs(sandbox: Any, set_id: int = 4003) -> list[tuple[str, str]]:
    with sandbox.client() as api:
        return [(d["name"], d["text"]) for d in api.get(f"/data_sets/{set_id}/docs").raise_for_status().json()]


def put_docs(sandbox: Any, *names: str) -> None:
    entries = [{"name": n, "text": f"# {n}", "description": f"about {n}", "tags": ["kept"]} for n in names]
    with sandbox.client() as api:
        api.post("/data_sets/4003/docs", json={"docs": entries}).raise_for_status()


async def test_nexla_is_asked_and_its_text_compared(sandbox: Any, era: str) -> None:
    async with client_of(sandbox.url, None, era=era) as client:
        text, data = await ask(client, **FLOW)
        changes = await client.call_tool("nexla_read", {"operation": "history_list_changes"})
    assert data["status"] == "recommendation"
    assert data["genai"] == {"asked": True, "enabled": True, "message": ""}
    assert data["recommendation"] in text
    assert data["compared_with"] == 'document "Orders" of nexset 4003'
    assert "-One row per order. Amounts are gross." in data["difference"]
    assert data["next_steps"][0]["arguments"]["title"] == "Orders"
    assert [c["operation"] for c in changes.structured_content["data"]["changes"]] == ["flows_docs_recommendation"]
    assert docs(sandbox) == [("Orders", "# Orders\n\nOne row per order. Amounts are gross.")]


async def test_where_genai_is_off_a_brief_comes_instead(without_genai: RunningSandbox) -> None:
    async with client_of(without_genai.url, None) as client:
        for about in ({"resource_type": "flow", "resource_id": 5059}, {"resource_type": "nexset", "resource_id": 5102}):
            text, data = await ask(client, **about)
            assert data["status"] == "brief"
            assert data["genai"]["asked"] is True
            assert data["genai"]["enabled"] is False
            assert "GenAI is off for this organisation" in text
            assert "GenAI is not enabled for this organization" in text
            assert {"operation": "genai_list_org_settings"} in [s["arguments"] for s in data["next_steps"]]
            brief = data["brief"]
            assert [s["stage"].split()[0] for s in brief["lineage"]] == ["source", "nexset", "nexset", "destination"]
            assert brief["nexsets"][0]["fields"]
            assert brief["owners"]
            assert brief["freshness"]


async def test_a_brief_says_what_is_known_and_shows_nobody(sandbox: Any) -> None:
    async with client_of(sandbox.url, None) as client:
        text, data = await ask(client, resource_type="flow", name="orders-to-snowflake", ask_nexla=False)
    brief = data["brief"]
    assert data["genai"]["asked"] is False
    assert any("0 3 * * * ?" in line for line in brief["schedule"])
    assert any(line.startswith("source 3001: usually") for line in brief["quality"])
    assert brief["owners"] == [
        "Priya Raman priya.raman@harborline.test: source 3001, nexset 4003, nexset 4002, destination 5001",
    ]
    fields = {f["field"]: f for f in brief["nexsets"][0]["fields"]}
    assert fields["order_id"]["guess"].startswith("identifier of the order")
    assert fields["amount"]["guess"] == "amount of money"
    assert fields["email"]["note"] == "may be personal data: values not shown"
    assert "def transform" in brief["nexsets"][0]["code"]
    assert not [name for name in PEOPLE if name in text + json.dumps(data)]
    assert not [r for r in sandbox.requests() if r["method"] != "GET" and r["path"] != "/token"]


async def test_what_could_not_be_read_is_listed(sandbox: Any) -> None:
    sandbox.fault("GET /data_sets/\\d+/samples", status=403)
    sandbox.fault("GET /data_sets/\\d+/docs", status=404)
    async with client_of(sandbox.url, None) as client:
        text, data = await ask(client, **NEXSET, ask_nexla=False)
    assert any(gap.startswith("nexsets_get_samples") for gap in data["not_checked"])
    assert "Documents that exist\nCould not be read." in text
    assert data["brief"]["nexsets"][0]["fields"]


async def test_a_read_only_server_does_not_ask(sandbox: Any) -> None:
    async with client_of(sandbox.url, None, read_only=True) as client:
        text, data = await ask(client, **FLOW)
        assert data["genai"]["asked"] is False
        assert "read-only" in text
        refused = await client.call_tool(TOOL, NEXSET | {"apply": True, "text": "# New"})
        assert refused.is_error
        assert "Nothing was sent." in text_of(refused)
    assert not [r for r in sandbox.requests() if r["method"] == "POST" and r["path"] != "/token"]


async def test_a_dry_run_asks_nobody(sandbox: Any) -> None:
    async with client_of(sandbox.url, None) as client:
        text, data = await ask(client, **FLOW, dry_run=True)
        assert data["status"] == "dry_run"
        assert "Nothing was sent." in text
        _, data = await ask(client, **NEXSET, apply=True, text="# New", dry_run=True)
        assert data["status"] == "dry_run"
        assert "+# New" in data["difference"]
    assert not [r for r in sandbox.requests() if r["method"] == "POST" and r["path"] != "/token"]


async def test_a_document_is_stored_and_the_others_stay(sandbox: Any, era: str) -> None:
    put_docs(sandbox, "Orders", "Glossary", "Contacts")
    person = answer("accept", name="orders cleaned")
    async with client_of(sandbox.url, None, era=era, elicit=person) as client:
        text, data = await ask(client, **NEXSET, apply=True, title="glossary", text="# Words\nOne word a line.")
        assert len(person.asked) == 1  # type: ignore[attr-defined]
        assert data["status"] == "done"
        assert data["read_back"] == "Read back: all documents are there."
        assert "-# Glossary" in text
        assert docs(sandbox) == [("Orders", "# Orders"), ("Glossary", "# Words\nOne word a line."), ("Contacts", "# Contacts")]
        _, data = await ask(client, **NEXSET, apply=True, title="Runbook", text="# How to restart")
        assert [name for name, _ in docs(sandbox)] == ["Orders", "Glossary", "Contacts", "Runbook"]
        assert data["difference"].endswith("+# How to restart")
    with sandbox.client() as api:
        kept = api.get("/data_sets/4003/docs").json()[0]
    assert (kept["description"], kept["tags"]) == ("about Orders", ["kept"])


async def test_who_says_no_keeps_the_documents(sandbox: Any) -> None:
    before = docs(sandbox)
    async with client_of(sandbox.url, None, elicit=answer("decline")) as client:
        result = await client.call_tool(TOOL, NEXSET | {"apply": True, "text": "# New"})
    assert result.is_error
    assert "declined. Nothing was changed." in text_of(result)
    assert docs(sandbox) == before


async def test_two_calls_where_the_client_cannot_ask(sandbox: Any) -> None:
    async with client_of(sandbox.url, None) as client:
        call = NEXSET | {"apply": True, "text": "# New"}
        _, data = await ask(client, **call)
        assert data["status"] == "confirmation_required"
        put_docs(sandbox, "Orders", "Written meanwhile")
        late = await client.call_tool(TOOL, call | {"title": "Orders", "ticket": data["ticket"], "typed_name": "orders cleaned"})
        assert late.is_error
        assert "Nothing was changed." in text_of(late)
        _, data = await ask(client, **call, title="Orders")
        _, data = await ask(client, **call, title="Orders", ticket=data["ticket"], typed_name="orders cleaned")
        assert data["status"] == "done"
    assert docs(sandbox) == [("Orders", "# New"), ("Written meanwhile", "# Written meanwhile")]


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_documents_that_cannot_be_read_are_not_replaced(sandbox: Any, tmp_path: Path, status: int) -> None:
    sandbox.fault("GET /data_sets/4003/docs", status=status)
    async with client_of(sandbox.url, tmp_path, elicit=answer("accept", name="orders cleaned")) as client:
        result = await client.call_tool(TOOL, NEXSET | {"apply": True, "text": "# New"})
    assert result.is_error
    assert "could not be read, so none is replaced" in text_of(result)
    assert not [r for r in sandbox.requests() if r["method"] == "POST" and r["path"] != "/token"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (FLOW | {"apply": True, "text": "# New"}, "resource_id one of 4002 (1 - orders-s3), 4003 (orders cleaned)"),
        (NEXSET | {"apply": True}, "apply needs text"),
        (NEXSET | {"apply": True, "text": "# New"}, 'has 2 documents ("Orders", "Glossary"). Say by title'),
        ({"resource_type": "nexset", "resource_id": 999999}, "may be wrong, or it is not shared with you"),
        ({"resource_type": "flow"}, "Say which flow is meant"),
        ({"resource_id": 6010}, "resource_type: is required"),
    ],
)
async def test_a_call_that_cannot_be_meant_is_explained(sandbox: Any, arguments: dict[str, Any], said: str) -> None:
    put_docs(sandbox, "Orders", "Glossary")
    sandbox.clear_requests()
    async with client_of(sandbox.url, None) as client:
        result = await client.call_tool(TOOL, arguments)
    assert result.is_error
    assert said in text_of(result)
    assert not [r for r in sandbox.requests() if r["method"] == "POST" and r["path"] != "/token"]


def test_a_recommendation_is_read_in_every_form() -> None:
    assert read_recommendation({"status": "ok", "output": {"response": " # A ", "statusCode": 200}}) == ("# A", "")
    assert read_recommendation({"status": "ok", "recommendation": "# A"}) == ("# A", "")
    assert read_recommendation({"output": "# A"}) == ("# A", "")
    off = {"status": "403", "output": {"statusCode": 403, "errorMessage": "GenAI is not enabled"}}
    assert read_recommendation(off) == ("", "GenAI is not enabled")
    assert read_recommendation({"output": {"response": "half", "statusCode": 500}}) == ("", "status 500")
    assert read_recommendation(None) == ("", "")


def test_merging_sends_back_everything_but_what_the_server_sets() -> None:
    existing = [{"id": 1, "name": "A", "text": None, "repo_type": "github", "owner": {"id": 3}, "updated_at": "x"}]
    merged, before = merge(existing, "B", "new")
    assert merged == [{"name": "A", "text": "", "repo_type": "github"}, {"name": "B", "doc_type": "md", "text": "new"}]
    assert before == ""


MEANINGS: list[tuple[str, list[Any], str]] = [
    ("id", [1, 2, 3], "identifier of the record (different in each record)"),
    ("customerId", [7, 7, 8], "identifier of the customer (repeats)"),
    ("e", ["a@example.com", "b@example.org"], "e-mail address"),
    ("created_at", ["2026-11-23T18:00:00Z"], "moment, ISO 8601"),
    ("created_ts", [1763721600000], "moment in epoch milliseconds"),
    ("day", ["2026-11-23"], "date"),
    ("price", [1, 2.5], "amount of money"),
    ("currency", ["EUR"], "currency code"),
    ("u", ["6f1c7c3e-2a0e-4a55-9f25-1a2b3c4d5e6f"], "UUID"),
    ("is_paid", [True, False], "yes or no"),
    ("state", ["new", "old", "new", "new", "old", "new"], "one of 2: new, old"),
    ("region", ["north"] * 6, "the same in all records"),
    ("gone", [None, None], "always empty in the records"),
    ("remark", ["x", "y", "z"], UNCLEAR),
]


@pytest.mark.parametrize(("name", "values", "meaning"), MEANINGS, ids=[m[0] for m in MEANINGS])
def test_what_a_field_seems_to_mean(name: str, values: list[Any], meaning: str) -> None:
    (field,) = read_fields({}, [{name: value} for value in values])
    assert field.meaning == meaning


def test_a_schema_and_its_records_are_compared() -> None:
    schema = {"properties": {"id": {"type": "integer"}, "old": {"type": "string"}, "to": {"properties": {"city": {}}}}}
    rows = [{"id": "7", "to": {"city": "Lund"}, "new": 1, "password": "hunter2"}]
    found = {f.name: f for f in read_fields(schema, rows)}
    assert found["id"].note == "the schema says integer"
    assert found["old"].note == "in no record"
    assert found["new"].note == "not in the schema"
    assert found["to.city"].examples == ("Lund",)
    assert found["password"].examples == ()
