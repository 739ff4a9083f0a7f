"""A change of a JSON text with comments touches nothing else, and can be taken back to the byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexla_mcp.cli.clients.jsonc import BrokenTextError, append, drop, put, value

NEW = {"command": "/x/nexla-mcp", "args": ["serve"]}
PATH = ("mcpServers", "nexla")
TEXTS = {
    "plain": '{\n  "theme": "dark",\n  "mcpServers": {\n    "other": {"command": "node"}\n  }\n}\n',
    "comments": '// top\n{\n  /* a */ "mcpServers": { // servers\n    "other": {"command": "node"} // mine\n  },\n  "z": 1\n}\n',
    "trailing commas": '{\n\t"mcpServers": {\n\t\t"other": {},\n\t},\n}\n',
    "crlf": '{\r\n  "mcpServers": {\r\n    "other": {}\r\n  }\r\n}\r\n',
    "one line": '{"mcpServers": {"other": {}}, "z": [1, 2]}',
    "byte order mark": '\ufeff{\n  "mcpServers": {\n    "other": {}\n  }\n}',
    "text that looks like a comment": '{\n  "url": "http://x//y /* no */",\n  "mcpServers": {\n    "o": {"a": "//"}\n  }\n}\n',
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_member_is_added_and_removed_without_a_trace(name: str) -> None:
    text = TEXTS[name]
    after = put(text, PATH, NEW)
    expected = value(text)
    expected["mcpServers"]["nexla"] = NEW
    assert value(after) == expected
    assert drop(after, PATH) == text


@pytest.mark.parametrize("name", TEXTS)
def test_comments_and_line_ends_stay(name: str) -> None:
    after = put(TEXTS[name], PATH, NEW)
    for comment in ("// top", "/* a */", "// servers", '"other": {"command": "node"}, // mine'):
        if comment.replace("},", "}") in TEXTS[name]:
            assert comment in after
    assert ("\r\n" in after) == ("\r\n" in TEXTS[name])
    assert "\n" not in after.replace("\r\n", "") or "\r\n" not in after


@pytest.mark.parametrize("text", ["", "  \n", "{}", "{\n}", "// nothing yet\n", '{"mcpServers": {}}', "{ // only this\n}"])
def test_what_is_missing_on_the_way_is_made(text: str) -> None:
    assert value(put(text, PATH, NEW))["mcpServers"] == {"nexla": NEW}


def test_a_value_is_replaced_in_its_place() -> None:
    text = '{\n  "mcpServers": {\n    "nexla": {"command": "old"}, // here\n    "b": {}\n  }\n}'
    after = put(text, PATH, NEW)
    assert value(after)["mcpServers"] == {"nexla": NEW, "b": {}}
    assert "}, // here" in after


def test_an_item_of_a_list_is_added_and_removed() -> None:
    text = '{\n  "inputs": [\n    {"id": "a"}\n  ]\n}'
    after = append(text, ("inputs",), {"id": "b"})
    assert value(after) == {"inputs": [{"id": "a"}, {"id": "b"}]}
    assert drop(after, ("inputs", 1)) == text
    assert value(drop(after, ("inputs", 0))) == {"inputs": [{"id": "b"}]}
    assert value(append("{}", ("inputs",), 1)) == {"inputs": [1]}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', "line 3, column 3"),
        ('{"a": }', "line 1, column 7"),
        ("{'a': 1}", "line 1, column 2"),
        ('{"a": 1', "line 1, column 8"),
        ('{"a": 1} x', "line 1, column 10"),
        ("[" * 5000, "nested too deeply"),
        ('{"a": 01x}', "line 1"),
        ("/* never closed", "line 1"),
    ],
)
def test_a_broken_text_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(BrokenTextError, match=place):
        put(text, PATH, NEW)


@pytest.mark.parametrize("text", ["[]", '{"mcpServers": []}', '{"mcpServers": 3}', '"text"'])
def test_what_is_no_object_is_not_overwritten(text: str) -> None:
    with pytest.raises(BrokenTextError, match="is no object"):
        put(text, PATH, NEW)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), _VALUES, max_size=4), st.sampled_from([None, 0, 1, 2, "\t"]))
def test_any_object_says_the_same_and_one_thing_more(before: dict[str, object], indent: int | str | None) -> None:
    text = json.dumps(before, indent=indent)
    assert value(text) == before
    before.pop("nexla servers", None)
    after = put(text, ("nexla servers", "nexla"), NEW)
    assert json.loads(after) == before | {"nexla servers": {"nexla": NEW}}
    assert json.loads(drop(after, ("nexla servers",))) == before
