"""What stops a flow although nothing is broken in it: a pause, the account, the cluster."""

from __future__ import annotations

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.wording import at, status_of
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.shapes.lenient import iso, pick, quote
from nexla_mcp.runbooks.shapes.messages import Change

_CAPPED = ("CAPPED", "LIMIT")
_SUSPENDED = ("TRIAL_EXPIRED", "DEACTIVATED", "SUSPENDED", "EXPIRED", "DISABLED", "INACTIVE")
WEBHOOKS = ("nexla_rest", "webhook")


def organisation(case: Case) -> list[Hypothesis]:
    """The account is capped, suspended or being moved: nothing on the resource itself helps."""
    org, source = case.org or {}, case.source
    org_id = case.flow.org_id
    status = str(pick(org, "status") or "").upper()
    cluster = str(pick(org, "cluster_status") or "").upper()
    limited = [s for s in case.flow.stages if s.status == "RATE_LIMITED"]
    stopped = (
        bool(limited)
        or case.silent
        or any(s.paused for s in case.flow.stages)
        or bool({"refused_activate", "refused_pause"} & case.leads.flags)
    )
    found = []
    halted = bool(limited) or case.silent or any(s.paused for s in case.flow.stages)
    first = case.silent_run if case.history.known and halted else None
    look = (
        [steps.call(case, "organizations_get", "See the tier, its limits and the status of the account.", org_id=org_id)]
        if org_id
        else []
    )
    capped = any(word in status for word in _CAPPED)
    if limited or (capped and stopped):
        tier = pick(org, "org_tier") or {}
        limit = pick(tier, "record_count_limit")
        evidence = [status_of(s) for s in limited]
        if org:
            evidence.append(
                Evidence(
                    "organizations_get",
                    "org",
                    org_id,
                    f"account status {status or 'unknown'}" + (f", record_count_limit {limit}" if limit else ""),
                )
            )
        who = "org" if org_id is not None else "source"
        found.append(
            Hypothesis(
                "account_limited",
                who,
                org_id if who == "org" else limited[0].id,
                96 if limited and capped else 84,
                "stopped",
                f"Nexla holds {limited[0].label if limited else 'the flow'} back because the account's cap is reached"
                f"{f' (status {status})' if capped else ''}. Connector and credential are not at fault, and a retry changes "
                "nothing until the tier is raised or other sources read less.",
                evidence,
                look,
                first,
                explains=frozenset(
                    {"paused", "no_new_data", "unknown", "state_conflict", "access_denied_to_caller", "schedule_misconfigured"}
                ),
            )
        )
    elif any(word in status for word in _SUSPENDED) and stopped:
        found.append(
            Hypothesis(
                "org_suspended",
                "org",
                org_id,
                94,
                "stopped",
                f"The organisation's account is {status}: nothing runs until it is reinstated. No resource of the flow is at "
                "fault.",
                [Evidence("organizations_get", "org", org_id, f"status {status}")],
                look,
                first,
                explains=frozenset({"paused", "no_new_data", "unknown", "state_conflict", "access_denied_to_caller"}),
            )
        )
    moving = bool(cluster) and cluster != "ACTIVE"
    if moving and stopped:
        target = pick(org, "new_cluster_id")
        found.append(
            Hypothesis(
                "cluster_migrating",
                "org",
                org_id,
                93,
                "stopped",
                f"The organisation's cluster is being moved (cluster_status {cluster}), so activating and pausing is refused "
                "for every resource;"
                f" {source.label if source else 'the flow'} itself shows no fault. Wait or ask Nexla.",
                [
                    Evidence(
                        "organizations_get",
                        "org",
                        org_id,
                        f"cluster_status {cluster}" + (f", new_cluster_id {target}" if target else ""),
                    )
                ],
                look,
                first,
                explains=frozenset({"paused", "no_new_data", "unknown", "state_conflict", "access_denied_to_caller"}),
            )
        )
    return found


