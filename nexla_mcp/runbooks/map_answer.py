"""What nexla_map_flow says: the lineage as nodes and edges, as Mermaid text, and in words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.runbooks.diagnosis import Resource, Step
from nexla_mcp.runbooks.endings import next_lines, not_checked_lines, number, table
from nexla_mcp.runbooks.flow_map import FlowMap
from nexla_mcp.runbooks.shapes.lenient import quote

Key = tuple[str, int]
_FORM = {
    "source": ("[/", "/]"),
    "nexset": ("[", "]"),
    "destination": ("[(", ")]"),
    "flow": ("{{", "}}"),
    "credential": (">", "]"),
}
_MOST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Node:
    """A resource on the map, with the counts of its newest run where they were read."""

    resource_type: str
    resource_id: int
    name: str = ""
    status: str = ""
    records: int | None = None
    errors: int | None = None
    baseline_records: int | None = None

    @property
    def label(self) -> str:
        return f"{self.resource_type} {self.resource_id}"


@dataclass(frozen=True, slots=True)
class Edge:
    """From what to what, and how: ``data``, ``login``, or the words of a link between flows."""

    start: Key
    end: Key
    how: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another flow; ``direct`` when nothing lies between."""

    flow_id: int
    name: str
    status: str
    how: str
    direct: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """Who else may read a nexset."""

    nexset_id: int
    accessor_type: str
    who: str
    roles: str


@dataclass
class FlowMapped:
    """The answer."""

    flow: FlowMap
    asked: Key | None
    nodes: list[Node]
    edges: list[Edge]
    upstream: list[Neighbour]
    downstream: list[Neighbour]
    grants: list[Grant]
    blast_radius: list[Resource]
    not_checked: list[str]
    next_steps: list[Step] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """One or two sentences."""
        count = {kind: len(self.flow.of(kind)) for kind in ("source", "nexset", "destination")}
        parts = [f"{n} {kind}{'s' if n != 1 else ''}" for kind, n in count.items() if n]
        origin = f"Flow {self.flow.flow_id} {quote(self.flow.name, 60)!r}: {' -> '.join(parts)}."
        about = f"{self.asked[0]} {self.asked[1]}" if self.asked else self.flow.stages[0].label if self.flow.stages else "it"
        into = [r for r in self.blast_radius if r.resource_type == "destination"]
        hit = f"When {about} stops, {len(self.blast_radius)} resources get nothing new, {len(into)} of them destinations"
        n = len(self.downstream)
        others = "; no other flow depends on it" if n == 0 else f"; {n} other flow{'s depend' if n > 1 else ' depends'} on it"
        fed = (
            f" Fed or started by {len(self.upstream)} other flow{'s' if len(self.upstream) > 1 else ''}." if self.upstream else ""
        )
        return f"{origin} {hit}{others}.{fed}"

    def structured(self) -> dict[str, Any]:
        """All keys of the output schema."""
        return {
            "summary": self.summary,
            "flow_id": self.flow.flow_id,
            "lineage": {"nodes": [_filled(n) for n in self.nodes], "edges": [_edge(e) for e in self.edges]},
            "upstream_flows": [_fields(n) for n in self.upstream],
            "downstream_flows": [_fields(n) for n in self.downstream],
            "shared_with": [_fields(g) for g in self.grants],
            "blast_radius": [_fields(r) for r in self.blast_radius],
            "mermaid": self.mermaid(),
            "not_checked": list(self.not_checked),
            "next_steps": [_fields(s) for s in self.next_steps[:3]],
        }

    def mermaid(self) -> str:
        """The map as Mermaid text; names are escaped so that they stay labels."""
        lines = ["flowchart LR"]
        for node in self.nodes:
            left, right = _FORM.get(node.resource_type, ("[", "]"))
            words = [_escaped(node.name), node.label, node.status if node.status not in ("", "ACTIVE") else ""]
            lines.append(f'  {_id(node.resource_type, node.resource_id)}{left}"{"<br/>".join(w for w in words if w)}"{right}')
        for edge in self.edges:
            arrow = "-->" if edge.how == "data" else f'-. "{_escaped(edge.how)}" .->'
            lines.append(f"  {_id(*edge.start)} {arrow} {_id(*edge.end)}")
        hit = [_id(r.resource_type, r.resource_id) for r in self.blast_radius]
        drawn = {_id(n.resource_type, n.resource_id) for n in self.nodes}
        if inside := [i for i in hit if i in drawn]:
            lines += ["  classDef hit stroke:#c0392b,stroke-width:2px", f"  class {','.join(inside)} hit"]
        return "\n".join(lines)

    def text(self) -> str:
        """The same for a person."""
        about = f"{self.asked[0]} {self.asked[1]}" if self.asked and self.asked[0] == "credential" else "this flow"
        lines = [f"**MAP** {self.summary}", ""]
        rows = [
            (n.label, quote(n.name, 60), n.status, number(n.records), number(n.errors), number(n.baseline_records))
            for n in self.nodes[:_MOST_ROWS]
        ]
        lines += table("resource | name | status | records | errors | usual", rows)
        if len(self.nodes) > _MOST_ROWS:
            lines.append(f"({len(self.nodes) - _MOST_ROWS} more in the structured answer)")
        for title, flows in (("Feeds or starts this flow", self.upstream), (f"Depends on {about}", self.downstream)):
            if flows:
                lines += ["", title]
                lines += [
                    f"- flow {f.flow_id} {f.name!r} {f.status}: {f.how}{'' if f.direct else ' (through others)'}"
                    for f in flows[:10]
                ]
        if self.grants:
            shown = [f"nexset {g.nexset_id}: {g.accessor_type} {g.who} ({g.roles})" for g in self.grants[:8]]
            lines += ["", "Shared with " + "; ".join(shown) + (" ..." if len(self.grants) > 8 else "")]
        if self.blast_radius:
            hit = [f"{r.resource_type} {r.resource_id}{f' {r.name!r}' if r.name else ''}" for r in self.blast_radius[:15]]
            more = f" and {len(self.blast_radius) - 15} more" if len(self.blast_radius) > 15 else ""
            lines += ["", "Blast radius: " + ", ".join(hit) + more]
        if len(self.nodes) <= _MOST_ROWS:
            lines += ["", "```mermaid", self.mermaid(), "```"]
        lines += [*next_lines(self.next_steps), *not_checked_lines(self.not_checked)]
        return "\n".join(lines)


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _filled(node: Node) -> dict[str, Any]:
    """Without counts that were not read: what is missing is not zero."""
    return {k: v for k, v in _fields(node).items() if v is not None}


def _edge(edge: Edge) -> dict[str, Any]:
    ends = {"from": edge.start, "to": edge.end}
    return {k: {"resource_type": v[0], "resource_id": v[1]} for k, v in ends.items()} | {"how": edge.how}


def _id(kind: str, number_: int) -> str:
    return f"{kind}_{number_}"


def _escaped(text: str) -> str:
    """A label that cannot end itself, hold markup or a fence."""
    return re.sub(r"[\"`<>{}\[\]();#&|\\]", lambda m: f"#{ord(m[0])};", quote(text, 60))
