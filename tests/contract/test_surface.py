"""The snapshot of everything a client relies on, and that every kind of change of it gets its label, on every record."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contract import CHANGELOG, SNAPSHOT, announced, check
from nexla_mcp.catalog.catalog import PREFIX, Catalog
from nexla_mcp.catalog.contract import SECTIONS, Change, Label, compare, render, surface
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.catalog.records import Operation, ToolSpec

Facts = dict[str, Any]
Mutation = Callable[[Facts], bool]
"""Changes the facts of one record in place; False when the record has nothing of the kind."""

NOW = surface(load_catalog())
ONE: dict[str, Any] = {"tools": {}, "operations": {"flows_pause": NOW["operations"]["flows_pause"]}}


def arguments(facts: Facts) -> Facts:
    return facts["input"].setdefault("properties", {})  # type: ignore[no-any-return]


def required(facts: Facts) -> list[str]:
    return facts["input"].setdefault("required", [])  # type: ignore[no-any-return]


def an_argument(has: Callable[[Facts], Any], change: Callable[[Facts], Any]) -> Mutation:
    """Changes the first argument of a kind."""

    def mutation(facts: Facts) -> bool:
        argument = next((schema for schema in arguments(facts).values() if has(schema)), None)
        if argument is not None:
            change(argument)
        return argument is not None

    return mutation


def takes_from(key: str) -> Mutation:
    return lambda facts: bool(facts.get(key) and facts[key].pop())


def adds_to(key: str, entry: str) -> Mutation:
    def mutation(facts: Facts) -> bool:
        facts[key] = [*facts.get(key, ()), entry]
        return True

    return mutation


def sets_risk(risk: str) -> Mutation:
    def mutation(facts: Facts) -> bool:
        before = facts.get("risk", risk)
        facts["risk"] = risk
        return bool(before != risk)

    return mutation


def an_argument_goes(facts: Facts) -> bool:
    name = next(iter(arguments(facts)), "")
    arguments(facts).pop(name, None)
    facts["input"]["required"] = [other for other in required(facts) if other != name]
    return bool(name)


def a_new_argument(facts: Facts) -> bool:
    return arguments(facts).setdefault("colour", {"type": "string"}) is not None


def a_new_required_argument(facts: Facts) -> bool:
    required(facts).append("colour")
    return a_new_argument(facts)


def an_optional_argument_is_required(facts: Facts) -> bool:
    optional = [name for name in arguments(facts) if name not in required(facts)]
    required(facts).extend(optional[:1])
    return bool(optional)


def an_argument_leaves_the_tool_list(facts: Facts) -> bool:
    listed = [name for name in arguments(facts) if name not in facts.get("unlisted", ())]
    facts["unlisted"] = [*facts.get("unlisted", ()), *listed[:1]]
    return bool(listed)


def a_nested_field_goes(facts: Facts) -> bool:
    fields: Facts = next((f for s in arguments(facts).values() if (f := s.get("items", {}).get("properties"))), {})
    return bool(fields and fields.popitem())


def other_hints(facts: Facts) -> bool:
    facts["hints"] = [hint for hint in ("read_only", "destructive") if hint not in facts.get("hints", ())]
    return True


def other_texts(facts: Facts) -> bool:
    facts["wording"] = "00000000"
    return True


def number(schema: Facts) -> bool:
    return schema["type"] in ("integer", "number")


def text(schema: Facts) -> bool:
    return schema["type"] == "string" and "enum" not in schema


BREAKING: dict[str, Mutation] = {
    "argument removed": an_argument_goes,
    "new required argument": a_new_required_argument,
    "argument became required": an_optional_argument_is_required,
    "argument left the tool list": an_argument_leaves_the_tool_list,
    "nested field removed": a_nested_field_goes,
    "other type": an_argument(text, lambda s: s.update(type="boolean")),
    "other type of items": an_argument(lambda s: "items" in s, lambda s: s["items"].update(type="boolean")),
    "enum narrowed": an_argument(lambda s: len(s.get("enum", ())) > 1, lambda s: s["enum"].pop()),
    "enum added": an_argument(text, lambda s: s.update(enum=["red"])),
    "minimum raised": an_argument(number, lambda s: s.update(minimum=s.get("minimum", 0) + 1)),
    "maximum added": an_argument(lambda s: number(s) and "maximum" not in s, lambda s: s.update(maximum=1_000)),
    "maximum lowered": an_argument(lambda s: "maximum" in s, lambda s: s.update(maximum=s["maximum"] - 1)),
    "default changed": an_argument(text, lambda s: s.update(default="another")),
    "risk raised": sets_risk("destroy"),
    "risk lowered": sets_risk("read"),
    "hints changed": other_hints,
    "key of the result removed": takes_from("output"),
    "dropped by a profile or toolset": takes_from("lists"),
    "alias removed": takes_from("aliases"),
}
ADDITIONS: dict[str, Mutation] = {
    "new optional argument": a_new_argument,
    "argument became optional": lambda facts: bool(required(facts) and required(facts).pop()),
    "argument joined the tool list": takes_from("unlisted"),
    "integer became number": an_argument(lambda s: s["type"] == "integer", lambda s: s.update(type="number")),
    "enum widened": an_argument(lambda s: "enum" in s, lambda s: s["enum"].append("colourful")),
    "enum removed": an_argument(lambda s: "enum" in s, lambda s: s.pop("enum")),
    "minimum lowered": an_argument(lambda s: "minimum" in s, lambda s: s.update(minimum=s["minimum"] - 1)),
    "maximum removed": an_argument(lambda s: "maximum" in s, lambda s: s.pop("maximum")),
    "new key of the result": adds_to("output", "colour"),
    "taken up by a profile": adds_to("lists", "tiny"),
    "new alias": adds_to("aliases", "another_name"),
}
LABELLED = [
    *((kind, mutation, Label.BREAKING) for kind, mutation in BREAKING.items()),
    *((kind, mutation, Label.ADDITION) for kind, mutation in ADDITIONS.items()),
    ("other texts", other_texts, Label.WORDING),
]


def only(section: str, name: str, facts: Facts) -> dict[str, Any]:
    """A surface of one record."""
    return {**{other: {} for other in SECTIONS}, section: {name: facts}}


def every_record() -> Iterator[tuple[str, str, Facts]]:
    for section in SECTIONS:
        for name, facts in NOW[section].items():
            yield section, name, copy.deepcopy(facts)


def labels(changes: list[Change]) -> set[Label]:
    return {change.label for change in changes}


def test_the_snapshot_is_current() -> None:
    """After a change: python -m benchmarks.contract says what it means for clients, with --update it is accepted."""
    assert SNAPSHOT.read_text(encoding="utf-8") == render(NOW)


def test_a_surface_has_every_tool_and_operation_one_line_each(catalog: Catalog) -> None:
    assert set(NOW["tools"]) == set(catalog.tools)
    assert set(NOW["operations"]) == set(catalog.operations)
    assert json.loads(render(NOW)) == NOW
    lines = render(NOW).splitlines()
    assert sum(line.startswith(('"flows_', '"nexla_')) for line in lines) == len(catalog.tools) + len(
        [name for name in catalog.operations if name.startswith("flows_")]
    )


def test_no_change_is_no_change() -> None:
    assert compare(NOW, copy.deepcopy(NOW)) == []


@pytest.mark.parametrize(("mutation", "label"), [case[1:] for case in LABELLED], ids=[case[0] for case in LABELLED])
def test_each_kind_of_change_gets_its_label_on_every_record(mutation: Mutation, label: Label) -> None:
    met = 0
    for section, name, facts in every_record():
        if mutation(facts):
            met += 1
            changes = compare(only(section, name, NOW[section][name]), only(section, name, facts))
            assert labels(changes) == {label}, (name, changes)
            assert {change.name for change in changes} == {name}
    assert met


@pytest.mark.parametrize("mutation", ADDITIONS.values(), ids=ADDITIONS.keys())
def test_taking_an_addition_back_is_breaking(mutation: Mutation) -> None:
    for section, name, facts in every_record():
        if mutation(facts):
            changes = compare(only(section, name, facts), only(section, name, NOW[section][name]))
            assert labels(changes) == {Label.BREAKING}, (name, changes)


def test_breaking_changes_come_first() -> None:
    facts = copy.deepcopy(ONE["operations"]["flows_pause"])
    assert all(mutation(facts) for mutation in (a_new_argument, an_argument_goes, other_hints))
    found = [change.label for change in compare(ONE, only("operations", "flows_pause", facts))]
    assert found == [Label.BREAKING, Label.BREAKING, Label.ADDITION]


def test_a_name_that_is_gone_is_breaking_and_a_new_one_an_addition() -> None:
    nothing: dict[str, Any] = {section: {} for section in SECTIONS}
    for section, name, facts in every_record():
        assert labels(compare(only(section, name, facts), nothing)) == {Label.BREAKING}
        assert [change.label for change in compare(nothing, only(section, name, facts))] == [Label.ADDITION]


def test_a_new_name_needs_the_old_one_as_alias_and_cannot_hide_a_break() -> None:
    for section, name, facts in every_record():
        was = only(section, name, NOW[section][name])
        assert Label.BREAKING in labels(compare(was, only(section, f"{name}_anew", facts)))
        facts["aliases"] = [*facts.get("aliases", ()), name.removeprefix(PREFIX)]
        kept = compare(was, only(section, f"{name}_anew", facts))
        assert [(change.label, change.name) for change in kept] == [(Label.ADDITION, name)]
        a_new_required_argument(facts)
        assert Label.BREAKING in labels(compare(was, only(section, f"{name}_anew", facts)))


def test_an_alias_that_means_something_else_is_breaking() -> None:
    pause, get = ONE["operations"]["flows_pause"], NOW["operations"]["flows_get"]
    was = {"tools": {}, "operations": {"flows_pause": {**pause, "aliases": ["old"]}, "flows_get": get}}
    now = {"tools": {}, "operations": {"flows_pause": pause, "flows_get": {**get, "aliases": ["old"]}}}
    broken = [change for change in compare(was, now) if change.label is Label.BREAKING]
    assert [str(change) for change in broken] == ["breaking  flows_pause: alias old means flows_get now"]


def test_every_alias_resolves_and_shadows_nothing(catalog: Catalog) -> None:
    records: list[Operation | ToolSpec] = [*catalog.operations.values(), *catalog.tools.values()]
    names = {record.name.removeprefix(PREFIX) for record in records}
    owner: dict[str, str] = {}
    for record in records:
        for alias in record.aliases:
            plain = alias.removeprefix(PREFIX)
            assert plain not in names, f"{alias} of {record.name} hides a real name"
            assert owner.setdefault(plain, record.name) == record.name, f"{alias} means two things"
            for spelling in (alias, plain, PREFIX + plain, plain.replace("_", ".", 1)):
                assert catalog.resolve(spelling) is record
    assert owner


def test_a_break_is_reported_and_not_written_until_it_is_announced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot, changelog = tmp_path / "surface.json", tmp_path / "CHANGELOG.md"
    changelog.write_text("## [Unreleased]\n\n### Added\n- A thing.\n\n## [1.0.0]\n\n### Breaking\n- Long ago.\n")
    assert check(render(ONE), snapshot, changelog, update=True) == 0
    broken = copy.deepcopy(ONE)
    sets_risk("destroy")(broken["operations"]["flows_pause"])
    assert check(render(broken), snapshot, changelog, update=True) == 1
    assert "breaking  flows_pause: risk went from disrupt to destroy" in capsys.readouterr().out
    assert snapshot.read_text() == render(ONE)
    changelog.write_text("## [Unreleased]\n\n### Breaking\n- Pausing is confirmed by name.\n")
    assert check(render(broken), snapshot, changelog, update=True) == 0
    assert snapshot.read_text() == render(broken)


def test_an_addition_needs_no_announcement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot, changelog = tmp_path / "surface.json", tmp_path / "CHANGELOG.md"
    changelog.write_text("## [Unreleased]\n")
    snapshot.write_text(render(ONE))
    wider = copy.deepcopy(ONE)
    a_new_argument(wider["operations"]["flows_pause"])
    assert check(render(wider), snapshot, changelog) == 0
    said = capsys.readouterr().out
    assert "addition  flows_pause: argument colour is new and optional" in said
    assert "out of date" in said
    assert snapshot.read_text() == render(ONE)


def test_only_the_unreleased_part_of_the_changelog_announces() -> None:
    assert not announced("")
    assert not announced("## [Unreleased]\n### Added\n## [1.0.0]\n### Breaking\n")
    assert announced("# Changelog\n\n## [Unreleased]\n\n### Added\n- x\n\n### Breaking\n- y\n\n## [1.0.0]\n")
    assert "## [Unreleased]" in CHANGELOG.read_text(encoding="utf-8")
