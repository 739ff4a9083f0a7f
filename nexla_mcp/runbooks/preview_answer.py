"""What nexla_preview_data says: does the login work, what is there, and what the records look like."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from nexla_mcp.runbooks.diagnosis import Step
from nexla_mcp.runbooks.documentation.fields import Field
from nexla_mcp.runbooks.endings import UNTRUSTED, fenced, next_lines, not_checked_lines, number, table

SHOWN = 3
"""Records in the text; the structured answer has all that were read."""
_MOST_FIELDS = 40
_MOST_ENTRIES = 20


@dataclass(frozen=True, slots=True)
class Login:
    """What the probe of the credential found: good | refused | unreachable | throttled | unknown."""

    credential_id: int
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder, database, table or column that the external system lists."""

    path: str
    type: str
    size: int | None
    updated_at: str


@dataclass
class Preview:
    """The answer."""

    resource_type: str
    resource_id: int
    name: str
    login: Login | None = None
    listed: str = ""
    entries: list[Entry] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    origin: str = ""
    refused: str = ""
    raw: str = ""
    not_checked: list[str] = field(default_factory=list)
    next_steps: list[Step] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """readable | refused | empty | unknown."""
        if self.login is not None and self.login.outcome == "refused":
            return "refused"
        if self.records or self.raw:
            return "readable"
        if self.login is not None and self.login.outcome != "good":
            return "unknown"
        if self.refused:
            return "refused"
        return "readable" if self.entries else "empty" if self.origin or self.listed else "unknown"

    @property
    def summary(self) -> str:
        """Login first, then what was found."""
        parts = []
        if self.login is not None:
            state = {"good": "works", "refused": "is refused", "unreachable": "cannot reach the system"}.get(self.login.outcome)
            parts.append(f"the login of credential {self.login.credential_id} {state or f'is {self.login.outcome}'}")
        if self.listed:
            parts.append(f"{self.listed} lists {len(self.entries)} entr{'y' if len(self.entries) == 1 else 'ies'}")
        if self.refused:
            parts.append("the external system refused the sample")
        if self.records:
            personal = sum(f.personal for f in self.fields)
            masked = f", {personal} may be personal and are not shown" if personal else ""
            parts.append(f"{len(self.records)} records with {len(self.fields)} fields from {self.origin}{masked}")
        elif self.origin:
            parts.append(f"{self.origin}: no records")
        said = "; ".join(parts) or "nothing could be read"
        return f"{self.resource_type.capitalize()} {self.resource_id} {self.name!r}: {said}."

    def structured(self) -> dict[str, Any]:
        """All keys of the output schema."""
        return {
            "verdict": self.verdict,
            "summary": self.summary,
            "resource_type": self.resource_type,
            "resource_id": self.resource_id,
            "name": self.name,
            "login": asdict(self.login) if self.login else None,
            "entries": [asdict(e) for e in self.entries],
            "fields": [
                {
                    "name": f.name,
                    "type": f.type,
                    "null_rate": None if f.nulls is None else round(f.nulls, 4),
                    "meaning": f.meaning,
                    "examples": list(f.examples),
                    "personal": f.personal,
                    "note": f.note,
                }
                for f in self.fields
            ],
            "records": list(self.records),
            "sampled_from": self.origin,
            "refused": self.refused,
            "not_checked": list(self.not_checked),
            "next_steps": [asdict(s) for s in self.next_steps[:3]],
        }

    def text(self) -> str:
        """For a person: schema and a few records, everything from outside between «»."""
        lines = [f"**{self.verdict.upper()}** {self.summary}"]
        if self.login and self.login.reason:
            lines.append(f"The external system said: {fenced(self.login.reason, 240)}")
        if self.refused:
            lines.append(f"About the sample it said: {fenced(self.refused, 240)}")
        if self.entries or self.fields or self.raw:
            lines.append(f"({UNTRUSTED[0].upper()}{UNTRUSTED[1:]}.)")
        if self.entries:
            rows = [(fenced(e.path), e.type, number(e.size), e.updated_at) for e in self.entries[:_MOST_ENTRIES]]
            lines += ["", *table("there | type | size | updated", rows)]
            if len(self.entries) > _MOST_ENTRIES:
                lines.append(f"({len(self.entries) - _MOST_ENTRIES} more)")
        if self.fields:
            rows_ = [
                (
                    fenced(f.name, 60),
                    f.type,
                    "-" if f.nulls is None else f"{f.nulls:.0%}",
                    f.meaning,
                    fenced("; ".join(f.examples), 60) if f.examples else "",
                    f.note,
                )
                for f in self.fields[:_MOST_FIELDS]
            ]
            lines += ["", *table("field | type | empty | seems to be | examples | note", rows_)]
        if self.records:
            lines += ["", f"First {min(SHOWN, len(self.records))} of {len(self.records)} records"]
            lines += [f"- {fenced(json.dumps(r, ensure_ascii=False, default=str), 500)}" for r in self.records[:SHOWN]]
        if self.raw:
            lines += ["", f"Text, not records: {fenced(self.raw, 600)}"]
        return "\n".join([*lines, *next_lines(self.next_steps), *not_checked_lines(self.not_checked)])
