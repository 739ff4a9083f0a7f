"""Credentials: create, replace, delete, usage, and the probes that open a connection to the external system."""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.api.access import need, state_conflict
from nexla_mcp.sandbox.api.asynchronous import answered_later
from nexla_mcp.sandbox.api.call import ApiError, Call, Reply
from nexla_mcp.sandbox.api.crud import Collection, register
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.tags import tag_routes
from nexla_mcp.sandbox.api.views import connector_of, credential_view
from nexla_mcp.sandbox.engine.externals import external_of, login_refusal, object_tree, query_fault
from nexla_mcp.sandbox.lineage import credential_users
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import DATABASE_TYPES, FILE_TYPES, connector_kind, is_secret_name

_NULL_POINTER = 'Cannot read field "template" because "varInfo" is null'
_ASYNC = "async request_id"


def _one(call: Call, doc: Doc) -> Doc:
    return credential_view(call, doc, call.flag("expand"))


def open_part(credentials: Doc) -> Doc:
    """What of a credential may be shown: everything whose name does not say that it is a secret."""
    return {key: value for key, value in credentials.items() if not is_secret_name(key)}


def _create(call: Call, body: Doc) -> Doc:
    given = body.get("credentials") or {}
    return call.world.create(
        "data_credentials",
        {
            **body,
            "credentials": given,
            "credentials_non_secure_data": open_part(given),
            "verified_status": None,
            "verified_at": None,
        },
        call.who.user_id,
    )


def _update(call: Call, doc: Doc, body: Doc) -> Doc:
    if "credentials" in body:
        body = {**body, "credentials_non_secure_data": open_part(body["credentials"] or {})}
    return body


def _delete(call: Call, doc: Doc) -> None:
    users = {kind: ids for kind, ids in credential_users(call.world.store, doc["id"]).items() if ids}
    if users:
        raise state_conflict(call, "credential is still used by other resources", **users)


register(
    Collection(
        "data_credentials",
        view=_one,
        row=credential_view,
        required=("credentials_type",),
        operations="list get create update delete search",
        filters="credentials_type",
        creating=_create,
        updating=_update,
        deleting=_delete,
    )
)
tag_routes("data_credentials")


@ROUTES.get("/data_credentials/{credential_id}/usage")
def usage(call: Call, credential_id: int) -> Doc:
    need(call, "data_credentials", credential_id)
    store = call.world.store
    users = credential_users(store, credential_id)
    return {
        kind: [
            {key: doc.get(key) for key in ("id", "name", "status", "owner_id")}
            for doc in (store.require(kind, resource_id) for resource_id in ids)
        ]
        for kind, ids in users.items()
    } | {"quarantine_settings": []}


@ROUTES.get("/data_credentials/{credential_id}/probe", _ASYNC)
def probe(call: Call, credential_id: int) -> Any:
    doc = need(call, "data_credentials", credential_id)
    if call.flag("async") or call.query.get("request_id"):
        return answered_later(call, lambda: _probe(call, doc))
    return _probe(call, doc)


def _probe(call: Call, doc: Doc) -> Reply:
    """Log in; good: 200 with an empty body, refused: 403. Either way the credential's verified_* fields change."""
    refusal = login_refusal(call.world.store, doc)
    if refusal:
        call.world.store.change("data_credentials", doc["id"], verified_status=f"403 {refusal}", verified_at=None)
        return Reply({"status": 403, "message": refusal}, 403)
    call.world.store.change("data_credentials", doc["id"], verified_status="200 Ok", verified_at=call.world.stamp())
    seed = call.world.config.reply_shape == "seed"
    return Reply({"status": "success", "message": "Ok"} if seed else None)


def _refused(call: Call, doc: Doc) -> Reply | None:
    refusal = login_refusal(call.world.store, doc)
    return Reply({"status": 403, "message": refusal}, 403) if refusal else None


@ROUTES.post("/data_credentials/{credential_id}/probe/tree", _ASYNC)
def probe_tree(call: Call, credential_id: int) -> Any:
    doc = need(call, "data_credentials", credential_id)
    depth = call.fields().get("depth", 1 if call.world.config.reply_shape == "seed" else None)
    if not isinstance(depth, int):
        raise ApiError(400, "The property '#/' did not contain a required property of 'depth'")

    def work() -> Reply:
        tree = object_tree(external_of(call.world.store, doc), doc["credentials_type"], depth)
        return _refused(call, doc) or Reply(
            {
                "status": "ok",
                "message": "Ok",
                "connection_type": connector_kind(doc["credentials_type"]).connection,
                "object": tree,
                "output": tree,
            }
        )

    return answered_later(call, work) if call.query else work()


@ROUTES.post("/data_credentials/{credential_id}/probe/sample", _ASYNC)
def probe_sample(call: Call, credential_id: int) -> Any:
    doc = need(call, "data_credentials", credential_id)

    def work() -> Reply:
        return _refused(call, doc) or _sample(call, doc)

    return answered_later(call, work) if call.query else work()


def _sample(call: Call, doc: Doc) -> Reply:
    """Data that the credential can read. The outcome of the other system stands in output.statusCode."""
    body, connector = call.fields(), doc["credentials_type"]
    if not _keys_fit(connector, body):
        return Reply({"status": 500, "message": _NULL_POINTER}, 500)
    system = external_of(call.world.store, doc)
    fault = query_fault(system, str(body["query"])) if body.get("query") and connector in DATABASE_TYPES else None
    if fault:
        output: Doc = {"contentType": "text/plain", "statusCode": 500, "response": f"ERROR: {fault}"}
    else:
        output = {"contentType": "application/json", "statusCode": 200, "response": _records(call, doc)}
    return Reply(
        {
            "status": "ok",
            "message": "Ok",
            "connection_type": connector_kind(connector).connection,
            "output": output,
        }
    )


def _keys_fit(connector: str, body: Doc) -> bool:
    if connector in FILE_TYPES:
        return "path" in body
    if connector in DATABASE_TYPES:
        return any(key in body for key in ("table", "database", "query"))
    return not ({"table", "database"} & set(body)) and ("path" not in body or "url" in body or "rest.iterations" in body)


def _records(call: Call, doc: Doc) -> list[Doc]:
    for source in call.world.store.find("data_sources", data_credentials_id=doc["id"]):
        upstream = call.world.store.get("upstreams", source["id"])
        if upstream and upstream.get("variants"):
            return [variant["record"] for variant in upstream["variants"]]
    return []


@ROUTES.get("/data_credentials/{credential_id}/probe/summary")
def probe_summary(call: Call, credential_id: int) -> Any:
    doc = need(call, "data_credentials", credential_id)
    return _refused(call, doc) or {
        "status": "ok",
        "output": {"connector": connector_of(call.world, doc["credentials_type"])},
    }


def _listing(call: Call, credential_id: int) -> Any:
    doc = need(call, "data_credentials", credential_id)
    tree = object_tree(external_of(call.world.store, doc), doc["credentials_type"], 2)
    return _refused(call, doc) or {"status": "ok", "output": tree}


ROUTES.add("GET", "/data_credentials/{credential_id}/probe/list", _listing)
for _name in ("buckets", "files", "schemas", "search_path"):
    ROUTES.add("POST", "/data_credentials/{credential_id}/probe/" + _name, _listing)
