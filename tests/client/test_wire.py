"""Arguments become exactly the request that the API wants: flags, times in the right unit, bodies, keys."""

from __future__ import annotations

from typing import Any

import pytest

from nexla_mcp.arguments.check import check
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.auth import NoTokens
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import ValidationError
from nexla_mcp.client.permits import PermitLedger
from nexla_mcp.client.wire import ApiRequest, build_request, parse_time


def request(catalog: Catalog, operation_name: str, /, **arguments: Any) -> ApiRequest:
    operation = catalog.operation(operation_name)
    return build_request(operation, check(operation, arguments))


def test_a_flag_is_one_or_absent(catalog: Catalog) -> None:
    assert request(catalog, "flows_pause", flow_id=1, all=True).query == {"all": "1"}
    assert request(catalog, "flows_pause", flow_id=1, all=False).query == {}


def test_a_boolean_is_lower_case_text(catalog: Catalog) -> None:
    assert request(catalog, "nexsets_get_samples", set_id=1, live=True).query == {"live": "true"}


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("metrics_get_resource_daily_metrics", {"resource_type": "source", "resource_id": 1, "aggregate": True}, "2025-11-21"),
        ("flows_get_flow_logs", {"flow_id": 1}, "1763721600"),
        ("flows_get_logs", {"resource_type": "source", "resource_id": 1, "run_id": 1763721600000}, "1763721600000"),
        ("notifications_list", {}, "1763721600"),
    ],
)
def test_each_route_gets_its_own_unit_of_time(catalog: Catalog, name: str, arguments: dict[str, Any], expected: str) -> None:
    assert request(catalog, name, **arguments, **{"from": "2025-11-21T10:40:00Z"}).query["from"] == expected


def test_the_end_of_a_window_includes_its_day(catalog: Catalog) -> None:
    assert request(catalog, "flows_get_flow_logs", flow_id=1, to="2025-11-21").query["to"] == "1763769599"


def test_a_text_that_is_no_time_is_refused_before_anything_is_sent(catalog: Catalog) -> None:
    with pytest.raises(ValidationError, match="Nothing was sent"):
        request(catalog, "flows_get_flow_logs", flow_id=1, **{"from": "yesterday-ish"})


@pytest.mark.parametrize(
    "moment", ["2025-11-21T10:40:00Z", "2025-11-21T11:40:00+01:00", 1763721600, 1763721600000, "1763721600000"]
)
def test_a_moment_may_be_written_in_several_ways(moment: Any) -> None:
    assert parse_time(moment).isoformat() == "2025-11-21T10:40:00+00:00"


def test_keys_in_the_path_are_encoded_and_joined_with_commas(catalog: Catalog) -> None:
    sent = request(catalog, "lookups_get_entries", data_map_id=3, entry_keys=["a/b", "ü,c"])
    assert sent.path == "/data_maps/3/entries/a%2Fb,%C3%BC%2Cc"


def test_ids_go_out_as_a_bare_array(catalog: Catalog) -> None:
    assert request(catalog, "notifications_mark_read", notification_ids=[1, 2]).body == [1, 2]


def test_a_delete_of_a_list_carries_it_and_only_then_has_a_body(catalog: Catalog) -> None:
    accessors = [{"type": "USER", "email": "a@example.com", "access_roles": ["operator"]}]
    assert request(catalog, "flows_delete_accessors", flow_id=1, accessors=accessors).body == {"accessors": accessors}
    assert not request(catalog, "flows_delete", flow_id=1).has_body


def test_other_fields_join_the_body(catalog: Catalog) -> None:
    sent = request(catalog, "sources_update", source_id=1, name="x", more_fields={"tags": ["a"]})
    assert sent.body == {"name": "x", "tags": ["a"]}


@pytest.mark.parametrize("value", ["..", ".", "  ", ""])
def test_a_path_value_that_would_change_the_route_is_refused(catalog: Catalog, value: str) -> None:
    with pytest.raises(ValidationError):
        request(catalog, "async_tasks_explain_arguments", task_type=value)


def test_the_digest_depends_on_everything_that_is_sent(catalog: Catalog) -> None:
    one = request(catalog, "sources_update", source_id=1, name="x")
    assert one.digest() == request(catalog, "sources_update", name="x", source_id=1).digest()
    others = [
        request(catalog, "sources_update", source_id=2, name="x"),
        request(catalog, "sources_update", source_id=1, name="y"),
        request(catalog, "sources_get", source_id=1),
    ]
    assert one.digest() not in {other.digest() for other in others}


def test_a_webhook_key_goes_into_the_query_or_the_header_and_nowhere_else(catalog: Catalog) -> None:
    call = {"webhook_url": "https://hooks.nexla.io/data/1", "api_key": "k", "record": {"a": 1}}
    by_query = request(catalog, "webhooks_send_one_record", **call)
    assert (by_query.query, by_query.headers, by_query.body) == ({"api_key": "k"}, {}, {"a": 1})
    by_header = request(catalog, "webhooks_send_one_record", **call, auth_method="header")
    assert (by_header.query, by_header.headers) == ({}, {"Authorization": "Basic aw=="})


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://dataops.nexla.io/webhook/1", True),
        ("https://api.nexla.io/webhook/1", True),
        ("https://hooks.partner.example.com/1", True),
        ("https://nexla.io.attacker.example.com/1", False),
        ("https://evilnexla.io/1", False),
        ("http://api.nexla.io/webhook/1", False),
        ("https://user@attacker.example.com/1", False),
        ("file:///etc/passwd", False),
        ("api.nexla.io/1", False),
    ],
)
async def test_a_webhook_key_is_sent_to_known_hosts_only(catalog: Catalog, address: str, allowed: bool) -> None:
    hosts = ("hooks.partner.example.com",)
    operation = catalog.operation("webhooks_send_one_record")
    arguments = {"webhook_url": address, "api_key": "k", "record": {}}
    async with NexlaClient(
        "https://dataops.nexla.io/nexla-api", lambda _: NoTokens(), PermitLedger(), webhook_hosts=hosts
    ) as client:
        if allowed:
            assert client.request(operation, arguments).path == address
        else:
            with pytest.raises(ValidationError, match="Nothing was sent"):
                client.request(operation, arguments)
