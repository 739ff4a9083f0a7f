"""What nexla_compare_runs says: two runs side by side, what only one of them logged, what was changed between them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from nexla_mcp.runbooks.changed_fields import Changed
from nexla_mcp.runbooks.diagnosis import Step
from nexla_mcp.runbooks.endings import UNTRUSTED, fenced, next_lines, not_checked_lines, number, span, table
from nexla_mcp.runbooks.shapes.lenient import iso, quote, run_moment
from nexla_mcp.runbooks.shapes.records import Reason

_MUCH = 0.5
"""Records below this share of the other run's are worse."""
_SAME = 0.1


@dataclass(frozen=True, slots=True)
class RunStage:
    """One stage in both runs; None where there is no row."""

    resource_type: str
    resource_id: int
    name: str
    base_records: int | None
    records: int | None
    base_errors: int | None
    errors: int | None
    base_duration_s: float | None
    duration_s: float | None
    note: str = ""

    @property
    def label(self) -> str:
        return f"{self.resource_type} {self.resource_id}"

    @property
    def tendency(self) -> str:
        """same | worse | better | different, by errors first, then records."""
        if self.base_records is None and self.records is None:
            return "same"
        errors, base_errors = self.errors or 0, self.base_errors or 0
        records, base = self.records or 0, self.base_records or 0
        if errors > base_errors or records < _MUCH * base:
            return "worse"
        if errors < base_errors or base < _MUCH * records:
            return "better"
        return "same" if abs(records - base) <= _SAME * max(base, 1) else "different"


@dataclass(frozen=True, slots=True)
class LogChange:
    """A kind of warning or error that only one run logged; ``new``: the compared run, else the one it is held against."""

    severity: str
    resource_type: str | None
    resource_id: int | None
    text: str
    count: int
    new: bool


