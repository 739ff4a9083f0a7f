"""Arguments are fitted where the meaning is plain, and everything else is explained at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexla_mcp.arguments.check import ArgumentError, check
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.catalog.records import Operation
from nexla_mcp.client.wire import build_request

CATALOG = load_catalog()
OPERATIONS = sorted(CATALOG.operations)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("given_value", "fitted"),
    [
        ({"flow_id": "5059"}, {"flow_id": 5059}),
        ({"flow_id": 5059.0, "all": "true"}, {"flow_id": 5059, "all": True}),
        ({"flow_id": 5059, "all": None}, {"flow_id": 5059}),
    ],
)
def test_numbers_and_flags_may_come_as_text(catalog: Catalog, given_value: dict[str, Any], fitted: dict[str, Any]) -> None:
    assert check(catalog.operation("flows_pause"), given_value) == fitted


def test_an_object_may_come_as_json_text(catalog: Catalog) -> None:
    accessors = [{"type": "TEAM", "id": 7, "access_roles": ["collaborator"]}]
    fitted = check(catalog.operation("flows_add_accessors"), {"flow_id": 1, "accessors": json.dumps(accessors)})
    assert fitted["accessors"] == accessors


@pytest.mark.parametrize("word", ["source", "sources", "data_sources", "data_source", "SOURCE", "Data-Source"])
def test_every_word_for_a_kind_of_resource_is_understood(catalog: Catalog, word: str) -> None:
    assert (
        check(catalog.operation("flows_get_by_resource"), {"resource_type": word, "resource_id": 1})["resource_type"]
        == "data_sources"
    )
    assert check(catalog.tools["nexla_get"], {"resource_type": word, "id": 1})["resource_type"] == "source"


def test_all_problems_are_reported_in_one_text(catalog: Catalog) -> None:
    with pytest.raises(ArgumentError) as error:
        check(catalog.operation("flows_pause"), {"flow": 1, "all": "perhaps", "request_id": -2})
    text = str(error.value)
    assert "Nothing was sent" in text
    assert len(error.value.problems) == 4
    assert "did you mean flow_id?" in text
    assert "flow_id: is required" in text
    assert "all: must be a boolean" in text
    assert "request_id: must be at least 1" in text


def test_the_nearest_value_is_named(catalog: Catalog) -> None:
    with pytest.raises(ArgumentError, match="did you mean collaborator"):
        check(catalog.operation("flows_list"), {"access_role": "colaborator"})


def test_a_secret_is_not_repeated_in_an_error(catalog: Catalog) -> None:
    with pytest.raises(ArgumentError) as error:
        check(
            catalog.operation("credentials_create"), {"name": "s3", "credentials_type": "s3", "credentials": "hunter2-is-the-key"}
        )
    assert "hunter2" not in str(error.value)


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(OPERATIONS), arguments=st.dictionaries(st.text(max_size=12), ANY_JSON, max_size=4))
def test_arguments_that_do_not_fit_never_become_a_request(name: str, arguments: dict[str, Any]) -> None:
    """Arbitrary arguments either raise ArgumentError or hold only what the operation knows."""
    operation = CATALOG.operation(name)
    try:
        fitted = check(operation, arguments)
    except ArgumentError as error:
        assert error.problems
        return
    assert set(fitted) <= set(operation.parameters)
    assert set(operation.required) <= set(fitted)


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(OPERATIONS), data=st.data())
def test_no_argument_value_changes_the_route(name: str, data: st.DataObject) -> None:
    """Whatever text is put into a path value, the number of path segments stays what the spec says."""
    operation = CATALOG.operation(name)
    texts = {n for n, p in operation.parameters.items() if p.location == "path" and p.type == "string" and not p.enum}
    texts -= {"webhook_url"}
    if not texts or operation.path.startswith("{"):
        return
    arguments = {**operation.examples[0], **{n: data.draw(st.text(min_size=1, max_size=30)) for n in texts}}
    path = _path_or_none(operation, arguments)
    if path is not None:
        assert path.count("/") == operation.path.count("/")
        assert not {".", ".."} & set(path.split("/"))
        assert "?" not in path
        assert "#" not in path


def _path_or_none(operation: Operation, arguments: dict[str, Any]) -> str | None:
    from nexla_mcp.client.errors import ValidationError

    try:
        return build_request(operation, check(operation, arguments)).path
    except (ArgumentError, ValidationError):
        return None


@pytest.mark.parametrize(
    ("name", "arguments", "choice"),
    [
        ("projects_replace_flows", {"project_id": 12}, "data_flows, flows"),
        ("flows_delete_links", {"flow_id": 5059}, "more_fields"),
        ("sources_update", {"source_id": 3001}, "name, description"),
    ],
)
def test_a_change_that_says_nothing_is_refused(name: str, arguments: dict[str, Any], choice: str) -> None:
    """An empty list is something to say; leaving every list out is not."""
    with pytest.raises(ArgumentError, match=f"needs at least one of {choice}"):
        check(CATALOG.operation(name), arguments)


def test_an_empty_list_is_a_choice() -> None:
    assert check(CATALOG.operation("projects_replace_flows"), {"project_id": 12, "flows": []}) == {"project_id": 12, "flows": []}


@pytest.mark.parametrize(
    ("name", "said", "meant"),
    [
        ("destinations_get", "destination_id", "sink_id"),
        ("destinations_get", "data_sink_id", "sink_id"),
        ("nexsets_get", "nexset_id", "set_id"),
        ("nexsets_get", "id", "set_id"),
        ("lookups_get", "lookup_id", "data_map_id"),
    ],
)
def test_another_word_for_the_same_id_is_understood(name: str, said: str, meant: str) -> None:
    assert check(CATALOG.operation(name), {said: "5029"}) == {meant: 5029}


def test_two_words_for_one_id_are_not_mixed_up() -> None:
    with pytest.raises(ArgumentError, match="destination_id: unknown argument"):
        check(CATALOG.operation("destinations_get"), {"sink_id": 1, "destination_id": 2})
