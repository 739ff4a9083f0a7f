"""Metrics of resources: daily, lifetime, by run, by flow, by file; offsets and rate limits."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.flows import flow_node, flow_of_resource, resource_node
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.clock import DAY, day_of, day_start, iso
from nexla_mcp.sandbox.lineage import flow_nodes, source_of
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import SEGMENTS

_FLOW_QUERY = "from to groupby orderby page per_page"
CYCLE_SECONDS = 65


def date_window(call: Call) -> tuple[int, int]:
    """First and last moment (exclusive) of the asked days; dates only, as on all metrics."""
    try:
        start = day_start(call.query["from"]) if call.query.get("from") else 0
        end = day_start(call.query["to"]) + DAY if call.query.get("to") else 1 << 60
    except ValueError:
        raise ApiError(400, "from and to must be dates (YYYY-MM-DD)") from None
    return start, end


def meta(call: Call, total: int, size_key: str) -> Doc:
    _, page, _, pages = call.page_of(range(total), size_key)
    return {"currentPage": page, "pageCount": pages, "totalCount": total}


@ROUTES.get("/{kind}/{resource_id}/metrics", "from aggregate to", kind=SEGMENTS)
def daily(call: Call, kind: str, resource_id: int) -> Doc:
    need(call, kind, resource_id)
    start, end = date_window(call)
    return {
        "status": 200,
        "metrics": daily_metrics(call, [(kind, resource_id)], start, end)
        if call.flag("aggregate")
        else _lifetime(call, kind, resource_id),
    }


def _lifetime(call: Call, kind: str, resource_id: int) -> Doc:
    records, size, _ = _totals(call, kind, resource_id)
    return {"records": records, "size": size}


def _totals(call: Call, kind: str, resource_id: int) -> tuple[int, int, int]:
    records, size, errors = call.world.store.rows(
        "SELECT COALESCE(SUM(records),0), COALESCE(SUM(size),0), COALESCE(SUM(errors),0) FROM stage_rows "
        "WHERE kind=? AND resource_id=?",
        (kind, resource_id),
    )[0]
    return records, size, errors


def daily_metrics(call: Call, resources: list[tuple[str, int]], start: int, end: int) -> list[Doc]:
    """Totals per UTC day over some resources."""
    days: dict[str, list[int]] = {}
    for kind, resource_id in resources:
        for run, records, size, errors in call.world.store.rows(
            "SELECT run_id, records, size, errors FROM stage_rows WHERE kind=? AND resource_id=? AND run_id>=? AND "
            "run_id<? ORDER BY run_id",
            (kind, resource_id, start, end),
        ):
            total = days.setdefault(day_of(run), [0, 0, 0])
            for i, value in enumerate((records, size, errors)):
                total[i] += value
    return [{"time": day, "records": total[0], "size": total[1], "errors": total[2]} for day, total in sorted(days.items())]


@ROUTES.get("/{kind}/{resource_id}/metrics/run_summary", "groupby orderby page size", kind=SEGMENTS)
def run_summary(call: Call, kind: str, resource_id: int) -> Doc:
    need(call, kind, resource_id)
    rows = call.world.store.rows(
        "SELECT run_id, data_set_id, records, size, errors, written FROM stage_rows WHERE kind=? AND resource_id=? "
        "ORDER BY run_id DESC",
        (kind, resource_id),
    )
    shown, *_ = call.page_of(rows, "size")
    if call.world.config.reply_shape == "seed":
        return {"status": 200, "metrics": [_seed_run(*row) for row in shown]}
    by_write = call.query.get("groupby") == "lastWritten" and kind == "data_sinks"
    data = []
    for run, data_set_id, records, size, errors, written in shown:
        row = {"runId": run, "dataSetId": data_set_id, "records": records, "size": size, "errors": errors}
        data.append({**row, "lastWritten": written} if by_write else row)
    return {"status": 200, "metrics": {"data": data, "meta": meta(call, len(rows), "size")}}


def _seed_run(run: int, data_set_id: int, records: int, size: int, errors: int, written: int) -> Doc:
    """The run row of the seed document: with a status and times, without size and nexset."""
    failed = records == 0 and errors > 0
    return {
        "runId": run,
        "records": records,
        "errors": errors,
        "status": "FAILED" if failed else "SUCCESS",
        "startTime": iso(run),
        "endTime": iso(run + CYCLE_SECONDS * 1000),
        "duration_s": CYCLE_SECONDS,
        "lastWritten": iso(written),
    }


def _flow_metrics(call: Call, kind: str, resource_id: int) -> Doc:
    return flow_metrics(call, resource_node(call, kind, resource_id).origin)


def _flow_metrics_by_id(call: Call, flow_id: int) -> Doc:
    return flow_metrics(call, flow_node(call, flow_id).origin)


def flow_metrics(call: Call, origin: int) -> Doc:
    """Counts of every resource of a flow, in total or per run."""
    start, end = date_window(call)
    rows = call.world.store.rows(
        "SELECT run_id, kind, resource_id, SUM(records), SUM(size), SUM(errors) FROM stage_rows WHERE flow_id=? AND "
        "run_id>=? AND run_id<? GROUP BY run_id, kind, resource_id ORDER BY run_id DESC",
        (origin, start, end),
    )
    if call.query.get("groupby") == "runId":
        runs = sorted({row[0] for row in rows}, reverse=True)
        shown, *_ = call.page_of(runs)
        data: Doc = {str(run): _by_kind(call, origin, [row for row in rows if row[0] == run]) for run in shown}
        total = len(runs)
    else:
        data, total = _by_kind(call, origin, rows), 1
    return {"status": 200, "message": "Ok", "metrics": {"data": data, "meta": meta(call, total, "per_page")}}


def _by_kind(call: Call, origin: int, rows: list[tuple[Any, ...]]) -> Doc:
    totals: dict[tuple[str, int], list[int]] = {}
    for _, kind, resource_id, *counts in rows:
        total = totals.setdefault((kind, resource_id), [0, 0, 0])
        for i, value in enumerate(counts):
            total[i] += value
    known = {(node.kind, node.resource_id) for node in flow_nodes(call.world.store, origin)}
    return {
        kind: [
            {"id": resource_id, "metric": dict(zip(("records", "size", "errors"), total, strict=True))}
            for (other, resource_id), total in totals.items()
            if other == kind and (other, resource_id) in known
        ]
        for kind in SEGMENTS
    }


def _flow_metric(call: Call, kind: str, resource_id: int, metric_type: str) -> Any:
    if metric_type == "metrics":
        return _flow_metrics(call, kind, resource_id)
    if metric_type == "flow":
        return flow_of_resource(call, kind, resource_id)
    raise ApiError(404)


ROUTES.add("GET", "/{kind}/{resource_id}/flow/metrics", _flow_metrics, _FLOW_QUERY, choices={"kind": SEGMENTS})
ROUTES.add("GET", "/data_flows/{kind}/{resource_id}/metrics", _flow_metrics, _FLOW_QUERY, choices={"kind": SEGMENTS})
ROUTES.add("GET", "/{kind}/{resource_id}/flow/{metric_type}", _flow_metric, choices={"kind": SEGMENTS})
ROUTES.add("GET", "/flows/{flow_id}/metrics", _flow_metrics_by_id, "from to groupby orderby page per_page")


@ROUTES.get(
    "/data_sources/{source_id}/metrics/{file_metric}",
    "status from to page size",
    file_metric=("files", "files_stats", "files_raw", "files_cron"),
)
def file_metrics(call: Call, source_id: int, file_metric: str) -> Doc:
    need(call, "data_sources", source_id)
    start, end = date_window(call)
    rows = call.world.store.rows(
        "SELECT id, data_set_id, run_id, name, size, status, records, errors, error, modified, ingested FROM files "
        "WHERE source_id=? AND run_id>=? AND run_id<? ORDER BY run_id DESC, id DESC",
        (source_id, start, end),
    )
    if call.query.get("status"):
        rows = [row for row in rows if row[5] == call.query["status"]]
    if file_metric == "files_stats":
        counts = {name: 0 for name in ("NOT_STARTED", "IN_PROGRESS", "COMPLETE", "ERROR", "PARTIAL")}
        for row in rows:
            counts[row[5]] += 1
        return {"status": 200, "metrics": {"data": counts | {"total": len(rows)}}}
    data = []
    for id, data_set_id, run, name, size, status, records, errors, error, modified, ingested in rows:
        entry = {
            "dataSourceId": source_id,
            "dataSetId": data_set_id,
            "size": size,
            "ingestionStatus": status,
            "recordCount": records,
            "name": name,
            "id": id,
            "lastModified": modified,
            "error": error,
            "lastIngested": ingested,
            "errorCount": errors,
        }
        data.append(entry | {"runId": run} if file_metric in ("files_cron", "files_raw") else entry)
    shown, *_ = call.page_of(data, "size")
    return {"status": 200, "metrics": {"data": shown, "meta": meta(call, len(data), "size")}}


@ROUTES.get("/{kind}/{resource_id}/offset", kind=SEGMENTS)
def offset(call: Call, kind: str, resource_id: int) -> Doc:
    """How far a consumer is behind what the flow's source wrote."""
    need(call, kind, resource_id)
    source = source_of(call.world.store, kind, resource_id)
    produced = _totals(call, "data_sources", source["id"])[0] if source else 0
    records, _, errors = _totals(call, kind, resource_id)
    done = records + errors
    lag = 0 if kind == "data_sources" else max(produced - done, 0)
    return {"status": 200, "output": {"offset": done, "end_offset": done + lag, "lag": lag}}


@ROUTES.get("/limits")
def rate_limits(call: Call) -> Doc:
    return call.world.limiter.table()
