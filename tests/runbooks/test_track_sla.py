"""Targets against runs: compliance, violations with run ids, burn; what is not told is not judged."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.runbooks.altered_api import AlteredApi
from tests.runbooks.investigation import FLOW, Found, R, investigate
from tests.runbooks.test_answer_contract import check_schema, check_steps


def tracked(scenario: str, arguments: dict[str, Any] | None = None, **config: Any) -> Found:
    found = investigate(scenario, FLOW | (arguments or {}), "nexla_track_sla", **config)
    check_schema("nexla_track_sla", found.answer)
    check_steps(found)
    return found


NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class TurnedPages(AlteredApi):
    """Run rows oldest first, as some deployments list them: the newest are on the last page."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if "run_summary" not in request.url.path:
            return response
        page, size = int(request.url.params["page"]), int(request.url.params["size"])
        every = httpx.Request("GET", request.url.copy_merge_params({"page": 1, "size": 1000}), headers=request.headers)
        body = json.loads((await super().handle_async_request(every)).content)
        rows = sorted(body["metrics"]["data"], key=lambda r: r["runId"])
        meta = {"currentPage": page, "pageCount": -(-len(rows) // size), "totalCount": len(rows)}
        shown = rows[(page - 1) * size : page * size]
        return httpx.Response(200, json={"status": 200, "metrics": {"data": shown, "meta": meta}}, request=request)


def objective(found: Found, name: str) -> dict[str, Any]:
    return dict(next(o for o in found.answer["objectives"] if o["name"] == name))


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_a_healthy_flow_keeps_the_targets_that_nobody_gave(shape: str) -> None:
    found = tracked("healthy", reply_shape=shape)
    assert found.answer["verdict"] == "kept"
    success = objective(found, "success_rate")
    assert (success["default"], success["target"], success["compliance"], success["burn"]) == (True, 0.95, 1, 0)
    assert [w["records"] for w in found.answer["windows"]] == [60000]
    assert "(default)" in found.text


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_a_run_that_fails_anywhere_in_the_flow_violates_the_success_rate(shape: str) -> None:
    found = tracked("17", reply_shape=shape)
    success = objective(found, "success_rate")
    assert (found.answer["verdict"], success["state"]) == ("missed", "missed")
    (violation,) = success["violations"]
    assert violation["run_id"] == R[6]
    assert "errors 1300 at nexset 5102" in violation["what"]
    assert success["burn"] > 1
    assert found.answer["next_steps"][1]["arguments"]["run_id"] == success["violations"][-1]["run_id"]


@pytest.mark.parametrize(("shape", "wire"), [("published", AlteredApi), ("seed", AlteredApi), ("published", TurnedPages)])
def test_more_runs_than_a_page_holds_are_all_read_at_every_stage(shape: str, wire: type[AlteredApi]) -> None:
    found = tracked("org", {"flow_id": 6120}, reply_shape=shape, wire=wire(), now=NOON)
    assert (found.answer["verdict"], found.answer["runs"]) == ("kept", 168)
    assert objective(found, "success_rate")["compliance"] == objective(found, "freshness")["compliance"] == 1
    assert objective(found, "freshness")["current"] < 1.1
    assert sum(w["runs"] for w in found.answer["windows"]) == 168
    assert found.answer["not_checked"] == []


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_runs_that_fail_at_the_source_and_arrive_nowhere_are_failed_runs(shape: str) -> None:
    found = tracked("org", {"flow_id": 6010, "days": 2}, reply_shape=shape)
    success = objective(found, "success_rate")
    failed = success["violation_count"]
    assert (success["state"], sum(w["failed"] for w in found.answer["windows"])) == ("missed", failed)
    assert failed >= 4
    assert success["compliance"] == pytest.approx(1 - failed / found.answer["runs"], abs=1e-4)
    assert all("at source 3001; no row at destination 5001" in v["what"] for v in success["violations"])
    step = next(s for s in found.answer["next_steps"] if s["tool"] == "nexla_compare_runs")
    assert step["arguments"]["run_id"] == success["violations"][-1]["run_id"]
    compared = investigate("org", step["arguments"], "nexla_compare_runs", reply_shape=shape)
    assert compared.answer["base_run_id"] == objective(found, "freshness")["violations"][-1]["run_id"]
    assert compared.answer["verdict"] == "worse"


def test_a_period_in_which_every_run_failed_at_the_source_is_judged() -> None:
    found = tracked("org", {"flow_id": 6010, "days": 0.1})
    assert objective(found, "success_rate")["compliance"] == 0
    assert found.answer["notes"] == []


def test_a_lower_target_is_kept_and_its_budget_counted() -> None:
    success = objective(tracked("17", {"min_success_rate": 0.5}), "success_rate")
    assert (success["state"], success["default"]) == ("kept", False)
    assert success["burn"] == pytest.approx(1 / 3, abs=0.01)


def test_a_resource_is_judged_by_itself() -> None:
    found = investigate("17", {"resource_type": "destination", "resource_id": 5029}, "nexla_track_sla")
    assert objective(found, "success_rate")["state"] == "kept"
    assert found.answer["measured_at"] == "destination 5029"


def test_latency_is_judged_only_where_runs_carry_times() -> None:
    slow = objective(tracked("healthy", {"max_latency_s": 60}, reply_shape="seed"), "latency")
    assert (slow["state"], slow["violation_count"], slow["current"]) == ("missed", 6, 65)
    assert objective(tracked("healthy", {"max_latency_s": 70}, reply_shape="seed"), "latency")["state"] == "kept"
    untold = objective(tracked("healthy", {"max_latency_s": 60}), "latency")
    assert (untold["state"], untold["compliance"]) == ("unknown", None)
    assert "carry no times" in untold["note"]


@pytest.mark.parametrize("shape", ["published", "seed"])
def test_data_that_stopped_coming_is_not_fresh(shape: str) -> None:
    found = tracked("24", reply_shape=shape)
    fresh = objective(found, "freshness")
    assert (fresh["state"], fresh["current"]) == ("missed", pytest.approx(2.0, abs=0.1))
    assert fresh["violations"][-1]["run_id"] == 1763718000000
    assert objective(tracked("24", {"max_age_hours": 6}, reply_shape=shape), "freshness")["state"] == "kept"


def test_too_few_records_are_named() -> None:
    volume = objective(tracked("healthy", {"min_records": 20000}), "volume")
    assert (volume["state"], volume["violation_count"], volume["target"]) == ("missed", 6, 20000)


def test_runs_that_cannot_be_read_are_no_success() -> None:
    found = tracked("healthy", wire=AlteredApi(refuse={"run_summary": 403}))
    assert found.answer["verdict"] == "unknown"
    assert "nothing could be judged" in found.text
    assert any("metrics_get_resource_metrics_by_run" in n for n in found.answer["not_checked"])
