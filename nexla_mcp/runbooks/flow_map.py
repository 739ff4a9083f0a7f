"""From the reply of a flow to its stages: which resource feeds which, with status and credential.

    flow = FlowMap.read(reply.body, wanted=5059)
    [stage.label for stage in flow.stages]     # source 5023, nexset 5101, nexset 5102, destination 5029

The tree carries no status; the flat lists do (QUIRKS 35). Either half may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.runbooks.shapes.lenient import bodies, objects, pick, whole
from nexla_mcp.runbooks.shapes.runs import Run

_FLAT = (
    ("source", "data_sources", "data_source_id"),
    ("nexset", "data_sets", "data_set_id"),
    ("destination", "data_sinks", "data_sink_id"),
)
_ORDER = {"source": 0, "nexset": 1, "destination": 2}


@dataclass
class Stage:
    """One resource of a flow and what was read about it; ``runs`` is None until they were fetched."""

    kind: str
    id: int
    name: str = ""
    status: str = ""
    row: dict[str, Any] = field(default_factory=dict)
    node_id: int | None = None
    parent: Stage | None = None
    depth: int = 0
    runs: list[Run] | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    older_runs: bool = False
    """There are runs before the ones that were read."""
    newest_page: int = 1
    """The page of run rows that holds the newest: 1, or the last one where the API lists the oldest first."""

    @property
    def key(self) -> tuple[str, int]:
        return self.kind, self.id

    @property
    def label(self) -> str:
        return f"{self.kind} {self.id}"

    def value(self, *names: str) -> Any:
        """A field of the detail reply, else of the flat row."""
        found = pick(self.detail, *names)
        return found if found is not None else pick(self.row, *names)

    @property
    def credential_id(self) -> int | None:
        nested = pick(self.detail, "data_credentials", "data_credential") or pick(self.row, "data_credentials")
        return (
            whole(pick(nested, "id"))
            or whole(pick(self.row, "data_credentials_id"))
            or whole(pick(self.detail, "data_credentials_id"))
        )

    @property
    def transform_id(self) -> int | None:
        return whole(self.value("transform_id", "code_container_id")) or whole(
            pick(self.value("transform", "code_container"), "id")
        )

    @property
    def connector(self) -> str:
        return str(self.value("source_type", "sink_type", "connector_type") or "").lower()

    @property
    def paused(self) -> bool:
        """Does not run because somebody stopped it, or never started it."""
        return self.status in ("PAUSED", "STOPPED", "INACTIVE", "DISABLED") or (
            self.kind != "source" and self.status in ("INIT", "DRAFT")
        )


@dataclass
class FlowMap:
    """One flow: origin first, then its nexsets and destinations in flow order."""

    flow_id: int | None
    status: str
    name: str
    stages: list[Stage]
    origin: dict[str, Any] = field(default_factory=dict)
    credentials: dict[int, dict[str, Any]] = field(default_factory=dict)
    org_id: int | None = None

    def stage(self, kind: str, resource_id: int | None) -> Stage | None:
        return next((s for s in self.stages if s.kind == kind and s.id == resource_id), None)

    @property
    def source(self) -> Stage | None:
        return next((s for s in self.stages if s.kind == "source" and s.parent is None), None)

    def of(self, kind: str) -> list[Stage]:
        return [s for s in self.stages if s.kind == kind]

    def children(self, stage: Stage) -> list[Stage]:
        return [s for s in self.stages if s.parent is stage]

    def downstream(self, stage: Stage) -> list[Stage]:
        """Everything that a stage feeds, in flow order."""
        found = [c for child in self.children(stage) for c in [child, *self.downstream(child)]]
        return sorted(found, key=self.stages.index)

    @classmethod
    def read(cls, body: Any, wanted: int | None = None) -> FlowMap | None:
        """The flow in a reply; None when it holds none. ``wanted`` picks one node's flow of several."""
        replies = bodies(body)
        nodes = [
            n
            for b in replies
            for n in (objects(b["flows"]) if isinstance(b.get("flows"), list | dict) else [b] if "origin_node_id" in b else [])
        ]
        rows = {
            kind: {i: r for b in replies for r in objects(b.get(flat) or []) if (i := whole(r.get("id"))) is not None}
            for kind, flat, _ in _FLAT
        }
        credentials = {
            i: r for b in replies for r in objects(b.get("data_credentials") or []) if (i := whole(r.get("id"))) is not None
        }
        tops = [n for n in nodes if n.get("parent_node_id") is None]
        inside = {whole(n.get("id")) for top in nodes for n in _walk(top)}
        origin = next((n for n in tops if wanted is not None and any(whole(x.get("id")) == wanted for x in _walk(n))), None)
        origin = origin or (tops[0] if tops else nodes[0] if nodes else None)
        if origin is None and not any(rows.values()):
            return None
        flow_id = whole(pick(origin, "origin_node_id", "id")) if origin else None
        if origin is None:
            flow_id = next(
                (whole(r.get("origin_node_id")) for part in rows.values() for r in part.values() if r.get("origin_node_id")),
                wanted,
            )
        stages = _from_tree(origin, nodes, rows) if origin else []
        if len(stages) <= 1 or len(inside) <= 1:
            stages = _from_rows(stages, rows, flow_id)
        first = stages[0] if stages else None
        org = objects(replies[0].get("orgs") or []) if replies else []
        return cls(
            flow_id=flow_id,
            status=str(pick(origin, "status") or (first.status if first else "")).upper(),
            name=str(pick(origin, "name") or (first.name if first else "") or ""),
            stages=stages,
            origin=origin or {},
            credentials=credentials,
            org_id=next(
                (
                    i
                    for r in [*(s.row for s in stages), origin or {}]
                    if (i := whole(pick(r, "org_id") or pick(pick(r, "org"), "id")))
                ),
                None,
            )
            or (whole(org[0].get("id")) if org else None),
        )


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in objects(node.get("children") or []):
        yield from _walk(child)


