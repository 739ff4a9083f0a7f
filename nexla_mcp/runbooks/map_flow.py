"""nexla_map_flow: what feeds a flow, what hangs on it, and what is hit when a part of it stops.

    found = await map_flow(facts, {"resource_type": "nexset", "resource_id": 5102})
    found.structured()["blast_radius"], found.structured()["mermaid"]

Inside the flow the tree says it; between flows see :mod:`~nexla_mcp.runbooks.flow_network`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexla_mcp.runbooks.diagnosis import Resource, Step
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.flow_map import FlowMap, Stage
from nexla_mcp.runbooks.flow_network import Link, Network, ResourceKey, read_network
from nexla_mcp.runbooks.gathering.reads import consumers_of, keep_runs, run_arguments
from nexla_mcp.runbooks.history import History
from nexla_mcp.runbooks.locate import CannotStart, Located, locate
from nexla_mcp.runbooks.map_answer import Edge, FlowMapped, Grant, Neighbour, Node
from nexla_mcp.runbooks.shapes.lenient import objects, pick, quote

MOST_COUNTED = 10
MOST_GRANTS = 8
_OUTSIDE = "readers outside Nexla, and flows that read the same table or files without a link in Nexla: Nexla does not know them"


async def map_flow(facts: Facts, arguments: Mapping[str, Any]) -> FlowMapped:
    """Find the flow, read the network around it, draw it.

    Raises:
        ValidationError, NotFoundError: the arguments do not name one flow.
        NexlaError: the session is refused, or the caller may not read.
    """
    try:
        located = await locate(facts, arguments)
    except CannotStart as stop:
        raise stop.error from stop
    flow = located.flow
    credential = located.asked[1] if located.asked and located.asked[0] == "credential" else None
    network = await read_network(facts)
    await _details(facts, flow, credential, located)
    if flow.flow_id is not None:
        network.flows[flow.flow_id] = flow
    users = _users(network, located, credential)
    hit = _hit(network, flow, located.asked, users)
    facts.skip(_OUTSIDE)
    mapped = FlowMapped(
        flow=flow,
        asked=located.asked,
        nodes=_nodes(flow, network, credential),
        edges=_edges(flow, network, credential),
        upstream=[_neighbour(network, i, flow.flow_id, forward=False) for i in network.before(flow.flow_id)],
        downstream=[
            *(_neighbour(network, i, flow.flow_id, forward=True) for i in network.after(flow.flow_id)),
            *_by_login(network, flow.flow_id, users, credential),
        ],
        grants=_grants(facts, flow),
        blast_radius=hit,
        not_checked=[n for n in facts.not_checked if "other" not in n or "flows that use credential" not in n],
    )
    for other in mapped.downstream:
        if credential is not None and other.flow_id not in network.after(flow.flow_id):
            mapped.nodes.append(Node("flow", other.flow_id, other.name, other.status))
            mapped.edges.append(Edge(("credential", credential), ("flow", other.flow_id), "login"))
    mapped.next_steps = _steps(mapped)
    return mapped


def _by_login(network: Network, mine: int | None, users: list[ResourceKey], credential: int | None) -> list[Neighbour]:
    """Other flows that the same credential carries."""
    found: dict[int, Neighbour] = {}
    for flow_id, flow in network.flows.items():
        for stage in flow.stages:
            if stage.key in users and flow_id != mine and flow_id not in network.after(mine):
                how = f"{stage.label} logs in with credential {credential}"
                found.setdefault(flow_id, Neighbour(flow_id, quote(flow.name, 80), flow.status, how, True))
    return list(found.values())


async def _details(facts: Facts, flow: FlowMap, credential: int | None, located: Located) -> None:
    """Counts of the newest run, who may read each nexset, and who uses the credential: side by side."""
    counted = [s for s in flow.stages if s.id][:MOST_COUNTED]
    nexsets = flow.of("nexset")[:MOST_GRANTS]
    asks: list[tuple[str, Mapping[str, Any]]] = [("metrics_get_resource_metrics_by_run", run_arguments(s)) for s in counted]
    asks += [("nexsets_get_accessors", {"set_id": s.id}) for s in nexsets]
    if credential is not None:
        asks.append(("credentials_get_usage", {"credential_id": credential}))
    replies = await facts.fetch_all(*asks)
    for stage, reply in zip(counted, replies, strict=False):
        keep_runs(stage, [])(reply)
    if len(flow.stages) > len(counted):
        facts.skip(f"run counts of {len(flow.stages) - len(counted)} further stages")
    if len(flow.of("nexset")) > len(nexsets):
        facts.skip(f"who may read {len(flow.of('nexset')) - len(nexsets)} further nexsets")
    if credential is not None and replies[-1].ok:
        known = {(k, i) for k, i, _ in located.consumers}
        located.consumers += [c for c in consumers_of(replies[-1].body) if c[:2] not in known]


def _grants(facts: Facts, flow: FlowMap) -> list[Grant]:
    found = []
    for stage in flow.of("nexset")[:MOST_GRANTS]:
        reply = facts.known("nexsets_get_accessors", set_id=stage.id)
        for row in objects(reply.body) if reply is not None and reply.ok else []:
            who = quote(pick(row, "email", "name", "full_name") or pick(row, "id") or "somebody", 80)
            roles = pick(row, "access_roles", "roles", "access_role")
            words = ", ".join(map(str, roles)) if isinstance(roles, list) else str(roles or "")
            found.append(Grant(stage.id, str(pick(row, "type") or "").lower() or "user", who, quote(words, 60)))
    return found


def _users(network: Network, located: Located, credential: int | None) -> list[ResourceKey]:
    """Sources and destinations that log in with the credential."""
    if credential is None:
        return []
    seen = [s.key for f in network.flows.values() for s in f.stages if s.credential_id == credential]
    return list(dict.fromkeys([*seen, *((k, i) for k, i, _ in located.consumers)]))


def _hit(network: Network, flow: FlowMap, asked: ResourceKey | None, users: list[ResourceKey]) -> list[Resource]:
    """What gets nothing new when the asked resource stops; without one, when the origin does."""
    if users:
        starts = users
    elif asked is not None and (stage := flow.stage(*asked)) is not None:
        starts = [stage.key]
    else:
        starts = [s.key for s in flow.stages[:1]]
    stages = {s.key: (f, s) for f in network.flows.values() for s in f.stages}
    found: dict[ResourceKey, Resource] = {}
    waiting = list(starts)
    while waiting:
        key = waiting.pop(0)
        if key in found:
            continue
        home, stage = stages.get(key, (None, None))
        found[key] = Resource(*key, quote(stage.name, 80) if stage else "")
        if home and stage:
            waiting += [s.key for s in home.children(stage)]
        waiting += [link.arrives for link in network.links if link.leaves == key and link.status != "PAUSED"]
    return [r for k, r in found.items() if k not in starts or users]


def _nodes(flow: FlowMap, network: Network, credential: int | None) -> list[Node]:
    history = History(flow.stages)
    nodes = []
    if credential is not None:
        nodes.append(Node("credential", credential, quote(pick(flow.credentials.get(credential), "name") or "", 80)))
    for stage in flow.stages:
        newest = next((r for r in history.runs(stage) if r.run_id == history.newest), None)
        usual = history.baseline(stage)
        nodes.append(
            Node(
                stage.kind,
                stage.id,
                quote(stage.name, 80),
                stage.status,
                newest.records if newest else None,
                newest.errors if newest else None,
                None if usual is None else round(usual),
            )
        )
    for flow_id in [*network.before(flow.flow_id), *network.after(flow.flow_id)]:
        other = network.flows.get(flow_id)
        node = Node("flow", flow_id, quote(other.name, 80) if other else "", other.status if other else "")
        if node not in nodes:
            nodes.append(node)
    return nodes


def _edges(flow: FlowMap, network: Network, credential: int | None) -> list[Edge]:
    edges = [
        Edge(("credential", credential), s.key, "login") for s in flow.stages if credential and s.credential_id == credential
    ]
    edges += [Edge(s.parent.key, s.key, "data") for s in flow.stages if s.parent is not None]
    near = {flow.flow_id, *network.before(flow.flow_id), *network.after(flow.flow_id)}
    for link in network.links:
        if link.upstream in near and link.downstream in near:
            start = _end(flow, link.upstream, link.leaves)
            end = _end(flow, link.downstream, link.arrives)
            edges.append(Edge(start, end, link.how + (" (paused)" if link.status == "PAUSED" else "")))
    return list(dict.fromkeys(edges))


def _end(flow: FlowMap, flow_id: int, key: ResourceKey) -> ResourceKey:
    """A stage inside the drawn flow, or another flow as a whole."""
    return key if flow_id == flow.flow_id and flow.stage(*key) is not None else ("flow", flow_id)


def _neighbour(network: Network, flow_id: int, mine: int | None, *, forward: bool) -> Neighbour:
    other = network.flows.get(flow_id)
    links = [k for k in network.links if (k.downstream if forward else k.upstream) == flow_id]
    direct = [k for k in links if (k.upstream if forward else k.downstream) == mine]
    chosen: Link = (direct or links)[0]
    return Neighbour(
        flow_id,
        quote(other.name, 80) if other else "",
        other.status if other else "",
        f"{chosen.leaves[0]} {chosen.leaves[1]} -> {chosen.arrives[0]} {chosen.arrives[1]}: {chosen.how}"
        + (f", {chosen.status.lower()}" if chosen.status else ""),
        bool(direct),
    )


def _steps(mapped: FlowMapped) -> list[Step]:
    flow = mapped.flow
    stopped: list[Stage] = [s for s in flow.stages if s.paused or s.status == "RATE_LIMITED"]
    failing = [n for n in mapped.nodes if (n.errors or 0) > 0]
    steps = []
    if flow.flow_id is not None and (stopped or failing):
        where = f"{stopped[0].label} is {stopped[0].status}" if stopped else f"{failing[0].label} has errors"
        steps.append(Step("nexla_debug_flow", {"flow_id": flow.flow_id}, f"{where}: see why.", "read"))
    elif flow.flow_id is not None:
        steps.append(Step("nexla_health_check", {"flow_id": flow.flow_id}, "See whether all of it is well.", "read"))
    near = [n for n in [*mapped.downstream, *mapped.upstream] if n.direct]
    steps += [Step("nexla_map_flow", {"flow_id": n.flow_id}, f"The map around flow {n.flow_id}.", "read") for n in near[:1]]
    nexset = next((s for s in reversed(flow.stages) if s.kind == "nexset"), None)
    if nexset is not None:
        why = "What the records look like that go to the destinations."
        steps.append(Step("nexla_preview_data", {"resource_type": "nexset", "resource_id": nexset.id}, why, "read"))
    return steps[:3]
