"""What lies beside the flow: GenAI that is not set up, Nexla's own limits, a task that hangs, keys of a sender."""

from __future__ import annotations

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.states import WEBHOOKS
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis, Step
from nexla_mcp.runbooks.shapes.lenient import iso, moment, objects, pick, quote, whole

_DONE = ("COMPLETED", "SUCCESS", "FAILED", "ERROR", "CANCELLED", "CANCELED")


def service(case: Case) -> list[Hypothesis]:
    """GenAI that is not set up, Nexla's own limits, a task that hangs, a webhook key."""
    return [*_genai(case), *_throttled(case), *_task(case), *_webhook_key(case), *_other_session(case)]


def _other_session(case: Case) -> list[Hypothesis]:
    """The person's own calls answer 401 while this session works."""
    if "api_401" not in case.leads:
        return []
    return [
        Hypothesis(
            "token_invalid",
            "caller",
            None,
            56,
            "healthy",
            "A 401 means that Nexla does not accept the session or key of the call; this server's own session works, so the "
            "one used there is expired, paused or wrong. It says nothing about the flow.",
            [Evidence("flows_get", "flow", case.flow.flow_id, "answers with this server's session")],
            [Step("nexla_whoami", {}, "Which key and organisation this server uses.", "read")],
            about_request=True,
        )
    ]


def _genai(case: Case) -> list[Hypothesis]:
    active, settings = case.listings.get("genai"), case.listings.get("genai_settings")
    if active is None and settings is None:
        return []
    rows = objects(settings.body) if settings is not None and settings.ok else []
    uses = [r for r in rows if str(pick(r, "gen_ai_usage", "usage")).lower() in ("all", "gen_docs")]
    config = (
        pick(active.body, "id", "gen_ai_config_id", "gen_ai_config")
        if active is not None and active.ok and isinstance(active.body, dict)
        else None
    )
    if config is not None or uses:
        return []
    known = (settings is not None and settings.ok) or (active is not None and (active.ok or active.error.status_code == 404))
    org = case.flow.org_id
    return [
        Hypothesis(
            "genai_disabled",
            "org",
            org,
            90 if known else 56,
            "healthy",
            "The organisation has no GenAI configuration for documentation (gen_docs), so recommendations are refused; the "
            "flow itself is not at fault. An administrator adds a GenAI configuration and an org setting for "
            "gen_docs.",
            [
                Evidence(
                    "genai_list_org_settings" if settings is not None and settings.ok else "genai_show_active_config",
                    "org",
                    org,
                    "no active setting for gen_docs or all",
                )
            ],
            [
                steps.call(case, "genai_list_configs", "Is there a GenAI configuration at all?"),
                steps.describe("genai_create_org_setting", "For an administrator: a setting for gen_docs."),
            ],
            about_request=True,
            explains=frozenset({"unknown"}),
        )
    ]


def _throttled(case: Case) -> list[Hypothesis]:
    limits = case.listings.get("limits")
    if limits is None or 429 not in case.leads.statuses:
        return []
    full = (
        [
            f"{window} {name}"
            for window, part in (limits.body or {}).items()
            if isinstance(part, dict)
            for name, v in part.items()
            if isinstance(v, dict) and (whole(v.get("count")) or 0) >= (whole(v.get("limit")) or 10**12)
        ]
        if limits.ok and isinstance(limits.body, dict)
        else []
    )
    return [
        Hypothesis(
            "api_throttled",
            "api",
            None,
            84 if full else 52,
            "healthy",
            f"Nexla's own API limits the caller{f' ({full[0]} is used up)' if full else ''}; wait and ask for less at a "
            "time. The flow is not affected.",
            [
                Evidence(
                    "metrics_get_rate_limits",
                    "api",
                    None,
                    "limits read: " + (", ".join(full) + " used up" if full else "none used up now"),
                )
            ],
            [steps.call(case, "metrics_get_rate_limits", "How much is left.")],
            about_request=True,
        )
    ]


def _task(case: Case) -> list[Hypothesis]:
    fetched = case.listings.get("tasks")
    for row in objects(fetched.body) if fetched is not None and fetched.ok else []:
        status, created = str(pick(row, "status") or "").upper(), moment(pick(row, "created_at"))
        named = str(pick(row, "id")) in case.leads.text
        if (
            status not in _DONE
            and pick(row, "id") is not None
            and (named or (created and (case.now - created).total_seconds() > 3600))
        ):
            task = whole(pick(row, "id"))
            return [
                Hypothesis(
                    "task_stuck",
                    "task",
                    task,
                    80 if created and (case.now - created).total_seconds() > 3600 else 52,
                    "healthy",
                    f"Task {pick(row, 'id')} ({quote(pick(row, 'type', 'task_type'), 40)}) is {status.lower()} since "
                    f"{iso(created)} and has not finished; no flow is at fault.",
                    [
                        Evidence(
                            "async_tasks_list",
                            "task",
                            task,
                            f"status {status}, progress {pick(row, 'progress')}, created {iso(created)}",
                        )
                    ],
                    [steps.call(case, "async_tasks_get", "Its state now.", task_id=task)],
                    about_request=True,
                )
            ]
    return []


def _webhook_key(case: Case) -> list[Hypothesis]:
    source = case.source
    if (
        source is None
        or "webhook" not in case.leads
        or source.connector not in WEBHOOKS
        or source.paused
        or not (403 in case.leads.statuses or "wrong_key" in case.leads)
    ):
        return []
    rotated = next((m for k in objects(source.detail.get("api_keys") or []) if (m := moment(pick(k, "last_rotated_at")))), None)
    return [
        Hypothesis(
            "webhook_key_invalid",
            "source",
            source.id,
            86 if rotated else 68,
            "degraded",
            f"{source.label} is active, and a webhook answers 403 only to a wrong "
            f"key{f'; its key was rotated at {iso(rotated)}' if rotated else ''}. The sender must use the current "
            "one.",
            [
                Evidence(
                    "sources_get",
                    "source",
                    source.id,
                    f"status {source.status}" + (f", api key rotated at {iso(rotated)}" if rotated else ""),
                )
            ],
            [
                steps.call(
                    case,
                    "api_keys_list",
                    "The key's status and when it was rotated; the key itself stays masked.",
                    collection="data_sources",
                    resource_id=source.id,
                )
            ],
            explains=frozenset({"no_new_data", "unknown"}),
        )
    ]
