"""The addresses of resources that take a variable: what stands behind each, and how it is matched.

match("nexla://flows/6010/runs/1763721600000")     # (Template(uri="nexla://flows/{flow_id}/runs/{run_id}", ...), {...})
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

import mcp_types as types

from nexla_mcp.output.render import LINE

SCHEME = "nexla://"
MARKDOWN = "text/markdown"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Template:
    """One address with variables. ``kind`` is the resource that Nexla is asked for; empty where nothing is asked."""

    uri: str
    name: str
    title: str
    description: str
    kind: str = ""
    mime_type: str = MARKDOWN

    def listed(self) -> types.ResourceTemplate:
        """As the protocol lists it."""
        return types.ResourceTemplate(
            uri_template=self.uri, name=self.name, title=self.title, description=self.description, mime_type=self.mime_type
        )


TEMPLATES = (
    Template("nexla://flows/{id}", "flow", "Flow", "One flow: its stages with status and credential.", "flow"),
    Template("nexla://sources/{id}", "source", "Source", "One source: where it reads, its schedule and status.", "source"),
    Template("nexla://nexsets/{id}", "nexset", "Nexset", "One nexset: schema, parents, transform, destinations.", "nexset"),
    Template("nexla://destinations/{id}", "destination", "Destination", "One destination: what it writes where.", "destination"),
    Template(
        "nexla://credentials/{id}",
        "credential",
        "Credential",
        "One credential: type, last probe; secrets masked.",
        "credential",
    ),
    Template(
        "nexla://flows/{flow_id}/runs/{run_id}",
        "run",
        "Run of a flow",
        "One run: records and errors at each stage beside what is usual, and its error log. A run id is its start in ms.",
        "flow",
    ),
    Template("nexla://operations/{name}", "operation", "Operation", "How one operation is called: arguments, risk, undo."),
    Template("nexla://reference/{page}", "reference", "Reference", "A page of the reference, such as errors or guardrails."),
    Template(
        "nexla://results/{id}",
        "result",
        "Parked result",
        "The whole of a result that was too large for a reply; the reply names its address.",
        mime_type=JSON,
    ),
    Template(
        "nexla://changes/{id}",
        "change",
        "Change",
        "One change of this server by its number: what was before, what was sent, what came of it.",
        mime_type=JSON,
    ),
)
_PATTERNS = tuple((t, re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(t.uri)))) for t in TEMPLATES)


def match(uri: str) -> tuple[Template, dict[str, str]] | None:
    """The template of an address and its variables; None when it fits none."""
    for template, pattern in _PATTERNS:
        if len(uri) <= LINE and (found := pattern.fullmatch(uri)):
            return template, {name: unquote(value) for name, value in found.groupdict().items()}
    return None
