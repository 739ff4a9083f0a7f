"""What a client relies on, as one value, and what a change of it means for the client.

    was, now = json.loads(snapshot), surface(load_catalog())
    compare(was, now)       # [Change(Label.BREAKING, "flows_pause", "argument all was removed")]

People store tool names, allow-lists and ready calls in their hosts, prompts and scripts, and a host decides by the
hints what it runs unasked. So a release may add, but must not quietly take away or change what a stored call means.
This is the one module of this room that looks up at the server: a contract is what a client is shown, not what we
meant to show.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nexla_mcp.catalog.catalog import PREFIX, Catalog
from nexla_mcp.catalog.records import Operation, ToolSpec
from nexla_mcp.catalog.schema import CONTROLS, controls_of, full_schema, tool_schema
from nexla_mcp.server.listing import listed_records
from nexla_mcp.settings import Profile, Settings

SECTIONS = ("tools", "operations")
_LOWER, _UPPER = ("minimum", "minItems"), ("maximum", "maxLength", "maxItems")
_KEPT = ("type", "enum", "default", *_LOWER, *_UPPER)


class Label(StrEnum):
    """What a change asks of those who have stored calls."""

    BREAKING = "breaking"
    ADDITION = "addition"
    WORDING = "wording"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of two surfaces: ``name`` is the tool or operation, ``what`` a clause about it."""

    label: Label
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.label:<9} {self.name}: {self.what}"


def surface(catalog: Catalog) -> dict[str, Any]:
    """Every tool of every profile and every operation: ``{"tools": {name: facts}, "operations": {name: facts}}``.

    Facts are ``input`` (the JSON Schema of all arguments without their texts), ``unlisted`` (arguments that are
    accepted but not in the tool list), ``hints`` (those that are true), ``output`` (root keys of the output schema),
    ``risk``, ``aliases``, ``lists`` (profiles and toolsets that list it) and ``wording`` (a hash of all its texts:
    they stand in the spec files, where their differences read better). An operation is also the tool ``nexla_`` + name.
    """
    lists: dict[str, list[str]] = {}
    for heading, settings in _tool_lists(catalog):
        for record in listed_records(catalog, settings):
            lists.setdefault(record.name, []).append(heading)
    records: dict[str, Mapping[str, Operation | ToolSpec]] = {"tools": catalog.tools, "operations": catalog.operations}
    return {
        section: {name: _facts(record, lists.get(name, [])) for name, record in sorted(records[section].items())}
        for section in SECTIONS
    }


