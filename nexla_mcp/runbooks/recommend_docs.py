"""The reading half of nexla_recommend_docs: a brief for the documentation of a flow or a nexset.

    brief = await recommend_docs(facts, {"resource_type": "flow", "resource_id": 6010})
    brief.text()

Asking Nexla for a text and storing one are changes; they go through the policy, in server/recommend_docs.py.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from nexla_mcp.output.untrusted import clean_text
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.connectors import PUSHED
from nexla_mcp.runbooks.documentation.brief import Brief, Document, NexsetBrief
from nexla_mcp.runbooks.documentation.fields import read_fields
from nexla_mcp.runbooks.facts import Facts, Fetched
from nexla_mcp.runbooks.flow_map import FlowMap, Stage
from nexla_mcp.runbooks.gathering.reads import keep_runs, run_arguments
from nexla_mcp.runbooks.history import History
from nexla_mcp.runbooks.locate import CannotStart, Located, locate
from nexla_mcp.runbooks.quartz import Schedule, ScheduleError
from nexla_mcp.runbooks.shapes.lenient import iso, objects, one_of, pick, quote, run_moment, whole
from nexla_mcp.runbooks.shapes.records import samples_of
from nexla_mcp.runbooks.symptom import read_symptom

MOST_NEXSETS = 3
MOST_DESTINATIONS = 3
MOST_COUNTED = 6
RECORDS = 20
LAST_RUNS = 10
LONGEST_CODE = 1_500
DETAIL = {
    "source": ("sources_get", "source_id"),
    "nexset": ("nexsets_get", "set_id"),
    "destination": ("destinations_get", "sink_id"),
}


async def recommend_docs(facts: Facts, arguments: Mapping[str, Any], *, documents_only: bool = False) -> Brief:
    """Read what a documentation needs, or only which documents exist; nothing leaves for anybody else.

    Raises:
        NexlaError: the arguments name nothing, or the flow cannot be read.
    """
    located = await find(facts, arguments)
    flow, asked = located.flow, located.asked
    case = Case(facts, flow, read_symptom(None), asked)
    focus = _focus(flow, asked)
    details = [] if documents_only else [*flow.of("source")[:1], *focus, *flow.of("destination")[:MOST_DESTINATIONS]]
    counted = list(dict.fromkeys(s.key for s in [*details, *flow.stages]))[:MOST_COUNTED]
    stages = [] if documents_only else [s for s in flow.stages if s.key in counted]
    sampled = [] if documents_only else focus
    replies = await facts.fetch_all(
        *[(DETAIL[s.kind][0], {DETAIL[s.kind][1]: s.id}) for s in details],
        *[("metrics_get_resource_metrics_by_run", run_arguments(s)) for s in stages],
        *[("nexsets_get_samples", {"set_id": s.id, "count": RECORDS}) for s in sampled],
        *[("nexsets_list_docs", {"set_id": s.id, "expand": True}) for s in focus],
    )
    bodies = iter(replies)
    for stage in details:
        if (fetched := next(bodies)).ok:
            stage.detail = one_of(fetched.body, stage.id)
    for stage in stages:
        keep_runs(stage, [])(next(bodies))
    case.history = History(flow.stages)
    samples = {s.id: next(bodies) for s in sampled}
    documents = [next(bodies) for _ in focus]
    code = await _codes(facts, sampled)
    kind, identity = asked or ("flow", flow.flow_id)
    named = flow.stage(kind, identity)
    return Brief(
        kind,
        identity,
        quote(named.name if named else flow.name, 120),
        flow.flow_id,
        quote((named.value("description") if named else flow.origin.get("description")) or "", 400),
        lineage=[_stage_row(s) for s in flow.stages[:20]],
        nexsets=[_nexset(s, samples.get(s.id), code.get(s.id)) for s in focus],
        schedule=_schedule(case),
        freshness=_freshness(case),
        quality=_quality(case, stages),
        owners=_owners(details),
        documents=_documents(focus, documents),
        gaps=list(facts.not_checked),
    )


async def find(facts: Facts, arguments: Mapping[str, Any]) -> Located:
    """The flow or nexset that is meant.

    Raises:
        NexlaError: nothing or several things fit, or it cannot be read.
    """
    kind, identity, name = arguments["resource_type"], arguments.get("resource_id"), arguments.get("name")
    if kind == "flow":
        wanted = {"flow_id": identity, "name": name}
    else:
        wanted = {"resource_type": kind, "resource_id": identity, "name": name}
    try:
        located = await locate(facts, {k: v for k, v in wanted.items() if v is not None})
    except CannotStart as stop:
        raise stop.error from None
    if kind == "nexset" and located.asked is None and name:
        fitting = [s for s in located.flow.of("nexset") if s.name.lower() == str(name).strip().lower()]
        fitting = fitting or [s for s in located.flow.of("nexset") if str(name).strip().lower() in s.name.lower()]
        located.asked = fitting[0].key if fitting else None
    return located


def _focus(flow: FlowMap, asked: tuple[str, int] | None) -> list[Stage]:
    """The nexsets whose fields matter: the one that was asked about, else those that leave the flow, then the first."""
    nexsets = flow.of("nexset")
    if asked and asked[0] == "nexset":
        return [s for s in nexsets if s.id == asked[1]]
    delivered = [s for s in nexsets if any(c.kind == "destination" for c in flow.children(s))]
    chosen = dict.fromkeys(s.key for s in [*delivered, *nexsets])
    return [s for key in list(chosen)[:MOST_NEXSETS] for s in nexsets if s.key == key]


async def _codes(facts: Facts, focus: list[Stage]) -> dict[int, Fetched]:
    made = [s for s in focus if s.transform_id is not None]
    replies = await facts.fetch_all(*[("code_containers_get", {"code_container_id": s.transform_id}) for s in made])
    return {s.id: fetched for s, fetched in zip(made, replies, strict=True) if fetched.ok}


def _nexset(stage: Stage, sample: Fetched | None, code: Fetched | None) -> NexsetBrief:
    records = [s.output for s in samples_of(sample.body)] if sample and sample.ok else []
    validation = stage.detail.get("output_schema_validation_enabled")
    found = NexsetBrief(
        stage.id,
        quote(stage.name, 120),
        quote(stage.value("description") or "", 400),
        read_fields(stage.detail.get("output_schema"), records),
        len(records),
        validation=validation if isinstance(validation, bool) else None,
    )
    if stage.transform_id is not None:
        found.transform = f"transform {stage.transform_id}"
    if code is not None:
        row = one_of(code.body)
        words = [row.get("name"), row.get("code_type"), row.get("description")]
        found.transform += f" ({', '.join(quote(w, 200) for w in words if w)})" if any(words) else ""
        found.code = clean_text(code_text(row.get("code")))[:LONGEST_CODE]
    return found


def code_text(code: Any) -> str:
    """The source of a transform: plain, in base64, or inside a list of Jolt operations (FACTS 14)."""
    if isinstance(code, list):
        scripts = [pick(pick(step, "spec"), "script") for step in objects(code)]
        return "\n".join(code_text(s) for s in scripts if s) or "\n".join(str(step) for step in code)
    text = str(code or "")
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return text


def _stage_row(stage: Stage) -> dict[str, Any]:
    parent = stage.parent.label if stage.parent else ""
    row = {
        "stage": stage.label,
        "name": quote(stage.name, 80),
        "connector": quote(stage.connector, 40),
        "status": stage.status,
        "reads from": parent,
        "owner": _owner(stage),
        "description": quote(stage.value("description") or "", 200),
    }
    return {k: v for k, v in row.items() if v}


def _owner(stage: Stage) -> str:
    owner = stage.value("owner")
    return quote(pick(owner, "full_name", "name", "email") or "", 80)


def _owners(stages: list[Stage]) -> list[str]:
    found: dict[str, list[str]] = {}
    for stage in stages:
        owner = stage.value("owner")
        words = " ".join(quote(w, 80) for w in (pick(owner, "full_name"), pick(owner, "email")) if w)
        if words:
            found.setdefault(words, []).append(stage.label)
    return [f"{who}: {', '.join(what)}" for who, what in found.items()]


def _schedule(case: Case) -> list[str]:
    source = case.source
    if source is None:
        return []
    config = source.detail.get("source_config")
    cron = config.get("start.cron") if isinstance(config, dict) else None
    if not cron:
        if source.connector in PUSHED:
            return [f"Data is pushed to source {source.id} ({quote(source.connector, 40)}); it has no schedule of its own."]
        return [f"Source {source.id} names no schedule (start.cron)."] if source.detail else []
    try:
        schedule = Schedule.parse(str(cron))
    except ScheduleError as error:
        return [f"start.cron is {quote(cron, 80)}, which is no Quartz schedule: {error}."]
    lines = [f"Quartz, in UTC: {quote(cron, 80)} (seconds, minutes, hours, day of month, month, day of week, year)."]
    last, following = schedule.last_before(case.now), schedule.next_after(case.now)
    lines.append(f"Last time it was due: {iso(last) or 'never'}; next: {iso(following) or 'never again'}.")
    return lines


def _freshness(case: Case) -> list[str]:
    newest = run_moment(case.history.newest)
    if newest is None:
        return []
    hours = (case.now - newest).total_seconds() / 3600
    lines = [f"Newest run: {iso(newest)}, {hours:.1f} hours before {iso(case.now)}."]
    if rhythm := case.history.rhythm_s:
        lines.append(f"Usual distance of runs: {rhythm / 3600:.1f} hours.")
    return lines


def _quality(case: Case, stages: list[Stage]) -> list[str]:
    last = case.history.run_ids[-LAST_RUNS:]
    lines = []
    for stage in stages:
        runs = [r for r in case.history.runs(stage) if r.run_id in last]
        if not runs:
            continue
        usual = case.history.baseline(stage)
        failed, errors = sum(r.failed for r in runs), sum(r.errors for r in runs)
        median = "" if usual is None else f"usually {usual:,.0f} records; "
        lines.append(f"{stage.label}: {median}{failed} of the last {len(runs)} runs with errors ({errors:,} records rejected).")
    return lines


def _documents(focus: list[Stage], replies: list[Fetched]) -> list[Document] | None:
    if replies and not any(r.ok for r in replies):
        return None
    return [
        Document(stage.id, str(pick(row, "name") or ""), str(pick(row, "text") or ""), str(pick(row, "updated_at") or ""))
        for stage, reply in zip(focus, replies, strict=True)
        if reply.ok
        for row in objects(reply.body)
        if whole(row.get("id")) is not None or row.get("name")
    ]