def _stage(kind: str, resource_id: int, row: dict[str, Any], node: dict[str, Any] | None, parent: Stage | None) -> Stage:
    status = pick(row, "status") or (pick(node, "status") if node else None) or ""
    node_id = whole(pick(node, "id")) if node else whole(pick(row, "flow_node_id"))
    name = str(pick(row, "name") or pick(node, "name") or "")
    return Stage(kind, resource_id, name, str(status).upper(), row, node_id, parent, parent.depth + 1 if parent else 0)


def _from_tree(origin: dict[str, Any], nodes: list[dict[str, Any]], rows: dict[str, dict[int, dict[str, Any]]]) -> list[Stage]:
    found: list[Stage] = []
    origin_id = whole(origin.get("id"))

    def visit(node: dict[str, Any], parent: Stage | None) -> None:
        ref = _resource_of(node, parent)
        stage = parent
        if ref and not any(s.key == ref for s in found):
            stage = _stage(*ref, rows[ref[0]].get(ref[1], {}), node, parent)
            found.append(stage)
        children = objects(node.get("children") or [])
        flat = [
            n
            for n in nodes
            if n is not node and n.get("parent_node_id") is not None and whole(n.get("parent_node_id")) == whole(node.get("id"))
        ]
        for child in [*children, *(n for n in flat if whole(n.get("id")) not in {whole(c.get("id")) for c in children})]:
            visit(child, stage)

    visit(origin, None)
    for node in nodes:  # top-level nodes of the same origin, where a reply does not nest
        if (
            whole(node.get("origin_node_id")) == origin_id
            and (ref := _resource_of(node, None))
            and not any(s.key == ref for s in found)
        ):
            visit(node, found[-1] if found else None)
    return (
        sorted(found, key=lambda s: (s.depth, _ORDER[s.kind]))
        if all(s.kind != "source" or s.parent is None for s in found)
        else found
    )


def _resource_of(node: dict[str, Any], parent: Stage | None) -> tuple[str, int] | None:
    """What a node stands for: the deepest id that is set and is not its parent's."""
    for kind, _, key in reversed(_FLAT):
        resource_id = whole(node.get(key))
        if resource_id is None or (parent is not None and (kind, resource_id) == parent.key):
            continue
        if parent is not None or kind == "source" or node.get("data_source_id") is None:
            return kind, resource_id
    return None


def _from_rows(known: list[Stage], rows: dict[str, dict[int, dict[str, Any]]], flow_id: int | None) -> list[Stage]:
    """The chain by parent ids, for replies without a tree."""
    mine = {
        kind: {i: r for i, r in part.items() if flow_id is None or whole(r.get("origin_node_id")) in (None, flow_id)}
        for kind, part in rows.items()
    }
    found = {s.key: s for s in known}
    for i, r in mine["source"].items():
        found.setdefault(("source", i), _stage("source", i, r, None, None))
    for _ in range(len(mine["nexset"]) + 1):
        for i, r in mine["nexset"].items():
            parent_id = whole(pick(r, "parent_data_set_id")) or whole(
                pick((objects(r.get("parent_data_sets") or []) or [{}])[0], "id")
            )
            parent = found.get(("nexset", parent_id or -1)) or (
                found.get(("source", whole(r.get("data_source_id")) or -1)) if parent_id is None else None
            )
            if ("nexset", i) not in found and parent is not None:
                found["nexset", i] = _stage("nexset", i, r, None, parent)
    for i, r in mine["nexset"].items():
        found.setdefault(("nexset", i), _stage("nexset", i, r, None, next(iter(found.values()), None)))
    for i, r in mine["destination"].items():
        found.setdefault(
            ("destination", i), _stage("destination", i, r, None, found.get(("nexset", whole(r.get("data_set_id")) or -1)))
        )
    return sorted(found.values(), key=lambda s: (s.depth if s.parent or s.kind == "source" else 9, _ORDER[s.kind]))
