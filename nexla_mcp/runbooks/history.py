"""A flow's own record as the yardstick: which runs each stage had, and where the newest ones differ.

    history = History(flow.stages)
    history.trouble(stage)        # Trouble("errors", run_ids=(R6,), ...) or None
    history.rhythm_s              # median distance of the runs, None when there is none

Nexla does not say that a run failed or is missing, so both are read off the flow's own past.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.shapes.lenient import run_moment
from nexla_mcp.runbooks.shapes.runs import Run
from nexla_mcp.runbooks.usual_level import by_chance, season, steady_rejects, within

ENOUGH = 3
_WINDOW = 120
REMEMBERED = timedelta(days=7)
IN_PROGRESS = timedelta(minutes=15)
CLOCKS_AGREE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is unusual at one stage. ``form``: errors | starved | zero | drop | surge; ``run_ids`` oldest first."""

    form: str
    stage: Stage
    run_ids: tuple[int, ...]
    records: int
    errors: int
    expected: float | None
    recovered: bool = False
    since_ever: bool = False
    counted: bool = True
    """False when the run rows could not be read and logs or health told of it instead."""

    @property
    def first(self) -> int:
        return self.run_ids[0]

    @property
    def last(self) -> int:
        return self.run_ids[-1]

    @property
    def share(self) -> float:
        """Rejected part of what came in during the newest bad run."""
        return self.errors / max(1, self.records + self.errors)


