"""Records are rejected in a nexset: by a validation rule, by their values, by the code, by a lookup."""

from __future__ import annotations

import json

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.wording import at, counts, number, others_clean
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis, Step
from nexla_mcp.runbooks.error_texts import Kind, kinds_of
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.history import Trouble
from nexla_mcp.runbooks.shapes.lenient import iso, pick, quote, run_moment, whole
from nexla_mcp.runbooks.shapes.messages import Change


def errors(case: Case) -> list[Hypothesis]:
    """The first nexset whose newest runs have errors; else one that had errors in earlier runs."""
    troubled = [t for s in case.flow.of("nexset") if (t := case.trouble_at(s)) and t.form == "errors"]
    open_ones = [t for t in troubled if not t.recovered and not _not_counted_as_errors(case, t)]
    if open_ones:
        return [_errors(case, open_ones[0])]
    return [earlier(case, t) for t in troubled[:1]] if not case.troubles_open() else []


def _not_counted_as_errors(case: Case, trouble: Trouble) -> bool:
    """A wrong arity told of by a log alone, nothing in quarantine: the silent pass-through, not rejected records."""
    arity = any(Kind.ARITY in kinds_of(t) for _, t in case.texts(trouble.stage))
    return not trouble.counted and arity and not case.rejected.get(trouble.stage.key)


def _errors(case: Case, trouble: Trouble) -> Hypothesis:
    stage = trouble.stage
    reasons = case.reasons(stage)
    texts = case.texts(stage)
    kinds = [k for _, t in texts for k in kinds_of(t)]
    whole_run = trouble.counted and (trouble.records == 0 or trouble.share > 0.95)
    evidence = [counts(case, trouble)]
    for reason in reasons[:2]:
        where = f", field {reason.field}" if reason.field else ""
        values = f", values {', '.join(quote(v, 40) for v in reason.values)}" if reason.values else ""
        evidence.append(
            Evidence(
                "quarantine_get_samples",
                "nexset",
                stage.id,
                f"{reason.count} of {reason.of} sampled rejected records{where}{values}",
                quote(reason.error),
            )
        )
    if not reasons and texts:
        evidence.append(Evidence(texts[0][0], "nexset", stage.id, "error text", quote(texts[0][1])))
    field = reasons[0].field if reasons else None
    part = (
        f"{number(trouble.errors)} of {number(trouble.records + trouble.errors)} records ({trouble.share:.0%})"
        if trouble.counted
        else "records"
    )
    part += f" since {at(trouble.first)}"
    clean = others_clean(case, stage)
    validation = _validation(stage)
    verdict = "failing" if whole_run else "degraded"
    gone = _nothing_left(case, stage)
    look = [
        steps.call(
            case,
            "quarantine_get_samples",
            "Look at the rejected records and their reasons (kept 72 hours).",
            resource_type="nexset",
            resource_id=stage.id,
        ),
        steps.on(case, "nexset", stage.id, "get", "See the nexset's transform and validation settings."),
    ]

    def cause(
        name: str,
        kind: str,
        resource_id: int,
        score: int,
        explanation: str,
        more: list[Evidence] | None = None,
        plan: list[Step] | None = None,
    ) -> Hypothesis:
        return Hypothesis(
            name,
            kind,
            resource_id,
            score,
            verdict,
            explanation,
            evidence + (more or []),
            (plan or []) + look,
            trouble.first,
            explains=frozenset({"unknown", "volume_drop", "destination_lag", "no_new_data"}),
            not_checked=gone,
        )

    if (validation and (Kind.VALIDATION in kinds or not texts)) or (
        Kind.VALIDATION in kinds and not {Kind.CODE, Kind.NULL_VALUE} & set(kinds)
    ):
        change = next(
            (c for c in reversed(case.changes(stage)) if any("validation" in k or "schema" in k for k in c.fields)), None
        )
        more = (
            [
                Evidence(
                    "nexsets_get", "nexset", stage.id, "output_schema_validation_enabled is true", quote(_rule(stage, field), 200)
                )
            ]
            if validation
            else []
        )
        if change:
            more.append(
                Evidence(
                    "nexsets_get_audit_log",
                    "nexset",
                    stage.id,
                    f"validation changed by {quote(change.who, 80)} at {iso(change.at)}: "
                    f"{', '.join(sorted(change.fields))[:120]}",
                )
            )
        by = f" It was changed by {quote(change.who, 80)} at {iso(change.at)}." if change else ""
        return cause(
            "validation_rejects",
            "nexset",
            stage.id,
            90 if validation and Kind.VALIDATION in kinds else 76,
            f"The output validation of {stage.label} refuses {part}{f', field {field}' if field else ''}.{by} The "
            "transform's code does not fail; relax the rule or repair the data.",
            more,
        )
    if Kind.LOOKUP in kinds and not {Kind.CODE, Kind.NULL_VALUE} & set(kinds[:1]):
        return _lookup(case, stage, trouble, evidence, part, look)
    if whole_run:
        target = ("transform", stage.transform_id) if stage.transform_id is not None else ("nexset", stage.id)
        edit = _edited(case, stage, trouble)
        by = f" {quote(edit.who, 80)} changed the code at {iso(edit.at)}, just before." if edit else ""
        told = (
            [
                Evidence(
                    "code_containers_get_audit_log",
                    "transform",
                    target[1],
                    f"changed by {quote(edit.who, 80)} at {iso(edit.at)}: {', '.join(sorted(edit.fields))[:80]}",
                )
            ]
            if edit
            else []
        )
        return cause(
            "transform_error",
            target[0],
            target[1] or stage.id,
            88 if edit else 84 if texts else 60,
            f"The transform of {stage.label} fails for every record since {at(trouble.first)}: its code or configuration "
            f"raises, whatever the values.{by} {clean + '.' if clean else ''}".strip(),
            told,
            steps.change_transform(case, stage, "The code raises for every record.", edit),
        )
    score = 88 if reasons and (field or Kind.NULL_VALUE in kinds) else 76 if texts else 52
    why = f"{part} fail in the transform of {stage.label} because of their values"
    why += f": field {field}" if field else ""
    why += f" ({', '.join(quote(v, 30) for v in reasons[0].values[:2])})" if reasons and field and reasons[0].values else ""
    why += f". The rest passes, so neither the source nor the code as a whole is broken{'; ' + clean if clean else ''}."
    guard = f"The code has to cope with such values of {field}." if field else "The code has to cope with such values."
    return cause("record_errors", "nexset", stage.id, score, why, None, [look[0], *steps.change_transform(case, stage, guard)])


