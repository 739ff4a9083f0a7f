"""The caller's own rights: what may be done, and what is listed."""

from __future__ import annotations

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis
from nexla_mcp.runbooks.gathering.symptom_reads import listed_flows
from nexla_mcp.runbooks.shapes.lenient import pick, quote

_MAY_ACT = {"owner", "admin", "operator"}
_MAY_EDIT = {"owner", "admin"}


def roles(case: Case) -> list[Hypothesis]:
    """A refused change, and the caller's roles on the resource do not allow it."""
    leads = case.leads
    asked = {"refused_activate", "refused_pause", "refused_delete", "refused_update"} & leads.flags
    if not asked or (leads.statuses & {405, 409} and 403 not in leads.statuses):
        return []
    named = leads.named("source", "nexset", "destination")
    stage = (case.stage(*named) if named else None) or (case.stage(*case.asked) if case.asked else None) or case.source
    if stage is None:
        return []
    listed = stage.value("access_roles")
    own = {str(r).lower() for r in listed} if isinstance(listed, list) else set()
    needed = _MAY_ACT if asked & {"refused_activate", "refused_pause"} else _MAY_EDIT
    if own & needed or (not own and 403 not in leads.statuses):
        return []
    owner = stage.value("owner")
    who = quote(pick(owner, "full_name", "email") or "", 80)
    mail = quote(pick(owner, "email") or "", 80)
    contact = f"{who}{f' ({mail})' if mail and mail != who else ''}" if who else "its owner"
    operation = (
        {"source": "sources_get", "nexset": "nexsets_get", "destination": "destinations_get"}[stage.kind]
        if stage.detail
        else "flows_get"
    )
    prefix = {"source": "sources", "nexset": "nexsets", "destination": "destinations"}[stage.kind]
    argument = {"source": "source_id", "nexset": "set_id", "destination": "sink_id"}[stage.kind]
    return [
        Hypothesis(
            "access_denied_to_caller",
            "caller",
            None,
            93 if own else 58,
            "stopped" if stage.paused else "healthy",
            f"You have the role {', '.join(sorted(own)) or 'unknown'} on {stage.label}; "
            f"{'activating and pausing' if needed is _MAY_ACT else 'changing'} needs "
            f"{'operator' if needed is _MAY_ACT else 'admin'}."
            f" The session is good (other calls work; an expired one gives 401). Ask {contact} for the role or for the change.",
            [
                Evidence(
                    operation,
                    stage.kind,
                    stage.id,
                    f"access_roles {sorted(own) or 'not shown'}, owner {contact}, status {stage.status}",
                )
            ],
            [steps.call(case, f"{prefix}_get_accessors", "Who has which role, and whom to ask.", **{argument: stage.id})],
            explains=frozenset({"paused", "unknown"}),
            about_request=True,
        )
    ]


def listing(case: Case) -> list[Hypothesis]:
    """A flow that somebody misses: not shared with the lister, or on a later page. Never 'deleted' when it answers."""
    own = case.listings.get("own")
    if own is None or own.error is not None:
        return []
    flow_id = case.flow.flow_id
    mine = listed_flows(own)
    shared = case.listings.get("shared")
    there = Evidence("flows_get", "flow", flow_id, "the flow answers by its id, so it exists")
    if flow_id in mine:
        total = own.total or len(mine)
        place = next(
            (n for n, r in enumerate(own.rows) if isinstance(r, dict) and pick(r, "origin_node_id", "id") == flow_id), None
        )
        case.remarks.append(
            f"Flow {flow_id} is in the list of {total} flows that you "
            f"own{f', number {place + 1}' if place is not None else ''}: it is there, only a later page was not "
            "read. Follow the Link header or page until a short page."
        )
        case.remark_evidence += [
            Evidence("flows_list", "flow", flow_id, f"{total} flows over all pages, flow {flow_id} among them"),
            there,
        ]
        case.remark_steps.append(
            steps.call(
                case, "flows_list", "Page on until a short page; X-Page-Count is no guide.", flows_only=True, page=1, per_page=100
            )
        )
        return []
    if own.has_next:
        case.remarks.append(
            f"Only {len(mine)} of {own.total or 'more'} flows could be listed; flow {flow_id} answers by its id, so it "
            "exists and is on a page that was not read."
        )
        case.remark_evidence.append(there)
        return []
    if shared is None or shared.error is not None or flow_id not in listed_flows(shared):
        case.remarks.append(
            f"Flow {flow_id} answers by its id, so it exists, although it is not in the lists that could be read."
        )
        case.remark_evidence.append(there)
        return []
    return [
        Hypothesis(
            "access_denied_to_caller",
            "caller",
            None,
            93,
            "healthy",
            f"Flow {flow_id} exists and answers; a list without access_role shows only the {len(mine)} flows you own, and "
            f"this one is shared with you ({len(listed_flows(shared))} are listed with access_role=collaborator). It "
            "is not a matter of pages.",
            [
                Evidence("flows_list", "flow", flow_id, f"default list: {len(mine)} flows, without {flow_id}"),
                Evidence(
                    "flows_list",
                    "flow",
                    flow_id,
                    f"access_role=collaborator: {len(listed_flows(shared))} flows, {flow_id} among them",
                ),
                there,
            ],
            [steps.call(case, "flows_list", "List with the wider role.", access_role="collaborator", flows_only=True)],
            about_request=True,
        )
    ]
