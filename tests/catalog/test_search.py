"""Finding an operation by what somebody wants: how often the right one comes first, and what must hold for any text."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.catalog.search import SearchIndex
from nexla_mcp.catalog.vocabulary import load_vocabulary

QUESTIONS = json.loads((Path(__file__).parent / "search_questions.json").read_text())["questions"]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def index(catalog: Catalog) -> SearchIndex:
    return SearchIndex(catalog)


def share_found(index: SearchIndex, catalog: Catalog, *, held_out: bool, first: int) -> float:
    """How often an acceptable name is among the first ``first``; questions for what does not exist yet are left out."""
    names = catalog.operations.keys() | catalog.tools.keys()
    asked = [q for q in QUESTIONS if q["held_out"] == held_out and names & set(q["answers"])]
    found = [q for q in asked if {h.name for h in index.search(q["question"], limit=first)} & set(q["answers"])]
    return len(found) / len(asked)


def test_the_right_operation_comes_first_on_the_questions_it_was_built_with(index: SearchIndex, catalog: Catalog) -> None:
    assert share_found(index, catalog, held_out=False, first=1) >= 0.85
    assert share_found(index, catalog, held_out=False, first=3) >= 0.95


def test_the_right_operation_comes_first_on_questions_nobody_looked_at(
    index: SearchIndex, catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    first = share_found(index, catalog, held_out=True, first=1)
    third = share_found(index, catalog, held_out=True, first=3)
    with capsys.disabled():
        print(f"\nsearch, held-out questions: R@1 {first:.3f}, R@3 {third:.3f}")  # noqa: T201
    assert first >= 0.85
    assert third >= 0.95


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
@example("")
@example("   ")
@example('"" OR NEAR(" * ^ ) -- \' ; DROP TABLE docs')
@example("AND OR NOT NEAR")
@example("🚀🔥 ✨")
@example("\ud800 pause \udfff flow")
@example("暂停数据流")
@example("stop " * 2_000)
@example("\x00\u202eflow")
def test_any_text_at_all_has_a_result(index: SearchIndex, text: str) -> None:
    hits = index.search(text, limit=3)

    assert len(hits) == 3
    assert all(hit.sentence for hit in hits)


def test_what_nobody_understands_leads_to_the_runbooks(index: SearchIndex, catalog: Catalog) -> None:
    assert catalog.tools[index.search("xyzzy", limit=1)[0].name].kind == "runbook"


def test_the_same_question_has_the_same_answer(index: SearchIndex, catalog: Catalog) -> None:
    other = SearchIndex(catalog)

    for question in ("which flows are failing", "flwo", "share the orders source with finance", ""):
        assert index.search(question) == index.search(question) == other.search(question)


def test_the_best_comes_first(index: SearchIndex) -> None:
    scores = [hit.score for hit in index.search("pause a pipeline", limit=20)]

    assert scores == sorted(scores)


def test_a_toolset_is_kept_to(index: SearchIndex) -> None:
    hits = index.search("list everything", toolset="teams", limit=50)

    assert hits[0].name == "teams_list"
    assert {hit.toolset for hit in hits} == {"teams"}


def test_a_toolset_that_does_not_exist_is_no_reason_to_find_nothing(index: SearchIndex) -> None:
    assert index.search("pause a flow", toolset="no_such_toolset", limit=1)[0].name == "flows_pause"


def test_the_exact_name_wins(index: SearchIndex, catalog: Catalog) -> None:
    for name in catalog.operations:
        assert index.search(name, limit=1)[0].name == name
        assert index.search(f"nexla_{name}", limit=1)[0].name == name


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("puase the pipelin", "flows_pause"),
        ("who changed the source", "sources_get_audit_log"),
        ("please don't delete the team, just rename it", "teams_update"),
        ("let finance see the orders dataset", "nexsets_add_accessors"),
        ("flows of a project", "projects_get_flows"),
        ("list projects", "projects_list"),
    ],
)
def test_how_people_ask(index: SearchIndex, catalog: Catalog, question: str, name: str) -> None:
    operations = [hit.name for hit in index.search(question) if hit.name in catalog.operations]

    assert operations[0] == name


def test_the_vocabulary_speaks_of_what_exists(catalog: Catalog) -> None:
    file = Path(__file__).parents[2] / "tool_specs" / "search" / "vocabulary.json"
    data = json.loads(file.read_text())
    concepts = data["things"].keys() | data["actions"].keys()

    assert data["meanings"].keys() <= catalog.operations.keys() | catalog.tools.keys()
    assert {c for text in data["meanings"].values() for c in text.split()} <= concepts
    assert not data["things"].keys() & data["actions"].keys()


def test_the_wordings_speak_of_what_exists(catalog: Catalog) -> None:
    file = Path(__file__).parents[2] / "tool_specs" / "search" / "wordings.json"
    data = json.loads(file.read_text())
    awaited = {name for question in QUESTIONS for name in question["answers"]}
    actions = {name.removeprefix(f"{catalog.toolset_of(o)}_") for name, o in catalog.operations.items()}

    assert data["operations"].keys() <= catalog.operations.keys() | catalog.tools.keys() | awaited
    assert data["resources"].keys() <= set(catalog.toolset_names)
    assert data["actions"].keys() <= actions


def test_what_stands_for_a_thing_is_read_as_one(index: SearchIndex) -> None:
    assert index.search("healthcheck of the orders flow") == index.search("health check of the orders flow")
    assert index.search("jo@acme.example.com was here") == index.search("somebody was here")
    assert index.search("reingest exports/orders_07.csv", limit=1)[0].name == "sources_reingest_file"


def test_a_verb_that_is_denied_or_told_is_not_what_is_asked() -> None:
    vocabulary = load_vocabulary()

    assert "delete" in vocabulary.understand("delete the flow").actions
    assert "delete" not in vocabulary.understand("do not delete the flow").actions
    assert vocabulary.understand("the flow was deleted").actions["delete"] < 1


def test_a_search_takes_a_few_milliseconds(index: SearchIndex) -> None:
    index.search("first serch with a typo")  # builds what typing errors need
    spent = []
    for question in [q for q in QUESTIONS if not q["held_out"]][:100]:
        start = time.thread_time()
        index.search(question["question"])
        spent.append(time.thread_time() - start)

    assert sorted(spent)[95] < 0.012  # about 4 ms; the rest is for a machine that is busy


def test_the_index_is_built_quickly(catalog: Catalog) -> None:
    start = time.thread_time()
    SearchIndex(catalog)

    assert time.thread_time() - start < 0.6
