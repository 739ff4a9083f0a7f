"""What can be read off a resource about a change whose reply was lost, and what cannot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexla_mcp.client.outcome_compare import fields_fit, list_fit, same, status_fit, status_of

ANA, RAJ = {"type": "USER", "email": "ana@example.com"}, {"type": "USER", "email": "raj@example.com"}


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("ACTIVE", "PAUSED", "applied"),
        ("ACTIVE", "ACTIVE", "not applied"),
        ("PAUSED", "PAUSED", "unknown"),  # it was so before: this does not tell
        (None, "PAUSED", "unknown"),
        (None, "ACTIVE", "not applied"),
        ("ACTIVE", "RATE_LIMITED", "unknown"),
        ("ACTIVE", None, "unknown"),
    ],
)
def test_the_status_after_a_pause(before: str | None, after: str | None, verdict: str) -> None:
    assert status_fit("PAUSED", before, after).verdict == verdict


def test_the_age_of_a_resource_tells_where_its_state_does_not() -> None:
    assert status_fit("PAUSED", "PAUSED", "PAUSED", touched=True).verdict == "applied"
    assert fields_fit({"name": "a"}, None, {"name": "a"}, touched=True).verdict == "applied"
    assert fields_fit({"name": "a"}, None, {"name": "b"}, touched=False).verdict == "not applied"


def test_the_status_of_a_node_in_a_flow_is_the_one_of_its_resource() -> None:
    flow = {
        "flows": [{"id": 1, "data_source_id": 7, "status": "ACTIVE", "children": [{"id": 2, "data_set_id": 8}]}],
        "data_sources": [{"id": 7, "status": "ACTIVE"}],
        "data_sets": [{"id": 8, "status": "PAUSED"}],
    }
    assert status_of(flow, "flows", 1) == "ACTIVE"
    assert status_of(flow, "flows", 2) == "PAUSED"
    assert status_of(flow, "nexset", 8) == "PAUSED"
    assert status_of(flow, "flows", 3) is None
    assert status_of({"active": False}, "runtimes", 5) == "PAUSED"


@pytest.mark.parametrize(
    ("sent", "before", "after", "verdict"),
    [
        ({"name": "new"}, {"name": "old"}, {"name": "new"}, "applied"),
        ({"name": "new"}, {"name": "old"}, {"name": "old"}, "not applied"),
        ({"name": "new"}, {"name": "new"}, {"name": "new"}, "unknown"),
        ({"name": "new"}, {"name": "old"}, {"name": "third"}, "unknown"),
        ({"name": "new", "password": "x"}, {"name": "old"}, {"name": "new"}, "applied"),
        ({"password": "x"}, {"name": "old"}, {"name": "old"}, "unknown"),
        (
            {"source_config": {"path": "/b"}},
            {"source_config": {"path": "/a"}},
            {"source_config": {"path": "/b", "ui": 1}},
            "applied",
        ),
        ({"tags": ["b", "a"]}, {"tags": []}, {"tags": ["a", "b"]}, "applied"),
        ({"name": "new"}, {"name": "old"}, [1], "unknown"),
    ],
)
def test_the_fields_after_an_update(sent: dict[str, Any], before: Any, after: Any, verdict: str) -> None:
    assert fields_fit(sent, before, after).verdict == verdict


@pytest.mark.parametrize(
    ("way", "sent", "before", "after", "verdict"),
    [
        ("add", [ANA], [], [ANA | {"id": 3}], "applied"),
        ("add", [ANA], [RAJ], [RAJ], "not applied"),
        ("add", [ANA], [ANA], [ANA], "unknown"),
        ("remove", [ANA], [ANA, RAJ], [RAJ], "applied"),
        ("remove", [ANA], [ANA, RAJ], [ANA, RAJ], "not applied"),
        ("remove", None, [ANA], [], "applied"),
        ("remove", None, [ANA], [ANA], "not applied"),
        ("replace", [ANA], [RAJ], [ANA], "applied"),
        ("replace", [ANA], [RAJ], [RAJ], "not applied"),
        ("replace", [ANA], [RAJ], [ANA, RAJ], "unknown"),
        ("add", ["gold"], ["red"], ["red", "gold"], "applied"),
        ("add", [7], [{"id": 8}], [{"id": 8}, {"id": 7}], "applied"),
    ],
)
def test_the_list_after_a_change_of_it(way: Any, sent: Any, before: Any, after: Any, verdict: str) -> None:
    assert list_fit(way, sent, before, after).verdict == verdict


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON, JSON)
def test_no_reply_can_upset_a_comparison(sent: Any, before: Any, after: Any) -> None:
    fields = sent if isinstance(sent, dict) else {"name": sent}
    for fit in (
        fields_fit(fields, before, after),
        list_fit("replace", sent if isinstance(sent, list) else None, before, after),
        status_fit("PAUSED", status_of(before, "flows", 1), status_of(after, "flows", 1)),
    ):
        assert fit.verdict in ("applied", "not applied", "unknown")
        assert fit.seen


@given(JSON)
def test_what_was_sent_is_the_same_as_itself(value: Any) -> None:
    assert same(value, value)