def paused(case: Case) -> list[Hypothesis]:
    """The first stage that somebody paused; a pause is not a failure."""
    stage = next((s for s in case.flow.stages if s.paused), None)
    if stage is None:
        return []
    change = next((c for c in reversed(case.changes(stage)) if c.status_to("PAUSED")), None)
    feed = _feeding(case, stage)
    source = stage.kind == "source"
    whole = source or not [s for s in case.flow.of("destination") if not s.paused and s not in case.flow.downstream(stage)]
    who = f" by {quote(change.who, 80)} at {iso(change.at)}" if change else ""
    explanation = f"{stage.label} was paused{who}; nothing failed, it is a pause made by a person"
    if not source and feed:
        explanation += f". {feed.label} still delivers, so what is upstream is fine and everything below {stage.label} waits"
    elif source:
        explanation += ". It is not a matter of missing data or of the schedule"
    evidence = [status_of(stage)]
    if change:
        operation = {
            "source": "sources_get_audit_log",
            "nexset": "nexsets_get_audit_log",
            "destination": "destinations_get_audit_log",
        }[stage.kind]
        evidence.append(
            Evidence(
                operation,
                stage.kind,
                stage.id,
                f"status {_from(change)} -> PAUSED by {quote(change.who, 80)} at {iso(change.at)}",
            )
        )
    last = case.history.newest_of(stage)
    if last:
        evidence.append(
            Evidence(
                "metrics_get_resource_metrics_by_run",
                stage.kind,
                stage.id,
                f"newest run with rows: {at(last.run_id)}, records {last.records}, errors {last.errors}",
            )
        )
    first = None
    trouble = case.trouble_at(stage)
    if not source and trouble and trouble.form == "starved":
        first = trouble.first
    by = f" ({quote(change.who, 80)}, {iso(change.at)})" if change else ""
    activate = steps.on(
        case,
        stage.kind,
        stage.id,
        "activate",
        f"Only after the person who paused it agrees{by}: starts it and what is downstream; a source ingests at once.",
    )
    audit = {"source": "sources_get_audit_log", "nexset": "nexsets_get_audit_log", "destination": "destinations_get_audit_log"}[
        stage.kind
    ]
    argument = {"source": "source_id", "nexset": "set_id", "destination": "sink_id"}[stage.kind]
    plan = [steps.call(case, audit, "Who paused it, when, and what else was changed.", **{argument: stage.id}), activate]
    found = [
        Hypothesis(
            "paused",
            stage.kind,
            stage.id,
            90,
            "stopped" if source or (not feed and whole) else "degraded",
            explanation + ".",
            evidence,
            plan,
            first,
            explains=frozenset(
                {
                    "no_new_data",
                    "unknown",
                    "schedule_misconfigured",
                    "schedule_ended",
                    "target_missing",
                    "destination_lag",
                    "volume_drop",
                    "no_data_detected",
                }
            ),
        )
    ]
    if source and stage.connector in WEBHOOKS:
        found.append(
            Hypothesis(
                "webhook_source_paused",
                "source",
                stage.id,
                94,
                "stopped",
                f'{stage.label} takes webhook events and is PAUSED{who}: every sender gets an error (500 with "is PAUSED") '
                "until it is active. That is no outage of the platform; events sent meanwhile are lost unless the "
                "senders repeat them.",
                evidence,
                [steps.on(case, "source", stage.id, "get", "Confirm status, owner and the webhook address."), activate],
                case.silent_run if case.history.known else None,
                explains=frozenset({"no_new_data", "unknown", "schedule_misconfigured"}),
            )
        )
    return found


def _feeding(case: Case, stage: Stage) -> Stage | None:
    """The parent, when it still delivers after this stage stopped."""
    parent = stage.parent
    if parent is None or parent.paused:
        return None
    mine, theirs = case.history.newest_of(stage), case.history.newest_of(parent)
    if theirs is None or mine is None:
        return parent
    return parent if theirs.run_id >= mine.run_id else None


def _from(change: Change) -> str:
    return str(change.fields["status"][0] or "?")
