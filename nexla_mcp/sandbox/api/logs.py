"""Flow logs in all their forms, samples, and quarantine.

The units of `from` and `to` differ by route: seconds by flow, milliseconds by resource. A wrong unit matches nothing
and says nothing, as the real routes do.
"""

from __future__ import annotations

import json
from typing import Any

from nexla_mcp.sandbox.api.access import need
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.flows import flow_node, resource_node
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.clock import HOUR, iso
from nexla_mcp.sandbox.lineage import Node
from nexla_mcp.sandbox.store import LARGEST, Doc
from nexla_mcp.sandbox.vocabulary import SEGMENTS, WORD

QUARANTINE_KEPT = 72 * HOUR
_LIMIT = 10_000


def _bound(text: str | None, unit: int) -> int | None:
    """A window bound in ms; text that is no number matches nothing."""
    if text in (None, ""):
        return None
    try:
        return max(min(int(str(text)) * unit, LARGEST), -LARGEST)
    except ValueError:
        return LARGEST


def _select(call: Call, node: Node, unit: int, only_resource: bool, **more: list[Any]) -> list[Doc]:
    clauses: list[str] = ["flow_id=?"]
    values: list[Any] = [node.origin]
    if only_resource and node.parent is not None:
        clauses.append("kind=? AND resource_id=?")
        values += [node.kind, node.resource_id]
    for name, sign in (("from", ">="), ("to", "<=")):
        bound = _bound(call.query.get(name), unit)
        if bound is not None:
            clauses.append(f"at {sign} ?")
            values.append(bound)
    filters: dict[str, list[Any]] = {
        "run_id": [call.number("run_id")] if call.query.get("run_id") else [],
        "severity": call.query.get("severity", "").upper().split(",") if call.query.get("severity") else [],
    }
    for column, wanted in {**filters, **more}.items():
        if wanted:
            clauses.append(f"{column} IN ({','.join('?' * len(wanted))})")
            values += wanted
    # Only the clauses above, with fixed column names, go into the text; every value is a parameter.
    sql = f"""SELECT at, severity, log, log_type, resource_id, kind, run_id FROM logs
              WHERE {" AND ".join(clauses)} ORDER BY at DESC LIMIT {_LIMIT}"""  # noqa: S608
    rows = call.world.store.rows(sql, values)
    keys = ("timestamp", "severity", "log", "log_type", "resource_id", "resource_type", "run_id")
    return [dict(zip(keys, row, strict=True)) | {"resource_type": WORD[row[5]]} for row in rows]


def logs_reply(call: Call, rows: list[Doc], size_key: str = "per_page") -> Any:
    shown, page, _, pages = call.page_of(rows, size_key)
    if call.world.config.reply_shape == "seed":
        return [
            {
                "timestamp": iso(row["timestamp"]),
                "message": row["log"],
                "level": row["severity"],
                "resource_id": row["resource_id"],
                "resource_type": row["resource_type"],
            }
            for row in shown
        ]
    runs = {row["run_id"] for row in rows}
    data = [{key: value for key, value in row.items() if key != "run_id"} for row in shown]
    return {
        "status": 200,
        "message": "Ok",
        "logs": {
            "data": data,
            "meta": {
                "current_page": page,
                "pages_count": pages,
                "total_count": len(rows),
                "org_id": call.world.org_id,
                "run_id": runs.pop() if len(runs) == 1 else None,
            },
        },
    }


@ROUTES.get("/flows/{flow_id}/logs", "from to severity run_id page per_page")
def flow_logs(call: Call, flow_id: int) -> Any:
    return logs_reply(call, _select(call, flow_node(call, flow_id), 1000, False))


def _resource_logs(call: Call, kind: str, resource_id: int) -> Any:
    return logs_reply(call, _select(call, resource_node(call, kind, resource_id), 1, True))


ROUTES.add(
    "GET",
    "/{kind}/{resource_id}/flow/logs",
    _resource_logs,
    "run_id from to page per_page",
    choices={"kind": SEGMENTS},
)
ROUTES.add(
    "GET",
    "/data_flows/{kind}/{resource_id}/logs",
    _resource_logs,
    "run_id from to page per_page",
    choices={"kind": SEGMENTS},
)


