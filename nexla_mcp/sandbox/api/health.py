"""Health of flows, run status, dashboards and account-wide metrics: all read from the rows of cycles."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need, need_admin, visible
from nexla_mcp.sandbox.api.call import ApiError, Call, Reply
from nexla_mcp.sandbox.api.flows import flow_node
from nexla_mcp.sandbox.api.metrics import daily_metrics, date_window, meta
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.clock import DAY, iso
from nexla_mcp.sandbox.lineage import Node, flow_nodes, origin_node, origins
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import SEGMENT, SEGMENTS, WORD


def flow_health(call: Call, origin: Node) -> Doc:
    """Colour and affected resources of a flow, judged by its latest run alone."""
    store = call.world.store
    latest = store.one("SELECT MAX(run_id) FROM stage_rows WHERE flow_id=?", (origin.id,))
    failed = store.rows(
        "SELECT run_id, message FROM cycles WHERE source_id=? AND outcome='failed' AND run_id>=? ORDER BY run_id DESC LIMIT 1",
        (origin.resource_id, latest or 0),
    )
    rows = {
        (kind, resource_id): (records, errors)
        for kind, resource_id, records, errors in store.rows(
            "SELECT kind, resource_id, SUM(records), SUM(errors) FROM stage_rows WHERE flow_id=? AND run_id=? "
            "GROUP BY kind, resource_id",
            (origin.id, latest),
        )
    }
    affected: list[Doc] = []
    colour = "GREEN"
    if failed:
        run, message = failed[0]
        affected.append(_affected(origin.kind, origin.resource_id, run, 0, 1, message))
        colour, latest = "RED", run
    for (kind, resource_id), (records, errors) in rows.items():
        if errors and not failed:
            affected.append(
                _affected(
                    kind,
                    resource_id,
                    latest,
                    records,
                    errors,
                    _error_text(call, origin.id, latest, kind, resource_id),
                )
            )
            colour = "RED" if errors >= records or colour == "RED" else "YELLOW"
    records, errors = rows.get((origin.kind, origin.resource_id), (0, 0))
    total = sum(entry["latestErrorCount"] for entry in affected)
    return {
        "originNodeId": origin.id,
        "healthStatus": colour,
        "affectedResources": affected,
        "latestRunId": latest,
        "latestRecordCount": records,
        "latestErrorCount": total or errors,
        "errorSummary": affected[0]["errorSummary"] if affected else None,
        "updatedAtEpoch": (latest or call.world.now()) + 65_000,
    }


def _affected(kind: str, resource_id: int, run: int, records: int, errors: int, summary: str | None) -> Doc:
    return {
        "resourceType": WORD[kind],
        "resourceId": resource_id,
        "latestRunId": run,
        "latestRecordCount": records,
        "latestErrorCount": errors,
        "errorSummary": summary,
    }


def _error_text(call: Call, flow_id: int, run: int, kind: str, resource_id: int) -> str | None:
    text: str | None = call.world.store.one(
        "SELECT log FROM logs WHERE flow_id=? AND run_id=? AND kind=? AND resource_id=? AND severity='ERROR' LIMIT 1",
        (flow_id, run, kind, resource_id),
    )
    return text


@ROUTES.get("/health/flow/{flow_id}")
def health_of_flow(call: Call, flow_id: int) -> Doc:
    node = flow_node(call, flow_id)
    origin = origin_node(call.world.store, node)
    health = flow_health(call, origin)
    return {
        "status": 200,
        "metrics": {key: health[key] for key in ("originNodeId", "healthStatus", "affectedResources")},
    }


def _seen_origins(call: Call) -> list[Node]:
    store = call.world.store
    docs = [store.require(node.kind, node.resource_id) | {"_node": node} for node in origins(store)]
    wide = Call(**{**vars(call), "query": {"access_role": call.query.get("access_role", "collaborator")}})
    return [doc["_node"] for doc in visible(wide, "data_sources", docs)]


@ROUTES.get("/health/org/flows", "org_id owner_id from to health_status page size sort_by sort_order")
def org_health_flows(call: Call) -> Reply:
    if "health_status" in call.query:
        raise ApiError(400, "Invalid value for health_status")
    rows = [] if "from" in call.query or "to" in call.query else [flow_health(call, n) for n in _seen_origins(call)]
    shown, page, size, pages = call.page_of(rows, "size")
    keys = (
        "originNodeId",
        "healthStatus",
        "latestErrorCount",
        "latestRecordCount",
        "latestRunId",
        "errorSummary",
        "updatedAtEpoch",
    )
    body = {
        "status": 200,
        "metrics": {
            "data": [{key: row[key] for key in keys} for row in shown],
            "meta": meta(call, len(rows), "size"),
        },
    }
    return Reply(body, headers=call.paging_headers(len(rows), page, size, pages))


@ROUTES.get("/health/org/all", "org_id owner_id from to")
def org_health_summary(call: Call) -> Doc:
    counts = {"GREEN": 0, "YELLOW": 0, "RED": 0}
    for node in _seen_origins(call):
        counts[flow_health(call, node)["healthStatus"]] += 1
    return {"status": 200, "metrics": counts}


@ROUTES.get("/flows/{flow_id}/run_status/{run_id}")
def run_status(call: Call, flow_id: int, run_id: int) -> list[Doc]:
    node = flow_node(call, flow_id)
    sinks = [n for n in flow_nodes(call.world.store, node.origin) if n.kind == "data_sinks"]
    return [_sink_status(call, n.resource_id, run_id) for n in sinks]


@ROUTES.get("/data_sinks/{sink_id}/run_status/{run_id}")
def sink_run_status(call: Call, sink_id: int, run_id: int) -> Doc:
    need(call, "data_sinks", sink_id)
    return _sink_status(call, sink_id, run_id)


@ROUTES.get("/data_sinks/{sink_id}/run_status")
def latest_sink_status(call: Call, sink_id: int) -> Doc:
    need(call, "data_sinks", sink_id)
    latest = call.world.store.one("SELECT MAX(run_id) FROM stage_rows WHERE kind='data_sinks' AND resource_id=?", (sink_id,))
    return _sink_status(call, sink_id, latest or 0)


def _sink_status(call: Call, sink_id: int, run_id: int) -> Doc:
    rows = call.world.store.rows(
        "SELECT records, errors, written FROM stage_rows WHERE kind='data_sinks' AND resource_id=? AND run_id=?",
        (sink_id, run_id),
    )
    if not rows:
        return {"data_sink_id": sink_id, "run_id": run_id, "status": "NOT_STARTED", "records": 0, "errors": 0}
    records, errors, written = rows[0]
    return {
        "data_sink_id": sink_id,
        "run_id": run_id,
        "status": "COMPLETE",
        "records": records,
        "errors": errors,
        "last_written": written,
    }


def _dashboard(call: Call, resources: list[tuple[str, int]]) -> Doc:
    """Totals of the last 24 hours for each resource."""
    end = call.world.now()
    groups: dict[str, Doc] = {"sources": {}, "datasets": {}, "sinks": {}}
    names = dict(zip(SEGMENTS, groups, strict=True))
    for kind, resource_id in resources:
        records, size, errors = call.world.store.rows(
            "SELECT COALESCE(SUM(records),0), COALESCE(SUM(size),0), COALESCE(SUM(errors),0) FROM stage_rows WHERE "
            "kind=? AND resource_id=? AND run_id>=?",
            (kind, resource_id, end - DAY),
        )[0]
        status = "OK" if not errors else "ERROR" if errors >= records else "WARNING"
        groups[names[kind]][str(resource_id)] = {
            "records": records,
            "size": size,
            "errors": errors,
            "status": status,
        }
    return {"status": 200, "metrics": {**groups, "start_time": iso(end - DAY), "end_time": iso(end)}}


def _resources(call: Call, owner_id: int | None) -> list[tuple[str, int]]:
    return [
        (kind, doc["id"])
        for kind in SEGMENTS
        for doc in call.world.store.all(kind)
        if owner_id is None or doc["owner_id"] == owner_id
    ]


def _user(call: Call, user_id: int) -> int:
    if user_id != call.who.user_id:
        need_admin(call)
    if call.world.store.get("users", user_id) is None:
        raise ApiError(404)
    return user_id


def _scoped(work: Any) -> tuple[Any, Any]:
    """The same reply for one user's resources and for the whole org."""

    def for_user(call: Call, user_id: int) -> Any:
        return work(call, _user(call, user_id))

    def for_org(call: Call, org_id: int) -> Any:
        if org_id != call.world.org_id:
            raise ApiError(404)
        return work(call, None)

    return for_user, for_org


