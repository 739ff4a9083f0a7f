"""Reads that a person's words suggest: lists as they saw them, who uses a credential, what a service says."""

from __future__ import annotations

import re

from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.facts import Fetched
from nexla_mcp.runbooks.gathering.reads import Round, ask_org, ask_probe, ask_samples, ask_usage
from nexla_mcp.runbooks.shapes.lenient import objects, pick, whole
from nexla_mcp.runbooks.shapes.states import probe_of


def for_symptom(case: Case, ask: Round) -> None:
    """Reads that the person's words suggest, in round 3."""
    leads, source = case.leads, case.source
    named = leads.named("credential")
    if "refused_delete" in leads and (named or (case.asked and case.asked[0] == "credential")):
        credential = named[1] if named else (case.asked or ("", 0))[1]
        ask_usage(case, ask, credential)
    if {"refused_activate", "refused_pause"} & leads.flags:
        ask_org(case, ask)
    if "docs" in leads:
        ask.ask("genai_show_active_config", lambda f: case.listings.__setitem__("genai", f), gen_ai_usage="gen_docs")
        ask.ask("genai_list_org_settings", lambda f: case.listings.__setitem__("genai_settings", f))
    if "probe_sample" in leads:
        stage = source if not named or not source or source.credential_id == named[1] else None
        if stage:
            ask_probe(case, ask, stage)
        elif named:
            ask.ask("credentials_probe", lambda f: case.probes.__setitem__(named[1], probe_of(f)), credential_id=named[1])
    if "throttled" in leads:
        ask.ask("metrics_get_rate_limits", lambda f: case.listings.__setitem__("limits", f))
    if "task" in leads:
        ask.ask("async_tasks_list", lambda f: case.listings.__setitem__("tasks", f))
    if "unknown_parameter" in leads:
        _same_without(case, ask)
    lookup = re.search(r"(lookup|data.?map)\D{0,12}(\d{2,})", leads.text, re.I)
    if lookup:
        ask.ask("lookups_get", lambda f: case.listings.__setitem__("lookup", f), data_map_id=int(lookup[2]))
    if "untransformed" in leads:
        for stage in case.flow.of("nexset")[:3]:
            ask_samples(case, ask, stage)


def _same_without(case: Case, ask: Round) -> None:
    """The list that was asked with an unknown parameter, now without it."""
    route = re.search(r"GET\s+/?(?P<path>[a-z_/]+)\?", case.leads.text, re.I)
    path = "/" + route["path"].strip("/") if route else "/data_sources"
    for name, operation in case.facts.catalog.operations.items():
        if operation.path == path and operation.method == "GET" and "per_page" in operation.parameters:
            ask.ask(name, lambda f: case.listings.__setitem__("same_without", f), page=1, per_page=10)
            return


async def read_listings(case: Case) -> None:
    """Lists of flows as the person saw them, when they say that one is missing."""
    if not {"missing", "page"} & case.leads.flags or "no_logs" in case.leads:
        return
    mine = await case.facts.fetch_pages("flows_list", flows_only=True, limit=500)
    case.listings["own"] = mine
    if case.flow.flow_id not in listed_flows(mine):
        case.listings["shared"] = await case.facts.fetch_pages(
            "flows_list", flows_only=True, access_role="collaborator", limit=500
        )


def listed_flows(fetched: Fetched | None) -> set[int]:
    """Ids of the flows in a list reply."""
    rows = fetched.rows if fetched else []
    ids = {whole(pick(r, "origin_node_id", "id")) for r in rows if isinstance(r, dict)}
    nested = {whole(pick(n, "origin_node_id", "id")) for r in rows if isinstance(r, dict) for n in objects(r.get("flows") or [])}
    return {i for i in ids | nested if i is not None}
