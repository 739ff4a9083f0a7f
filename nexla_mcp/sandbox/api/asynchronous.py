"""The async form of slow calls: an envelope first, the result when it is asked for again with `request_id`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nexla_mcp.sandbox.api.call import ApiError, Call, Reply


def answered_later(call: Call, work: Callable[[], Any]) -> dict[str, Any]:
    """Start a deferred request, or report one. The work is done at once; its result is shown from the second call on."""
    store = call.world.store
    request_id = call.number("request_id")
    if request_id is None:
        status, result = "completed", None
        try:
            done = work()
            result = done.body if isinstance(done, Reply) else done
            if isinstance(done, Reply) and done.status >= 400:
                status = "failed"
        except ApiError as error:
            status, result = "failed", error.reply.body or {"status": error.reply.status}
        stamp = call.world.stamp()
        entry = store.put("async_requests", {"status": status, "result": result, "path": call.path, "started_at": stamp})
        return {"request_id": entry["id"], "status": "pending", "progress": 0, "request_started_at": stamp}
    entry = store.get("async_requests", request_id) or {}
    if entry.get("path") != call.path:
        raise ApiError(404)
    words = {"completed": "success", "failed": "error"} if call.world.config.reply_shape == "seed" else {}
    return {
        "request_id": request_id,
        "status": words.get(entry["status"], entry["status"]),
        "progress": 100,
        "result": entry["result"],
        "response": entry["result"],
        "request_started_at": entry["started_at"],
        "request_completed_at": call.world.stamp(),
        "request_stopped_at": None,
    }