class History:
    """The runs of all stages side by side."""

    def __init__(self, stages: list[Stage], now: datetime | None = None) -> None:
        self._stages = stages
        self._runs: dict[tuple[str, int], dict[int, Run]] = {s.key: {r.run_id: r for r in s.runs or []} for s in stages}
        self._found: dict[tuple[str, int], Trouble | None] = {}
        ids = sorted({i for runs in self._runs.values() for i in runs})
        self.run_ids = ids[-_WINDOW:]
        if now is not None and self._still_running(now):
            self.run_ids = self.run_ids[:-1]
        self.rejects: dict[tuple[str, int], float] = {
            s.key: share for s in stages if (share := steady_rejects(self.runs(s))) is not None
        }
        """The share of records that a stage has always rejected, where it is small: no trouble."""

    def failed(self, stage: Stage, run: Run) -> bool:
        """A failed run, unless it only rejected the few records that this stage always rejects."""
        usual = self.rejects.get(stage.key)
        return run.failed and not (usual is not None and within(run, usual))

    def _still_running(self, now: datetime) -> bool:
        """The newest run began moments ago and has not reached every stage: too early to judge."""
        if len(self.run_ids) < 2:
            return False
        newest, begun = self.run_ids[-1], run_moment(self.run_ids[-1])
        patience = min(IN_PROGRESS, timedelta(seconds=0.4 * (self.rhythm_s or 3600.0)))
        if begun is None or not -CLOCKS_AGREE <= now - begun < patience:
            return False
        read = [s for s in self._stages if s.runs]
        failed = any(self._runs[s.key][newest].failed for s in read if newest in self._runs[s.key])
        return not failed and any(newest not in self._runs[s.key] for s in read)

    @property
    def known(self) -> bool:
        return bool(self.run_ids)

    @property
    def newest(self) -> int | None:
        return self.run_ids[-1] if self.run_ids else None

    def runs(self, stage: Stage) -> list[Run]:
        return [self._runs[stage.key][i] for i in self.run_ids if i in self._runs[stage.key]]

    def newest_of(self, stage: Stage) -> Run | None:
        runs = self.runs(stage)
        return runs[-1] if runs else None

    @property
    def rhythm_s(self) -> float | None:
        """Median distance of runs in seconds; None with fewer than four runs or ids that are no times."""
        times = [t for i in self.run_ids if (t := run_moment(i))]
        if len(times) <= ENOUGH:
            return None
        return median((b - a).total_seconds() for a, b in itertools.pairwise(times)) or None

    @property
    def longest_gap_s(self) -> float | None:
        times = [t for i in self.run_ids if (t := run_moment(i))]
        return max(((b - a).total_seconds() for a, b in itertools.pairwise(times)), default=None)

    def due(self) -> datetime | None:
        """When the run after the newest one was to be expected."""
        last = run_moment(self.newest)
        return last + timedelta(seconds=self.rhythm_s) if last and self.rhythm_s else None

    def expected_id(self) -> int | None:
        due = self.due()
        return round(due.timestamp() * 1000) if due else None

    def overdue(self, now: datetime, patience: float = 1.0) -> bool:
        """Whether the next run has been due for longer than this flow ever let pass, ``patience`` times that."""
        last, enough = run_moment(self.newest), self.patience_s
        return last is not None and enough is not None and (now - last).total_seconds() > patience * enough

    @property
    def patience_s(self) -> float | None:
        """How long this flow may be silent by its own record; None without a rhythm."""
        if self.rhythm_s is None:
            return None
        longest = min(self.longest_gap_s or 0.0, 8 * self.rhythm_s)
        return max(1.45 * self.rhythm_s, longest + 0.45 * self.rhythm_s)

    def baseline(self, stage: Stage, before: int | None = None) -> float | None:
        """Median records of this stage's good runs, ``before`` a run."""
        good = [
            r.records
            for r in self.runs(stage)
            if not self.failed(stage, r) and r.records > 0 and (before is None or r.run_id < before)
        ]
        return float(median(good)) if good else None

    def trouble(self, stage: Stage) -> Trouble | None:
        """What is wrong with the newest runs of a stage, else with an earlier block of runs (``recovered``)."""
        if stage.key not in self._found:
            self._found[stage.key] = self._trouble(stage)
        return self._found[stage.key]

    def _trouble(self, stage: Stage) -> Trouble | None:
        if stage.runs is None or not self.run_ids:
            return None
        forms = [self._form(stage, i) for i in self.run_ids]
        seen = [n for n, form in enumerate(forms) if form != "absent"]
        if not seen:
            return None
        end = seen[-1]
        if forms[end] != "ok":
            return self._block(stage, forms, end, recovered=False)
        newest = run_moment(self.run_ids[-1])
        bad = [
            n
            for n in seen
            if forms[n] == "errors" and (newest is None or (t := run_moment(self.run_ids[n])) is None or newest - t <= REMEMBERED)
        ]
        return self._block(stage, forms, bad[-1], recovered=True) if bad else None

    def _block(self, stage: Stage, forms: list[str], end: int, *, recovered: bool) -> Trouble:
        form, start = forms[end], end
        while start > 0 and forms[start - 1] in (form, "absent", "zero" if form == "starved" else form):
            start -= 1
        while forms[start] == "absent":
            start += 1
        ids = tuple(self.run_ids[n] for n in range(start, end + 1) if forms[n] != "absent")
        run = self._runs[stage.key].get(self.run_ids[end])
        expected = self.baseline(stage, ids[0])
        if form == "starved" and stage.parent is not None:
            expected = expected if expected is not None else self.baseline(stage.parent)
        never = form == "starved" and not any(r.records > 0 for r in self.runs(stage))
        return Trouble(form, stage, ids, run.records if run else 0, run.errors if run else 0, expected, recovered, never)

    def _fed(self, stage: Stage, run_id: int) -> int | None:
        """Records that the parent handed over in a run; None when that is not known."""
        parent = stage.parent
        while parent is not None and parent.runs is None:
            parent = parent.parent  # its counts could not be read: the next one above stands in
        if parent is None:
            return None
        run = self._runs[parent.key].get(run_id)
        if run is None:
            return 0
        return run.parts[stage.id] if parent.kind == "source" and stage.id in run.parts and len(run.parts) > 1 else run.records

    def _form(self, stage: Stage, run_id: int) -> str:
        run = self._runs[stage.key].get(run_id)
        fed = self._fed(stage, run_id)
        if run is not None and self.failed(stage, run):
            return "errors"
        if run is None or run.records == 0:
            if fed and run is None and not self._aligned(stage):
                return "absent"  # its runs are counted under other ids than its parent's
            if fed:
                usual = [f for i in self.run_ids if i < run_id and i in self._runs[stage.key] and (f := self._fed(stage, i))]
                idle = [
                    i
                    for i in self.run_ids
                    if i < run_id and i in self._runs[stage.key] and self._runs[stage.key][i].records == 0 and self._fed(stage, i)
                ]
                return "ok" if idle and len(idle) >= max(2, len(usual) // 2) else "starved"
            if run is None:
                return "absent"
            return "zero" if fed is None and self.baseline(stage, run_id) else "ok"
        return self._volume(stage, run_id, run.records, fed)

    def _aligned(self, stage: Stage) -> bool:
        """Whether a stage ever had a row under a run id of its parent; True when it has no rows at all."""
        own = self._runs[stage.key]
        return not own or any(self._fed(stage, i) for i in own)

    def _volume(self, stage: Stage, run_id: int, records: int, fed: int | None) -> str:
        before = [i for i in self.run_ids if i < run_id]
        own = self._runs[stage.key]
        good = [own[i].records for i in before if i in own and not self.failed(stage, own[i]) and own[i].records > 0]
        if stage.parent is None:
            if len(good) >= ENOUGH and records < 0.5 * median(good) and records < 0.7 * min(_usual(good)):
                usual = by_chance(good, records) or season(self.runs(stage), run_id, records)
                return "ok" if usual else "drop"
            if len(good) >= ENOUGH and records >= 1.8 * median(good) and records > 1.4 * max(good):
                return "surge"
            return "ok"
        pairs = [
            (own[i].records, f)
            for i in before
            if i in own and not self.failed(stage, own[i]) and own[i].records > 0 and (f := self._fed(stage, i))
        ]
        if not fed or len(pairs) < ENOUGH:
            return "ok"
        ratios, ratio = [r / f for r, f in pairs], records / fed
        if ratio < 0.5 * median(ratios) and ratio < 0.7 * min(_usual(ratios)):
            return "drop"
        return "surge" if ratio >= 1.6 * median(ratios) and ratio > 1.3 * max(ratios) else "ok"


def _usual(values: Sequence[float]) -> Sequence[float]:
    """The values at the usual level: without those that an earlier incident pushed below half of the median."""
    middle = median(values)
    return [v for v in values if v >= 0.5 * middle] or values
