"""Further pages of run rows, until a period is covered.

await read_back(case, case.flow.stages, start)      # stage.runs then reach back to start, or the answer says that they do not
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.gathering.reads import RUNS_A_STAGE, run_arguments
from nexla_mcp.runbooks.shapes.lenient import iso, run_moment
from nexla_mcp.runbooks.shapes.runs import Run, runs_of

MOST_PAGES = 8


async def read_back(case: Case, stages: Sequence[Stage], start: datetime) -> None:
    """Add the earlier runs of these stages to the newest ones, page by page, all stages side by side.

    A reply without page counts (the seed shape) is followed while its pages are full.
    """
    left = [s for s in stages if s.runs and (s.older_runs or len(s.runs) >= RUNS_A_STAGE)]
    left = [s for s in left if s.newest_page > 1 or not _reaches(s.runs or [], start)]
    for turn in range(1, MOST_PAGES):
        pages = {s.key: 1 + turn if s.newest_page == 1 else s.newest_page - turn for s in left}
        left = [s for s in left if pages[s.key] >= 1]
        if not left:
            return
        replies = await case.facts.fetch_all(
            *[("metrics_get_resource_metrics_by_run", run_arguments(s) | {"page": pages[s.key]}) for s in left]
        )
        further = []
        for stage, reply in zip(left, replies, strict=True):
            got = runs_of(reply.body) if reply.ok else []
            known = {r.run_id: r for r in stage.runs or []}
            added = [r for r in got if r.run_id not in known]
            stage.runs = sorted([*known.values(), *added], key=lambda r: r.run_id)
            if (added or (reply.ok and stage.newest_page > 1)) and not _reaches(got, start):
                further.append(stage)
        left = further
    if left:
        oldest = max(run_moment((s.runs or [])[0].run_id) or start for s in left)
        where = ", ".join(s.label for s in left)
        case.facts.skip(f"runs of {where} before {iso(oldest)}: the period is longer than {MOST_PAGES} pages of runs")


def _reaches(runs: Sequence[Run], start: datetime) -> bool:
    """Whether the oldest of these runs began before the period; ids that are no times cannot tell and end the reading."""
    oldest = run_moment(runs[0].run_id) if runs else None
    return oldest is None or oldest <= start
