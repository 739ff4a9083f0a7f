"""Each fault looks to a client as it should, and the record says whether the request was carried out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from nexla_mcp.sandbox import SandboxConfig, faults
from nexla_mcp.sandbox.faults import KINDS, Fault, FaultBook, load_faults
from nexla_mcp.sandbox.serve import RunningSandbox, running_sandbox
from tests.conftest import SCRIPT

PATH = "/projects"
NEW = {"name": "made under a fault"}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxConfig()) as sandbox:
        yield sandbox


@pytest.fixture
def http(running: RunningSandbox) -> Iterator[httpx.Client]:
    running.clear_faults()
    running.clear_requests()
    with running.client() as client:
        yield client


def last(running: RunningSandbox) -> dict[str, Any]:
    return next(r for r in reversed(running.requests()) if r["fault"])


@pytest.mark.parametrize(
    ("fault", "handled"),
    [
        ({"kind": "reset_before"}, None),
        ({"kind": "reset_after"}, 200),
        ({"kind": "truncated"}, 200),
        ({"kind": "refused", "delay_s": 0.05}, None),
        ({"reset": True}, None),
    ],
)
def test_a_connection_breaks_before_or_after_the_request_was_carried_out(
    running: RunningSandbox, http: httpx.Client, fault: dict[str, Any], handled: int | None
) -> None:
    before = len(http.get(PATH).json())
    running.fault(f"POST {PATH}$", count=1, **fault)
    with pytest.raises(httpx.TransportError):
        http.post(PATH, json=NEW)
    assert (last(running)["status"], last(running)["handled"]) == (0, handled)
    running.clear_faults()
    transport = httpx.HTTPTransport(retries=5)
    with httpx.Client(base_url=running.url, headers=http.headers, transport=transport) as again:
        assert len(again.get(PATH).json()) == before + (handled is not None)


def test_nobody_listens_for_a_while(running: RunningSandbox, http: httpx.Client) -> None:
    running.fault(f"GET {PATH}$", kind="refused", delay_s=0.3, count=1)
    with pytest.raises(httpx.TransportError):
        http.get(PATH)
    with pytest.raises(httpx.ConnectError):
        httpx.get(running.url, trust_env=False)
    assert running.requests()  # the control connection waits until somebody listens again


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
def test_throttled_in_both_forms(running: RunningSandbox, http: httpx.Client, form: str) -> None:
    running.fault(f"GET {PATH}$", kind="rate_limited", form=form, retry_after_s=30)
    reply = http.get(PATH)
    assert reply.status_code == 429
    told = reply.headers.get("retry-after")
    if form == "date":
        wait = parsedate_to_datetime(told) - parsedate_to_datetime(reply.headers["date"])
        assert 28 <= wait.total_seconds() <= 31
    else:
        assert told == ("30" if form == "seconds" else None)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("after", [False, True])
def test_a_server_error_before_and_after(running: RunningSandbox, http: httpx.Client, status: int, after: bool) -> None:
    before = len(http.get(PATH).json())
    running.fault(f"POST {PATH}$", kind="error", status=status, after=after)
    assert http.post(PATH, json=NEW).status_code == status
    assert len(http.get(PATH).json()) == before + after


def test_bodies_that_are_not_what_they_should_be(running: RunningSandbox, http: httpx.Client) -> None:
    def spoilt(kind: str) -> httpx.Response:
        running.clear_faults()
        running.fault(f"GET {PATH}$", kind=kind)
        return http.get(PATH)

    with pytest.raises(ValueError, match="Expecting"):
        json.loads(spoilt("invalid_json").text)
    assert spoilt("html").headers["content-type"].startswith("text/html")
    assert spoilt("html").status_code == 502
    assert spoilt("wrong_type").headers["content-type"].startswith("text/plain")
    assert json.loads(spoilt("wrong_type").text)
    assert spoilt("empty").content == b""
    assert spoilt("empty").status_code == 200
    assert len(spoilt("huge").content) > 9_900_000


def test_slow_replies(running: RunningSandbox, http: httpx.Client) -> None:
    running.fault(f"GET {PATH}$", kind="slow_headers", delay_s=0.3, count=1)
    with pytest.raises(httpx.ReadTimeout):
        http.get(PATH, timeout=0.1)
    running.fault(f"GET {PATH}$", kind="slow_body", delay_s=0.4)
    with http.stream("GET", PATH, timeout=1.0) as reply:
        assert reply.status_code == 200
        assert len(list(reply.iter_raw())) > 3


def test_sessions_end(running: RunningSandbox) -> None:
    with running.client() as one, running.client() as other:
        running.clear_faults()
        running.fault(f"GET {PATH}$", kind="expired_token", count=1)
        assert [one.get(PATH).status_code, one.get(PATH).status_code, other.get(PATH).status_code] == [401, 401, 200]
        running.fault(f"GET {PATH}$", kind="revoked_token", count=1)
        assert [other.get(PATH).status_code, other.get("/limits").status_code] == [401, 401]


def test_a_clock_that_is_off(running: RunningSandbox, http: httpx.Client) -> None:
    true = parsedate_to_datetime(http.get(PATH).headers["date"])
    made = http.post(PATH, json=NEW).json()["created_at"]
    assert abs((datetime.fromisoformat(made).astimezone(UTC) - true).total_seconds()) < 3  # the Date is the clock of the world
    running.fault(".*", kind="clock_skew", skew_s=-7200, expires_in=5)
    wrong = parsedate_to_datetime(http.get(PATH).headers["date"])
    assert -7205 < (wrong - true).total_seconds() < -7190
    reply = httpx.post(f"{running.url}/token", headers={"Authorization": "Basic sandbox-service-key"}, trust_env=False)
    assert reply.json()["expires_in"] == 5


def test_a_request_that_is_delivered_twice(running: RunningSandbox, http: httpx.Client) -> None:
    before = len(http.get(PATH).json())
    running.fault(f"POST {PATH}$", kind="duplicate", count=1)
    assert http.post(PATH, json=NEW).status_code == 200
    assert len(http.get(PATH).json()) == before + 2


def test_count_and_chance_with_a_seed() -> None:
    def taken(seed: int) -> list[bool]:
        fault = Fault("GET", kind="empty", probability=0.3, seed=seed)
        return [fault.takes("GET /x") for _ in range(200)]

    assert taken(7) == taken(7) != taken(8)
    assert 30 < sum(taken(7)) < 90
    book = FaultBook()
    book.add([{"match": "GET", "kind": "empty", "count": 2}])
    assert [bool(book.take("GET", "/x")) for _ in range(4)] == [True, True, False, False]


WRONG: list[Any] = [{"match": "(", "kind": "empty"}, {"match": "x", "kind": "explode"}, {"match": "x", "nope": 1}, {}, "x"]


@pytest.mark.parametrize("entry", WRONG)
def test_a_wrong_fault_is_refused_whole(tmp_path: Path, entry: Any) -> None:
    file = tmp_path / "faults.json"
    file.write_text(json.dumps([{"match": "GET", "kind": "empty"}, entry]))
    with pytest.raises(ValueError, match=r"."):
        load_faults(file)


def test_every_kind_is_described() -> None:
    assert all(kind in (faults.__doc__ or "") for kind in KINDS)


def test_the_command_switches_on_the_faults_of_a_file(tmp_path: Path) -> None:
    book = tmp_path / "faults.json"
    book.write_text('[{"match": "^POST /token", "kind": "error", "status": 503}]', encoding="utf-8")
    command = [SCRIPT, "sandbox", "--port", "0", "--scenario", "healthy", "--faults", str(book)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}) as process:
        assert process.stderr
        url = next(word for line in process.stderr for word in line.split() if word.startswith("NEXLA_API_URL="))
        try:
            assert httpx.post(f"{url.removeprefix('NEXLA_API_URL=')}/token", trust_env=False).status_code == 503
        finally:
            process.terminate()


def test_the_command_names_what_is_wrong_with_a_file_of_faults(tmp_path: Path) -> None:
    book = tmp_path / "faults.json"
    book.write_text('[{"match": "^POST", "kind": "explosion"}]', encoding="utf-8")
    ended = subprocess.run([SCRIPT, "sandbox", "--faults", str(book)], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert "kind 'explosion' is unknown" in ended.stderr


def test_the_port_is_kept_while_it_refuses(running: RunningSandbox, http: httpx.Client) -> None:
    """Else another process may be given it, and the sandbox never comes back."""
    running.fault(f"GET {PATH}$", kind="refused", delay_s=0.3, count=1)
    with pytest.raises(httpx.TransportError):
        http.get(PATH)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", httpx.URL(running.url).port))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}{PATH}", trust_env=False)
    transport = httpx.HTTPTransport(retries=5)
    with httpx.Client(base_url=running.url, headers=http.headers, transport=transport) as again:
        assert again.get(PATH).status_code == 200
