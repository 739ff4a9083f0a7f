"""Routes that sources, nexsets and destinations share (activate, pause, copy), and the runs of a source."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need, state_conflict
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.lifecycle import activate, copy_document, pause
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import resource_view
from nexla_mcp.sandbox.clock import iso
from nexla_mcp.sandbox.engine.cycle import run_now
from nexla_mcp.sandbox.lineage import add_node, node_of
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import SEGMENTS


def _lifecycle(kind: str, change: Any) -> Any:
    def handler(call: Call, id: int) -> Any:
        doc = need(call, kind, id, "operator")
        node = node_of(call.world.store, kind, id)
        if node is None:
            raise state_conflict(call, "the resource is not part of a flow")
        change(call, node, call.flag("all") or call.flag("full_tree"))
        return resource_view(call, kind, call.world.store.require(kind, doc["id"]))

    return handler


def _copier(kind: str) -> Any:
    def handler(call: Call, id: int) -> Doc:
        need(call, kind, id)
        doc = copy_document(call, kind, id, int(call.fields().get("owner_id") or call.who.user_id))
        credential_id = doc.get("data_credentials_id")
        store = call.world.store
        if credential_id and not call.fields().get("reuse_data_credentials"):
            doc["data_credentials_id"] = store.put(
                "data_credentials", copy_document(call, "data_credentials", credential_id, doc["owner_id"])
            )["id"]
        made = store.put(kind, doc)
        call.world.audit(kind, made["id"], "create", {"copied_from_id": [None, id]}, call.who.user_id, call.path)
        parent_id = {"data_sets": doc.get("parent_data_set_id"), "data_sinks": doc.get("data_set_id")}.get(kind)
        parent = node_of(store, "data_sets", parent_id) if parent_id else None
        if kind == "data_sources" or parent:
            add_node(store, kind, made["id"], parent)
        return resource_view(call, kind, made)

    return handler


for _kind in SEGMENTS:
    ROUTES.add("PUT", f"/{_kind}" + "/{id}/activate", _lifecycle(_kind, activate), "all full_tree")
    ROUTES.add("PUT", f"/{_kind}" + "/{id}/pause", _lifecycle(_kind, pause), "all full_tree")
    ROUTES.add("POST", f"/{_kind}" + "/{id}/copy", _copier(_kind))


@ROUTES.get("/data_sources/{source_id}/runs", "page per_page")
def list_runs(call: Call, source_id: int) -> Any:
    need(call, "data_sources", source_id)
    runs = call.world.store.rows(
        "SELECT run_id FROM cycles WHERE source_id=? AND outcome<>'empty' ORDER BY run_id DESC", (source_id,)
    )
    return call.paged([{"id": run, "created_at": iso(run)} for (run,) in runs])


@ROUTES.post("/data_sources/{source_id}/run_now")
def run_source_now(call: Call, source_id: int) -> Doc:
    source = need(call, "data_sources", source_id, "operator")
    if source["status"] != "ACTIVE":
        raise state_conflict(call, "the source must be active to run", data_sources=[source_id])
    return {"status": "ok", "run_id": run_now(call.world, source_id)}


@ROUTES.get("/data_sources/{source_id}/file/ingest")
def list_reingested(call: Call, source_id: int) -> list[Doc]:
    need(call, "data_sources", source_id)
    return call.world.store.find("reingested_files", data_source_id=source_id)


@ROUTES.post("/data_sources/{source_id}/file/ingest")
def reingest_file(call: Call, source_id: int) -> Doc:
    source = need(call, "data_sources", source_id, "operator")
    name = call.fields().get("file")
    if not name:
        raise ApiError(400, "The property '#/' did not contain a required property of 'file'")
    if source["status"] != "ACTIVE":
        raise state_conflict(call, "the source must be active to ingest a file", data_sources=[source_id])
    run_id = run_now(call.world, source_id)
    return call.world.store.put(
        "reingested_files",
        {
            "data_source_id": source_id,
            "file": name,
            "run_id": run_id,
            "status": "INITIATED",
            "created_at": call.world.stamp(),
        },
    )
