"""What a diagnosis proposes: the transform to change by its id, and a fix that is one update as a verified run."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.runbooks.investigation import FLOW, Found, investigate
from tests.runbooks.test_answer_contract import check_steps


def steps(found: Found) -> list[dict[str, Any]]:
    check_steps(found)
    return list(found.answer["next_steps"])


@pytest.mark.parametrize("scenario", ["16", "17"])
def test_the_transform_to_change_is_named(scenario: str) -> None:
    proposed = steps(investigate(scenario))
    assert {"operation": "transforms_get", "arguments": {"transform_id": 601}} in [s["arguments"] for s in proposed]
    assert any("transform 601 with nexla_fix_and_verify" in s["why"] for s in proposed)


def test_settings_that_were_lost_are_put_back_by_one_verified_run() -> None:
    fix = next(s for s in steps(investigate("24")) if s["tool"] == "nexla_fix_and_verify")
    assert fix["risk"] in ("write", "disrupt")
    assert fix["arguments"]["flow_id"] == FLOW["flow_id"]
    config = fix["arguments"]["arguments"]["source_config"]
    assert config == {"start.cron": "0 40 * * * ?", "path": "exports/orders"}


def test_a_secret_among_the_lost_settings_is_never_part_of_a_step() -> None:
    def hide(http: httpx.Client) -> None:
        http.put("/data_sources/5023/pause").raise_for_status()
        whole = {"start.cron": "0 40 * * * ?", "path": "exports/orders", "api_key": "hunter2-hunter2"}
        for config in (whole, {"path": "exports/orders"}):
            http.put("/data_sources/5023", json={"source_config": config}).raise_for_status()
        http.put("/data_sources/5023/activate").raise_for_status()

    found = investigate("24", before=hide)
    assert "hunter2" not in str(steps(found))
