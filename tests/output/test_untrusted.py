"""Secrets never get out, and text cannot deceive a reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexla_mcp.output.untrusted import clean, clean_text, looks_secret, mask

CANARY = "canary-7f3b9c2e51d84a06"


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "db_password",
        "apiKey",
        "api_key",
        "secret",
        "clientSecret",
        "access_token",
        "AWS_SECRET_KEY",
        "private-key",
        "sasl.jaas.config",
    ],
)
def test_a_key_that_names_a_secret_is_masked(key: str) -> None:
    assert clean({key: CANARY})[key] == mask(CANARY)


@pytest.mark.parametrize(
    "key", ["primaryKey", "primary.key", "map_primary_key", "name", "keys", "tokens_used", "secretary", "key"]
)
def test_ordinary_keys_stay(key: str) -> None:
    assert not looks_secret(key)


@pytest.mark.parametrize(
    "text",
    [
        f"https://host.example.com/data?api_key={CANARY}&x=1",
        f"Authorization: Bearer {CANARY}",
        f"postgres://user:{CANARY}@db.example.com/x",
        f"jdbc:sqlserver://db;user=a;password={CANARY};encrypt=true",
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
    ],
)
def test_a_text_that_carries_a_secret_is_masked_inside(text: str) -> None:
    assert CANARY not in clean_text(text)


def test_fields_that_a_spec_names_are_masked_through_lists() -> None:
    body = {"data_sources": [{"id": 1, "api_keys": [{"id": 9, "api_key": CANARY, "url": f"https://h.example.com/{CANARY}"}]}]}
    cleaned = clean(body, ["data_sources.api_keys"])
    assert CANARY not in json.dumps(cleaned)
    assert cleaned["data_sources"][0]["api_keys"][0]["id"] == 9


def test_the_same_secret_looks_the_same_everywhere() -> None:
    assert clean({"password": CANARY})["password"] == clean({"token": CANARY})["token"] == mask(CANARY)


def test_cleaning_twice_changes_nothing_more() -> None:
    once = clean({"a": f"https://h?api_key={CANARY}", "b": "Bearer abcdefghijkl"})
    assert clean(once) == once


@pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\u2066", "\x1b[31m", "\x07", "\U000e0041", "\ufeff", "\u00ad", "\ufe0f"])
def test_characters_that_hide_or_reorder_text_are_removed(hidden: str) -> None:
    assert clean_text(f"be{hidden}fore") == "before"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)


@given(JSON)
def test_any_json_can_be_cleaned_and_sent(value: Any) -> None:
    json.dumps(clean(value)).encode("utf-8")