@dataclass
class Compared:
    """The answer; ``base_run_id`` is what the run is held against."""

    flow_id: int | None
    name: str
    run_id: int
    base_run_id: int | None
    why: str
    stages: list[RunStage] = field(default_factory=list)
    log_changes: list[LogChange] = field(default_factory=list)
    rejected: list[tuple[str, Reason]] = field(default_factory=list)
    changes: list[Changed] = field(default_factory=list)
    took: dict[int, float | None] = field(default_factory=dict)
    between_s: float | None = None
    usual_gap_s: float | None = None
    missed_runs: int = 0
    overdue_since: str | None = None
    not_checked: list[str] = field(default_factory=list)
    next_steps: list[Step] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """worse beats better beats different; new errors in the log and a run that is due make it worse."""
        if self.base_run_id is None:
            return "unknown"
        seen = {s.tendency for s in self.stages} | ({"worse"} if self.overdue_since or self._new_errors else set())
        return next((word for word in ("worse", "better", "different") if word in seen), "same")

    @property
    def _new_errors(self) -> list[LogChange]:
        return [c for c in self.log_changes if c.new and c.severity == "ERROR"]

    @property
    def summary(self) -> str:
        """Where the runs part, and what was changed before that."""
        if self.base_run_id is None:
            return f"Run {self.run_id} of flow {self.flow_id} cannot be compared: {self.why}."
        parts = [f"Flow {self.flow_id} {quote(self.name, 60)!r}: {self.why}."]
        first = next((s for s in self.stages if s.tendency == self.verdict), None)
        if first is None or first.tendency == "same":
            parts.append(self._alike())
        else:
            parts.append(
                f"They part at {first.label}: {number(first.records)} records and {number(first.errors)} errors against "
                f"{number(first.base_records)} and {number(first.base_errors)}."
            )
        if new := self._new_errors:
            parts.append(f"{len(new)} new kind{'s' if len(new) > 1 else ''} of error in the log.")
        if self.changes:
            last = self.changes[-1]
            parts.append(
                f"Between them {last.who} changed {last.field} of {last.resource_type} {last.resource_id} at {last.at}"
                + (f", and {len(self.changes) - 1} other changes were made." if len(self.changes) > 1 else ".")
            )
        elif self.verdict != "same":
            parts.append("No change of the configuration between them was found.")
        if self.overdue_since:
            parts.append(f"The next run has been due since {self.overdue_since} and did not come.")
        return " ".join(parts)

    def _alike(self) -> str:
        """How near the counts of two runs are that part nowhere."""
        pairs = [(s, s.records, s.base_records) for s in self.stages if s.records is not None and s.base_records]
        most = max(pairs, key=lambda p: abs(p[1] - p[2]) / p[2], default=None)
        if most is None:
            return "No stage has records in both runs." if self.stages else "No stage could be read."
        stage, now, base = most
        if all(p[1] == p[2] for p in pairs):
            return "They do not differ in records or errors at any stage."
        return (
            f"No notable difference in records or errors at any stage: the largest is {(now - base) / base:+.1%} records at "
            f"{stage.label} ({number(now)} against {number(base)})."
        )

    def structured(self) -> dict[str, Any]:
        """All keys of the output schema."""
        return {
            "verdict": self.verdict,
            "summary": self.summary,
            "flow_id": self.flow_id,
            "run_id": self.run_id,
            "run_at": iso(run_moment(self.run_id)),
            "base_run_id": self.base_run_id,
            "base_run_at": iso(run_moment(self.base_run_id)),
            "stages": [asdict(s) | {"tendency": s.tendency} for s in self.stages],
            "duration_s": self._duration(self.run_id, "duration_s"),
            "base_duration_s": self._duration(self.base_run_id, "base_duration_s"),
            "between_s": self.between_s,
            "usual_gap_s": self.usual_gap_s,
            "missed_runs": self.missed_runs,
            "overdue_since": self.overdue_since,
            "log_changes": [asdict(c) for c in self.log_changes],
            "rejected": [
                {
                    "stage": stage,
                    "count": r.count,
                    "of": r.of,
                    "error": quote(r.error, 300),
                    "field": r.field,
                    "values": list(r.values),
                }
                for stage, r in self.rejected
            ],
            "changes": [asdict(c) for c in self.changes],
            "not_checked": list(self.not_checked),
            "next_steps": [asdict(s) for s in self.next_steps[:3]],
        }

    def _duration(self, run_id: int | None, name: str) -> float | None:
        """Of the rows where they tell it, else from the start to the last log line."""
        told = [d for s in self.stages if (d := getattr(s, name)) is not None]
        return max(told) if told else self.took.get(run_id or 0)

    def text(self) -> str:
        """For a person."""
        lines = [f"**{self.verdict.upper()}** {self.summary}"]
        if self.base_run_id is not None:
            lines += ["", *table(f"stage | {self.base_run_id} | {self.run_id} | errors then | errors now | note", self._rows())]
            lines += ["", self._times()]
        if self.changes:
            rows = [
                (
                    c.at,
                    c.who,
                    f"{c.resource_type} {c.resource_id}",
                    c.field,
                    fenced(c.before, 80) if c.before else "",
                    fenced(c.after, 80) if c.after else "",
                )
                for c in self.changes[-8:]
            ]
            lines += ["", f"Changed between the runs ({UNTRUSTED})", *table("when | who | where | field | before | after", rows)]
        if self.log_changes:
            lines += ["", f"Only in one of the logs ({UNTRUSTED})"]
            for c in self.log_changes[:6]:
                where = f"{c.resource_type or 'flow'} {c.resource_id or ''}".strip()
                run = self.run_id if c.new else self.base_run_id
                lines.append(f"- run {run}, {c.severity}, {where}, {c.count}x: {fenced(c.text, 200)}")
        for stage, reason in self.rejected[:4]:
            named = f", field {reason.field}" if reason.field else ""
            lines.append(f"- rejected at {stage}: {reason.count} of {reason.of} sampled{named}: {fenced(reason.error)}")
        return "\n".join([*lines, *next_lines(self.next_steps), *not_checked_lines(self.not_checked)])

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (s.label, number(s.base_records), number(s.records), number(s.base_errors), number(s.errors), s.note or s.tendency)
            for s in self.stages
        ]

    def _times(self) -> str:
        now, base = self._duration(self.run_id, "duration_s"), self._duration(self.base_run_id, "base_duration_s")
        told = any(s.duration_s is not None for s in self.stages)
        how = "" if told or now is None else " (at least, by the last log line; the rows carry no times)"
        missed = f", {self.missed_runs} run{'s' if self.missed_runs > 1 else ''} missing between them" if self.missed_runs else ""
        known = (
            f"Duration {span(base)} then, {span(now)} now{how}" if now or base else "Duration not known: the rows carry no times"
        )
        return f"{known}. {span(self.between_s)} apart, usual gap {span(self.usual_gap_s)}{missed}."
