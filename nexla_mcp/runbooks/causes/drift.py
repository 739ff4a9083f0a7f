"""The data itself changed: values of another type, or a field that is not there any more."""

from __future__ import annotations

import re
from typing import Any

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.wording import at
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.history import Trouble
from nexla_mcp.runbooks.shapes.lenient import moment, quote, run_moment

_NAMED = re.compile(
    r"KeyError:?\s*u?['\"]?(?P<a>\w+)"
    r"|(?:key|field|property|attribute|column|element)s?\s+['\"`\[]?(?P<b>\w+)['\"`\]]?\s+"
    r"(?:is |was |are |were )?(?:missing|not (?:found|present|there|exist)|does not exist|absent|undefined)"
    r"|(?:missing|no such|unknown|undefined) (?:required )?(?:key|field|property|attribute|column)[:\s]+['\"`\[]?(?P<c>\w+)",
    re.I,
)

_NEARLY_ALL = 0.5
"""Where most records pass, they still have the field: some values are odd, the shape is not."""


def changed_values(case: Case, stage: Stage, trouble: Trouble) -> list[Hypothesis]:
    """For a type mismatch at a destination: good runs before, and other values or types since."""
    source, reasons, first = case.source, case.reasons(stage), trouble.first
    good_before = case.last_good_run(stage)
    if source is None or trouble.since_ever or good_before is None:
        return []
    name = reasons[0].field if reasons else None
    types: dict[bool, set[str]] = {True: set(), False: set()}
    for samples in case.samples.values():
        for sample in samples:
            if name and isinstance(sample.output, dict) and name in sample.output and sample.run_id:
                types[sample.run_id >= first].add(_json_type(sample.output[name]))
    values = reasons[0].values if reasons else ()
    changed = bool(types[True] and types[False] and types[True] - types[False])
    if not changed and not values:
        return []
    evidence = []
    feeder = next((s for s in case.flow.of("nexset") if s.parent and s.parent.kind == "source"), None)
    if feeder and (types[True] or types[False]):
        before, after = ", ".join(sorted(types[False])) or "not seen", ", ".join(sorted(types[True])) or "not seen"
        evidence.append(
            Evidence("nexsets_get_samples", "nexset", feeder.id, f"{name}: {before} before {at(first)}, {after} since")
        )
    why = (
        f"The data of {source.label} changed at {at(first)}: {name or 'a field'} now holds"
        f" {', '.join(quote(v, 30) for v in values[:2]) or 'other values'}, which the target did not get before."
    )
    return [Hypothesis("schema_drift", "source", source.id, 58 if changed else 45, "degraded", why, evidence, first_bad=first)]


def lost_field(case: Case) -> list[Hypothesis]:
    """A nexset fails over a field that its rejected records lack, and it worked before: the field went missing upstream."""
    source = case.source
    for stage in case.flow.of("nexset"):
        trouble = case.trouble_at(stage)
        if (
            source is None
            or trouble is None
            or trouble.recovered
            or trouble.form != "errors"
            or case.last_good_run(stage) is None
            or (trouble.counted and trouble.share < _NEARLY_ALL)
        ):
            continue
        name = _absent_field(case, stage)
        if name is None or _changed_before(case, stage, trouble):
            continue
        why = (
            f"The records of {source.label} no longer have the field {quote(name, 60)} since {at(trouble.first)}, and"
            f" {stage.label}, which worked before and was not changed, needs it. The shape of the incoming data changed; the"
            " transform is not at fault."
        )
        rejected = [r for r in case.rejected.get(stage.key) or [] if isinstance(r.record, dict)]
        fields = ", ".join(sorted(map(str, rejected[0].record))[:12])
        evidence = [
            Evidence(
                "quarantine_get_samples",
                "nexset",
                stage.id,
                f"rejected records have: {quote(fields, 160)}",
                quote(rejected[0].error),
            )
        ]
        plan = [
            steps.call(
                case, "quarantine_get_samples", "What the records look like now.", resource_type="nexset", resource_id=stage.id
            ),
            steps.on(case, "source", source.id, "get", "What it reads, to ask the producer about the change."),
        ]
        verdict = "failing" if trouble.records == 0 else "degraded"
        explains = frozenset({"record_errors", "transform_error", "unknown"})
        return [
            Hypothesis("schema_drift", "source", source.id, 82, verdict, why, evidence, plan, trouble.first, explains=explains)
        ]
    return []


def _absent_field(case: Case, stage: Stage) -> str | None:
    """The field that most errors name and no rejected record has."""
    rejected = [r for r in case.rejected.get(stage.key) or [] if isinstance(r.record, dict) and r.record]
    names = [m["a"] or m["b"] or m["c"] for r in rejected if (m := _NAMED.search(r.error))]
    if not names or len(names) < len(rejected) / 2:
        return None
    name = max(set(names), key=names.count)
    return None if any(name in r.record for r in rejected) else str(name)


def _changed_before(case: Case, stage: Stage, trouble: Trouble) -> bool:
    """Whether somebody changed the nexset between its last good and its first bad run."""
    start, good = run_moment(trouble.first), run_moment(case.last_good_run(stage))
    code = case.audits.get(("transform", stage.transform_id or 0)) or []
    times = [c.at for c in [*case.changes(stage), *code]] + [moment(stage.value("updated_at"))]
    return any(t and start and good and good <= t <= start for t in times)


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "null" if value is None else "object"
