"""What a failed call means and what to do next: one table for every error, hint and runbook.

    found = explain(403, "", "sources_activate", "data_sources", 3001, reads=False)
    found.issue, found.cause         # Issue.PERMISSION, "access_denied_to_caller"
    found.solution                   # for a person
    found.next_call                  # {"tool": "nexla_get", "arguments": {"resource_type": "source", "id": 3001}}

The issues are the rows of the seed document's "Common issues and solutions" and, for what that table does not
know, a few more. ``cause`` is a word of the vocabulary that diagnoses use. Next calls only read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

NextCall = dict[str, Any]


class Issue(StrEnum):
    """The seed's ten rows, then ours."""

    CREDENTIAL = "Credential expired"
    TRANSFORM = "Transform error"
    SCHEMA = "Schema mismatch"
    RATE = "Rate limiting"
    NETWORK = "Network timeouts"
    CONFLICT = "Resource conflict"
    NOT_RUNNING = "Flow not running"
    ERROR_RATE = "High error rate"
    STALE = "Stale data"
    PERMISSION = "Permission denied"
    SESSION = "Session or key refused"
    NOT_FOUND = "Nothing there"
    REQUEST = "Request refused"
    SERVER = "Fault on the far side"
    NOT_AN_API = "Not an answer of the API"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    symptom: str
    solution: str
    cause: str


ROWS: dict[Issue, Row] = {
    Issue.CREDENTIAL: Row(
        "401 or 403 from the external system; the probe of the credential fails.",
        "The external system refused the credential. This is not a missing Nexla role. Update the whole credentials object, probe"
        " again, then run the flow.",
        "credential_invalid",
    ),
    Issue.TRANSFORM: Row(
        "Failed runs, errors in the logs of a nexset.",
        "Look at the transform's code and at a sample of its input, correct it, and test it on samples before it is used.",
        "transform_error",
    ),
    Issue.SCHEMA: Row(
        "Validation errors, records that cannot be parsed or written.",
        "Compare the records that came with the schema that is expected; adapt the schema, the mapping or the transform.",
        "schema_drift",
    ),
    Issue.RATE: Row(
        "429, throttled requests.",
        "Wait, then ask for less at a time. This server already retries with growing waits and slows down when Nexla throttles.",
        "api_throttled",
    ),
    Issue.NETWORK: Row(
        "Connection errors, no answer in time, replies that break off.",
        "Check NEXLA_API_URL, the network and the proxy (HTTPS_PROXY), then try again.",
        "unknown",
    ),
    Issue.CONFLICT: Row(
        "409 or 405: the state of the resource, or what depends on it, forbids the request.",
        "Not an outage: something active must be paused first, something in use must be released first. Read its status and what"
        " depends on it, then decide.",
        "state_conflict",
    ),
    Issue.NOT_RUNNING: Row(
        "No recent runs, old data.",
        "Check the source's schedule and status, and what is upstream; activate the flow if it was paused by mistake.",
        "paused",
    ),
    Issue.ERROR_RATE: Row(
        "More than a fifth of the runs, or many records, fail.",
        "Read the logs and a sample of the quarantined records; correct the input or the step that rejects them; try a few.",
        "record_errors",
    ),
    Issue.STALE: Row(
        "Nothing new for a day or longer, without errors.",
        "Check that the source is polled and that its upstream has something new.",
        "no_new_data",
    ),
    Issue.PERMISSION: Row(
        "403 on operations.",
        "You lack a role on this resource; see its owner and access_roles. Operator may activate and pause, admin all.",
        "access_denied_to_caller",
    ),
    Issue.SESSION: Row(
        "401 from Nexla itself.",
        "The key or token is wrong, expired or revoked. Check it with nexla_whoami.",
        "token_invalid",
    ),
    Issue.NOT_FOUND: Row(
        "404.",
        "Check the id and that it is an id of this kind of resource (a flow id is not the id of its source). Lists show only what"
        " you own unless access_role is given.",
        "unknown",
    ),
    Issue.REQUEST: Row(
        "400 or 422: a parameter or the form of the request.",
        "The API refuses the request as it stands; see nexla_describe_operation for its parameters.",
        "unsupported_request",
    ),
    Issue.SERVER: Row("5xx.", "A fault on the far side. Try again in a moment.", "unknown"),
    Issue.NOT_AN_API: Row(
        "A web page, a redirect or broken JSON instead of an answer.",
        "NEXLA_API_URL probably points to a web site, a proxy or a login page; it should look like"
        " https://dataops.nexla.io/nexla-api. If it is right, the service is down: try again later.",
        "unknown",
    ),
    Issue.UNKNOWN: Row("", "Nothing in the error says more. Ask nexla_debug_flow about the flow it came from.", "unknown"),
}

