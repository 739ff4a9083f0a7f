"""Which flow is meant: any id of it, a resource, a name; and what is said when nothing or too much fits."""

from __future__ import annotations

from typing import Any

import pytest

from nexla_mcp.client.errors import NotFoundError, ValidationError
from tests.runbooks.investigation import investigate


@pytest.mark.parametrize(
    "arguments",
    [
        {"flow_id": 5059},
        {"flow_id": 5061},
        {"resource_type": "source", "resource_id": 5023},
        {"resource_type": "data_sets", "resource_id": 5102},
        {"resource_type": "SINK", "resource_id": 5029},
        {"resource_type": "flow", "resource_id": 5059},
        {"resource_type": "credential", "resource_id": 5002},
        {"name": "orders-to-postgres"},
        {"name": "ORDERS-TO"},
        {"flow_id": 5059, "resource_type": "destination", "resource_id": 5029},
    ],
)
def test_every_way_to_name_the_flow(arguments: dict[str, Any]) -> None:
    assert investigate("healthy", arguments).answer["flow_id"] == 5059


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "Say which flow"),
        ({"resource_id": 5023}, "resource_type"),
        ({"resource_type": "bucket", "resource_id": 1}, "not known"),
        ({"flow_id": 5059, "resource_type": "source", "resource_id": 9999}, "does not belong"),
        ({"flow_id": 5023}, "source 5023 (its flow is 5059)"),
    ],
)
def test_arguments_that_name_no_flow_say_what_to_do(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        investigate("healthy", arguments)
    assert says in refused.value.message


@pytest.mark.parametrize(
    "arguments", [{"flow_id": 123456}, {"name": "no such thing"}, {"resource_type": "nexset", "resource_id": 77777}]
)
def test_what_is_not_visible_is_not_called_missing(arguments: dict[str, Any]) -> None:
    with pytest.raises(NotFoundError) as refused:
        investigate("healthy", arguments)
    assert "shared" in refused.value.message
    assert "does not exist" not in refused.value.message.replace("does not mean it does not exist", "")


def test_several_matches_are_listed_with_ids_and_status() -> None:
    with pytest.raises(ValidationError) as refused:
        investigate("28", {"name": "shop-feed"})
    assert "flow_id" in refused.value.message
    assert "ACTIVE" in refused.value.message


def test_a_name_on_a_later_page_is_found() -> None:
    assert investigate("28", {"name": "orders-to-postgres"}).answer["flow_id"] == 5059
