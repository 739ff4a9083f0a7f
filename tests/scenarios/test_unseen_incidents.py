"""Incidents in other words and places, and healthy flows: right cause, no false alarm, within the budget of requests."""

from __future__ import annotations

import anyio
import pytest

from nexla_mcp.sandbox.serve import running_sandbox
from tests.in_process import CATALOG
from tests.scenarios.asking import Asked, ask
from tests.scenarios.controls import CONTROLS
from tests.scenarios.judgement import judge
from tests.scenarios.variants import VARIANTS, Variant
from tests.scenarios.worlds import Scene

MOST_REQUESTS, DEEPEST = 12, 4
SHAPES = ("published", "seed")


def play(variant: Variant, shape: str) -> tuple[Scene, Asked]:
    scene = Scene(variant.build, variant.days)
    with running_sandbox(scene.config(shape)) as sandbox:
        for fault in variant.faults:
            sandbox.fault(**fault)
        return scene, anyio.run(ask, sandbox, variant.ask)


@pytest.mark.parametrize(("number", "variant"), list(enumerate(VARIANTS)), ids=[v.name for v in VARIANTS])
def test_the_cause_is_found(number: int, variant: Variant) -> None:
    scene, asked = play(variant, SHAPES[number % 2])
    assert judge(variant.expect, asked.answer, asked.text, CATALOG, scene.first_bad) == [], asked.answer["summary"]
    assert (asked.requests <= MOST_REQUESTS, asked.writes) == (True, ())


@pytest.mark.parametrize(("number", "control"), list(enumerate(CONTROLS)), ids=[c.name for c in CONTROLS])
def test_no_false_alarm(number: int, control: Variant) -> None:
    scene, asked = play(control, SHAPES[number % 2])
    assert judge(control.expect, asked.answer, asked.text, CATALOG, scene.first_bad) == [], asked.answer["summary"]
    assert (asked.requests <= MOST_REQUESTS, asked.writes) == (True, ())