@ROUTES.post("/flows/{flow_id}/logs_v2", "from to size sort facets")
def search_logs(call: Call, flow_id: int) -> Any:
    body = call.fields()
    rows = _select(
        call,
        flow_node(call, flow_id),
        1000,
        False,
        run_id=body.get("run_ids") or [],
        severity=[str(word).upper() for word in body.get("severity") or []],
        log_type=[str(word).upper() for word in body.get("log_type") or []],
    )
    if body.get("search_string"):
        rows = [row for row in rows if str(body["search_string"]).lower() in row["log"].lower()]
    if call.query.get("sort", "").lower() == "asc":
        rows.reverse()
    reply = logs_reply(call, rows, "size")
    if call.flag("facets") and isinstance(reply, dict):
        facets: dict[str, dict[str, int]] = {"severity": {}, "log_type": {}}
        for row in rows:
            for name, counts in facets.items():
                counts[row[name]] = counts.get(row[name], 0) + 1
        reply["facets"] = facets
    return reply


@ROUTES.get("/data_sets/{set_id}/samples", "count include_metadata live")
def samples(call: Call, set_id: int) -> list[Doc]:
    """Records of the newest cycles; with metadata each is wrapped and carries its run id."""
    nexset = need(call, "data_sets", set_id)
    count = call.number("count") or 10
    shown: list[Doc] = []
    for run, records in call.world.store.rows(
        "SELECT last_run, records FROM samples WHERE data_set_id=? ORDER BY last_run DESC LIMIT 3", (set_id,)
    ):
        for position, record in enumerate(json.loads(records)):
            shown.append(
                {"rawMessage": record, "nexlaMetaData": _metadata(call, nexset, run, position)}
                if call.flag("include_metadata")
                else record
            )
    return shown[:count]


def _metadata(call: Call, nexset: Doc, run: int, position: int) -> Doc:
    return {
        "sourceType": "poll",
        "ingestTime": run + 20_000,
        "sourceOffset": position,
        "sourceKey": f"part-{position}",
        "topic": f"dataset-{nexset['id']}",
        "resourceType": "DATASET",
        "resourceId": nexset["id"],
        "trackerId": f"u{nexset['id']}:{run}:{position}",
        "eof": False,
        "lastModified": run,
        "runId": run,
        "tags": None,
        "flow_type": nexset.get("flow_type", "streaming"),
    }


def _quarantined(call: Call, kind: str, resource_id: int, start: int | None, end: int | None) -> list[Doc]:
    floor = max(start or 0, call.world.now() - QUARANTINE_KEPT)
    rows = call.world.store.rows(
        "SELECT run_id, at, error, record FROM quarantine WHERE kind=? AND resource_id=? AND at>=? AND at<=? ORDER BY at DESC",
        (kind, resource_id, floor, end or 1 << 60),
    )
    return [
        {
            "nexlaMetaData": {
                "runId": run,
                "ingestTime": at,
                "resourceType": WORD[kind],
                "resourceId": resource_id,
            },
            "error": json.loads(error),
            "rawMessage": json.loads(record),
        }
        for run, at, error, record in rows
    ]


@ROUTES.post("/{kind}/{resource_id}/probe/quarantine/sample", kind=SEGMENTS)
def quarantine_samples(call: Call, kind: str, resource_id: int) -> Doc:
    need(call, kind, resource_id)
    body = call.fields()
    rows = _quarantined(call, kind, resource_id, body.get("start_time"), body.get("end_time"))
    try:
        page, size = max(int(body.get("page") or 1), 1), max(int(body.get("per_page") or 10), 1)
    except (TypeError, ValueError):
        raise ApiError(400, "page and per_page must be integers") from None
    return {
        "status": 200,
        "message": "Ok",
        "output": {
            "data": rows[(page - 1) * size : page * size],
            "meta": {
                "currentPage": page,
                "pageCount": max(-(-len(rows) // size), 1),
                "totalCount": len(rows),
            },
        },
    }


@ROUTES.post("/{kind}/{resource_id}/trigger_quarantine_aggregation", "run_id", kind=SEGMENTS)
def trigger_aggregation(call: Call, kind: str, resource_id: int) -> Doc:
    need(call, kind, resource_id, "operator")
    return {"status": "ok", "message": "Aggregation started"}


@ROUTES.get("/{kind}/{resource_id}/quarantine_aggregation", kind=SEGMENTS)
def aggregation(call: Call, kind: str, resource_id: int) -> Doc:
    need(call, kind, resource_id)
    counts: dict[str, int] = {}
    for row in _quarantined(call, kind, resource_id, None, None):
        counts[row["error"]["message"]] = counts.get(row["error"]["message"], 0) + 1
    return {"status": 200, "output": [{"error": text, "count": count} for text, count in counts.items()]}


@ROUTES.get("/{kind}/{resource_id}/quarantine/offset", kind=SEGMENTS)
def quarantine_offset(call: Call, kind: str, resource_id: int) -> Doc:
    need(call, kind, resource_id)
    return {"status": 200, "output": {"depth": len(_quarantined(call, kind, resource_id, None, None))}}
