"""`api(...)`: a sandbox in this process with an open session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from nexla_mcp.sandbox import SERVICE_KEY, SandboxConfig, create_app

pytest.register_assert_rewrite("tests.sandbox.evidence", "tests.sandbox.broken_flows", "tests.sandbox.refused_requests")

Api = Callable[..., "Session"]


class Session:
    """A sandbox and one caller's session in it."""

    def __init__(self, config: SandboxConfig, key: str = SERVICE_KEY) -> None:
        self.http = TestClient(create_app(config))
        self.sign_in(key)

    def sign_in(self, key: str) -> None:
        """Go on as the owner of another service key."""
        reply = self.http.post("/token", headers={"Authorization": f"Basic {key}"})
        self.http.headers["Authorization"] = f"Bearer {reply.json()['access_token']}" if reply.content else "Bearer none"

    def reply(self, method: str, path: str, body: Any = None) -> Any:
        """Status, headers and body of any answer."""
        return self.http.request(method, path, json=body) if body is not None else self.http.request(method, path)

    def get(self, path: str) -> Any:
        return self._good("GET", path, None)

    def post(self, path: str, body: Any = None) -> Any:
        return self._good("POST", path, body)

    def put(self, path: str, body: Any = None) -> Any:
        return self._good("PUT", path, body)

    def delete(self, path: str, body: Any = None) -> Any:
        return self._good("DELETE", path, body)

    def advance(self, seconds: float) -> None:
        self.post("/__sandbox__/clock", {"advance_s": seconds})

    def runs(self, kind: str, resource_id: int) -> list[dict[str, Any]]:
        """Run rows in either reply shape, newest first."""
        metrics = self.get(f"/{kind}/{resource_id}/metrics/run_summary")["metrics"]
        rows: list[dict[str, Any]] = metrics if isinstance(metrics, list) else metrics["data"]
        return rows

    def logs(self, path: str) -> list[tuple[str, str, int, str]]:
        """Severity, resource type, resource id and text of log lines in either reply shape."""
        reply = self.get(path)
        rows = reply if isinstance(reply, list) else reply["logs"]["data"]
        return [
            (
                row.get("severity") or row["level"],
                row["resource_type"],
                row["resource_id"],
                row.get("log") or row["message"],
            )
            for row in rows
        ]

    def _good(self, method: str, path: str, body: Any) -> Any:
        answer = self.reply(method, path, body)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


@pytest.fixture
def api() -> Api:
    """`api(scenario="1", reply_shape="seed", key=...)`."""

    def start(key: str = SERVICE_KEY, **settings: Any) -> Session:
        return Session(SandboxConfig(**settings), key)

    return start
