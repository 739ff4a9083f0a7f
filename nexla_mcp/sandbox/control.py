"""Control routes under `/__sandbox__/`: what was asked, the clock, faults, a run at once, a fresh start.

They need no session and are no part of the API; only tests and people who try the product use them.
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

from nexla_mcp.sandbox.api.call import Reply
from nexla_mcp.sandbox.clock import iso
from nexla_mcp.sandbox.engine.cycle import run_now
from nexla_mcp.sandbox.engine.schedule import advance
from nexla_mcp.sandbox.faults import FaultBook, entries_of
from nexla_mcp.sandbox.lineage import node_by_id, origin_node
from nexla_mcp.sandbox.seed.repair import repair_flow

if TYPE_CHECKING:
    from starlette.requests import Request

    from nexla_mcp.sandbox.app import SandboxServer

CONTROL_PREFIX = "/__sandbox__/"
_HIDDEN = frozenset({"authorization", "cookie"})


class Control:
    """The record of requests, the faults, and the control routes."""

    def __init__(self, server: SandboxServer) -> None:
        self._server = server
        self.requests: list[dict[str, Any]] = []
        self.book = FaultBook()

    def clear(self) -> None:
        self.requests.clear()
        self.book.clear()

    def record(self, request: Request, raw: bytes, status: int, *, fault: str = "", handled: int | None = None) -> None:
        """One more line of what was asked: `status` is what the client got (0 = nothing), `handled` what the API made of it
        (None = it was never carried out). `began` and `ended` are seconds of one steady clock: which requests overlapped."""
        try:
            body = json.loads(raw) if raw.strip() else None
        except (ValueError, RecursionError):
            body = raw.decode("utf-8", "replace")
        self.requests.append(
            {
                "number": len(self.requests) + 1,
                "at": iso(self._server.world.now()),
                "method": request.method,
                "path": request.url.path,
                "query": dict(request.query_params),
                "body": body,
                "headers": {name: value for name, value in request.headers.items() if name not in _HIDDEN},
                "status": status,
                "handled": handled,
                "fault": fault,
                "began": request.scope.get("began"),
                "ended": time.monotonic(),
            }
        )

    def answer(self, method: str, path: str, raw: bytes) -> Reply:
        try:
            body = json.loads(raw) if raw.strip() else {}
        except (ValueError, RecursionError):
            return Reply({"message": "the body is not valid JSON"}, 400)
        handler = getattr(self, f"_{method.lower()}_{path.removeprefix(CONTROL_PREFIX).strip('/')}", None)
        if handler is None:
            return Reply({"message": "no such control route"}, 404)
        try:
            return Reply(handler(body))
        except (KeyError, TypeError, ValueError, LookupError, re.error) as error:
            return Reply({"message": f"{type(error).__name__}: {error}"}, 400)

    def _get_requests(self, body: Any) -> Any:
        return self.requests

    def _delete_requests(self, body: Any) -> Any:
        self.requests.clear()
        return {"status": "ok"}

    def _get_clock(self, body: Any) -> Any:
        now = self._server.world.now()
        return {"now": iso(now), "now_ms": now}

    def _post_clock(self, body: Any) -> Any:
        world = self._server.world
        world.clock.advance(round(float(body["advance_s"]) * 1000))
        advance(world)
        return self._get_clock(body)

    def _post_reset(self, body: Any) -> Any:
        self._server.reset()
        return {"status": "ok"}

    def _post_run(self, body: Any) -> Any:
        """One cycle of a flow at once, whatever its schedule says."""
        world = self._server.world
        advance(world)
        node = node_by_id(world.store, int(body["flow_id"]))
        if node is None:
            raise LookupError(f"flow {body['flow_id']} does not exist")
        return {"run_id": run_now(world, origin_node(world.store, node).resource_id)}

    def _post_repair(self, body: Any) -> Any:
        """Put right what stands outside Nexla for one flow: producer, tables, grants. Returns what was changed."""
        world = self._server.world
        advance(world)
        return {"repaired": repair_flow(world, int(body["flow_id"]))}

    def _get_faults(self, body: Any) -> Any:
        return [fault.as_json() for fault in self.book.faults]

    def _post_faults(self, body: Any) -> Any:
        self.book.add(entries_of(body))
        return self._get_faults(body)

    def _delete_faults(self, body: Any) -> Any:
        self.book.clear()
        return []