def _account(call: Call, owner_id: int | None) -> Doc:
    start, end = date_window(call)
    sources = [pair for pair in _resources(call, owner_id) if pair[0] == "data_sources"]
    days = daily_metrics(call, sources, start, end)
    total = {key: sum(day[key] for day in days) for key in ("records", "size", "errors")}
    now = call.world.now()
    return {
        "status": 200,
        "metrics": [{"data": total, "start_time": iso(max(start, 0)), "end_time": iso(min(end, now))}],
    }


def _status(call: Call, owner_id: int | None) -> Doc:
    counts: dict[str, Doc] = {}
    for kind, resource_id in _resources(call, owner_id):
        status = call.world.store.require(kind, resource_id)["status"].lower()
        entry = counts.setdefault(kind, {})
        entry[status] = entry.get(status, 0) + 1
    return {"status": 200, "metrics": counts}


for _path, _work, _known in (
    ("flows/dashboard", lambda call, owner: _dashboard(call, _resources(call, owner)), "access_role"),
    ("flows/account_metrics", _account, "from to org_id aggregate"),
    ("flows/status_metrics", _status, "access_role from page per_page"),
):
    _for_user, _for_org = _scoped(_work)
    ROUTES.add("GET", "/users/{user_id}/" + _path, _for_user, _known)
    ROUTES.add("GET", "/orgs/{org_id}/" + _path, _for_org, _known.replace("org_id ", ""))


