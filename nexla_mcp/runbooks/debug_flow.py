"""nexla_debug_flow: why does a flow not load, in one call.

diagnosis = await debug_flow(facts, {"flow_id": 5059, "symptom": "nothing since this morning"})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexla_mcp.client.errors import AuthenticationError, NexlaError, RateLimitError
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.diagnosis import Diagnosis, Evidence, Finding, Step
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.gathering.rounds import gather
from nexla_mcp.runbooks.locate import CannotStart, Located, locate
from nexla_mcp.runbooks.shapes.lenient import quote
from nexla_mcp.runbooks.symptom import read_symptom
from nexla_mcp.runbooks.weigh import weigh

LOCATING_COUNTS_AS = 4  # a search by name may take many pages; the diagnosis keeps most of its budget


async def debug_flow(facts: Facts, arguments: Mapping[str, Any]) -> Diagnosis:
    """Find the flow, read what is needed, say what is wrong and what to do.

    Raises:
        ValidationError, NotFoundError: the arguments do not name one flow.
        ApiUnreachableError, NotConfiguredError: there is no API to ask.
    """
    try:
        located = await locate(facts, arguments)
    except CannotStart as stop:
        return cannot_start(stop.error)
    _, diagnosis = await examine(facts, located, arguments.get("symptom"), spent=min(facts.requests, LOCATING_COUNTS_AS))
    return diagnosis


async def examine(
    facts: Facts, located: Located, symptom: Any = None, *, probe_all: bool = False, spent: int = 1
) -> tuple[Case, Diagnosis]:
    """The reads and the judgement about one located flow."""
    case = Case(facts, located.flow, read_symptom(str(symptom) if symptom else None), located.asked)
    case.spent = max(1, spent)
    if located.asked and located.asked[0] == "credential" and located.consumers:
        case.consumers[located.asked[1]] = located.consumers
    await gather(case, probe_all=probe_all)
    diagnosis = weigh(case)
    diagnosis.requests = facts.requests
    return case, diagnosis


def cannot_start(error: NexlaError) -> Diagnosis:
    """The answer when the session, the role or a limit stops every read: nothing is said about the flow."""
    if isinstance(error, AuthenticationError):
        key = error.operation == "token"
        fixed = "access token" in error.message
        if key:
            why = (
                "Nexla refuses the service key itself when it is exchanged for a session: it is paused, revoked or wrong. "
                "A new session does not help; an administrator reactivates or replaces the key."
            )
        elif fixed:
            why = (
                "Nexla refuses the access token: it is expired or revoked and cannot be renewed by itself. Put in a fresh "
                "token, or use a service key."
            )
        else:
            why = (
                "Nexla still exchanges the service key for a session but refuses the session: it expired or was ended. "
                "Start a new session (restart this server); the key need not be replaced."
            )
        finding = Finding("token_invalid", "caller", None, "high", why)
        step = Step("nexla_whoami", {}, "After the key or token was renewed: see who you are.", "read")
    elif isinstance(error, RateLimitError):
        finding = Finding(
            "api_throttled",
            "api",
            None,
            "high",
            "Nexla's own API limits the caller (429); wait, then ask again. Nothing is known about the flow.",
        )
        step = Step("nexla_read", {"operation": "metrics_get_rate_limits", "arguments": {}}, "How much is left.", "read")
    else:
        finding = Finding(
            "access_denied_to_caller",
            "caller",
            None,
            "medium",
            "Nexla refuses to show this flow to you (403): the session is good, but a role on it is missing. Its owner or an "
            "administrator can share it.",
        )
        step = Step("nexla_whoami", {}, "Which organisation and roles this session has.", "read")
    operation = error.operation or "flows_get"
    return Diagnosis(
        "unknown",
        finding.explanation,
        None,
        finding,
        evidence=[Evidence(operation, "caller", None, f"answered {error.status_code}", quote(error.server_message))],
        not_checked=["the whole flow: nothing could be read"],
        next_steps=[step],
    )