def render(content: Mapping[str, Any]) -> str:
    """A surface as JSON with one line a tool, so that a diff of two shows the tools that changed."""
    sections = []
    for section in SECTIONS:
        rows = [f"{json.dumps(name)}: {_compact(facts)}" for name, facts in content[section].items()]
        sections.append(f"{json.dumps(section)}: {{\n" + ",\n".join(rows) + "\n}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The differences of two surfaces, breaking ones first.

    - **breaking**: a call that was stored before fails or means something else. A name is gone and no alias keeps it;
      an argument is gone, newly required or no longer listed; a type or enum is narrower, a limit tighter, a default
      different; a key of the result is gone. Also every change of risk or hints, in either direction: raised, a call
      that ran unasked stops; lowered, a call that a person used to confirm runs unasked.
    - **addition**: stored calls go on as before. A new tool, operation, alias, optional argument or key of the result;
      a wider type, enum or limit; a name that lives on as an alias.
    - **wording**: only titles, descriptions, synonyms and the texts of arguments differ. No call changes, but a model
      may choose otherwise, which the search figures show.
    """
    found = [change for section in SECTIONS for change in _section_changes(section, old, new)]
    order = list(Label)
    return sorted(found, key=lambda change: (order.index(change.label), change.name))


def _tool_lists(catalog: Catalog) -> Iterator[tuple[str, Settings]]:
    for profile in Profile:
        yield str(profile), Settings(profile=profile, toolsets=())
    for name in catalog.toolsets:
        yield f"toolset {name}", Settings(toolsets=(name,))


def _facts(record: Operation | ToolSpec, lists: list[str]) -> dict[str, Any]:
    schema = full_schema(record)
    facts: dict[str, Any] = {"lists": lists, "aliases": sorted(record.aliases)}
    if isinstance(record, Operation):
        schema["properties"] |= {name: CONTROLS[name] for name in controls_of(record)}
        hints, facts["risk"] = record.hints(), str(record.risk)
    else:
        hints, facts["output"] = record.hints, sorted(record.output_schema.get("properties", {}))
    facts["hints"] = [name for name, is_true in hints.model_dump().items() if is_true]
    facts["input"] = _bare(schema)
    facts["unlisted"] = sorted(set(schema["properties"]) - set(tool_schema(record)["properties"]))
    texts = [record.title, record.description, *record.synonyms, *_texts("", schema)]
    facts["wording"] = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:8]
    return {key: value for key, value in facts.items() if value != []}


def _bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without texts; keys of nested objects are names, not keywords, and may be called description."""
    bare = {key: schema[key] for key in _KEPT if key in schema}
    if "items" in schema:
        bare["items"] = _bare(schema["items"])
    if schema.get("properties"):
        bare["properties"] = {name: _bare(inner) for name, inner in schema["properties"].items()}
    if schema.get("required"):
        bare["required"] = sorted(schema["required"])
    return bare


def _texts(path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    if text := schema.get("description"):
        yield f"{path} {text}"
    if "items" in schema:
        yield from _texts(f"{path}[]", schema["items"])
    for name, inner in schema.get("properties", {}).items():
        yield from _texts(f"{path}.{name}", inner)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _section_changes(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    kind = section.removesuffix("s")
    kept = set()
    for name, was in old[section].items():
        found = _answering(name, new)
        for alias in was.get("aliases", ()):
            if (means := _answering(alias, new)) != found or means is None:
                yield Change(Label.BREAKING, name, f"alias {alias} " + (f"means {means[1]} now" if means else "was removed"))
        if found is None:
            yield Change(Label.BREAKING, name, f"the {kind} was removed and no alias keeps its name")
            continue
        kept.add(found[1])
        if found[1] != name:
            yield Change(Label.ADDITION, name, f"is now {found[1]}; the old name lives on as an alias")
        yield from _record_changes(name, was, new[found[0]][found[1]])
    known = {name for part in SECTIONS for name in old[part]}
    for name, now in new[section].items():
        if name not in known | kept:
            yield Change(Label.ADDITION, name, f"is a new {kind}")
        earlier = {*old[section].get(name, {}).get("aliases", ()), *known}
        for alias in now.get("aliases", ()):
            if name in old[section] and alias not in earlier:
                yield Change(Label.ADDITION, name, f"alias {alias} is new")


def _answering(name: str, content: Mapping[str, Any]) -> tuple[str, str] | None:
    """Section and name of what answers to ``name``, as :meth:`Catalog.resolve` finds it."""
    spellings = (name, PREFIX + name, name.removeprefix(PREFIX))
    for section in SECTIONS:
        if name in content[section]:
            return section, name
    for section in SECTIONS:
        for other, facts in content[section].items():
            if any(spelling in facts.get("aliases", ()) for spelling in spellings):
                return section, other
    return None


def _record_changes(name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    found = [
        *_set_changes(name, was, now, "lists", "is not listed any more by {}", "is now listed by {}"),
        *_set_changes(name, was, now, "output", "key {} of the result was removed", "key {} of the result is new"),
        *_listing_changes(name, was, now),
        *_schema_changes(name, "", was["input"], now["input"]),
    ]
    if was.get("risk") != now.get("risk"):
        found.append(Change(Label.BREAKING, name, f"risk went from {was.get('risk')} to {now.get('risk')}"))
    if was.get("hints") != now.get("hints"):
        hints = [", ".join(facts.get("hints", ())) or "none" for facts in (was, now)]
        found.append(Change(Label.BREAKING, name, f"hints went from {hints[0]} to {hints[1]}"))
    if not found and was["wording"] != now["wording"]:
        found.append(Change(Label.WORDING, name, "texts differ"))
    yield from found


def _set_changes(name: str, was: Mapping[str, Any], now: Mapping[str, Any], key: str, lost: str, gained: str) -> Iterator[Change]:
    before, after = set(was.get(key, ())), set(now.get(key, ()))
    yield from (Change(Label.BREAKING, name, lost.format(entry)) for entry in sorted(before - after))
    yield from (Change(Label.ADDITION, name, gained.format(entry)) for entry in sorted(after - before))


def _listing_changes(name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    both = set(was["input"].get("properties", {})) & set(now["input"].get("properties", {}))
    before, after = set(was.get("unlisted", ())), set(now.get("unlisted", ()))
    for argument in sorted((after - before) & both):
        yield Change(Label.BREAKING, name, f"argument {argument} left the tool list")
    for argument in sorted((before - after) & both):
        yield Change(Label.ADDITION, name, f"argument {argument} is in the tool list now")


def _schema_changes(name: str, path: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Differences of one argument (or, with an empty path, of all of them)."""
    where = f"argument {path}"
    if was["type"] != now["type"]:
        wider = (was["type"], now["type"]) == ("integer", "number")
        label = Label.ADDITION if wider else Label.BREAKING
        yield Change(label, name, f"{where}: type went from {was['type']} to {now['type']}")
        if not wider:
            return
    yield from (Change(label, name, f"{where}: {what}") for label, what in _limit_changes(was, now))
    if "items" in was and "items" in now:
        yield from _schema_changes(name, f"{path}[]", was["items"], now["items"])
    yield from _property_changes(name, f"{path}." if path else "", was, now)


def _property_changes(name: str, prefix: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    before, after = was.get("properties", {}), now.get("properties", {})
    needed, needs = set(was.get("required", ())), set(now.get("required", ()))
    for argument in sorted({*before, *after}):
        where = f"argument {prefix}{argument}"
        label, need = (Label.BREAKING, "required") if argument in needs else (Label.ADDITION, "optional")
        if argument not in after:
            yield Change(Label.BREAKING, name, f"{where} was removed")
        elif argument not in before:
            yield Change(label, name, f"{where} is new and {need}")
        else:
            if (argument in needed) != (argument in needs):
                yield Change(label, name, f"{where} is {need} now")
            yield from _schema_changes(name, prefix + argument, before[argument], after[argument])


def _limit_changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[Label, str]]:
    """What of an enum, a limit or a default is different, and whether fewer values pass than before."""
    before, after = was.get("enum"), now.get("enum")
    if before != after:
        lost = set(before or ()) - set(after or ()) if after else set()
        if after and (before is None or lost):
            yield Label.BREAKING, f"enum lost {', '.join(sorted(lost))}" if before else "takes only the values of an enum now"
        if before and (after is None or set(after) - set(before)):
            yield Label.ADDITION, f"enum gained {', '.join(sorted(set(after or ()) - set(before))) or 'every other value'}"
    for key in (*_LOWER, *_UPPER):
        if was.get(key) == now.get(key):
            continue
        sign = 1 if key in _LOWER else -1
        tighter = key in now and (key not in was or sign * now[key] > sign * was[key])
        words = f"{key} went from {was.get(key, 'none')} to {now.get(key, 'none')}"
        yield Label.BREAKING if tighter else Label.ADDITION, words
    if was.get("default") != now.get("default"):
        yield Label.BREAKING, f"default went from {was.get('default', 'none')} to {now.get('default', 'none')}"