@ROUTES.get("/users/{user_id}/metrics", "resource_type from aggregate to org_id")
def user_daily(call: Call, user_id: int) -> Doc:
    kind = SEGMENT.get(call.query.get("resource_type", "SOURCE"))
    if kind not in ("data_sources", "data_sinks"):
        raise ApiError(400, "resource_type must be SOURCE or SINK")
    start, end = date_window(call)
    mine = [pair for pair in _resources(call, _user(call, user_id)) if pair[0] == kind]
    return {"status": 200, "metrics": daily_metrics(call, mine, start, end)}


@ROUTES.get("/data_flows/metrics/active_flows_metrics", "from to org_id")
def active_flows(call: Call) -> Doc:
    nodes = _seen_origins(call)
    active = [n.id for n in nodes if call.world.store.require(n.kind, n.resource_id)["status"] == "ACTIVE"]
    return {
        "status": 200,
        "metrics": {"active_flows": len(active), "total_flows": len(nodes), "flow_ids": active},
    }


@ROUTES.get("/data_flows/metrics/{period}", period=("daily", "total"))
def flows_summary(call: Call, period: str) -> Doc:
    sources = [(n.kind, n.resource_id) for n in _seen_origins(call)]
    days = daily_metrics(call, sources, 0, 1 << 60)
    if period == "daily":
        return {"status": 200, "metrics": days}
    return {
        "status": 200,
        "metrics": {key: sum(day[key] for day in days) for key in ("records", "size", "errors")},
    }
