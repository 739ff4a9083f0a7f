"""Why a destination does not write: rights, missing target, types, payload, rate, lag.

    explain(case, stage, trouble)     # one or two hypotheses

The texts of logs and quarantine say what the target answered; the probe says whether the login works; the
counts say how much is hit. The first telling text decides between the neighbours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.drift import changed_values
from nexla_mcp.runbooks.causes.wording import at, counts, number, others_clean, said, status_of
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis, Step
from nexla_mcp.runbooks.error_texts import Kind, kinds_of
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.history import Trouble
from nexla_mcp.runbooks.shapes.lenient import moment, pick, quote, run_moment
from nexla_mcp.runbooks.shapes.records import Reason

_API = re.compile("rest|api|webhook|http|soap|elastic|salesforce|hubspot")
_DECISIVE = (
    Kind.AUTH, Kind.PERMISSION, Kind.THROTTLED, Kind.MISSING_TARGET, Kind.DUPLICATE, Kind.TYPE, Kind.MISSING_COLUMN,
    Kind.PAYLOAD, Kind.VALIDATION, Kind.MISSING_PATH, Kind.QUERY, Kind.NULL_VALUE, Kind.LAG,
)  # fmt: skip


@dataclass
class _Reading:
    """What is known about one destination's trouble."""

    case: Case
    stage: Stage
    trouble: Trouble
    texts: list[tuple[str, str]]
    kinds: list[Kind]
    reasons: list[Reason]
    login_good: bool
    evidence: list[Evidence]
    first: int | None
    tail: str
    part: str
    gone: tuple[str, ...] = ()
    look: Step = field(init=False)
    rejected: Step = field(init=False)

    def __post_init__(self) -> None:
        self.look = steps.on(self.case, "destination", self.stage.id, "get", "See the target it writes to and how.")
        self.rejected = steps.call(
            self.case,
            "quarantine_get_samples",
            "Look at the rejected records and their reasons (kept 72 hours).",
            resource_type="destination",
            resource_id=self.stage.id,
        )

    @property
    def mostly_lost(self) -> bool:
        return self.trouble.counted and (self.trouble.records == 0 or self.trouble.share > 0.5)

    @property
    def api(self) -> bool:
        return bool(_API.search(self.stage.connector))

    @property
    def decisive(self) -> Kind | None:
        return next((k for k in self.kinds if k in _DECISIVE), None)

    def cause(self, name: str, score: int, explanation: str, plan: list[Step], verdict: str = "") -> Hypothesis:
        return Hypothesis(
            name,
            "destination",
            self.stage.id,
            score,
            verdict or ("failing" if self.mostly_lost else "degraded"),
            explanation + self.tail,
            self.evidence,
            plan,
            self.first,
            explains=frozenset({"unknown", "destination_lag", "volume_drop"}),
            not_checked=self.gone,
        )


def explain(case: Case, stage: Stage, trouble: Trouble) -> list[Hypothesis]:
    """The cause that the decisive text points to; nothing when another detector has it."""
    r = _read(case, stage, trouble)
    kind = r.decisive
    if kind is Kind.AUTH and not r.login_good:
        return []  # credentials.refused has it
    if kind is Kind.THROTTLED:
        return [_throttled(r)]
    if kind in (Kind.PERMISSION, Kind.AUTH):
        return [_permission(r)]
    if kind is Kind.MISSING_TARGET:
        return [_missing(r)]
    if kind is Kind.DUPLICATE:
        return [_duplicate(r)]
    if kind in (Kind.TYPE, Kind.MISSING_COLUMN) and not (r.api and Kind.PAYLOAD in r.kinds):
        return [_type(r), *changed_values(case, stage, trouble)]
    if kind is Kind.LAG:
        return [behind(case, stage, trouble)]
    if kind is not None or (r.api and r.texts):
        return [_payload(r)]
    return [_unknown(r)]


