"""Incidents in other words and places, and healthy flows: right cause, no false alarm, within the budget of requests.

``make scenarios`` asks the same in both reply shapes at the latency of a network; here the shapes take turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from nexla_mcp.sandbox.serve import RunningSandbox
from tests.in_process import CATALOG
from tests.scenarios.asking import Asked, ask, depth_of
from tests.scenarios.controls import CONTROLS
from tests.scenarios.judgement import judge
from tests.scenarios.variants import VARIANTS, Variant
from tests.scenarios.worlds import Scene

MOST_REQUESTS = 12
SHAPES = ("published", "seed")


@pytest.fixture(scope="module")
def running() -> Iterator[list[RunningSandbox]]:
    """The sandboxes of this file, stopped together at its end: each takes a moment to notice."""
    begun: list[RunningSandbox] = []
    yield begun
    with ThreadPoolExecutor(max(1, len(begun))) as pool:
        list(pool.map(RunningSandbox.stop, begun))


def play(variant: Variant, shape: str, running: list[RunningSandbox]) -> tuple[Scene, Asked]:
    scene = Scene(variant.build, variant.days)
    sandbox = RunningSandbox(scene.config(shape))
    sandbox.start()
    running.append(sandbox)
    for fault in variant.faults:
        sandbox.fault(**fault)
    return scene, anyio.run(ask, sandbox, variant.ask)


@pytest.mark.parametrize(("number", "variant"), list(enumerate(VARIANTS)), ids=[v.name for v in VARIANTS])
def test_the_cause_is_found(number: int, variant: Variant, running: list[RunningSandbox]) -> None:
    scene, asked = play(variant, SHAPES[number % 2], running)
    assert judge(variant.expect, asked, CATALOG, scene.first_bad) == [], asked.answer["summary"]
    assert (asked.requests <= MOST_REQUESTS, asked.writes) == (True, ())


@pytest.mark.parametrize(("number", "control"), list(enumerate(CONTROLS)), ids=[c.name for c in CONTROLS])
def test_no_false_alarm(number: int, control: Variant, running: list[RunningSandbox]) -> None:
    scene, asked = play(control, SHAPES[number % 2], running)
    assert judge(control.expect, asked, CATALOG, scene.first_bad) == [], asked.answer["summary"]
    assert (asked.requests <= MOST_REQUESTS, asked.writes) == (True, ())


def test_depth_is_the_longest_chain_of_requests_that_waited_for_each_other() -> None:
    side_by_side = [{"began": 0.0, "ended": 1.0}, {"began": 0.1, "ended": 1.2}]
    after_both = {"began": 1.3, "ended": 2.0}
    assert depth_of(side_by_side) == 1
    assert depth_of([*side_by_side, after_both]) == 2
