"""Spec files are read into frozen records, or the error names file and entry."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from nexla_mcp.arguments.check import check
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.kinds import resource_kinds
from nexla_mcp.catalog.loader import SpecError, data_root, load_catalog
from nexla_mcp.catalog.records import Operation, Risk, Toolset

GOOD = {
    "toolset": "things",
    "title": "Things",
    "description": "Things of a test.",
    "operations": [
        {
            "name": "things_get",
            "title": "Get a thing",
            "description": "Returns one thing with all its fields.",
            "risk": "read",
            "method": "GET",
            "path": "/things/{thing_id}",
            "parameters": {"thing_id": {"in": "path", "type": "integer"}},
            "required": ["thing_id"],
            "returns": {"shape": "object"},
        }
    ],
}


def write(root: Path, toolset: dict[str, object]) -> Path:
    (root / "things.json").write_text(json.dumps(toolset))
    return root


def changed(**changes: object) -> dict[str, object]:
    return {**GOOD, "operations": [{**GOOD["operations"][0], **changes}]}  # type: ignore[index]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    assert load_catalog(write(tmp_path, GOOD)).operation("things_get").risk is Risk.READ


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, "colour"),
        ({"risk": "dangerous"}, "risk"),
        ({"path": "/things/{other_id}"}, "path has"),
        ({"required": []}, "must be required"),
        ({"method": "PATCH"}, "method"),
        ({"risk": "destroy"}, "needs a preview"),
        ({"undo": {"operation": "things_restore"}}, "things_restore"),
        ({"name": "Things-Get"}, "name"),
        ({"parameters": {"thing_id": {"in": "path", "type": "array"}}}, "items"),
    ],
)
def test_a_mistake_is_reported_with_file_entry_and_key(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError) as error:
        load_catalog(write(tmp_path, changed(**changes)))
    assert "things.json" in str(error.value)
    assert "operation" in str(error.value)
    assert said in str(error.value)


def test_a_name_is_defined_once(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "twins.json").write_text(json.dumps({**GOOD, "toolset": "twins"}))
    with pytest.raises(SpecError, match=r"twins.json:1: operation things_get: this name is already taken at .*things.json:1\."):
        load_catalog(tmp_path)


WRITTEN = """{
 "toolset": "things",
 "title": "Things",
 "description": "Things of a test.",
 "operations": [
  {
   "name": "things_get",
   "title": "Get a thing",
   "description": "Returns one thing with all its fields.",
   "risk": "read", "method": "GET",
   "path": "/things/{thing_id}",
   "parameters": {
    "thing_id": {
     "in": "path", "type": "integer",
     "minimum": 1
    }
   },
   "required": ["thing_id"],
   "returns": {"shape": "object"}
  },
  {
   "name": "things_drop",
   "title": "Drop a thing",
   "description": "Takes one thing away; says {\\"operations\\": 1}.",
   "risk": "destroy", "method": "DELETE",
   "path": "/things/{thing_id}",
   "parameters": {"thing_id": {"in": "path", "type": "integer"}},
   "required": ["thing_id"],
   "returns": {"shape": "empty"},
   "undo": {"note": "It cannot be undone."},
   "preview": {
    "change": "delete",
    "target": {
     "operation": "things_get",
     "arguments": {"thing_id": "$thing_id"}
    }
   }
  }
 ]
}
"""


@pytest.mark.parametrize(
    ("there", "wrong", "said"),
    [
        ('"minimum": 1', '"minimum": 1,', r"things.json:16: not JSON: .* \(column 5\)"),
        ('"minimum": 1', '"minimun": 1', r"things.json:15: operation things_get .* there is no key 'minimun' here; did you mean"),
        ('"minimum": 1', '"minimum": "one"', r"things.json:15: operation things_get > parameters > thing_id > minimum: Input"),
        ('"risk": "destroy"', '"risk": "hard"', r"things.json:25: operation things_drop > risk: Input should be 'read'"),
        ('"name": "things_drop",', "", r"things.json:21: operation number 2 > name: Field required"),
        (
            '"name": "things_drop"',
            '"name": "things_get"',
            r"things.json:22: operation things_get: .* taken at .*things.json:7\.$",
        ),
        (
            '"operation": "things_get"',
            '"operation": "things_got"',
            r"things.json:34: .* unknown operation things_got; did you mean",
        ),
        ('"operation": "things_get"', '"operation": "things_drop"', r"things.json:34: operation things_drop: preview must read"),
        ('"$thing_id"', '"$id"', r"things.json:35: operation things_drop: preview does not fit"),
        ('"title": "Things"', '"titel": "Things"', r"things.json:1: title: Field required"),
        ('"title": "Things"', '"titel": "Things"', r"things.json:3: titel: there is no key 'titel' here; did you mean 'title'\?"),
        (
            '{"note": "It cannot be undone."}',
            '{"operation": "things_make"}',
            r"things.json:30: .* undo names the unknown operation",
        ),
    ],
)
def test_a_mistake_is_shown_with_file_and_line(tmp_path: Path, there: str, wrong: str, said: str) -> None:
    assert WRITTEN.count(there) == 1
    (tmp_path / "things.json").write_text(WRITTEN)
    load_catalog(tmp_path)
    (tmp_path / "things.json").write_text(WRITTEN.replace(there, wrong))
    with pytest.raises(SpecError) as error:
        load_catalog(tmp_path)
    assert re.search(said, str(error.value), re.M), str(error.value)


def test_a_file_of_another_form_is_named_as_well(tmp_path: Path) -> None:
    (tmp_path / "things.json").write_text("[1, 2]")
    with pytest.raises(SpecError, match=r"things.json:1: file: Input should be an object"):
        load_catalog(tmp_path)


def test_no_spec_file_says_a_key_twice() -> None:
    """JSON keeps the second and drops the first without a word."""

    def keys_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len({key for key, _ in pairs}) == len(pairs), [key for key, _ in pairs]
        return dict(pairs)

    for path in data_root("tool_specs").rglob("*.json"):
        json.loads(path.read_text(), object_pairs_hook=keys_once)


def test_a_preview_must_not_change_anything(tmp_path: Path) -> None:
    drop = {"name": "things_drop", "risk": "destroy", "method": "DELETE"}
    preview = {"change": "delete", "target": {"operation": "things_drop", "arguments": {"thing_id": "$thing_id"}}}
    with pytest.raises(SpecError, match="preview must read"):
        load_catalog(write(tmp_path, changed(**drop, preview=preview)))


def test_records_cannot_be_changed(catalog: Catalog) -> None:
    with pytest.raises(ValidationError):
        catalog.operation("flows_get").risk = Risk.DESTROY  # type: ignore[misc]


def test_every_example_fits_its_own_schema(catalog: Catalog) -> None:
    for record in [*catalog.operations.values(), *catalog.tools.values()]:
        for example in record.examples:
            check(record, example)


def test_every_operation_has_an_example_and_synonyms(catalog: Catalog) -> None:
    assert [o.name for o in catalog.operations.values() if not o.examples or len(o.synonyms) < 3] == []


def test_every_change_says_how_it_is_undone(catalog: Catalog) -> None:
    assert [o.name for o in catalog.operations.values() if not o.reads and o.undo is None] == []


def test_the_json_schema_for_editors_accepts_every_file_and_refuses_unknown_keys() -> None:
    root = data_root("tool_specs")
    validator = Draft202012Validator(json.loads((root / "schema" / "toolset.schema.json").read_text()))
    for path in root.glob("*.json"):
        validator.validate(json.loads(path.read_text()))
    assert not validator.is_valid(changed(colour="red"))
    assert validator.is_valid(GOOD)


def test_names_are_found_in_the_ways_people_write_them(catalog: Catalog) -> None:
    for name in ("flows_pause", "nexla_flows_pause", "flows.pause", "flows-pause", " flows_pause "):
        record = catalog.resolve(name)
        assert isinstance(record, Operation)
        assert record.name == "flows_pause"
    assert catalog.resolve("flows_explode") is None


def test_the_generic_tools_offer_every_kind_there_is(catalog: Catalog) -> None:
    kinds = resource_kinds(catalog)
    for tool in ("nexla_list", "nexla_get"):
        assert set(catalog.tools[tool].parameters["resource_type"].enum) == set(kinds)


def test_first_sentences_stand_alone(catalog: Catalog) -> None:
    for record in [*catalog.operations.values(), *catalog.tools.values()]:
        assert len(re.split(r"(?<=[.!?])\s", record.description)[0]) <= 200, record.name


def test_the_published_risk_of_an_operation_is_not_lowered(catalog: Catalog) -> None:
    """Unknown is destroy; whatever deletes or replaces a whole list is never less than disrupt."""
    for operation in catalog.operations.values():
        if operation.method == "DELETE":
            assert operation.risk in (Risk.DESTROY, Risk.DISRUPT, Risk.WRITE), operation.name
        if operation.name.endswith(("_delete", "_replace_accessors")):
            assert operation.risk is Risk.DESTROY, operation.name


def test_toolset_files_carry_their_own_name() -> None:
    for path in data_root("tool_specs").glob("*.json"):
        assert Toolset.model_validate_json(path.read_bytes()).toolset == path.stem
