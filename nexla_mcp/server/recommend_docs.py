"""nexla_recommend_docs: Nexla's own text for a flow or nexset, or the facts to write one from; stores it when told to.

Asking is a POST that sends metadata to the organisation's AI provider: an additive write, with a permit of the
policy and a line in the log of changes. Storing replaces the whole list of a nexset's documents in the API, so the list
is read, merged and written behind the gate; a list that cannot be read is not replaced.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nexla_mcp.client.errors import AuthenticationError, NexlaError, NotConfiguredError
from nexla_mcp.output.untrusted import clean, clean_text, fenced
from nexla_mcp.runbooks.documentation.brief import Brief, Document
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runbooks.recommend_docs import find
from nexla_mcp.runbooks.recommend_docs import recommend_docs as read_brief
from nexla_mcp.runbooks.shapes.lenient import objects, pick, quote, text_of, whole
from nexla_mcp.server.call import Call, Controls
from nexla_mcp.server.execute import additive, change
from nexla_mcp.server.outcome import Outcome, failure
from nexla_mcp.state.store import StateError

NAME = "nexla_recommend_docs"
DIFF_LINES = 120
_ASKS = {"flow": ("flows_docs_recommendation", "flow_id"), "nexset": ("nexsets_docs_recommendation", "set_id")}
_OFF = re.compile(
    r"gen\W?ai|\bai\b.*(not|no)\b|not (enabled|configured|available)|no (active )?(integration|configuration)", re.I
)
_MADE_BY_SERVER = frozenset(
    {"id", "owner", "owner_id", "org", "org_id", "access_roles", "public", "copied_from_id", "created_at", "updated_at"}
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking Nexla: a text, or in words why there is none. ``enabled`` is None when nobody knows."""

    asked: bool
    text: str = ""
    why: str = ""
    enabled: bool | None = None

    def structured(self) -> dict[str, Any]:
        """For scripts."""
        return {"asked": self.asked, "enabled": self.enabled, "message": self.why}


async def recommend_docs(call: Call, arguments: Mapping[str, Any]) -> Outcome:
    """Handler of the tool."""
    facts = Facts(call.runtime.client, call.runtime.catalog, call.progress)
    if arguments.get("apply"):
        return await _apply(call, facts, arguments)
    located = await find(facts, arguments)
    kind = arguments["resource_type"]
    identity = located.flow.flow_id if kind == "flow" else (located.asked or ("", None))[1]
    if identity is None:
        return failure(f"{NAME}: no {kind} could be found for that. Nothing was sent.", decision="invalid")
    name, argument = _ASKS[kind]
    operation = call.runtime.catalog.operation(name)
    wants_text = arguments.get("ask_nexla", True) and not arguments.get("text")
    if arguments.get("dry_run") and wants_text:
        return await change(call, operation, {argument: identity}, Controls(dry_run=True))
    asked = await _ask(call, name, {argument: identity}) if wants_text else Asked(False, why="Nexla was not asked.")
    proposed = str(arguments.get("text") or asked.text)
    brief = await read_brief(facts, {"resource_type": kind, "resource_id": identity}, documents_only=bool(proposed))
    return _answer(call, brief, asked, proposed, str(arguments.get("title") or ""), facts.requests)


async def _ask(call: Call, name: str, arguments: dict[str, Any]) -> Asked:
    """Nexla's recommendation; a refusal is an answer here, since the brief stands in for it."""
    if call.runtime.settings.read_only:
        return Asked(False, why="This server is read-only, and asking sends metadata to the organisation's AI provider.")
    try:
        reply = (await additive(call, call.runtime.catalog.operation(name), arguments)).reply
    except (AuthenticationError, NotConfiguredError):
        raise
    except NexlaError as error:
        said = error.server_message or error.message
        return Asked(True, why=quote(said, 300), enabled=False if _OFF.search(said) else None)
    except StateError as error:
        return Asked(False, why=f"It was not asked, because that could not be recorded: {error}")
    text, said = read_recommendation(reply.body)
    if text:
        return Asked(True, text, enabled=True)
    return Asked(True, why=said or "Nexla answered without a text.", enabled=False if _OFF.search(said) else None)


def read_recommendation(body: Any) -> tuple[str, str]:
    """The text and the message of a reply in either form (QUIRKS 44): one of them is empty, or both."""
    output = pick(body, "output", "result")
    text = pick(output, "response", "recommendation") if isinstance(output, dict) else output
    text = text if isinstance(text, str) else pick(body, "recommendation", "response")
    said = pick(output, "errorMessage", "error_message", "message") or pick(body, "errorMessage", "error", "message")
    code = whole(pick(output, "statusCode", "status_code"))
    if not isinstance(text, str) or not text.strip() or (code is not None and code >= 400):
        return "", quote(text_of(said) if said else f"status {code}" if code else "", 300)
    return text.strip(), ""


