"""An embedded Nexla: Starlette over SQLite, seeded, with a clock that produces runs.

    app = create_app()                                   # in process: httpx.ASGITransport(app=app)
    with running_sandbox(SandboxConfig()) as sandbox:    # nexla_mcp.sandbox.serve: a real socket on 127.0.0.1
        httpx.post(sandbox.url + "/token", headers={"Authorization": f"Basic {SERVICE_KEY}"})

The state lives in the app: two apps never share anything. Control routes stand under `/__sandbox__/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexla_mcp.sandbox.config import ADMIN_KEY, COLLABORATOR_KEY, PAUSED_KEY, SERVICE_KEY, SandboxConfig

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["ADMIN_KEY", "COLLABORATOR_KEY", "PAUSED_KEY", "SERVICE_KEY", "SandboxConfig", "create_app"]


def create_app(config: SandboxConfig | None = None) -> Starlette:
    """Build a seeded sandbox, ready to answer; it needs no lifespan."""
    from nexla_mcp.sandbox.app import build_app

    return build_app(config or SandboxConfig())