def not_listed(case: Case, stage: Stage, trouble: Trouble) -> Hypothesis | None:
    """No text says why, but a probe tree lists tables and the configured one is not among them; an empty tree proves nothing."""
    config = stage.detail.get("sink_config")
    table = str(config.get("table") or "") if isinstance(config, dict) else ""
    listed = {name.lower().rsplit(".", 1)[-1] for name in case.tables or []}
    if not trouble.since_ever or not table or not listed or table.lower().rsplit(".", 1)[-1] in listed:
        return None
    r = _read(case, stage, trouble)
    fact = f"{len(listed)} tables are listed, {quote(table, 80)} is not among them"
    r.evidence.append(Evidence("credentials_probe_tree", "credential", stage.credential_id, fact))
    found = _missing(r)
    found.score = 66
    return found


def behind(case: Case, stage: Stage, trouble: Trouble) -> Hypothesis:
    """Fed and silent without any error: slower than its source, or not explained."""
    busy = str(stage.value("runtime_status") or "").upper() in ("PROCESSING", "RUNNING", "ACTIVE")
    partly = trouble.form == "drop"
    lag = not trouble.since_ever and (busy or partly)
    why = f"{stage.label} wrote {number(trouble.records) if partly else 'nothing'} in {at(trouble.last)}"
    why += " although its input arrived, and no error was found"
    why += ": it is behind its source rather than broken." if lag else "; the reason is not in what could be read."
    return Hypothesis(
        "destination_lag" if lag else "unknown",
        "destination",
        stage.id,
        56 if lag else 40,
        "degraded" if lag else "failing",
        why,
        [counts(case, trouble), status_of(stage)],
        [
            steps.on(case, "destination", stage.id, "get", "Status and runtime_status of the destination."),
            steps.call(case, "metrics_get_offset", "How far it is behind.", resource_type="destination", resource_id=stage.id),
        ],
        trouble.first,
        explains=frozenset({"volume_drop"}),
    )


def _read(case: Case, stage: Stage, trouble: Trouble) -> _Reading:
    texts = case.texts(stage)
    reasons = case.reasons(stage)
    probe = case.probes.get(stage.credential_id or -1)
    good = probe is not None and probe.outcome == "good"
    evidence = [counts(case, trouble), *said(stage, texts[0] if texts else None, f"error at {stage.label}")]
    if reasons:
        field_ = f", field {reasons[0].field}" if reasons[0].field else ""
        values = f", values {', '.join(quote(v, 40) for v in reasons[0].values)}" if reasons[0].values else ""
        fact = f"{reasons[0].count} of {reasons[0].of} sampled rejected records{field_}{values}"
        evidence.append(Evidence("quarantine_get_samples", "destination", stage.id, fact, quote(reasons[0].error)))
    if good:
        evidence.append(Evidence("credentials_probe", "credential", stage.credential_id, "probe: the login works"))
    if trouble.form == "starved":
        evidence.append(status_of(stage))
    first: int | None = trouble.first
    if trouble.since_ever:
        told = (run for line in case.error_lines(stage) if (run := case.run_of(line)))
        first = next(told, None) or _first_since_created(stage, trouble)
    part = "records" if not trouble.counted else "no record"
    if trouble.errors:
        part = f"{number(trouble.errors)} of {number(trouble.records + trouble.errors)} records"
    empty = case.rejected.get(stage.key) == [] and trouble.errors
    gone = (f"the rejected records of {stage.label}: no samples are left (kept 72 hours only)",) if empty else ()
    clean = others_clean(case, stage)
    return _Reading(
        case,
        stage,
        trouble,
        texts,
        [k for _, t in texts for k in kinds_of(t)],
        reasons,
        good,
        evidence,
        first,
        f" {clean[0].upper() + clean[1:]}." if clean else "",
        part,
        gone,
    )


def _throttled(r: _Reading) -> Hypothesis:
    why = f"The system behind {r.stage.label} limits the rate of writes; it refuses neither the login nor the records."
    return r.cause("upstream_throttled", 76, why, [r.look, r.rejected])


