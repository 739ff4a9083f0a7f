"""Every operation puts the same request on the wire as the official nexla-sdk, or the difference is written down with a reason.

``benchmarks/wire_table.py`` calls each operation through a real MCP client and through the SDK, against a recording
server. Here is what has to hold for what was recorded; ``python -m benchmarks.wire_table`` shows the same as a table.
Excuses stand in ``wire_differences.json``. One that excuses nothing any more fails as well.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.wire_table import KEY, Difference, Drive, Excuse, Seen, compare, drive, excuses, known, noted, sdk_methods
from nexla_mcp.catalog.loader import load_catalog
from tests.contract.recording_server import Sent

OPERATIONS = list(load_catalog().operations)


@pytest.fixture(scope="session")
def driven() -> Drive:
    return drive()


@pytest.fixture(scope="session")
def found(driven: Drive) -> dict[str, set[Difference]]:
    return driven.differences()


@pytest.fixture
def calls(driven: Drive) -> Callable[[str], list[Seen]]:
    return lambda name: [seen for (operation, _), seen in driven.seen.items() if operation == name]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_sends_what_the_sdk_sends(
    name: str, driven: Drive, found: dict[str, set[Difference]], calls: Callable[[str], list[Seen]]
) -> None:
    assert [seen.problem for seen in calls(name) if seen.problem] == []
    assert driven.unexplained(name, found[name]) == []


@pytest.mark.parametrize("name", [o.name for o in load_catalog().operations.values() if not o.reads])
def test_a_change_is_sent_once_and_only_reads_go_before_it(name: str, driven: Drive, calls: Callable[[str], list[Seen]]) -> None:
    operation = driven.catalog.operation(name)
    for seen in calls(name):
        *before, last = seen.ours
        assert last.method == operation.method
        assert last not in before
        assert not before or operation.preview or operation.guard.same_name  # a before-image, or a look for its like
        assert {sent.method for sent in before} <= {"GET"}


@pytest.mark.parametrize("excuse", excuses(), ids=lambda e: f"{e.operation} {e.aspect} {e.ours or e.sdk}")
def test_an_excuse_is_still_needed(excuse: Excuse, found: dict[str, set[Difference]]) -> None:
    assert excuse.reason
    assert any(excuse.covers(d) for differences in found.values() for d in differences), "excuses nothing: remove it"


def test_a_route_is_noted_only_where_the_sdk_has_no_such_call(driven: Drive) -> None:
    without = {o.name for o in driven.catalog.operations.values() if not sdk_methods(driven.catalog, o)}
    assert set(known()["routes"]) == without


def test_signing_in_is_the_same(driven: Drive) -> None:
    ours, sdk = driven.sign_in
    assert list(compare("token", ours, sdk)) == []
    assert dict(ours.headers)["Authorization"] == f"Basic {KEY}"
    assert ours.body is None


def test_a_noted_route_stands_for_a_request() -> None:
    arguments = {"kind": "a/b", "from": "2026-11-01T06:30:00Z", "live": True, "name": "n", "more_fields": {"x": 1}}
    sent = noted("POST /{kind}/logs?from=ms&live=true&page object: name, code", arguments, "/api")
    assert (sent.method, sent.path, sent.query) == ("POST", "/api/a%2Fb/logs", (("from", "1793514600000"), ("live", "true")))
    assert sent.body == {"name": "n", "x": 1}
    assert noted("PUT /tags/{id} array", {"id": 7, "tags": ["a"]}, "").body == ["a"]


def test_each_thing_that_differs_is_named_alone() -> None:
    ours = Sent("GET", "/a", (("all", "1"), ("page", "2")), (("Accept", "x"),), {"name": "n", "tags": []})
    sdk = Sent("PUT", "/a", (("all", "True"), ("page", "2")), (("Accept", "y"),), {"name": "n"})
    assert set(compare("o", ours, sdk)) == {
        Difference("o", "path", "GET /a", "PUT /a"),
        Difference("o", "query", "all=1", "all=True"),
        Difference("o", "header", "Accept: x", "Accept: y"),
        Difference("o", "body", "tags=[]", None),
    }
    assert list(compare("o", Sent("GET", "/a", body=[1]), Sent("GET", "/a"))) == [Difference("o", "body", "[1]", None)]


def test_an_excuse_covers_only_what_it_says() -> None:
    excuse = Excuse("*_copy", "body", None, "a=*", "why")
    assert excuse.covers(Difference("flows_copy", "body", None, "a=false"))
    assert not excuse.covers(Difference("flows_get", "body", None, "a=false"))
    assert not excuse.covers(Difference("flows_copy", "query", None, "a=false"))
    assert not excuse.covers(Difference("flows_copy", "body", "a=true", "a=false"))
