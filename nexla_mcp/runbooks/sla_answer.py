"""What nexla_track_sla says: each objective with its target, how far it was kept, what violated it, and the burn."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from nexla_mcp.runbooks.diagnosis import Step
from nexla_mcp.runbooks.endings import next_lines, not_checked_lines, number, table
from nexla_mcp.runbooks.shapes.lenient import iso, quote, run_moment

MOST_VIOLATIONS = 20


@dataclass(frozen=True, slots=True)
class Violation:
    """A run that broke a target, and how."""

    run_id: int
    what: str


@dataclass
class Objective:
    """One target. ``compliance`` and ``burn`` are None where nothing could be measured.

    ``burn`` is the spent part of what the target allows: 1 is all of it. ``default``: nobody gave the target.
    """

    name: str
    target: float | None
    unit: str
    default: bool
    state: str
    compliance: float | None
    burn: float | None
    violations: list[Violation]
    current: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """One day in UTC."""

    day: str
    runs: int
    failed: int
    success_rate: float
    records: int
    below_volume: int
    above_latency: int


@dataclass
class SlaTracked:
    """The answer."""

    flow_id: int | None
    name: str
    measured_at: str
    start: str
    end: str
    runs: int
    objectives: list[Objective]
    windows: list[Window] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    next_steps: list[Step] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """kept | at_risk (most of a budget is spent) | missed | unknown."""
        states = [o.state for o in self.objectives]
        if "missed" in states:
            return "missed"
        if all(s == "unknown" for s in states):
            return "unknown"
        return "at_risk" if any((o.burn or 0) >= 0.75 for o in self.objectives) else "kept"

    @property
    def summary(self) -> str:
        """What is missed, else what is nearest to it."""
        where = self.measured_at or "no stage"
        head = f"Flow {self.flow_id} {quote(self.name, 60)!r}, {self.runs} runs at {where} since {self.start}:"
        missed = [o for o in self.objectives if o.state == "missed"]
        if missed:
            return f"{head} {'; '.join(_said(o) for o in missed)}."
        if self.verdict == "unknown":
            return f"{head} nothing could be judged."
        kept = [o.name for o in self.objectives if o.state == "kept"]
        unknown = [o.name for o in self.objectives if o.state == "unknown"]
        near = max(self.objectives, key=lambda o: o.burn or 0)
        burn = f"; {near.name} has used {near.burn:.0%} of what it allows" if near.burn else ""
        return f"{head} kept {', '.join(kept)}{burn}{f'; not judged: {chr(44).join(unknown)}' if unknown else ''}."

    def structured(self) -> dict[str, Any]:
        """All keys of the output schema."""
        return {
            "verdict": self.verdict,
            "summary": self.summary,
            "flow_id": self.flow_id,
            "measured_at": self.measured_at,
            "from": self.start,
            "to": self.end,
            "runs": self.runs,
            "objectives": [_objective(o) for o in self.objectives],
            "windows": [asdict(w) for w in self.windows],
            "notes": list(self.notes),
            "not_checked": list(self.not_checked),
            "next_steps": [asdict(s) for s in self.next_steps[:3]],
        }

    def text(self) -> str:
        """For a person."""
        lines = [f"**{self.verdict.upper()}** {self.summary}", ""]
        rows = [
            (
                o.name,
                f"{_target(o)}{' (default)' if o.default and o.target is not None else ''}",
                o.state,
                "-" if o.compliance is None else f"{o.compliance:.1%}",
                "-" if o.burn is None else f"{o.burn:.0%}",
                len(o.violations),
                o.note,
            )
            for o in self.objectives
        ]
        lines += table("objective | target | state | kept | budget used | violations | note", rows)
        for o in self.objectives:
            if o.violations:
                shown = [f"run {v.run_id} ({iso(run_moment(v.run_id))}): {v.what}" for v in o.violations[-4:]]
                more = f" and {len(o.violations) - 4} earlier" if len(o.violations) > 4 else ""
                lines += ["", f"Violations of {o.name}{more}", *(f"- {s}" for s in shown)]
        if self.windows:
            days = [(w.day, w.runs, w.failed, f"{w.success_rate:.1%}", number(w.records)) for w in self.windows[-7:]]
            lines += ["", *table("day (UTC) | runs | failed | success | records", days)]
        lines += [f"Note: {note}" for note in self.notes]
        return "\n".join([*lines, *next_lines(self.next_steps), *not_checked_lines(self.not_checked)])


def _target(o: Objective) -> str:
    if o.target is None:
        return "none"
    return {
        "success_rate": f"at least {o.target:.1%} of runs",
        "freshness": f"at most {o.target:g} h old",
        "volume": f"at least {o.target:,.0f} records",
        "latency": f"at most {o.target:g} s",
    }[o.name]


def _said(o: Objective) -> str:
    kept = "" if o.compliance is None else f", kept {o.compliance:.1%}"
    return f"{o.name} is missed ({_target(o)}{kept}{f', {o.note}' if o.note else ''})"


def _objective(o: Objective) -> dict[str, Any]:
    shown = asdict(o) | {"violation_count": len(o.violations), "violations": []}
    shown["violations"] = [
        {"run_id": v.run_id, "run_at": iso(run_moment(v.run_id)), "what": v.what} for v in o.violations[-MOST_VIOLATIONS:]
    ]
    shown["compliance"] = None if o.compliance is None else round(o.compliance, 4)
    return shown
