"""Trouble that no detector could name: said as it is, so that an unknown cause never reads as health."""

from __future__ import annotations

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.wording import at, counts
from nexla_mcp.runbooks.diagnosis import Hypothesis

_GRAVE = ("errors", "starved", "zero")


def unnamed(case: Case) -> list[Hypothesis]:
    """The stage furthest upstream whose newest runs failed or stayed empty, with cause unknown."""
    order = [s.key for s in case.flow.stages]
    grave = [t for t in case.troubles() if not t.recovered and t.form in _GRAVE]
    if not grave:
        return []
    trouble = min(grave, key=lambda t: order.index(t.stage.key))
    stage = trouble.stage
    look = steps.call(case, "flows_get_flow_logs", "Read what the run logged.", flow_id=case.flow.flow_id, severity="ERROR")
    return [
        Hypothesis(
            "unknown",
            stage.kind,
            stage.id,
            41,
            "failing" if not trouble.records else "degraded",
            f"{stage.label} has been in trouble since {at(trouble.first)}; nothing that was fetched says why.",
            [counts(case, trouble)],
            [look, steps.look_again(case.flow.flow_id, "After the next run.")],
            trouble.first,
        )
    ]
