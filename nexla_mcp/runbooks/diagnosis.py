"""What a diagnosis says: the records behind the contract, and the object that scripts read.

diagnosis.structured()    # the contract's keys, always all of them
diagnosis.text()          # the same in words, verdict first
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

CONFIDENCE = ((75, "high"), (50, "medium"), (0, "low"))
VERDICTS = ("healthy", "degraded", "failing", "stopped", "unknown")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fetched fact; ``quote`` is verbatim text of the API: untrusted."""

    operation: str
    resource_type: str
    resource_id: int | None
    fact: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One next call that this server accepts as it stands."""

    tool: str
    arguments: dict[str, Any]
    why: str
    risk: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause at a resource."""

    cause: str
    resource_type: str
    resource_id: int | None
    confidence: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource that the same cause hits."""

    resource_type: str
    resource_id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class StageReport:
    """One line of the stage table."""

    resource_type: str
    resource_id: int
    name: str
    status: str
    runtime_status: str
    records: int | None
    errors: int | None
    baseline_records: int | None
    note: str


@dataclass
class Diagnosis:
    """The answer of nexla_debug_flow and nexla_health_check."""

    verdict: str
    summary: str
    flow_id: int | None = None
    root_cause: Finding | None = None
    contributing: list[Finding] = field(default_factory=list)
    first_bad_run_id: int | None = None
    first_bad_run_at: str | None = None
    stages: list[StageReport] = field(default_factory=list)
    blast_radius: list[Resource] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    next_steps: list[Step] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    requests: int = 0
    repaired: bool = False
    """The root cause no longer holds, by a probe just now: only a clean run is missing."""

    def structured(self) -> dict[str, Any]:
        """All keys of the contract, then what a runbook adds."""
        whole = {
            "verdict": self.verdict,
            "summary": self.summary,
            "flow_id": self.flow_id,
            "root_cause": asdict(self.root_cause) if self.root_cause else None,
            "contributing": [asdict(f) for f in self.contributing],
            "first_bad_run_id": self.first_bad_run_id,
            "first_bad_run_at": self.first_bad_run_at,
            "stages": [asdict(s) for s in self.stages],
            "blast_radius": [asdict(r) for r in self.blast_radius],
            "evidence": [asdict(e) for e in self.evidence],
            "not_checked": list(self.not_checked),
            "next_steps": [asdict(s) for s in self.next_steps[:3]],
        }
        return whole | self.extra

    def text(self) -> str:
        """The same for a person."""
        from nexla_mcp.runbooks.wording import text_of_diagnosis

        return text_of_diagnosis(self)


@dataclass
class Hypothesis:
    """One possible cause with what speaks for it. ``score`` 0 to 100; ``explains`` names causes it makes consequences."""

    cause: str
    kind: str
    id: int | None
    score: int
    verdict: str
    explanation: str
    evidence: list[Evidence] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    first_bad: int | None = None
    blast: list[Resource] = field(default_factory=list)
    explains: frozenset[str] = frozenset()
    not_checked: tuple[str, ...] = ()
    about_request: bool = False
    """The finding is about what the caller did, not about the flow."""
    repaired: bool = False
    """The cause no longer holds, by a probe just now: only a clean run is missing."""

    @property
    def finding(self) -> Finding:
        return Finding(
            self.cause, self.kind, self.id, next(w for floor, w in CONFIDENCE if self.score >= floor), self.explanation
        )
