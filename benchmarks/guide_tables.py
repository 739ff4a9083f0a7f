"""The tables inside pages that people write: between ``<!-- name -->`` and ``<!-- end of name -->``, made from the records.

filled(page_text, tables())     # the page with every table it marks
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from benchmarks.operations_page import first_sentence
from benchmarks.people_tables import people_tables, table
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.client.explain import ROWS, Issue
from nexla_mcp.server.prompts import load_prompts
from nexla_mcp.server.reference import pages
from nexla_mcp.server.templates import TEMPLATES
from release.links import links_table

_MARKED = re.compile(r"<!-- (?P<name>[a-z]+) -->\n(?P<table>.*?)<!-- end of (?P=name) -->", re.S)


def filled(text: str, made: Mapping[str, str]) -> str:
    """A page with its tables; one that is marked and not made stops."""
    return _MARKED.sub(lambda m: f"<!-- {m['name']} -->\n{made[m['name']]}<!-- end of {m['name']} -->", text)


def tables() -> dict[str, str]:
    """Every table by the name of its marks."""
    return people_tables() | {
        "issues": table(
            ("issue", "how it shows", "what to do", "cause"),
            (
                [issue.value, row.symptom, row.solution, f"`{row.cause}`"]
                for issue, row in ROWS.items()
                if issue is not Issue.UNKNOWN
            ),
        ),
        "runbooks": table(
            ("tool", "answers", "does"),
            (
                [f"`{t.name}`", t.title, first_sentence(t.description)]
                for t in sorted(load_catalog().tools.values(), key=lambda t: t.name)
                if t.kind == "runbook"
            ),
        ),
        "prompts": table(
            ("prompt", "title", "what it does", "arguments", "facts from"),
            (
                [
                    f"`{p.name}`",
                    p.title,
                    p.description,
                    ", ".join(f"**{a.name}**" if a.required else a.name for a in p.arguments) or "none",
                    ", ".join(f"`{tool}`" for tool in dict.fromkeys(fact.tool for fact in p.facts if not fact.when)),
                ]
                for p in load_prompts(load_catalog()).values()
            ),
        ),
        "pages": table(("page", "about"), ([f"[`{p.uri}`](reference/{p.name}.md)", p.description] for p in pages().values())),
        "links": links_table(),
        "templates": table(("address", "what it is"), ([f"`{t.uri}`", t.description] for t in TEMPLATES)),
    }
