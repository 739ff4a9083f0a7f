"""The single reads of an investigation: how each is asked for and what of the case its answer fills."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.connectors import FILES
from nexla_mcp.runbooks.facts import Fetched
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.history import Trouble
from nexla_mcp.runbooks.shapes.lenient import iso, kind_of, moment, objects, one_of, pick, run_moment, whole
from nexla_mcp.runbooks.shapes.messages import changes_of, logs_of, notices_of
from nexla_mcp.runbooks.shapes.records import rejected_of, samples_of
from nexla_mcp.runbooks.shapes.runs import more_pages, runs_of
from nexla_mcp.runbooks.shapes.states import file_counts, files_of, probe_of
from nexla_mcp.runbooks.steps import as_spelled

HARD_LIMIT = 16
RUNS_A_STAGE = 100
ENOUGH_ON_LAST_PAGE = 10

AUDIT = {
    "source": ("sources_get_audit_log", "source_id"),
    "nexset": ("nexsets_get_audit_log", "set_id"),
    "destination": ("destinations_get_audit_log", "sink_id"),
}
DETAIL = {
    "source": ("sources_get", "source_id"),
    "nexset": ("nexsets_get", "set_id"),
    "destination": ("destinations_get", "sink_id"),
}


class Round:
    """Reads that do not depend on each other, and where their answers go."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._facts = case.facts
        self._asks: list[tuple[str, dict[str, Any], Callable[[Fetched], None]]] = []

    def ask(self, operation: str, then: Callable[[Fetched], None], **arguments: Any) -> None:
        """Add a read unless it is there already or the budget is spent."""
        if any(op == operation and args == arguments for op, args, _ in self._asks):
            return
        if self._case.spent + len(self._asks) >= HARD_LIMIT:
            self._facts.skip(f"{operation}: left out, the budget of {HARD_LIMIT} requests was spent")
            return
        self._asks.append((operation, arguments, then))

    async def run(self) -> None:
        self._case.spent += len(self._asks)
        results = await self._facts.fetch_all(*[(op, args) for op, args, _ in self._asks])
        for (_, _, then), fetched in zip(self._asks, results, strict=True):
            then(fetched)


def run_arguments(stage: Stage) -> dict[str, Any]:
    """The run_summary of a stage, newest hundred runs."""
    return {
        "resource_type": stage.kind,
        "resource_id": stage.id,
        "groupby": "runId",
        "orderby": "runId",
        "page": 1,
        "size": RUNS_A_STAGE,
    }


def keep_runs(stage: Stage, pages: list[tuple[Stage, int]]) -> Callable[[Fetched], None]:
    def keep(fetched: Fetched) -> None:
        if not fetched.ok:
            return
        got = runs_of(fetched.body)
        known = {r.run_id: r for r in stage.runs or []}
        ids = [i for r in fetched.rows if (i := whole(pick(r, "runId", "run_id", "id"))) is not None]
        last = more_pages(fetched.body, len(fetched.rows) or len(got))
        if last and stage.runs is None and ids and ids == sorted(ids) and len(ids) > 1:
            pages.append((stage, last))  # oldest first: the newest runs are on the last page
        if pages_were_read := bool(known) and len(got) >= ENOUGH_ON_LAST_PAGE:
            known = {}
        stage.older_runs = last is not None or pages_were_read or stage.older_runs
        stage.runs = sorted({**known, **{r.run_id: r for r in got}}.values(), key=lambda r: r.run_id)

    return keep


def ask_detail(case: Case, ask: Round, stage: Stage) -> None:
    operation, argument = DETAIL[stage.kind]

    def keep(fetched: Fetched) -> None:
        if fetched.ok:
            stage.detail = one_of(fetched.body, stage.id)
            stage.status = str(stage.detail.get("status") or stage.status).upper()

    ask.ask(operation, keep, **{argument: stage.id})


def ask_probe(case: Case, ask: Round, stage: Stage) -> None:
    credential = stage.credential_id
    if credential is not None:
        ask.ask("credentials_probe", lambda f: case.probes.__setitem__(credential, probe_of(f)), credential_id=credential)


def ask_audit(case: Case, ask: Round, stage: Stage) -> None:
    operation, argument = AUDIT[stage.kind]

    def keep(fetched: Fetched) -> None:
        if fetched.ok:
            case.audits[stage.key] = changes_of(fetched.body)

    ask.ask(operation, keep, **{argument: stage.id})


def ask_code_changes(case: Case, ask: Round, stage: Stage) -> None:
    """Who changed the code of a nexset: the transform's own audit log is that of its code container (FACTS 15)."""
    transform = stage.transform_id

    def keep(fetched: Fetched) -> None:
        if fetched.ok and transform is not None:
            case.audits["transform", transform] = changes_of(fetched.body)

    if transform is not None:
        ask.ask("code_containers_get_audit_log", keep, code_container_id=transform)


