"""Records arrive at a destination and are not written: which destinations, and what was said about it."""

from __future__ import annotations

from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.at_nexset import earlier
from nexla_mcp.runbooks.causes.destination_causes import behind, explain, not_listed
from nexla_mcp.runbooks.diagnosis import Hypothesis
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.history import Trouble


def errors(case: Case) -> list[Hypothesis]:
    """Each destination whose newest run has errors; else one that had errors earlier."""
    sinks = [(s, case.trouble_at(s)) for s in case.flow.of("destination")]
    found = [explain(case, s, t) for s, t in sinks if t and t.form == "errors" and not t.recovered]
    flat = [h for hypotheses in found for h in hypotheses]
    if flat or case.troubles_open():
        return flat
    return [earlier(case, t) for _, t in sinks if t and t.recovered][:1]


def starved(case: Case) -> list[Hypothesis]:
    """Active, fed, and writes nothing: the log says why, or it is behind."""
    found = []
    for stage in case.flow.of("destination"):
        trouble = case.trouble_at(stage)
        if trouble is None or trouble.form not in ("starved", "drop") or stage.paused or trouble.recovered:
            continue
        above = stage.parent
        if above is not None and (above.paused or (trouble.form == "starved" and _fed_nothing(case, above, trouble))):
            continue
        if case.texts(stage, trouble.first):
            found += explain(case, stage, trouble)
        else:
            found.append(not_listed(case, stage, trouble) or behind(case, stage, trouble))
    return found


def _fed_nothing(case: Case, parent: Stage, trouble: Trouble) -> bool:
    above = case.trouble_at(parent)
    return bool(above and not above.recovered and above.form in ("starved", "zero") and above.last == trouble.last)
