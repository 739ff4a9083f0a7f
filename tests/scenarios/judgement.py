"""Judging a diagnosis by the contract: verdict, cause, place, first bad run, evidence, reach, next calls.

judge(expected, asked, catalog, first_bad=1763721600000)      # [] or what is wrong, in words
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import jsonschema

from nexla_mcp.arguments.check import ArgumentError, check
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Risk
from tests.scenarios.asking import Asked

Place = tuple[str, int | None]
EXECUTORS = {
    Risk.READ: "nexla_read",
    Risk.WRITE: "nexla_write",
    Risk.DISRUPT: "nexla_confirmed_write",
    Risk.DESTROY: "nexla_confirmed_write",
}
STAGE_ORDER = {"source": 0, "nexset": 1, "destination": 2}


@dataclass(frozen=True)
class Expected:
    """What a diagnosis must say, and must not say. ``causes`` empty: root_cause null."""

    verdicts: tuple[str, ...]
    causes: tuple[str | None, ...] = ()
    places: tuple[Place, ...] = ()
    cites: tuple[str, ...] = ()
    reach: frozenset[int] = frozenset()
    """Ids that the blast radius must name."""
    spares: frozenset[int] = frozenset()
    """Ids that it must not name."""
    also: tuple[str, ...] = ()
    """Causes that must stand under contributing."""
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    dated: bool = True
    """Whether the first bad run must be named; False: it may be."""
    undated: bool = False
    """Whether it must be null."""


def judge(expected: Expected, asked: Asked, catalog: Catalog, first_bad: int | None) -> list[str]:
    """Everything that is wrong with an answer."""
    answer, text = asked.answer, asked.text
    root = answer["root_cause"] or {}
    wrong = _form(answer, catalog) + (_invented(answer, asked.replies) if asked.replies else [])
    if answer["verdict"] not in expected.verdicts:
        wrong.append(f"verdict {answer['verdict']}, not {' or '.join(expected.verdicts)}")
    if root.get("cause") not in (expected.causes or (None,)):
        wrong.append(f"cause {root.get('cause')}, not {' or '.join(map(str, expected.causes)) or 'none'}")
    elif root and expected.places and (root["resource_type"], root["resource_id"]) not in expected.places:
        wrong.append(f"at {root['resource_type']} {root['resource_id']}, not {expected.places}")
    if expected.undated and answer["first_bad_run_id"] is not None:
        wrong.append(f"first bad run {answer['first_bad_run_id']}, though none is bad")
    elif expected.dated and not expected.undated and answer["first_bad_run_id"] != first_bad:
        wrong.append(f"first bad run {answer['first_bad_run_id']}, not {first_bad}")
    cited = {e["operation"] for e in answer["evidence"]}
    wrong += [f"no evidence from {name}" for name in expected.cites if name not in cited]
    hit = {r["resource_id"] for r in answer["blast_radius"]}
    if expected.reach - hit:
        wrong.append(f"blast radius {sorted(hit)} misses {sorted(expected.reach - hit)}")
    if expected.spares & hit:
        wrong.append(f"blast radius names {sorted(expected.spares & hit)}, which are well")
    others = {f["cause"] for f in answer["contributing"]}
    wrong += [
        f"{cause} is not among contributing ({', '.join(sorted(others))})" for cause in expected.also if cause not in others
    ]
    whole = text + json.dumps(answer, ensure_ascii=False)
    wrong += [f"does not say {words!r}" for words in expected.says if words.lower() not in whole.lower()]
    wrong += [f"says {words!r}" for words in expected.never if words.lower() in text.lower()]
    return wrong


def _form(answer: dict[str, Any], catalog: Catalog) -> list[str]:
    """What holds for every answer: the schema, facts with evidence, stages in flow order, calls that can be made."""
    wrong: list[str] = []
    schema = catalog.tools["nexla_debug_flow"].output_schema
    if schema:
        wrong += [e.message[:120] for e in jsonschema.Draft202012Validator(schema).iter_errors(answer)]
    if answer["root_cause"] and not answer["root_cause"]["explanation"]:
        wrong.append("the root cause has no explanation")
    if not answer["evidence"]:
        wrong.append("no evidence at all")
    wrong += [
        f"evidence of unknown operation {e['operation']}" for e in answer["evidence"] if not _is_read(catalog, e["operation"])
    ]
    order = [STAGE_ORDER[s["resource_type"]] for s in answer["stages"]]
    if order and order[0] != min(order):
        wrong.append("the stages do not begin at the source")
    if len(answer["next_steps"]) > 3:
        wrong.append("more than three next steps")
    for step in answer["next_steps"]:
        wrong += _step(step, catalog)
    return wrong


def _is_read(catalog: Catalog, operation: str) -> bool:
    return operation == "token" or (operation in catalog.operations and catalog.operation(operation).risk is Risk.READ)


def _step(step: dict[str, Any], catalog: Catalog) -> list[str]:
    """What is wrong with a proposed call: it must be accepted as it stands, and say its true risk."""
    name = step["arguments"].get("operation")
    if step["tool"] not in catalog.tools:
        return [f"next step names the unknown tool {step['tool']}"]
    if name is None or step["tool"] == "nexla_describe_operation":
        if name is not None and name not in catalog.operations and name not in catalog.tools:
            return [f"next step describes the unknown {name}"]
        unknown = set(step["arguments"]) - set(catalog.tools[step["tool"]].parameters)
        return [f"next step {step['tool']} with unknown {sorted(unknown)}"] if unknown else []
    if name not in catalog.operations:
        return [f"next step names the unknown operation {name}"]
    record = catalog.operation(name)
    wrong = []
    if step["tool"] not in (EXECUTORS[record.risk], "nexla_fix_and_verify"):
        wrong.append(f"next step {name} by {step['tool']}")
    if step["risk"] != record.risk:
        wrong.append(f"next step {name} says risk {step['risk']}")
    if record.method == "DELETE" or "delete" in name:
        wrong.append(f"next step proposes {name}")
    try:
        check(record, step["arguments"]["arguments"])
    except ArgumentError as error:
        wrong.append(f"next step {name} is refused: {str(error)[:120]}")
    return wrong


def _invented(answer: dict[str, Any], replies: str) -> list[str]:
    """Quotes of the evidence that no reply contains; an ellipsis stands for what was left out."""
    plain = _plain(replies)
    wrong = []
    for entry in answer["evidence"]:
        parts = [p for p in re.split(r"…|\.\.\.|\*\*\*\([0-9a-f]+\)", entry["quote"]) if len(p.strip()) > 3]
        wrong += [f"{entry['operation']} quotes {part[:80]!r}" for part in parts if _plain(part) not in plain]
    return wrong


def _plain(text: str) -> str:
    return re.sub(r"[\s\\\"']+", "", text)