def _edited(case: Case, stage: Stage, trouble: Trouble) -> Change | None:
    """The last change of the transform's code between its last good run and the first bad one."""
    good, start = run_moment(case.last_good_run(stage)), run_moment(trouble.first)
    changes = case.audits.get(("transform", stage.transform_id or 0)) or []
    near = [c for c in changes if c.at and start and (good is None or good <= c.at) and c.at <= start and c.event != "create"]
    return near[-1] if near else None


def _lookup(case: Case, stage: Stage, trouble: Trouble, evidence: list[Evidence], part: str, look: list[Step]) -> Hypothesis:
    fetched = case.listings.get("lookup")
    row = fetched.body if fetched is not None and fetched.ok and isinstance(fetched.body, dict) else {}
    lookup = whole(pick(row, "id"))
    if lookup is not None:
        evidence = [
            *evidence,
            Evidence(
                "lookups_get",
                "lookup",
                lookup,
                f"entries: {pick(row, 'map_entry_count')}, updated {quote(pick(row, 'updated_at'), 30)}",
            ),
        ]
        look = [
            steps.call(case, "lookups_get", "How many entries the lookup has and when it changed.", data_map_id=lookup),
            *look,
        ]
    return Hypothesis(
        "lookup_missing_keys",
        "lookup",
        lookup,
        78,
        "failing" if trouble.records == 0 else "degraded",
        f"{stage.label} rejects {part} because its lookup has no entry for their keys; the records and the code did not "
        "change. Restore the lost entries.",
        evidence,
        look,
        trouble.first,
        explains=frozenset({"unknown", "volume_drop", "record_errors"}),
    )


def earlier(case: Case, trouble: Trouble) -> Hypothesis:
    """Errors in runs that have long been followed by clean ones."""
    stage = trouble.stage
    reasons = case.reasons(stage)
    evidence = [counts(case, trouble)]
    gone: tuple[str, ...] = ()
    if reasons:
        evidence.append(
            Evidence(
                "quarantine_get_samples",
                stage.kind,
                stage.id,
                f"{reasons[0].count} sampled rejected records",
                quote(reasons[0].error),
            )
        )
    elif case.rejected.get(stage.key) == []:
        evidence.append(
            Evidence("quarantine_get_samples", stage.kind, stage.id, "no rejected records left to look at; the run counts remain")
        )
        gone = (f"the {number(trouble.errors)} rejected records of {stage.label} themselves: Nexla keeps them 72 hours only",)
    kinds = [k for r in reasons for k in kinds_of(r.error)]
    cause = "validation_rejects" if _validation(stage) and Kind.VALIDATION in kinds else "record_errors"
    cause = "type_mismatch_at_destination" if stage.kind == "destination" and Kind.TYPE in kinds else cause
    return Hypothesis(
        cause,
        stage.kind,
        stage.id,
        60 if reasons else 40,
        "healthy",
        f"{number(trouble.errors)} of {number(trouble.records + trouble.errors)} records were rejected at {stage.label} in "
        f"{at(trouble.last)}; all later runs are clean."
        + (
            " Which records and why can no longer be seen: quarantine samples are kept 72 hours. The counts are what is left."
            if gone
            else ""
        ),
        evidence,
        [
            steps.call(
                case,
                "metrics_get_resource_metrics_by_run",
                "The counts per run, which are kept.",
                resource_type=stage.kind,
                resource_id=stage.id,
                groupby="runId",
            ),
            steps.describe(
                "users_create_quarantine_settings"
                if "users_create_quarantine_settings" in case.facts.catalog.operations
                else "users_get_quarantine_settings",
                "Export of rejected records, so that next time they are kept longer than 72 hours.",
            ),
        ],
        trouble.first,
        not_checked=gone,
    )


def _validation(stage: Stage) -> bool:
    return bool(stage.value("output_schema_validation_enabled")) and stage.value("output_validation_schema") not in (None, {}, "")


def _rule(stage: Stage, field: str | None) -> str:
    schema = stage.value("output_validation_schema")
    part = pick(pick(schema, "properties"), field) if field else None
    return f"{field}: {json.dumps(part)}" if part else json.dumps(schema)


def _nothing_left(case: Case, stage: Stage) -> tuple[str, ...]:
    if case.rejected.get(stage.key) == []:
        return (f"the rejected records of {stage.label}: no samples are left (kept 72 hours only)",)
    return ()
