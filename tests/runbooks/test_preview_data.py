"""Looking at data: logins, listings, records with an inferred schema; nothing personal, nothing secret, only reads."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from nexla_mcp.client.errors import NexlaError
from tests.runbooks.altered_api import AlteredApi
from tests.runbooks.investigation import CATALOG, Found, investigate
from tests.runbooks.test_answer_contract import check_schema, check_steps


def previewed(scenario: str, kind: str, number: int, more: dict[str, Any] | None = None, **config: Any) -> Found:
    asked = {"resource_type": kind, "resource_id": number} | (more or {})
    found = investigate(scenario, asked, "nexla_preview_data", **config)
    check_schema("nexla_preview_data", found.answer)
    check_steps(found)
    return found


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_a_nexset_shows_its_records_and_their_schema(shape: str) -> None:
    found = previewed("healthy", "nexset", 5102, reply_shape=shape)
    fields = {f["name"]: f for f in found.answer["fields"]}
    assert (found.answer["verdict"], fields["amount"]["type"], fields["amount"]["null_rate"]) == ("readable", "number", 0)
    assert fields["order_id"]["examples"] == ["70011", "70012"]
    assert "«" in found.text
    assert "untrusted" in found.text


def test_empty_values_are_counted() -> None:
    fields = {f["name"]: f for f in previewed("17", "nexset", 5101).answer["fields"]}
    assert fields["last_name"]["null_rate"] > 0


def test_personal_values_are_not_shown() -> None:
    found = previewed("healthy", "nexset", 5102)
    assert {f["name"] for f in found.answer["fields"] if f["personal"]} == {"first_name", "last_name", "email"}
    for value in ("mara.lindt@example.com", "Lindt", "LINDT"):
        assert value not in found.text + str(found.answer)


ADDRESS = "ines.roth@example.org"


@pytest.mark.parametrize(
    "more",
    [
        {"contacts": [{"role": "buyer", "email": ADDRESS}]},
        {"a": {"b": {"c": {"email": ADDRESS}}}},
        {f"measure_{i}": i for i in range(70)} | {"reply_to": ADDRESS},
        {"note": f"call {ADDRESS} before noon"},
    ],
    ids=["in a list", "deep down", "past the last field that is judged", "inside a text"],
)
def test_personal_values_are_found_wherever_they_stand(more: dict[str, Any]) -> None:
    def widen(path: str, body: Any) -> Any:
        return [more | {"order_id": 70011}, {"order_id": 70012}] if path.endswith("/samples") else body

    found = previewed("healthy", "nexset", 5102, wire=AlteredApi(change=[widen]))
    assert "hidden, may be personal" in str(found.answer["records"])
    assert "ines" not in found.text + str(found.answer)


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_a_source_is_tried_listed_and_sampled(shape: str) -> None:
    answer = previewed("healthy", "source", 5023, reply_shape=shape).answer
    assert answer["login"] == {"credential_id": 5001, "outcome": "good", "reason": ""}
    assert answer["entries"][0]["type"] == "folder"
    assert answer["sampled_from"] == "a sample through credential 5001"
    assert len(answer["records"]) == 4


def test_where_the_login_is_refused_nothing_more_is_sent_there() -> None:
    found = previewed("1", "credential", 5001)
    assert (found.answer["verdict"], found.answer["login"]["outcome"]) == ("refused", "refused")
    assert [path for _, path in found.sent if "/probe" in path] == ["/data_credentials/5001/probe"]
    assert found.answer["next_steps"][0]["arguments"] == {"resource_type": "credential", "resource_id": 5001}


def test_a_destination_shows_what_is_written_to_it() -> None:
    answer = previewed("healthy", "destination", 5029).answer
    assert answer["sampled_from"] == "samples of nexset 5102"
    assert any("a sample at the destination" in n for n in answer["not_checked"])


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"query": "DELETE FROM orders WHERE id < 5"}, "more than SELECT"),
        ({"query": "WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x"}, "more than SELECT"),
        ({"query": "SELECT 1; VACUUM orders"}, "more than SELECT"),
        ({"statement": "DELETE FROM orders WHERE id < 5"}, "more than SELECT"),
        ({"url": "https://shop.example.com/orders", "method": "POST"}, "is a POST"),
    ],
)
def test_settings_that_may_do_more_than_read_are_not_carried_out(config: dict[str, Any], why: str) -> None:
    def configure(http: httpx.Client) -> None:
        http.put("/data_sources/5023/pause").raise_for_status()
        http.put("/data_sources/5023", json={"source_config": config}).raise_for_status()

    found = previewed("13", "source", 5023, before=configure)
    assert any(why in n for n in found.answer["not_checked"])
    assert not [path for _, path in found.sent if path.endswith("/probe/sample")]


def test_only_operations_that_read_are_asked() -> None:
    sent = previewed("healthy", "source", 5023).sent + previewed("healthy", "credential", 5001, {"path": "exports/orders"}).sent
    allowed = {(o.method, o.path.rpartition("/")[2]) for o in CATALOG.operations.values() if o.reads}
    posts = [(method, path.rpartition("/")[2]) for method, path in sent if method != "GET" and path != "/token"]
    assert posts
    assert set(posts) <= allowed


def test_samples_that_cannot_be_read_are_not_called_empty() -> None:
    answer = previewed("healthy", "nexset", 5102, wire=AlteredApi(refuse={"/samples": 403})).answer
    assert answer["verdict"] == "unknown"
    assert any("nexsets_get_samples" in n for n in answer["not_checked"])


def test_a_resource_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(NexlaError, match="404"):
        previewed("healthy", "nexset", 99)
