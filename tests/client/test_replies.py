"""Any bytes in, a value or a NexlaError out."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexla_mcp.client.errors import NexlaError
from nexla_mcp.client.replies import DEEPEST, decode, read_reply, server_message
from nexla_mcp.client.wire import ApiRequest

READ = ApiRequest("flows_get", True, "GET", "/flows/1", resource_type="flows", resource_id=1)
CHANGE = ApiRequest("flows_pause", False, "PUT", "/flows/1/pause", resource_type="flows", resource_id=1)
HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)


def reply(status: int, content: bytes, **headers: str) -> httpx.Response:
    sent = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items()]
    return httpx.Response(status, content=content, headers=sent, request=httpx.Request("GET", "http://h/flows/1"))


@settings(max_examples=300, deadline=None)
@given(
    status=st.integers(200, 599),
    content=st.binary(max_size=60) | st.text(max_size=40).map(str.encode) | st.just(b"<html>x</html>"),
    kind=st.sampled_from(["application/json", "text/html", "text/plain", "", "application/json; charset=utf-16", "x; charset=?"]),
    retry=HEADER_TEXT,
    total=HEADER_TEXT,
    link=HEADER_TEXT,
    request=st.sampled_from([READ, CHANGE]),
)
def test_any_reply_is_a_value_or_an_error(
    status: int, content: bytes, kind: str, retry: str, total: str, link: str, request: ApiRequest
) -> None:
    response = reply(status, content, content_type=kind, retry_after=retry, x_total_count=total, link=link, date=retry)
    try:
        found = read_reply(request, response)
    except NexlaError as error:
        json.dumps(error.summary())
        assert error.message.startswith("flows_")
        assert error.retry_after is None or 0 <= error.retry_after <= 86_400
        assert status >= 300 or b"html" in content.lower() or error.status_code == status
    else:
        assert status < 300
        json.dumps(found.body, allow_nan=False)


@pytest.mark.parametrize("text", ["[NaN, Infinity, -Infinity, 1e999]", '{"a": NaN}'])
def test_numbers_that_are_none_become_null(text: str) -> None:
    json.dumps(decode(text), allow_nan=False)


@pytest.mark.parametrize("depth", [DEEPEST + 1, 500, 5_000, 100_000])
def test_what_is_nested_without_end_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        decode("[" * depth + "]" * depth)


def test_what_is_nested_a_little_is_read() -> None:
    assert decode('{"a": [[[{"b": 1}]]]}') == {"a": [[[{"b": 1}]]]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"message": " no "}, "no"),
        ({"error": {"message": "inner", "code": 7}}, "inner"),
        ({"error": "AUTH_001", "error_description": "expired"}, "AUTH_001"),
        ({"detail": [1]}, ""),
        ("plain", "plain"),
        ([], ""),
    ],
)
def test_the_words_of_the_api_wherever_they_stand(body: Any, said: str) -> None:
    assert server_message(reply(400, json.dumps(body).encode())) == said


def test_a_web_page_never_becomes_an_error_text() -> None:
    with pytest.raises(NexlaError) as error:
        read_reply(READ, reply(403, b"<!DOCTYPE html><script>alert(1)</script>"))
    assert "script" not in str(error.value.summary())
    assert "web page" in error.value.message


def test_a_refused_change_says_that_nothing_was_changed_and_a_refused_read_does_not() -> None:
    for request, expected in ((CHANGE, True), (READ, False)):
        with pytest.raises(NexlaError) as error:
            read_reply(request, reply(409, b'{"message": "busy"}'))
        assert ("Nothing was changed." in error.value.message) is expected
