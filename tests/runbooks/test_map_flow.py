"""Lineage: inside a flow, between flows, and what a credential carries."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.runbooks.investigation import FLOW, Found, investigate
from tests.runbooks.test_answer_contract import check_schema, check_steps


def mapped(scenario: str, arguments: dict[str, Any] | None = None, **config: Any) -> Found:
    found = investigate(scenario, FLOW if arguments is None else arguments, "nexla_map_flow", **config)
    check_schema("nexla_map_flow", found.answer)
    check_steps(found)
    assert {method for method, path in found.sent if not path.endswith("/token")} == {"GET"}
    return found


def hit(found: Found) -> set[tuple[str, int]]:
    return {(r["resource_type"], r["resource_id"]) for r in found.answer["blast_radius"]}


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_a_flow_from_source_to_destination(shape: str) -> None:
    answer = mapped("healthy", reply_shape=shape).answer
    ends = [(e["from"]["resource_id"], e["to"]["resource_id"]) for e in answer["lineage"]["edges"]]
    assert ends == [(5023, 5101), (5101, 5102), (5102, 5029)]
    assert [n["records"] for n in answer["lineage"]["nodes"]] == [10000] * 4
    assert answer["downstream_flows"] == answer["upstream_flows"] == []


def test_what_a_trigger_starts_is_downstream_and_hit() -> None:
    found = mapped("34")
    (other,) = found.answer["downstream_flows"]
    assert (other["flow_id"], other["direct"]) == (5159, True)
    assert "DATA_SINK_WRITE_DONE" in other["how"]
    assert ("destination", 5129) in hit(found)
    back = mapped("34", {"flow_id": 5159}).answer
    assert [f["flow_id"] for f in back["upstream_flows"]] == [5059]
    assert found.answer["next_steps"][1]["arguments"] == {"flow_id": 5159}


def test_only_what_lies_below_the_asked_resource_is_hit() -> None:
    assert hit(mapped("healthy", {"resource_type": "nexset", "resource_id": 5102})) == {("destination", 5029)}
    assert hit(mapped("healthy", {"name": "orders-s3"})) == {("nexset", 5101), ("nexset", 5102), ("destination", 5029)}


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_a_credential_carries_several_flows(shape: str) -> None:
    found = mapped("org", {"resource_type": "credential", "resource_id": 2001}, reply_shape=shape)
    assert {("source", 3001), ("source", 3002), ("destination", 5001), ("destination", 5002)} <= hit(found)
    assert [f["flow_id"] for f in found.answer["downstream_flows"]] == [6020]
    assert 'credential_2001 -. "login" .-> flow_6020' in found.answer["mermaid"]


def test_mermaid_text_cannot_be_broken_by_a_name() -> None:
    def rename(http: httpx.Client) -> None:
        http.put("/data_sets/5102", json={"name": 'x"] --> evil[<b>`end`'}).raise_for_status()

    found = mapped("healthy", before=rename)
    (line,) = [row for row in found.answer["mermaid"].splitlines() if row.strip().startswith("nexset_5102[")]
    assert re.fullmatch(r'  nexset_5102\["[^"\[\]]*"\]', line)
    assert "<b>" not in line
    assert "`" not in line
    assert set(found.answer["mermaid"].splitlines()) <= set(found.text.splitlines())


def test_a_map_says_what_nexla_cannot_know() -> None:
    assert "outside Nexla" in " ".join(mapped("healthy").answer["not_checked"])
