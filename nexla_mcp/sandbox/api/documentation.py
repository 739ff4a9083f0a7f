"""Documentation: docs of nexsets, generated recommendations, and the GenAI settings they need."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need
from nexla_mcp.sandbox.api.call import ApiError, Call
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.flows import flow_node
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import org_of, output_schema, owner_of
from nexla_mcp.sandbox.lineage import flow_nodes
from nexla_mcp.sandbox.store import Doc

_NOT_ENABLED = "GenAI is not enabled for this organization"
_USAGES = {
    "all": "all",
    "gen_docs": "gen_docs",
    "check_code": "check_code",
    "docs_recommendation": "gen_docs",
}


def _doc_view(call: Call, doc: Doc) -> Doc:
    keys = (
        "id",
        "name",
        "description",
        "doc_type",
        "text",
        "tags",
        "copied_from_id",
        "created_at",
        "updated_at",
    )
    return {
        **{key: doc.get(key) for key in keys},
        "owner": owner_of(call.world, doc),
        "org": org_of(call.world),
        "public": False,
        "repo_type": "embedded",
        "repo_config": {},
        "access_roles": ["owner"],
    }


register(
    Collection(
        "doc_containers",
        view=_doc_view,
        required=("name",),
        get_query="",
        defaults=(("doc_type", "md"), ("text", "")),
    )
)


@ROUTES.get("/data_sets/{set_id}/docs", "expand")
def list_docs(call: Call, set_id: int) -> list[Doc]:
    need(call, "data_sets", set_id)
    return [_doc_view(call, doc) for doc in call.world.store.find("doc_containers", data_set_id=set_id)]


@ROUTES.post("/data_sets/{set_id}/docs")
def replace_docs(call: Call, set_id: int) -> list[Doc]:
    need(call, "data_sets", set_id, "admin")
    entries = call.items("docs")
    if any(not isinstance(entry, dict) or not entry.get("name") or "public" in entry for entry in entries):
        raise ApiError(400, "each doc needs a name and a text; public is not accepted")
    for doc in call.world.store.find("doc_containers", data_set_id=set_id):
        call.world.store.remove("doc_containers", doc["id"])
    for entry in entries:
        call.world.create("doc_containers", {"doc_type": "md", "text": "", **entry, "data_set_id": set_id}, call.who.user_id)
    return list_docs(call, set_id)


def _active(call: Call, usage: str) -> Doc | None:
    for setting in call.world.store.all("gen_ai_org_settings"):
        if setting.get("active") and setting["gen_ai_usage"] in (usage, "all"):
            return setting
    return None


def _recommendation(call: Call, text: str) -> Doc:
    seed = call.world.config.reply_shape == "seed"
    if _active(call, "gen_docs") is None:
        body: Doc = {"status": "403", "output": {"statusCode": 403, "errorMessage": _NOT_ENABLED}}
        return {**body, "recommendation": None} if seed else body
    body = {"status": "ok", "output": {"response": text, "statusCode": 200, "errorMessage": None}}
    return {"status": "ok", "recommendation": text} if seed else body


@ROUTES.post("/flows/{flow_id}/docs/recommendation")
def recommend_for_flow(call: Call, flow_id: int) -> Doc:
    node = flow_node(call, flow_id)
    store = call.world.store
    docs = [store.require(n.kind, n.resource_id) for n in flow_nodes(store, node.origin)]
    lines = [f"# {docs[0]['name']}", "", "This flow moves records through these stages:", ""]
    lines += [
        f"{i}. {doc.get('name') or 'nexset'} ({doc.get('source_type') or doc.get('sink_type') or 'nexset'})"
        for i, doc in enumerate(docs, 1)
    ]
    return _recommendation(call, "\n".join(lines))


@ROUTES.post("/data_sets/{set_id}/docs/recommendation")
def recommend_for_nexset(call: Call, set_id: int) -> Doc:
    doc = need(call, "data_sets", set_id)
    fields = output_schema(call.world, doc).get("properties", {})
    lines = [f"# {doc.get('name') or f'Nexset {set_id}'}", "", "| field | type |", "|---|---|"]
    lines += [f"| {name} | {rule.get('type')} |" for name, rule in fields.items()]
    return _recommendation(call, "\n".join(lines))


def _config_view(call: Call, doc: Doc) -> Doc:
    shown = {key: value for key, value in doc.items() if key not in ("owner_id", "org_id")}
    return {**shown, "owner": owner_of(call.world, doc), "org": org_of(call.world)}


register(
    Collection(
        "gen_ai_integration_configs",
        view=_config_view,
        required=("name", "type"),
        list_query="",
        get_query="",
        defaults=(("config", {}), ("status", "active")),
        statuses=("active", "paused"),
        admin_only=True,
    )
)


def _setting_view(call: Call, doc: Doc) -> Doc:
    config = call.world.store.get("gen_ai_integration_configs", doc["gen_ai_config_id"])
    shown = _config_view(call, config) if config else None
    return {
        "id": doc["id"],
        "org_id": call.world.org_id,
        "gen_ai_usage": doc["gen_ai_usage"],
        "gen_ai_config_id": doc["gen_ai_config_id"],
        "gen_ai_config": shown,
        "active_config": shown if doc.get("active") else None,
        "configs": [shown] if shown else [],
        "created_at": doc["created_at"],
        "updated_at": doc["updated_at"],
    }


def _create_setting(call: Call, body: Doc) -> Doc:
    usage = _USAGES.get(str(body.get("gen_ai_usage") or body.get("usage")))
    config_id = body.get("gen_ai_config_id") or body.get("gen_ai_integration_config_id")
    if usage is None or not config_id or call.world.store.get("gen_ai_integration_configs", int(config_id)) is None:
        raise ApiError(400, "gen_ai_usage and gen_ai_config_id are required")
    for other in call.world.store.find("gen_ai_org_settings", gen_ai_usage=usage):
        call.world.store.change("gen_ai_org_settings", other["id"], active=False)
    return call.world.create(
        "gen_ai_org_settings",
        {"gen_ai_usage": usage, "gen_ai_config_id": int(config_id), "active": True},
        call.who.user_id,
    )


register(
    Collection(
        "gen_ai_org_settings",
        view=_setting_view,
        creating=_create_setting,
        list_query="org_id all",
        get_query="",
        operations="list get create delete",
        admin_only=True,
    )
)


@ROUTES.get("/gen_ai_org_settings/active_config", "gen_ai_usage")
def active_config(call: Call) -> Any:
    usage = call.query.get("gen_ai_usage", "gen_docs")
    setting = _active(call, usage)
    if setting is None:
        raise ApiError(404)
    return {"gen_ai_usage": usage, "active_config": _setting_view(call, setting)["gen_ai_config"]}