def ask_notices(case: Case, ask: Round, stage: Stage) -> None:
    def keep(fetched: Fetched) -> None:
        if fetched.ok:
            case.notices = [*(case.notices or []), *notices_of(fetched.body)]

    kind = as_spelled(case.facts.catalog.operation("notifications_list"), "resource_type", stage.kind)
    ask.ask("notifications_list", keep, resource_type=kind, resource_id=stage.id, per_page=50, page=1)


def ask_org(case: Case, ask: Round) -> None:
    if case.flow.org_id is not None:
        org_id = case.flow.org_id
        ask.ask("organizations_get", lambda f: setattr(case, "org", one_of(f.body, org_id) if f.ok else None), org_id=org_id)


def ask_rejected(case: Case, ask: Round, stage: Stage) -> None:
    def keep(fetched: Fetched) -> None:
        case.rejected[stage.key] = rejected_of(fetched.body) if fetched.ok else None

    ask.ask("quarantine_get_samples", keep, resource_type=stage.kind, resource_id=stage.id, page=1, per_page=50)


def ask_files(case: Case, ask: Round, stage: Stage, *, counts: bool = False) -> None:
    connector = stage.connector
    if connector and not any(word in connector for word in FILES):
        return
    if counts:
        ask.ask(
            "sources_get_file_metrics",
            lambda f: setattr(case, "file_counts", file_counts(f.body) if f.ok else None),
            source_id=stage.id,
            file_metric="files_stats",
        )
    else:
        ask.ask(
            "sources_get_file_metrics",
            lambda f: setattr(case, "files", files_of(f.body) if f.ok else None),
            source_id=stage.id,
            file_metric="files",
            page=1,
            size=100,
        )


def ask_logs(case: Case, ask: Round, trouble: Trouble | None, *, everything: bool) -> None:
    """Flow logs from a little before the first bad run on; all severities when nothing failed openly."""
    ids = case.history.run_ids
    ids = ids or case.listed_runs
    since = trouble.first if trouble and not trouble.since_ever else ids[-min(len(ids), 4)] if ids else None
    start = run_moment(since) or moment(case.flow.origin.get("created_at")) or case.now - timedelta(days=3)
    arguments: dict[str, Any] = {
        "from": iso(start - timedelta(minutes=10)),
        "to": iso(datetime.now(UTC) + timedelta(hours=1)),
        "page": 1,
        "per_page": 100,
    }
    if not everything:
        arguments["severity"] = "ERROR"

    def keep(fetched: Fetched) -> None:
        if fetched.ok:
            case.logs = logs_of(fetched.body)

    if case.flow.flow_id is not None:
        ask.ask("flows_get_flow_logs", keep, flow_id=case.flow.flow_id, **arguments)


def ask_usage(case: Case, ask: Round, credential: int) -> None:
    """Who uses a credential."""

    def keep(fetched: Fetched) -> None:
        if fetched.ok:
            case.consumers[credential] = consumers_of(fetched.body)

    ask.ask("credentials_get_usage", keep, credential_id=credential)


def consumers_of(body: Any) -> list[tuple[str, int, str]]:
    """(kind, id, name) from a usage reply: lists under plural resource names, of objects or ids."""
    found: list[tuple[str, int, str]] = []
    inner = pick(body, "usage", "referenced_resource_ids", "output") or body
    for key, rows in inner.items() if isinstance(inner, dict) else []:
        kind = kind_of(key)
        for row in rows if kind in ("source", "nexset", "destination") and isinstance(rows, list) else []:
            resource_id = whole(row.get("id")) if isinstance(row, dict) else whole(row)
            if kind and resource_id is not None:
                found.append((kind, resource_id, str(pick(row, "name") or "")))
    if not found:
        for row in objects(body):
            kind, resource_id = kind_of(pick(row, "resource_type", "type")), whole(pick(row, "resource_id", "id"))
            if kind in ("source", "nexset", "destination") and resource_id is not None:
                found.append((kind, resource_id, str(pick(row, "name") or "")))
    return found


def ask_samples(case: Case, ask: Round, stage: Stage, count: int = 10) -> None:
    def keep(fetched: Fetched) -> None:
        if fetched.ok:
            case.samples[stage.id] = samples_of(fetched.body)

    ask.ask("nexsets_get_samples", keep, set_id=stage.id, count=count, include_metadata=True)


def keep_tables(case: Case, fetched: Fetched) -> None:
    """The tables that a probe tree names, at any depth."""
    if not fetched.ok:
        return
    found: list[str] = []

    def visit(level: Any) -> None:
        for name, entry in level.items() if isinstance(level, dict) else ():
            if isinstance(entry, dict) and str(entry.get("type") or "").lower() == "table":
                found.append(str(entry.get("display_name") or name))
            visit(pick(entry, "value", "object") if isinstance(entry, dict) else None)

    visit(pick(fetched.body, "object", "output"))
    case.tables = found
