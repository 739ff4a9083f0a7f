"""Secrets never get out, and text cannot deceive a reader."""

from __future__ import annotations

import json
import time
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
        "json_creds",
        "credentials",
        "x-api-key",
        "secret_access_key",
        "password_2",
        "token_value",
        "pass\u200bword",
        "ｐassword",
    ],
)
def test_a_key_that_names_a_secret_is_masked(key: str) -> None:
    assert list(clean({key: CANARY}).values()) == [mask(CANARY)]


ORDINARY = ["primaryKey", "primary.key", "map_primary_key", "name", "keys", "tokens_used", "secretary", "key"]
ORDINARY += ["credentials_type", "data_credentials", "secret_name"]


@pytest.mark.parametrize("key", ORDINARY)
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
        f"https://{CANARY}@github.example.com/x",
        f"redis://:{CANARY}@cache:6379",
        f"GET /files?X-Amz-Signature={CANARY} HTTP/1.1",
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={CANARY}==;EndpointSuffix=core",
        f'bad config {{"host": "h", "password": "{CANARY}"}}',
        f'bad config "{{\\"client_secret\\": \\"{CANARY}\\"}}"',
        f"{{'db_password': '{CANARY}'}}",
        f"login failed, password: {CANARY}",
        f"https://hooks.slack.com/services/T000/B000/{CANARY}",
        f"BEARER {CANARY}",
        f"be\u200barer {CANARY}",
    ],
)
def test_a_text_that_carries_a_secret_is_masked_inside(text: str) -> None:
    assert CANARY not in clean_text(text)


def test_fields_that_a_spec_names_are_masked_through_lists() -> None:
    body = {"data_sources": [{"id": 1, "api_keys": [{"id": 9, "api_key": CANARY, "url": f"https://h.example.com/{CANARY}"}]}]}
    cleaned = clean(body, ["data_sources.api_keys"])
    assert CANARY not in json.dumps(cleaned)
    assert cleaned["data_sources"][0]["api_keys"][0]["id"] == 9


@pytest.mark.parametrize("naming", ["name", "key", "field", "header"])
@pytest.mark.parametrize("value", ["value", "default", "before", "after"])
def test_a_value_beside_the_name_of_a_secret_is_masked(naming: str, value: str) -> None:
    assert CANARY not in json.dumps(clean([{naming: "db_password", value: CANARY}, {naming: "api_key", value: [CANARY]}]))
    assert clean({naming: "path", value: "/in"}) == {naming: "path", value: "/in"}


def test_an_audit_entry_shows_that_a_secret_changed_and_not_to_what() -> None:
    entry = {"event": "update", "object_changes": {"credentials": [{"host": "a", "password": CANARY}, None], "name": ["a", "b"]}}
    cleaned = clean(entry)
    assert CANARY not in json.dumps(cleaned)
    assert cleaned["object_changes"]["name"] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "the token is expired",
        "password: wrong",
        "user@example.com",
        "https://user@host/x",
        "page=2&per_page=10",
        '{"type": "password", "label": "Password"}',
        "basic auth is not supported",
    ],
)
def test_ordinary_texts_stay(text: str) -> None:
    assert clean_text(text) == text


@pytest.mark.parametrize(
    "piece",
    ["eyJ-", "eyJaaaaaaaa.", "://a:", "password=", "password: ", 'password"', "-----BEGIN PRIVATE KEY-----", "\x1b]", "\x1b[0"],
)
def test_no_text_can_stall_the_cleaning(piece: str) -> None:
    began = time.perf_counter()
    clean_text(piece * (400_000 // len(piece)))
    assert time.perf_counter() - began < 2.0


def test_what_is_nested_without_end_is_cut_and_not_a_crash() -> None:
    deep: Any = CANARY
    for _ in range(900):
        deep = {"password": [deep]}
    assert CANARY not in json.dumps(clean(deep))
    deep = "x"
    for _ in range(900):
        deep = [deep]
    assert "nested too deeply" in json.dumps(clean(deep))


def test_the_same_secret_looks_the_same_everywhere() -> None:
    assert clean({"password": CANARY})["password"] == clean({"token": CANARY})["token"] == mask(CANARY)


def test_cleaning_twice_changes_nothing_more() -> None:
    once = clean({"a": f"https://h?api_key={CANARY}", "b": "Bearer abcdefghijkl", "password": CANARY, "tokens": [CANARY]})
    assert clean(once) == once


HIDDEN = ["\u200b", "\u202e", "\u2066", "\x1b[31m", "\x07", "\U000e0041", "\ufeff", "\u00ad", "\ufe0f", "\u2800", "\x9b31m"]


@pytest.mark.parametrize("hidden", HIDDEN)
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


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"Authorization","value":"s3cr3t-4711"}',
        '{\\"name\\": \\"X-Api-Key\\", \\"value\\": \\"s3cr3t-4711\\"}',
        "{'key': 'client_secret', 'value': 's3cr3t-4711'}",
    ],
)
def test_a_header_in_a_text_is_masked_by_its_name(text: str) -> None:
    assert "s3cr3t-4711" not in clean_text(f"sent {text} and failed")
    assert '"value":"plain-4711"' in clean_text('{"name":"Accept","value":"plain-4711"}')
