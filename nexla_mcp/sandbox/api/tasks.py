"""Asynchronous tasks: created pending, running on the next look, done a few seconds of world time later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nexla_mcp.sandbox.api.access import need_admin
from nexla_mcp.sandbox.api.call import ApiError, Call, Reply
from nexla_mcp.sandbox.api.lifecycle import set_status_for
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.sharing import audit_rows
from nexla_mcp.sandbox.api.views import org_of, owner_of
from nexla_mcp.sandbox.clock import iso
from nexla_mcp.sandbox.engine.externals import login_refusal
from nexla_mcp.sandbox.lineage import flow_nodes, node_by_id
from nexla_mcp.sandbox.store import Doc

_SECONDS = 5
_ARGUMENTS: dict[str, dict[str, str]] = {
    "BulkDeleteNotifications": {"notification_ids": "array of integers"},
    "BulkMarkAsReadNotifications": {"notification_ids": "array of integers"},
    "BulkPauseFlows": {"flow_ids": "array of integers"},
    "CallProbe": {"data_credentials_id": "integer"},
    "ChownUserResources": {"user_id": "integer", "new_owner_id": "integer"},
    "DeactivateUser": {"user_id": "integer"},
    "GetAuditLogs": {"resource_type": "string", "resource_id": "integer", "from": "date", "to": "date"},
}
_DONE = ("completed", "failed", "cancelled")


def _current(call: Call, task_id: int) -> Doc:
    task = call.world.store.get("async_tasks", task_id)
    if task is None or (task["owner_id"] != call.who.user_id and not call.who.admin):
        raise ApiError(404)
    return _progressed(call, task)


def _progressed(call: Call, task: Doc) -> Doc:
    """Move a task along with the clock; its work is done the moment it completes."""
    if task["status"] in _DONE:
        return task
    age = (call.world.now() - task["created_ms"]) / 1000
    if age < _SECONDS:
        return call.world.store.put(
            "async_tasks",
            {
                **task,
                "status": "running" if age else "pending",
                "progress": min(int(100 * age / _SECONDS), 99),
            },
        )
    try:
        outcome: Doc = {
            "status": "completed",
            "result": _work(call, task["type"], task["arguments"]),
            "error": None,
        }
    except (ApiError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        outcome = {"status": "failed", "result": None, "error": f"{type(error).__name__}: {error}"}
    return call.world.store.put("async_tasks", {**task, **outcome, "progress": 100, "stopped_at": call.world.stamp()})


def _work(call: Call, type_name: str, arguments: Doc) -> Doc:
    store = call.world.store
    match type_name:
        case "BulkPauseFlows":
            for flow_id in arguments["flow_ids"]:
                node = node_by_id(store, int(flow_id))
                for current in flow_nodes(store, node.origin) if node else []:
                    set_status_for(call, current, "PAUSED")
            return {"paused": arguments["flow_ids"]}
        case "CallProbe":
            refusal = login_refusal(store, store.require("data_credentials", int(arguments["data_credentials_id"])))
            return {"status": 403, "message": refusal} if refusal else {"status": 200, "message": "Ok"}
        case "GetAuditLogs":
            return {"audit_log": _audit_rows(call, arguments)}
        case "DeactivateUser":
            need_admin(call)
            call.world.modify("users", int(arguments["user_id"]), {"status": "DEACTIVATED"}, call.who.user_id)
            return {"user_id": arguments["user_id"]}
        case "BulkDeleteNotifications" | "BulkMarkAsReadNotifications":
            for notification_id in arguments["notification_ids"]:
                if type_name == "BulkDeleteNotifications":
                    store.remove("notifications", int(notification_id))
                else:
                    store.change("notifications", int(notification_id), read_at=call.world.stamp())
            return {"count": len(arguments["notification_ids"])}
    raise ValueError(f"{type_name} is not carried out by the sandbox")


def _audit_rows(call: Call, arguments: Doc) -> list[Doc]:
    """Entries of one resource, or of the org when none is named, within the dates."""
    dates = {name: str(arguments[name]) for name in ("from", "to") if arguments.get(name)}
    dated = replace(call, query=dates)
    if "resource_id" in arguments:
        return audit_rows(dated, "kind=? AND resource_id=?", (str(arguments["resource_type"]), int(arguments["resource_id"])))
    need_admin(call)
    return audit_rows(dated, "1=1", ())


def view(call: Call, task: Doc) -> Doc:
    shown = {key: value for key, value in task.items() if key not in ("created_ms", "owner_id", "result")}
    if call.world.config.reply_shape == "seed":
        words = {"completed": "success", "failed": "error"}
        shown |= {"status": words.get(task["status"], task["status"]), "error_message": task["error"]}
    return {
        **shown,
        "task_type": task["type"],
        "result_url": f"/async_tasks/{task['id']}/result",
        "owner": owner_of(call.world, task),
        "org": org_of(call.world),
    }


def _all(call: Call) -> list[Doc]:
    tasks = [_progressed(call, task) for task in call.world.store.all("async_tasks")]
    return [task for task in tasks if task["owner_id"] == call.who.user_id or call.who.admin]


@ROUTES.get("/async_tasks")
def list_tasks(call: Call) -> list[Doc]:
    return [view(call, task) for task in _all(call)]


@ROUTES.get("/async_tasks/by_status/{status}")
def by_status(call: Call, status: str) -> list[Doc]:
    return [view(call, task) for task in _all(call) if task["status"] == status]


@ROUTES.get("/async_tasks/of_type/{task_type}")
def of_type(call: Call, task_type: str) -> list[Doc]:
    return [view(call, task) for task in _all(call) if task["type"] == task_type]


@ROUTES.get("/async_tasks/types")
def types(call: Call) -> list[str]:
    return list(_ARGUMENTS)


@ROUTES.get("/async_tasks/explain_arguments/{task_type}")
def explain(call: Call, task_type: str) -> Doc:
    if task_type not in _ARGUMENTS:
        raise ApiError(404)
    return _ARGUMENTS[task_type]


@ROUTES.post("/async_tasks")
def create(call: Call) -> Doc:
    body = call.fields()
    type_name = body.get("type")
    if type_name not in _ARGUMENTS:
        raise ApiError(400, f"Invalid task type: {type_name}")
    return _start(call, str(type_name), body.get("arguments") or {}, body.get("priority"))


def _start(call: Call, type_name: str, arguments: Doc, priority: Any) -> Doc:
    now = call.world.now()
    task = call.world.store.put(
        "async_tasks",
        {
            "type": type_name,
            "status": "pending",
            "progress": 0,
            "priority": priority,
            "arguments": arguments,
            "created_at": iso(now),
            "created_ms": now,
            "stopped_at": None,
            "result": None,
            "error": None,
            "owner_id": call.who.user_id,
        },
    )
    return view(call, task)


@ROUTES.get("/async_tasks/{task_id}")
def get(call: Call, task_id: int) -> Doc:
    return view(call, _current(call, task_id))


@ROUTES.get("/async_tasks/{task_id}/result")
def result(call: Call, task_id: int) -> Any:
    """The result; 202 while the task runs. The API says 102, which an HTTP/1.1 server cannot send as a last answer."""
    task = _current(call, task_id)
    if task["status"] not in _DONE:
        return Reply(None, 202)
    if task["result"] is None:
        raise ApiError(400, "The task has no result")
    return {"task_id": task_id, "result": task["result"]}


@ROUTES.get("/async_tasks/{task_id}/download_link")
def download_link(call: Call, task_id: int) -> Doc:
    if _current(call, task_id)["result"] is None:
        raise ApiError(400, "The task has no result")
    return {
        "url": f"{call.base_url}/async_tasks/{task_id}/result",
        "expires_at": iso(call.world.now() + 3_600_000),
    }


@ROUTES.post("/async_tasks/{task_id}/rerun")
def rerun(call: Call, task_id: int) -> Doc:
    task = _current(call, task_id)
    return _start(call, task["type"], task["arguments"], task["priority"])


@ROUTES.post("/async_tasks/{task_id}/acknowledge")
def acknowledge(call: Call, task_id: int) -> Doc:
    return view(call, call.world.store.put("async_tasks", {**_current(call, task_id), "result": None}))


@ROUTES.delete("/async_tasks/{task_id}")
def delete(call: Call, task_id: int) -> Doc:
    if _current(call, task_id)["status"] not in _DONE:
        raise ApiError(400, "A running task cannot be deleted")
    call.world.store.remove("async_tasks", task_id)
    return {"code": "200", "message": "Ok"}
