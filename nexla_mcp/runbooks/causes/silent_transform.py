"""A transform that silently does nothing: clean counts, green health, output equal to input."""

from __future__ import annotations

import json
from typing import Any

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.wording import at
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis
from nexla_mcp.runbooks.error_texts import Kind, kinds_of
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.shapes.lenient import pick, quote


def passes_through(case: Case) -> list[Hypothesis]:
    """ERROR lines of a nexset that counts as clean, supported by samples that equal their input."""
    found = []
    for stage in case.flow.of("nexset"):
        trouble = case.trouble_at(stage)
        counted = trouble is not None and trouble.counted
        if (
            (counted and trouble is not None and not trouble.recovered)
            or stage.paused
            or stage.parent is None
            or stage.parent.kind != "nexset"
        ):
            continue
        if stage.runs is None and (
            case.rejected.get(stage.key) or not any(Kind.ARITY in kinds_of(e.text) for e in case.error_lines(stage))
        ):
            continue  # without its counts nothing else tells it from counted errors
        newest = case.history.newest_of(stage)
        lines = [
            line for line in case.error_lines(stage) if newest is None or (case.run_of(line) or newest.run_id) >= newest.run_id
        ]
        if stage.key in case.history.rejects:  # those lines belong to the few records that are counted as rejected
            lines = [line for line in lines if Kind.ARITY in kinds_of(line.text)]
        same = unchanged(case, stage)
        schema = _schema_says(stage)
        told = [
            line for line in lines if {Kind.ARITY, Kind.CODE, Kind.NULL_VALUE, Kind.QUERY, Kind.PARSE} & set(kinds_of(line.text))
        ]
        blind = case.logs is None or "untransformed" in case.leads
        if told and same is not False:
            score = 94 if same else 82 if Kind.ARITY in kinds_of(told[-1].text) else 64
        elif lines and same:
            score = 76
        elif same and stage.transform_id is not None and blind and _all_pass(case, stage):
            score = 62 if schema else 52
        else:
            continue
        found.append(_hypothesis(case, stage, score, told or lines, same, schema))
    return found[:1]


def _hypothesis(case: Case, stage: Stage, score: int, lines: list[Any], same: bool | None, schema: str) -> Hypothesis:
    kind, resource_id = ("transform", stage.transform_id) if stage.transform_id is not None else ("nexset", stage.id)
    first = _began(case, stage, lines)
    arity = any(Kind.ARITY in kinds_of(line.text) for line in lines)
    evidence = (
        [
            Evidence(
                case.log_operation,
                "nexset",
                stage.id,
                f"ERROR of {stage.label} while the run counts show none",
                quote(lines[-1].text),
            )
        ]
        if lines
        else []
    )
    if same:
        source = (
            "pairs of input and output"
            if any(s.paired for s in case.samples.get(stage.id, []))
            else f"samples of {stage.parent.label if stage.parent else 'the parent'}"
        )
        evidence.append(Evidence("nexsets_get_samples", "nexset", stage.id, f"the output equals the input ({source})"))
    if schema:
        evidence.append(Evidence("nexsets_get", "nexset", stage.id, schema))
    run = case.history.newest_of(stage)
    if run:
        evidence.append(
            Evidence(
                "metrics_get_resource_metrics_by_run",
                "nexset",
                stage.id,
                f"{at(run.run_id)}: records {run.records}, errors {run.errors}",
            )
        )
    why = (
        f"The transform of {stage.label} raises and the engine passes the input through unchanged, so counts and health "
        "look good and destinations get untransformed records"
    )
    why += ": it is called with three positional arguments and must be defined as transform(record, *args)." if arity else "."
    why += " No record is counted as an error, which tells it from a transform that fails on some values."
    plan = [
        steps.call(
            case,
            "nexsets_get_samples",
            "Compare output with input yourself; repeat after the fix.",
            set_id=stage.id,
            count=5,
            include_metadata=True,
        )
    ]
    edits = [c for c in case.audits.get(("transform", stage.transform_id or 0)) or [] if c.event != "create"]
    advice = "Define the function as transform(record, *args)." if arity else "The code raises."
    plan = [*steps.change_transform(case, stage, advice, edits[-1] if edits else None), *plan]
    return Hypothesis(
        "transform_not_applied",
        kind,
        resource_id,
        score,
        "failing",
        why,
        evidence,
        plan,
        first,
        explains=frozenset({"unknown", "type_mismatch_at_destination", "destination_rejects_payload"}),
        not_checked=_before_the_logs(case, first),
    )


def _began(case: Case, stage: Stage, lines: list[Any]) -> int | None:
    """The run that raised first and has raised ever since, as far back as lines were read."""
    raising = {r for line in lines if (r := case.run_of(line))}
    earlier = {
        r for line in case.all_errors or [] if (line.kind, line.resource_id) == stage.key and (r := case.run_of(line)) is not None
    }
    if not raising:
        return None
    first = min(raising)
    for run_id in reversed([i for i in case.history.run_ids if i < first]):
        if run_id not in earlier:
            break
        first = run_id
    return first


def _before_the_logs(case: Case, first: int | None) -> tuple[str, ...]:
    """The logs are read for the newest runs only: where all of them raise, it may have begun earlier."""
    oldest = min((r for line in [*(case.logs or []), *(case.all_errors or [])] if (r := case.run_of(line))), default=None)
    if case.all_errors is not None and not case.errors_cut:
        return ()
    if first is None or oldest is None or first > oldest or case.history.run_ids[:1] == [first]:
        return ()
    return (f"logs of the runs before {at(first)}: it may have begun earlier",)


def _all_pass(case: Case, stage: Stage) -> bool:
    """As many records out as in: a filter would let fewer pass."""
    mine, theirs = case.history.newest_of(stage), case.history.newest_of(stage.parent) if stage.parent else None
    return mine is not None and theirs is not None and mine.records == theirs.records and mine.records > 0


def unchanged(case: Case, stage: Stage) -> bool | None:
    """Whether samples come out as they went in; None when that cannot be told."""
    mine = case.samples.get(stage.id)
    if not mine:
        return None
    pairs = [s for s in mine if s.paired]
    if pairs:
        return all(_text(s.input) == _text(s.output) for s in pairs)
    parent = case.samples.get(stage.parent.id) if stage.parent else None
    if not parent:
        return None
    inputs = {_text(s.output) for s in parent}
    same = [_text(s.output) in inputs for s in mine]
    if all(same):
        return True
    if any(same):
        return None
    keys = [set(s.output) for s in mine if isinstance(s.output, dict)]
    theirs = [set(s.output) for s in parent if isinstance(s.output, dict)]
    return None if keys and theirs and keys[0] == theirs[0] else False


def _schema_says(stage: Stage) -> str:
    if not stage.detail or not stage.parent:
        return ""
    mine = stage.detail.get("output_schema")
    theirs = pick(stage.parent.detail, "output_schema")
    if "output_schema" in stage.detail and mine in (None, {}, ""):
        return "output_schema is empty"
    return (
        "output_schema equals that of its parent"
        if mine and theirs and _text(pick(mine, "properties") or mine) == _text(pick(theirs, "properties") or theirs)
        else ""
    )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
