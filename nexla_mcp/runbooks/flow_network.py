"""How flows hang together: one starts another, reads what another wrote, or derives from another's nexset.

    network = await read_network(facts)
    network.after(5059)     # every flow that runs dry when 5059 does, nearest first
    network.before(5159)    # every flow that feeds or starts 5159

Nexla has no published route for this; the links are read off the flow lists and the triggers (FACTS 3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anyio

from nexla_mcp.runbooks.facts import Facts, Fetched
from nexla_mcp.runbooks.flow_lists import flows_in
from nexla_mcp.runbooks.flow_map import FlowMap
from nexla_mcp.runbooks.shapes.lenient import kind_of, objects, pick, whole

MOST_FLOWS = 2000
ResourceKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Link:
    """One flow leads to another: where it leaves, where it arrives, and how."""

    upstream: int
    downstream: int
    leaves: ResourceKey
    arrives: ResourceKey
    how: str
    status: str = ""


@dataclass
class Network:
    """The flows that the caller sees, and the links between them."""

    flows: dict[int, FlowMap] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)

    def after(self, flow_id: int | None) -> list[int]:
        """Flows downstream of one, nearest first, itself left out."""
        return self._reach(flow_id, forward=True)

    def before(self, flow_id: int | None) -> list[int]:
        """Flows upstream of one, nearest first."""
        return self._reach(flow_id, forward=False)

    def _reach(self, flow_id: int | None, *, forward: bool) -> list[int]:
        found, waiting = [], [flow_id]
        while waiting:
            current = waiting.pop(0)
            for link in self.links:
                here, there = (link.upstream, link.downstream) if forward else (link.downstream, link.upstream)
                if here == current and there != flow_id and there not in found:
                    found.append(there)
                    waiting.append(there)
        return found


async def read_network(facts: Facts) -> Network:
    """The flow lists of both roles and all triggers, side by side; what fails is noted by the facts."""
    replies: dict[str, Fetched] = {}

    async def pages(key: str, operation: str, **arguments: Any) -> None:
        replies[key] = await facts.fetch_pages(operation, limit=MOST_FLOWS, **arguments)

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: pages("own", "flows_list"))
        group.start_soon(lambda: pages("shared", "flows_list", access_role="collaborator"))
        group.start_soon(lambda: pages("triggers", "flow_triggers_list"))
    network = Network()
    for key in ("own", "shared"):
        if replies[key].has_next:
            facts.skip(f"flows beyond the first {MOST_FLOWS}: links to them are not known")
        for flow in flows_in(replies[key]):
            if flow.flow_id is not None:
                network.flows.setdefault(flow.flow_id, flow)
    network.links = list(dict.fromkeys([*_from_triggers(replies["triggers"], network), *_from_rows(network)]))
    return network


def _homes(network: Network) -> dict[ResourceKey, int]:
    return {stage.key: flow_id for flow_id, flow in network.flows.items() for stage in flow.stages}


def _from_triggers(reply: Fetched, network: Network) -> list[Link]:
    homes, found = _homes(network), []
    for row in reply.rows or objects(reply.body):
        leaves = kind_of(pick(row, "triggering_resource_type")), whole(pick(row, "triggering_resource_id"))
        arrives = kind_of(pick(row, "triggered_resource_type")), whole(pick(row, "triggered_resource_id"))
        if leaves[0] is None or leaves[1] is None or arrives[0] is None or arrives[1] is None:
            continue
        start, end = (leaves[0], leaves[1]), (arrives[0], arrives[1])
        upstream = whole(pick(row, "triggering_origin_node_id")) or homes.get(start)
        downstream = whole(pick(row, "triggered_origin_node_id")) or homes.get(end)
        if upstream is not None and downstream is not None:
            event = str(pick(row, "triggering_event_type") or "an event")
            number = whole(pick(row, "id"))
            status = str(pick(row, "status") or "").upper()
            found.append(Link(upstream, downstream, start, end, f"trigger {number} on {event}", status))
    return found


def _from_rows(network: Network) -> list[Link]:
    """A source that reads what a destination wrote, and a nexset derived from another flow's nexset."""
    homes, found = _homes(network), []
    for flow_id, flow in network.flows.items():
        for stage in flow.stages:
            if stage.kind == "source":
                start, how = ("destination", whole(stage.value("data_sink_id"))), "reads what the destination writes"
            elif stage.kind == "nexset":
                first = (objects(stage.value("parent_data_sets") or []) or [{}])[0]
                parent = whole(stage.value("parent_data_set_id")) or whole(pick(first, "id"))
                start, how = ("nexset", parent), "derives from the nexset"
            else:
                continue
            if start[1] is None:
                continue
            home = homes.get((start[0], start[1]))
            if home is not None and home != flow_id:
                found.append(Link(home, flow_id, (start[0], start[1]), stage.key, how))
    return found
