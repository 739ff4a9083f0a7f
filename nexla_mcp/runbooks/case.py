"""Everything one investigation knows, in normal form. Detectors read it, ``gather`` fills it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nexla_mcp.runbooks.connectors import PUSHED
from nexla_mcp.runbooks.diagnosis import Evidence, Step
from nexla_mcp.runbooks.error_texts import Kind, kinds_of
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.flow_map import FlowMap, Stage
from nexla_mcp.runbooks.history import IN_PROGRESS, History, Trouble
from nexla_mcp.runbooks.quartz import Schedule, ScheduleError
from nexla_mcp.runbooks.shapes.lenient import moment, run_moment
from nexla_mcp.runbooks.shapes.messages import Change, LogLine, Notice
from nexla_mcp.runbooks.shapes.records import Reason, Rejected, Sample, grouped
from nexla_mcp.runbooks.shapes.runs import Run
from nexla_mcp.runbooks.shapes.states import FileRow, Health, Probe
from nexla_mcp.runbooks.symptom import Leads

PATIENCE_WITH_SENDERS = 4.0
OWN_CLOCK_TRUSTED_FOR = timedelta(days=14)


@dataclass
class Upstream:
    """Another flow whose write or data starts this one."""

    flow_id: int | None
    stage: tuple[str, int]
    how: str
    trigger_status: str = ""
    trigger_id: int | None = None
    flow: FlowMap | None = None


@dataclass
class Case:
    """One flow under investigation. A field that is None was not read."""

    facts: Facts
    flow: FlowMap
    leads: Leads
    asked: tuple[str, int] | None = None
    health: Health | None = None
    logs: list[LogLine] | None = None
    log_operation: str = "flows_get_flow_logs"
    probes: dict[int, Probe] = field(default_factory=dict)
    rejected: dict[tuple[str, int], list[Rejected] | None] = field(default_factory=dict)
    samples: dict[int, list[Sample]] = field(default_factory=dict)
    longer: dict[tuple[str, int], list[Run]] = field(default_factory=dict)
    """More runs than the newest hundred, where a drop may be the season of a week."""
    all_errors: list[LogLine] | None = None
    """The ERROR lines since the oldest known run, where the newest runs did not tell when it began."""
    errors_cut: bool = False
    """Whether there are more of them than were read."""
    audits: dict[tuple[str, int], list[Change]] = field(default_factory=dict)
    notices: list[Notice] | None = None
    files: list[FileRow] | None = None
    file_counts: dict[str, int] | None = None
    org: dict[str, Any] | None = None
    upstream: list[Upstream] | None = None
    consumers: dict[int, list[tuple[str, int, str]]] = field(default_factory=dict)
    listings: dict[str, Any] = field(default_factory=dict)
    tables: list[str] | None = None
    """Names of tables that a probe tree of the destination listed; empty means that it listed none."""
    source_sample: Any = None
    credential_rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    clock_seen: datetime | None = None
    remarks: list[str] = field(default_factory=list)
    remark_evidence: list[Evidence] = field(default_factory=list)
    remark_steps: list[Step] = field(default_factory=list)
    spent: int = 1
    """Requests made for this case; the flow itself was the first."""
    history: History = field(init=False)

    def __post_init__(self) -> None:
        self.history = History(self.flow.stages)

    # --- time ---

    @property
    def newest_trace(self) -> datetime | None:
        """The latest moment that anything read bears."""
        times = [run_moment(self.history.newest), self.clock_seen]
        times += [line.at for line in self.logs or []] + [n.at for n in self.notices or []]
        times += [c.at for changes in self.audits.values() for c in changes]
        times += [moment(s.value("updated_at", "created_at")) for s in self.flow.stages]
        times += [moment(c.get("verified_at")) for c in self.credential_rows.values()]
        wall = datetime.now(UTC) + timedelta(days=1)
        return max((t for t in times if t and t < wall), default=None)

    @property
    def clock_doubtful(self) -> bool:
        """The platform does not tell its time and nothing read is near this computer's, so 'overdue' cannot be judged."""
        if self.facts.server_now is not None:
            return False
        newest = self.newest_trace
        return newest is not None and datetime.now(UTC) - newest > OWN_CLOCK_TRUSTED_FOR

    @property
    def now(self) -> datetime:
        """The platform's time; else this computer's, or the newest trace of life when the two are far apart."""
        server = self.facts.server_now
        if server is not None:
            return server
        newest = self.newest_trace
        return newest if newest is not None and self.clock_doubtful else datetime.now(UTC)

    # --- what happened where ---

    def stage(self, kind: str, resource_id: int | None) -> Stage | None:
        return self.flow.stage(kind, resource_id)

    @property
    def source(self) -> Stage | None:
        return self.flow.source

    def troubles(self) -> list[Trouble]:
        """What the counts say, in flow order."""
        return [t for s in self.flow.stages if (t := self.trouble_at(s))]

    def troubles_open(self) -> bool:
        """Whether any stage's newest runs are unusual."""
        return any(not t.recovered and t.form != "surge" for t in self.troubles())

    def trouble_at(self, stage: Stage | None) -> Trouble | None:
        """The counts' verdict on a stage; what logs and health tell where counts could not be read."""
        if stage is None or stage.runs is not None:
            return self.history.trouble(stage) if stage else None
        named = next((a for a in self.health.affected if (a.kind, a.resource_id) == stage.key), None) if self.health else None
        lines = [line for line in self.logs or [] if line.is_error and (line.kind, line.resource_id) == stage.key]
        run_id = (self.run_of(lines[0]) if lines else None) or (named.run_id if named else None)
        newest = self.history.newest
        if run_id is None or (newest is not None and run_id < newest):
            return None
        records, errors = (named.records or 0, named.errors or 0) if named else (0, 0)
        return Trouble("errors", stage, (run_id,), records, errors, None, counted=bool(records or errors))

    def last_good_run(self, stage: Stage) -> int | None:
        good = [r.run_id for r in self.history.runs(stage) if not self.history.failed(stage, r) and r.records > 0]
        return good[-1] if good else None

    def error_lines(self, stage: Stage, since: int | None = None) -> list[LogLine]:
        """ERROR lines of a stage, of its newest runs; lines that name nobody count for a stage in trouble."""
        after = run_moment(since)
        troubled = {s.key for s in self.flow.stages if s.runs is not None and (t := self.history.trouble(s)) and not t.recovered}
        alone = len(troubled) <= 1
        runs = [] if stage.kind == "nexset" else self.history.runs(stage)
        good = {r.run_id for r in runs if not self.history.failed(stage, r) and r.records > 0}
        found = []
        for line in self.logs or []:
            if line.is_error and good and self.run_of(line) in good:
                continue  # that run went well here all the same: retried
            if not line.is_error or (after and line.at and line.at < after - timedelta(minutes=5)):
                continue
            mine = (line.kind, line.resource_id) == stage.key or (line.kind == stage.kind and line.resource_id is None)
            mine = mine or (
                stage.kind == "nexset" and line.kind == "transform" and line.resource_id in (None, stage.transform_id)
            )
            if mine or (line.kind is None and alone and stage.key in troubled):
                found.append(line)
        return found

    def run_of(self, line: LogLine) -> int | None:
        """The run a log line belongs to: named, or the last one that had started by then."""
        if line.run_id:
            return line.run_id
        if line.at is None:
            return None
        ms = int(line.at.timestamp() * 1000)
        expected = self.history.expected_id()
        ids = [*self.history.run_ids, *([expected] if expected else []), *self.listed_runs]
        return max((i for i in ids if i <= ms + 1000), default=None)

    @property
    def listed_runs(self) -> list[int]:
        """Run ids that the source itself names, with or without rows."""
        listed = self.source.detail.get("run_ids") if self.source else None
        found = [r.get("id") if isinstance(r, dict) else r for r in listed] if isinstance(listed, list) else []
        return sorted(i for i in found if isinstance(i, int))

    def reasons(self, stage: Stage) -> list[Reason]:
        return grouped(self.rejected.get(stage.key) or [])

    def texts(self, stage: Stage, since: int | None = None) -> list[tuple[str, str]]:
        """(operation, text) of everything that was said about a stage's errors, most telling first."""
        found = [(self.log_operation, line.text) for line in reversed(self.error_lines(stage, since))]
        found += [("quarantine_get_samples", reason.error) for reason in self.reasons(stage)]
        found += [
            ("notifications_list", n.text)
            for n in self.notices or []
            if n.level == "ERROR" and (n.kind, n.resource_id) == stage.key
        ]
        if self.health:
            found += [
                ("flows_get_flow_health", a.text) for a in self.health.affected if (a.kind, a.resource_id) == stage.key and a.text
            ]
        return [(operation, text) for operation, text in found if text]

    def said(self, stage: Stage, *kinds: Kind, since: int | None = None) -> tuple[str, str] | None:
        """The first text about a stage that speaks of one of ``kinds``."""
        return next(((op, t) for op, t in self.texts(stage, since) if set(kinds) & set(kinds_of(t))), None)

    def changes(self, stage: Stage) -> list[Change]:
        return self.audits.get(stage.key) or []

    # --- silence ---

    @property
    def counts_unread(self) -> bool:
        """No stage's run rows could be read."""
        return all(s.runs is None for s in self.flow.stages)

    @property
    def attempted_after_last(self) -> int | None:
        """A run that was started after the newest one with rows, by its id."""
        newest = self.history.newest
        if newest is None:
            return None
        settled = self.now - (timedelta(0) if self.clock_doubtful else IN_PROGRESS)
        listed = [i for i in self.listed_runs if i > newest and ((t := run_moment(i)) is None or t <= settled)]
        if listed:
            return listed[0]
        last, rhythm = run_moment(newest), self.history.rhythm_s or 600.0
        source = self.source.key if self.source else None
        times = [
            line.at
            for line in self.logs or []
            if line.at
            and (line.kind, line.resource_id) in (source, (None, None), ("source", None))
            and (line.is_error or line.at <= settled)
        ]
        times += [
            n.at
            for n in self.notices or []
            if n.at and (n.kind, n.resource_id) == source and n.level in ("ERROR", "WARN", "WARNING")
        ]
        later = sorted(t for t in times if last and t > last + timedelta(seconds=0.6 * rhythm))
        if not later:
            return None
        named = [line.run_id for line in self.logs or [] if line.run_id and line.run_id > newest]
        return min(named) if named else self.history.expected_id() or int(later[0].timestamp() * 1000)

    @property
    def silent(self) -> bool:
        """No run although one was due, or one that was started and left no row."""
        if not self.history.known:
            return not self.counts_unread
        return self.overdue or self.attempted_after_last is not None

    @property
    def overdue(self) -> bool:
        """A run was due; what is pushed to Nexla has no schedule, and a schedule that it kept so far says when."""
        source, last = self.source, run_moment(self.history.newest)
        pushed = source is not None and source.connector in PUSHED
        if not self.history.overdue(self.now, PATIENCE_WITH_SENDERS if pushed else 1.0):
            return False
        config = source.detail.get("source_config") if source else None
        cron = config.get("start.cron") if isinstance(config, dict) else None
        if not cron or last is None:
            return True
        try:
            schedule = Schedule.parse(str(cron))
            kept = schedule.last_before(last + timedelta(minutes=5))
            following = schedule.next_after(last)
        except (ScheduleError, ValueError):
            return True
        keeps_to_it = kept is not None and abs(last - kept) <= timedelta(minutes=10)
        return not (keeps_to_it and following is not None and following + timedelta(minutes=10) > self.now)

    @property
    def silent_run(self) -> int | None:
        """The run that should have been: started without rows, else the next one by the flow's own rhythm."""
        return self.attempted_after_last or (self.history.expected_id() if self.history.known else None)
