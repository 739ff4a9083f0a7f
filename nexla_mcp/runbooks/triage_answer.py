"""What nexla_triage says: findings that flows share, counts, and what was not looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from nexla_mcp.runbooks.diagnosis import Finding, Step
from nexla_mcp.runbooks.endings import next_lines, not_checked_lines


@dataclass
class Shared:
    """One cause and all flows that it hits."""

    finding: Finding
    flows: list[int]
    verdict: str
    steps: list[Step]
    since: str | None = None
    paused: bool = False
    repaired: bool = False
    """The cause no longer holds: only the flows whose own newest run failed belong here, until they ran again."""


@dataclass
class Triage:
    """The answer of nexla_triage."""

    verdict: str
    summary: str
    findings: list[Shared]
    healthy_count: int
    checked_count: int
    not_checked: list[str]
    next_steps: list[Step] = field(default_factory=list)

    def structured(self) -> dict[str, Any]:
        """The contract's object."""
        return {
            "verdict": self.verdict,
            "summary": self.summary,
            "findings": [asdict(g.finding) | {"flows": g.flows} for g in self.findings],
            "healthy_count": self.healthy_count,
            "checked_count": self.checked_count,
            "not_checked": list(self.not_checked),
            "next_steps": [asdict(s) for s in self.next_steps[:3]],
        }

    def text(self) -> str:
        """The same for a person."""
        lines = [f"**{self.verdict.upper()}** {self.summary}"]
        shown = [g for g in self.findings if g.finding.cause != "paused"][:10]
        paused = [g for g in self.findings if g.finding.cause == "paused"]
        if shown:
            lines += ["", "| cause | where | flows | since | confidence |", "|---|---|---|---|---|"]
            for g in shown:
                where = (
                    g.finding.resource_type
                    if g.finding.resource_id is None
                    else f"{g.finding.resource_type} {g.finding.resource_id}"
                )
                flows = ", ".join(map(str, g.flows[:6])) + (" ..." if len(g.flows) > 6 else "")
                lines.append(f"| {g.finding.cause} | {where} | {flows} | {g.since or '-'} | {g.finding.confidence} |")
            lines += [""] + [f"- {_brief(g.finding.explanation)}" for g in shown]
        if paused:
            lines += [
                "",
                "Paused, not failures: "
                + "; ".join(f"flow {g.flows[0]} ({g.finding.resource_type} {g.finding.resource_id})" for g in paused[:10])
                + (" ..." if len(paused) > 10 else ""),
            ]
        lines += [*next_lines(self.next_steps), *not_checked_lines(self.not_checked)]
        return "\n".join(lines).strip()


def _brief(explanation: str, limit: int = 260) -> str:
    """As many whole sentences as fit, at least one."""
    kept, *rest = explanation.split(". ")
    for sentence in rest:
        if len(kept) + len(sentence) > limit:
            break
        kept += f". {sentence}"
    return kept.rstrip(".") + "."