_WORDS = {
    "data_sources": "source",
    "data_sets": "nexset",
    "data_sinks": "destination",
    "data_credentials": "credential",
    "flows": "flow",
    "data_flows": "flow",
    "data_maps": "lookup",
    "orgs": "organization",
    "api_auth_configs": "org_auth_config",
}
_PLURALS = frozenset(
    {"notifications", "users", "teams", "projects", "transforms", "attribute_transforms", "code_containers", "async_tasks"}
    | {"runtimes", "connectors", "flow_triggers", "service_keys", "vendors", "vendor_endpoints", "auth_templates"}
)
DIAGNOSABLE = ("flow", "source", "nexset", "destination", "credential")
_STATE_WORDS = re.compile(r"\b(active|paused?|in use|still used|rate.?limited|cluster|already)\b", re.I)
_CHANGES_STATE = re.compile(r"activate|pause|delete|update|run_now")
_DUPLICATE = re.compile(r"\b(already (exists|taken|used)|duplicate|must be unique|not unique)\b", re.I)
_SCHEMA = re.compile(r"\b(schema (validation|mismatch)|does not conform|unexpected column|type mismatch)\b", re.I)
_WRONG_KEYS = re.compile(r"varInfo|NullPointer", re.I)
_TIMED_OUT = re.compile(r"\btime[d ]?[ -]?out\b", re.I)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is the matter, in the seed's words and in the vocabulary, and what to do."""

    issue: Issue
    cause: str
    symptom: str
    solution: str
    next_call: NextCall | None = None


def explain(
    status: int | None,
    said: str,
    operation: str,
    resource_type: str | None = None,
    resource_id: Any = None,
    *,
    reads: bool = True,
    api_reply: bool = True,
) -> Explanation:
    """Why an operation failed. ``status`` None: there was no reply; ``api_reply`` False: something else than the API spoke."""
    look = next_look(resource_type, resource_id)
    describe = {"tool": "nexla_describe_operation", "arguments": {"operation": operation}} if operation else None
    if status is None:
        return _row(Issue.NETWORK, look if not reads else {"tool": "nexla_whoami", "arguments": {}})
    if not api_reply:
        return _row(Issue.NOT_AN_API, {"tool": "nexla_whoami", "arguments": {}})
    if status == 401:
        return _row(Issue.SESSION, {"tool": "nexla_whoami", "arguments": {}})
    if status == 403:
        return _row(Issue.CREDENTIAL if is_probe(operation) else Issue.PERMISSION, look)
    if status == 404:
        return _row(Issue.NOT_FOUND, _list_call(resource_type))
    if is_conflict(status, said, operation):
        if _DUPLICATE.search(said):
            return _row(Issue.CONFLICT, _list_call(resource_type), "Search before you create; take a name that is not in use.")
        return _row(Issue.CONFLICT, look)
    if status == 429:
        return _row(Issue.RATE, {"tool": "nexla_read", "arguments": {"operation": "metrics_get_rate_limits"}})
    if status == 413:
        return _row(Issue.REQUEST, describe, "The request is too large for the API: send less at a time.")
    if 400 <= status < 500:
        return _row(Issue.SCHEMA if _SCHEMA.search(said) else Issue.REQUEST, describe)
    if is_transform_test(operation):
        return _row(Issue.TRANSFORM, look)
    if _WRONG_KEYS.search(said):
        keys = "The keys of the request do not fit this kind of connector; see the source or destination for the right ones."
        return Explanation(Issue.REQUEST, "unsupported_request", ROWS[Issue.REQUEST].symptom, keys, describe)
    if status == 504 or _TIMED_OUT.search(said):
        slow = "The far side was too slow. Ask for less (a shorter window, fewer rows), or again in a moment."
        return _row(Issue.NETWORK, look, slow if reads else "The far side was too slow. Read the resource before you repeat it.")
    again = "A fault on the far side. " + ("Try again in a moment." if reads else "Read the resource before you repeat it.")
    return _row(Issue.SERVER, look if not reads else None, again)


def _row(issue: Issue, next_call: NextCall | None, solution: str = "") -> Explanation:
    row = ROWS[issue]
    return Explanation(issue, row.cause, row.symptom, solution or row.solution, next_call)


def is_probe(operation: str) -> bool:
    """True for a call whose 403 is the external system's."""
    return operation.startswith("credentials_probe") or operation.endswith("test_config")


def is_transform_test(operation: str) -> bool:
    """True for a call that runs somebody's transform."""
    return "test_transform" in operation


def is_conflict(status: int, said: str, operation: str) -> bool:
    """True when the state of the resource forbids the call: 405 and 409, and 400 with the words of a state (QUIRKS 51)."""
    stated = status == 400 and _CHANGES_STATE.search(operation) and _STATE_WORDS.search(said)
    return status in (405, 409) or bool(stated)


def word_for(resource_type: str | None) -> str | None:
    """``data_sources`` -> ``source``: the word that nexla_get and nexla_list take, or None."""
    kind = str(resource_type or "")
    return _WORDS.get(kind) or (kind.removesuffix("s") if kind in _PLURALS else None) or (kind if kind in DIAGNOSABLE else None)


def next_look(resource_type: str | None, resource_id: Any) -> NextCall | None:
    """The call that shows the resource an error is about."""
    word = word_for(resource_type)
    if word is None or not str(resource_id).isdigit():
        return None
    return {"tool": "nexla_get", "arguments": {"resource_type": word, "id": int(resource_id)}}


def _list_call(resource_type: str | None) -> NextCall | None:
    word = word_for(resource_type)
    return {"tool": "nexla_list", "arguments": {"resource_type": word}} if word else None