def _answer(call: Call, brief: Brief, asked: Asked, proposed: str, title: str, requests: int) -> Outcome:
    what = f"{brief.resource_type} {brief.resource_id}"
    before = _closest(brief, proposed, title)
    lines = [f"# Documentation of {what}", _headline(asked, proposed)]
    structured: dict[str, Any] = {
        "status": "recommendation" if asked.text else "brief",
        "resource_type": brief.resource_type,
        "resource_id": brief.resource_id,
        "flow_id": brief.flow_id,
        "genai": asked.structured(),
        "documents": brief.structured()["documents"],
        "not_checked": brief.gaps,
    }
    if proposed:
        diff = difference(before.text if before else "", proposed)
        compared = before.label if before else "nothing: no document exists" if brief.documents == [] else "nothing that was read"
        lines += [f"Text, from {'Nexla' if asked.text else 'the arguments'}:", fenced(proposed, _ASKS[brief.resource_type][0])]
        lines += [f"Difference to {compared}:", fenced(diff or "(none)", "the comparison")]
        structured |= {"recommendation": clean_text(proposed), "difference": clean_text(diff), "compared_with": compared}
    else:
        lines += ["", brief.text(), "", _HOW_TO_WRITE]
        structured["brief"] = brief.structured()
        if brief.nexsets:
            how = json.dumps(_storing(brief, title), ensure_ascii=False)
            lines.append(f"To store it, call {NAME} {how} with text: it shows the difference and asks a person first.")
    structured["next_steps"] = steps = _next_steps(brief, asked, proposed, title)
    lines += ["", "Next", *(_step_text(step) for step in steps)] if steps else []
    return Outcome(clean_text("\n".join(lines)), clean(structured), operation=NAME, extra={"requests": requests})


_HOW_TO_WRITE = (
    "Write the documentation from this brief: what it is for, where the data comes from and goes to, fields, schedule and"
    " freshness, quality, owners. State only what stands above, mark conclusions as such, list what is not known as questions to"
    " the owner, and put no records or personal data into it."
)


def _headline(asked: Asked, proposed: str) -> str:
    if asked.text:
        return "Nexla's own recommendation; nothing was stored. Check it against what you know before anybody relies on it."
    if not asked.asked:
        return f"{asked.why} Nothing was stored." + ("" if proposed else " The brief below holds what is known.")
    if asked.enabled is False:
        return (
            f"GenAI is off for this organisation: Nexla writes no text (it said: «{asked.why}»). An administrator can switch it"
            " on with a GenAI configuration and an organisation setting for gen_docs. The brief below holds what is known: write"
            " from it."
        )
    return f"Nexla gave no text (it said: «{asked.why}»). The brief below holds what is known: write from it."


def _next_steps(brief: Brief, asked: Asked, proposed: str, title: str) -> list[dict[str, Any]]:
    """Ready calls: look at what storing the text would do, and for what GenAI is switched on."""
    steps: list[dict[str, Any]] = []
    if proposed and brief.nexsets:
        steps.append(
            {
                "tool": NAME,
                "arguments": _storing(brief, title) | {"text": clean_text(proposed), "dry_run": True},
                "why": "shows what storing it would change. Without dry_run a person is asked and it is stored.",
            }
        )
    if asked.enabled is False:
        listing = {"operation": "genai_list_org_settings"}
        steps.append({"tool": "nexla_read", "arguments": listing, "why": "shows for what GenAI is switched on."})
    return steps


def _storing(brief: Brief, title: str) -> dict[str, Any]:
    """The arguments that store a text with the first nexset, under the name of its only document if it has one."""
    set_id = brief.nexsets[0].id
    names = [d.name for d in brief.documents or [] if d.set_id == set_id]
    chosen = title or (names[0] if len(names) == 1 else "Overview")
    return {"resource_type": "nexset", "resource_id": set_id, "apply": True, "title": clean_text(chosen)}


def _step_text(step: Mapping[str, Any]) -> str:
    """A step on one line; a long text is not repeated."""
    arguments = step["arguments"] | ({"text": "(the text above)"} if "text" in step["arguments"] else {})
    return f"- {step['tool']} {json.dumps(arguments, ensure_ascii=False)} {step['why']}"


def _closest(brief: Brief, proposed: str, title: str) -> Document | None:
    """The document that a text would replace: of that name, the only one, or the one most like it."""
    found = list(brief.documents or [])
    named = [d for d in found if title and d.name.lower() == title.lower()]
    if named or title or not found or not proposed:
        return named[0] if named else None
    return max(found, key=lambda d: difflib.SequenceMatcher(None, d.text[:4_000], proposed[:4_000]).quick_ratio())


