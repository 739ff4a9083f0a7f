"""A change that the resource's state or its dependents forbid: a precondition, not an outage."""

from __future__ import annotations

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis, Step

_DONE = ("COMPLETED", "SUCCESS", "FAILED", "ERROR", "CANCELLED", "CANCELED")


def state(case: Case) -> list[Hypothesis]:
    """A delete or an update that the resource's state or its dependents forbid."""
    leads = case.leads
    if (
        not {"refused_delete", "refused_update"} & leads.flags
        or 403 in leads.statuses
        or leads.statuses & {401, 404, 429, 500, 503}
    ):
        return []
    deletes = "refused_delete" in leads
    kind, resource_id = leads.resources[0] if leads.resources else case.asked or ("flow", case.flow.flow_id or 0)
    if kind == "credential":
        return [_credential_in_use(case, resource_id)] if deletes else []
    stage = case.stage(kind, resource_id)
    if kind == "flow":
        active = [s for s in case.flow.stages if s.status == "ACTIVE"]
        label, held = f"flow {resource_id}", bool(active)
        evidence = [Evidence("flows_get", "flow", resource_id, "active: " + ", ".join(s.label for s in active[:8]))]
    elif stage is not None:
        label, held = stage.label, stage.status == "ACTIVE"
        evidence = [
            Evidence(
                "sources_get" if stage.kind == "source" and stage.detail else "flows_get",
                stage.kind,
                stage.id,
                f"status {stage.status}",
            )
        ]
    else:
        return []
    if not held and not (deletes and stage and case.flow.children(stage)):
        return []
    depend = [s.label for s in (case.flow.downstream(stage) if stage else [])]
    if deletes:
        why = (
            f"{label} is ACTIVE, and Nexla refuses to delete what is active or in use: a precondition, not a server error; "
            "a retry changes nothing."
        )
        why += f" {', '.join(depend[:6])} depend on it." if depend else ""
        first = Step("nexla_map_flow", {"flow_id": case.flow.flow_id}, "What depends on it, before anything is stopped.", "read")
        first = (
            first
            if "nexla_map_flow" in case.facts.catalog.tools
            else steps.call(case, "flows_get", "What depends on it, before anything is stopped.", flow_id=case.flow.flow_id)
        )
        plan = [
            first,
            steps.on(
                case,
                kind,
                resource_id,
                "pause",
                "Only if you do want to delete it: pause first. This stops it and what is downstream.",
            ),
        ]
    else:
        why = (
            f"{label} is ACTIVE, and Nexla refuses to change the configuration of something active: a precondition, not an "
            "outage. Pause it, send the whole configuration object, activate again, which starts a run."
        )
        plan = [
            steps.on(case, kind, resource_id, "get", "The stored configuration: what you send replaces all of it."),
            steps.on(
                case, kind, resource_id, "pause", "If the change is still wanted: pause first; it stops what is downstream too."
            ),
        ]
    return [
        Hypothesis(
            "state_conflict",
            kind,
            resource_id,
            90,
            "healthy",
            why,
            evidence,
            plan,
            explains=frozenset({"unknown"}),
            about_request=True,
        )
    ]


def _credential_in_use(case: Case, credential: int) -> Hypothesis:
    users = [f"{k} {i}" for k, i, _ in case.consumers.get(credential, [])] or [
        s.label for s in case.flow.stages if s.credential_id == credential
    ]
    read = "credentials_get_usage" if case.consumers.get(credential) else "flows_get"
    return Hypothesis(
        "state_conflict",
        "credential",
        credential,
        92 if users else 55,
        "healthy",
        f"Credential {credential} is still used by {', '.join(users[:8]) or 'other resources'}, so Nexla refuses to delete "
        "it. That is a precondition, not a server error; point the users to another credential or remove them first.",
        [Evidence(read, "credential", credential, "used by " + (", ".join(users[:8]) or "?"))],
        [steps.call(case, "credentials_get_usage", "Everything that uses it.", credential_id=credential)],
        explains=frozenset({"unknown"}),
        about_request=True,
    )
