"""The brief as an object: what it holds, as data and as the text that a writer gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from nexla_mcp.output.render import table
from nexla_mcp.output.untrusted import fenced
from nexla_mcp.runbooks.documentation.fields import Field

_STAGE_COLUMNS = ("stage", "name", "connector", "status", "reads from", "owner", "description")
_FIELD_COLUMNS = ("field", "type", "guess", "empty", "examples", "note")
LONGEST_DOCUMENT = 3_000


@dataclass(frozen=True, slots=True)
class Document:
    """A document that exists: of which nexset, and its text."""

    set_id: int
    name: str
    text: str
    updated_at: str = ""

    @property
    def label(self) -> str:
        """How it is spoken of."""
        return f'document "{self.name}" of nexset {self.set_id}'


@dataclass
class NexsetBrief:
    """One nexset: its schema and what its records show."""

    id: int
    name: str
    description: str = ""
    fields: list[Field] = field(default_factory=list)
    records_seen: int = 0
    transform: str = ""
    code: str = ""
    validation: bool | None = None


@dataclass
class Brief:
    """Everything that was read about a flow or a nexset. What is empty was not known; ``gaps`` say what was not read."""

    resource_type: str
    resource_id: int | None
    name: str
    flow_id: int | None
    description: str = ""
    lineage: list[dict[str, Any]] = field(default_factory=list)
    nexsets: list[NexsetBrief] = field(default_factory=list)
    schedule: list[str] = field(default_factory=list)
    freshness: list[str] = field(default_factory=list)
    quality: list[str] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    documents: list[Document] | None = None
    gaps: list[str] = field(default_factory=list)

    def structured(self) -> dict[str, Any]:
        """For scripts; ``documents`` without their texts."""
        documents = [{"set_id": d.set_id, "name": d.name, "characters": len(d.text)} for d in self.documents or []]
        nexsets = [asdict(n) | {"fields": [f.row() for f in n.fields]} for n in self.nexsets]
        return asdict(self) | {"nexsets": nexsets, "documents": documents, "not_checked": self.gaps}

    def text(self) -> str:
        """For the writer: facts by section, data between marks."""
        what = f"{self.resource_type} {self.resource_id}"
        parts = [f"# Brief: {what}" + (f" of flow {self.flow_id}" if self.resource_type != "flow" else "")]
        parts += _section("Lineage, in the order of the flow", [fenced(table(self.lineage, _STAGE_COLUMNS), "flows_get")])
        for title, lines in (
            ("Schedule", self.schedule),
            ("Freshness", self.freshness),
            ("Quality", self.quality),
            ("Owners", self.owners),
        ):
            parts += _section(title, [f"- {line}" for line in lines] or ["Not known."])
        for nexset in self.nexsets:
            parts += _nexset(nexset)
        parts += _documents(self.documents)
        if self.gaps:
            parts += _section("Not read", [f"- {gap}" for gap in self.gaps[:12]])
        return "\n".join(parts)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"\n## {title}", *lines]


def _nexset(nexset: NexsetBrief) -> list[str]:
    facts = [f"Records looked at: {nexset.records_seen}. The meanings are guesses from names and values: check them."]
    if nexset.transform:
        facts.append(f"Made by {nexset.transform}.")
    if nexset.validation is not None:
        facts.append(f"Validation of records: {'on' if nexset.validation else 'off'}.")
    rows = [f.row() for f in nexset.fields]
    shown = fenced(table(rows, _FIELD_COLUMNS, cell=120), "nexsets_get_samples") if rows else "No schema and no records."
    code = [fenced(nexset.code, "code_containers_get")] if nexset.code else []
    return _section(f"Nexset {nexset.id}", [*facts, shown, *code])


def _documents(documents: Sequence[Document] | None) -> list[str]:
    if documents is None:
        return _section("Documents that exist", ["Could not be read."])
    if not documents:
        return _section("Documents that exist", ["None."])
    shown = [fenced(f"{d.label}\n{d.text[:LONGEST_DOCUMENT]}", "nexsets_list_docs") for d in documents[:6]]
    return _section("Documents that exist", shown)