def difference(before: str, after: str) -> str:
    """A unified diff of two texts, at most 120 lines."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=2))
    more = [f"... {len(lines) - DIFF_LINES} more lines"] if len(lines) > DIFF_LINES else []
    return "\n".join([*lines[:DIFF_LINES], *more])


async def _apply(call: Call, facts: Facts, arguments: Mapping[str, Any]) -> Outcome:
    """Store a text as one document of a nexset, with every other document kept."""
    text = str(arguments.get("text") or "").strip()
    if not text:
        return failure(f"{NAME}: apply needs text, the whole document. Nothing was changed.", decision="invalid")
    located = await find(facts, arguments)
    if arguments["resource_type"] != "nexset":
        known = [f"{s.id} ({quote(s.name, 60)})" for s in located.flow.of("nexset")[:12]]
        return failure(
            f"{NAME}: Nexla keeps documents with nexsets; a flow has none. Apply it to one of its nexsets: call again with"
            f" resource_type=nexset and resource_id one of {', '.join(known) or '(it has none yet)'}. Nothing was changed.",
            decision="invalid",
        )
    if located.asked is None:
        return failure(f"{NAME}: no nexset could be found for that. Nothing was changed.", decision="invalid")
    set_id = located.asked[1]
    existing = await _documents(call, set_id)
    title = str(arguments.get("title") or "").strip() or _only_title(existing)
    if not title:
        names = ", ".join(f'"{quote(pick(d, "name"), 60)}"' for d in existing)
        return failure(
            f"{NAME}: nexset {set_id} has {len(existing)} documents ({names}). Say by title which one to replace, or a new title."
            " Nothing was changed.",
            decision="invalid",
        )
    merged, before = merge(existing, title, text)
    operation = call.runtime.catalog.operation("nexsets_update_docs")
    controls = Controls(bool(arguments.get("dry_run")), arguments.get("ticket"), arguments.get("typed_name"))
    outcome = await change(call, operation, {"set_id": set_id, "docs": merged}, controls)
    return await _told(call, outcome, set_id, merged, title, difference(before, text))


async def _documents(call: Call, set_id: int) -> list[dict[str, Any]]:
    """The documents as they are; an error that names what could have been lost.

    Raises:
        NexlaError: they cannot be read.
    """
    try:
        operation = call.runtime.catalog.operation("nexsets_list_docs")
        body = (await call.runtime.client.call(operation, {"set_id": set_id, "expand": True})).body
    except NexlaError as error:
        error.message = f"{error.message} The documents of nexset {set_id} could not be read, so none is replaced."
        raise
    return [d for d in objects(body) if d.get("name")]


def _only_title(existing: Sequence[Mapping[str, Any]]) -> str:
    """The title where there is no choice."""
    return "Overview" if not existing else str(existing[0]["name"]) if len(existing) == 1 else ""


def merge(existing: Sequence[Mapping[str, Any]], title: str, text: str) -> tuple[list[dict[str, Any]], str]:
    """The whole list with one document replaced or added, and that document's text before.

    Everything is sent back as it was read, apart from what only the server sets.
    """
    kept = [{k: v for k, v in d.items() if k not in _MADE_BY_SERVER and v is not None} for d in existing]
    at = next((n for n, d in enumerate(kept) if str(d["name"]).strip().lower() == title.lower()), None)
    if at is None:
        return [*({"text": ""} | d for d in kept), {"name": title, "doc_type": "md", "text": text}], ""
    before = str(kept[at].get("text") or "")
    kept[at] = kept[at] | {"text": text}
    return [{"text": ""} | d for d in kept], before


async def _told(call: Call, outcome: Outcome, set_id: int, merged: Sequence[Mapping[str, Any]], title: str, diff: str) -> Outcome:
    """The outcome of the change with the difference before it, and after it whether every document is there."""
    shown = fenced(diff or "(none)", "the comparison")
    if outcome.failed or outcome.structured is None:
        return outcome
    structured = outcome.structured | {"resource_type": "nexset", "resource_id": set_id, "difference": clean_text(diff)}
    head = f'Document "{quote(title, 80)}" of nexset {set_id}; {len(merged) - 1} other document(s) stay. Difference:\n{shown}'
    if outcome.structured.get("status") != "done":
        return replace(outcome, text=f"{head}\n{outcome.text}", structured=structured)
    wanted = sorted((str(d["name"]), str(d["text"])) for d in merged)
    try:
        now = sorted((str(d["name"]), str(d.get("text") or "")) for d in await _documents(call, set_id))
        check = "Read back: all documents are there." if now == wanted else _differs(wanted, now)
    except NexlaError as error:
        check = f"It could not be read back ({error.status_code or type(error).__name__}): look at nexsets_list_docs."
    return replace(
        outcome, text=f"{outcome.text}\n{head}\n{clean_text(check)}", structured=structured | {"read_back": clean(check)}
    )


def _differs(wanted: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]]) -> str:
    lost = [name for name, _ in wanted if name not in {n for n, _ in now}]
    words = f"missing: {', '.join(lost)}" if lost else "a text differs"
    return f"Read back: NOT as sent ({words}). Somebody may have written at the same time: look, or take this change back."
