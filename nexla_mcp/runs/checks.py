"""What a run looks at between its changes. A check only reads; the registry is by name, so that a plan stays data.

found = await CHECKS["probe"](steps, {"credential_id": 2050})
found.ok, found.text, found.result
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import anyio

from nexla_mcp.client.errors import CredentialError, NexlaError
from nexla_mcp.runs.steps import Checked

if TYPE_CHECKING:
    from nexla_mcp.runs.steps import Steps

FIRST_LOOK_S = 1.0
LONGEST_PAUSE_S = 20.0


async def probe(steps: Steps, arguments: Mapping[str, Any]) -> Checked:
    """Whether the external system accepts the credential ``credential_id``, asked now."""
    operation = steps.catalog.operation("credentials_probe")
    credential = {"credential_id": arguments["credential_id"]}
    try:
        await steps.client.call(operation, credential)
    except CredentialError as error:
        return Checked(False, f"Credential {credential['credential_id']} is refused: {error.server_message or error.message}")
    except NexlaError as error:
        return Checked(False, f"Credential {credential['credential_id']} could not be probed: {error.message}")
    return Checked(True, f"The external system accepts credential {credential['credential_id']}.")


async def next_run(steps: Steps, arguments: Mapping[str, Any]) -> Checked:
    """Wait for the first run of ``flow_id`` that is newer than ``after`` (ISO 8601, "" for none), and judge it.

    Without a run in ``wait_s`` seconds nothing is known: that is said, and is no failure.
    """
    from nexla_mcp.runbooks.facts import Facts
    from nexla_mcp.runbooks.health_check import health_check

    flow_id, after, wait_s = arguments["flow_id"], str(arguments.get("after") or ""), float(arguments.get("wait_s", 300))
    pause = FIRST_LOOK_S
    health: dict[str, Any] = {}
    with anyio.move_on_after(wait_s):
        while True:
            health = (await health_check(Facts(steps.client, steps.catalog), {"flow_id": flow_id})).structured()
            if (health.get("last_run") or "") > after:
                break
            await steps.say(f"waiting for the next run of flow {flow_id}")
            await anyio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
    ran = (health.get("last_run") or "") > after
    facts = {"verified": ran, "verdict": health.get("verdict"), "last_run": health.get("last_run"), "flow_id": flow_id}
    if not ran:
        return Checked(
            True, f"Not verified: flow {flow_id} has not run within {wait_s:.0f} s. Check it after its next run.", facts
        )
    return Checked(health.get("verdict") == "healthy", str(health.get("summary")), facts)


CHECKS: dict[str, Callable[[Steps, Mapping[str, Any]], Awaitable[Checked]]] = {"probe": probe, "next_run": next_run}
