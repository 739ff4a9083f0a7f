"""Undocumented looks at a resource: configuration checks, and what is known about a nexset's data."""

from __future__ import annotations

from collections.abc import Callable

from nexla_mcp.sandbox.api.access import need
from nexla_mcp.sandbox.api.call import Call
from nexla_mcp.sandbox.api.crud import checked
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import output_schema
from nexla_mcp.sandbox.clock import iso
from nexla_mcp.sandbox.engine.externals import login_refusal, missing_target, source_fault
from nexla_mcp.sandbox.engine.plan import credential_of
from nexla_mcp.sandbox.engine.quartz import parse_cron
from nexla_mcp.sandbox.store import Doc

_CONFIG_KEY = {"data_sources": "source_config", "data_sinks": "sink_config"}


def _complaints(call: Call, kind: str, doc: Doc) -> dict[str, str]:
    """What is wrong with a configuration, by property."""
    found: dict[str, str] = {}
    config = doc.get(_CONFIG_KEY[kind]) or {}
    if config.get("start.cron"):
        try:
            parse_cron(str(config["start.cron"]))
        except ValueError as error:
            found["start.cron"] = str(error)
    credential = credential_of(call.world, doc)
    refusal = login_refusal(call.world.store, credential)
    if refusal:
        found["data_credentials_id"] = refusal
    elif kind == "data_sources":
        fault = source_fault(call.world.store, doc, credential)
        if fault:
            found["query" if "query" in config else "path"] = fault
    else:
        missing = missing_target(call.world.store, doc, credential)
        if missing:
            found["table"] = missing
    return found


def _validated(call: Call, kind: str, doc: Doc) -> Doc:
    config = doc.get(_CONFIG_KEY[kind]) or {}
    complaints = _complaints(call, kind, doc)
    output = [
        {
            "name": name,
            "value": config.get(name),
            "errors": [complaints[name]] if name in complaints else [],
            "visible": True,
            "recommendedValues": [],
        }
        for name in dict.fromkeys([*config, *complaints])
    ]
    return {"status": "error" if complaints else "ok", "output": output}


def _stored(kind: str) -> Callable[[Call, int], Doc]:
    def validate(call: Call, id: int) -> Doc:
        doc = need(call, kind, id)
        given = checked(call.fields()).get(_CONFIG_KEY[kind])
        return _validated(call, kind, {**doc, _CONFIG_KEY[kind]: given} if given else doc)

    return validate


def _unsaved(kind: str) -> Callable[[Call], Doc]:
    def validate(call: Call) -> Doc:
        body = checked(call.fields())
        type_key = "source_type" if kind == "data_sources" else "sink_type"
        credential = credential_of(call.world, body)
        connector = credential["credentials_type"] if credential else body.get(type_key, "rest")
        return _validated(call, kind, {type_key: connector, **body})

    return validate


for _kind in _CONFIG_KEY:
    ROUTES.add("POST", f"/{_kind}" + "/{id}/config/validate", _stored(_kind))
    ROUTES.add("POST", f"/{_kind}/config/validate", _unsaved(_kind))
    ROUTES.add("POST", f"/{_kind}/test_config", _unsaved(_kind))


def _last_run(call: Call, set_id: int) -> int | None:
    latest: int | None = call.world.store.one(
        "SELECT MAX(run_id) FROM stage_rows WHERE kind='data_sets' AND resource_id=?", (set_id,)
    )
    return latest


@ROUTES.get("/data_sets/{set_id}/data_update_time")
def data_update_time(call: Call, set_id: int) -> Doc:
    need(call, "data_sets", set_id)
    latest = _last_run(call, set_id)
    return {"id": set_id, "data_updated_at": iso(latest) if latest else None}


@ROUTES.get("/data_sets/{set_id}/summary")
def summary(call: Call, set_id: int) -> Doc:
    doc = need(call, "data_sets", set_id)
    records, runs = call.world.store.rows(
        "SELECT COALESCE(SUM(records), 0), COUNT(*) FROM stage_rows WHERE kind='data_sets' AND resource_id=?",
        (set_id,),
    )[0]
    return {"id": set_id, "name": doc.get("name"), "status": doc["status"], "records": records, "runs": runs}


@ROUTES.get("/data_sets/{set_id}/characteristics")
def characteristics(call: Call, set_id: int) -> Doc:
    doc = need(call, "data_sets", set_id)
    fields = output_schema(call.world, doc).get("properties", {})
    return {"id": set_id, "field_count": len(fields), "fields": sorted(fields)}


@ROUTES.get("/data_sinks/{sink_id}/run_analysis")
def run_analysis(call: Call, sink_id: int) -> Doc:
    """Totals over the runs of a destination; the form is ASSUMED."""
    need(call, "data_sinks", sink_id)
    rows = call.world.store.rows(
        "SELECT run_id, SUM(records), SUM(errors) FROM stage_rows WHERE kind='data_sinks' AND resource_id=? "
        "GROUP BY run_id ORDER BY run_id DESC",
        (sink_id,),
    )
    records, errors = sum(row[1] for row in rows), sum(row[2] for row in rows)
    output = {
        "data_sink_id": sink_id,
        "runs": len(rows),
        "runs_with_errors": sum(1 for row in rows if row[2]),
        "records": records,
        "errors": errors,
        "records_per_run": round(records / len(rows)) if rows else 0,
        "last_run_id": rows[0][0] if rows else None,
    }
    return {"status": 200, "output": output}