def _permission(r: _Reading) -> Hypothesis:
    why = (
        f"The login of {r.stage.label} {'works (probe)' if r.login_good else 'is not what fails'}, but the external system"
        " refuses the write: the account lacks a right on the target. Grant it there; rotating the credential would not help."
    )
    plan = [r.look]
    if r.stage.credential_id is not None:
        hint = "Proves the login only, not the right to write; after the grant, start a run."
        plan.append(steps.on(r.case, "credential", r.stage.credential_id, "probe", hint))
    return r.cause("permission_denied_at_target", 92 if r.login_good else 76, why, plan)


def _missing(r: _Reading) -> Hypothesis:
    why = (
        f"The target that {r.stage.label} writes to{_target(r.stage)} does not exist at the external system; Nexla does not"
        " create it. Its status ACTIVE only means that it may run."
    )
    hint = "After somebody created the target, with the columns of the feeding nexset's output_schema."
    plan = [r.look, *_feeding_schema(r), steps.look_again(r.case.flow.flow_id, hint)]
    return r.cause("target_missing", 92 if r.trouble.records == 0 else 74, why, plan, "failing")


def _duplicate(r: _Reading) -> Hypothesis:
    why = (
        f"{r.stage.label} refuses {r.part} because their keys are there already: the same data is written again."
        " Use upsert with the right primary key, or find what sends it twice."
    )
    return r.cause("duplicate_writes", 72, why, [r.look, r.rejected])


def _type(r: _Reading) -> Hypothesis:
    why = (
        f"{r.part[0].upper() + r.part[1:]} cannot be written by {r.stage.label}: a value{_field(r.reasons)} does not fit the"
        " target's type. They fail at the write, but the values came from upstream"
        f"{'; the target system itself works' if r.trouble.records else ''}."
    )
    plan = [r.rejected, r.look, *_feeding_schema(r)]
    return r.cause("type_mismatch_at_destination", 90 if r.reasons else 80, why, plan)


def _payload(r: _Reading) -> Hypothesis:
    login = (
        "its login works (probe), so the credential is not the cause" if r.login_good else "it is not the login that is refused"
    )
    why = (
        f"The target of {r.stage.label} answers {r.part} with an error because of their shape{_field(r.reasons)}; {login}."
        " Build the expected shape in a transform before it."
    )
    return r.cause("destination_rejects_payload", 86 if Kind.PAYLOAD in r.kinds else 66, why, [r.rejected, r.look])


def _unknown(r: _Reading) -> Hypothesis:
    if Kind.NETWORK in r.kinds:
        why = f"{r.stage.label} could not reach its target system; neither the login nor the records were refused."
        return r.cause("unknown", 48, why, [r.look])
    reason = "is not recognised, see the quoted text" if r.texts else "is not in what could be read"
    return r.cause("unknown", 38, f"{r.stage.label} did not write {r.part}; the reason {reason}.", [r.look, r.rejected])


def _first_since_created(stage: Stage, trouble: Trouble) -> int:
    created = moment(stage.value("created_at"))
    later = [i for i in trouble.run_ids if created and (started := run_moment(i)) and started >= created]
    return later[0] if later else trouble.first


def _target(stage: Stage) -> str:
    config = stage.detail.get("sink_config")
    names = ("table", "collection", "topic", "bucket", "path", "index", "queue")
    name = pick(config, *names) if isinstance(config, dict) else None
    return f" ({quote(name, 80)})" if isinstance(name, str) else ""


def _field(reasons: list[Reason]) -> str:
    if not reasons or not reasons[0].field:
        return ""
    values = f" ({', '.join(quote(v, 30) for v in reasons[0].values[:2])})" if reasons[0].values else ""
    return f" of {reasons[0].field}{values}"


def _feeding_schema(r: _Reading) -> list[Step]:
    parent = r.stage.parent
    if parent is None or parent.kind != "nexset":
        return []
    return [steps.on(r.case, "nexset", parent.id, "get", "Its output_schema is what the target must be able to take.")]
