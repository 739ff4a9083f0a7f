"""The local page: only the person with the address sees and answers it, once, and nothing else can."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest

from nexla_mcp.policy.questions import Question
from nexla_mcp.sandbox.serve import RunningSandbox
from nexla_mcp.server.confirm_page import MOST_OPEN, LocalPage, LocalPages
from tests.conftest import SCRIPT, environment, text_of
from tests.in_process import client_of

CLICK = Question('Pause a flow: flow 1 "<b>orders</b>"', {}, "")
TYPED = Question("Delete a flow", {}, 'the "big" <one>')


@pytest.fixture
def pages() -> Iterator[LocalPages]:
    pages = LocalPages(open_browser=False)
    yield pages
    pages.close()


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as browser:
        yield browser


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def press(browser: httpx.Client, page: LocalPage, answer: str, **fields: str) -> str:
    """Look at the page and press a button, as a browser does."""
    token = token_in(browser.get(page.url).text)
    return browser.post(
        page.url, data={"token": token, "answer": answer, **fields}, headers={"Origin": f"http://{page.host}"}
    ).text


def test_a_click_is_an_answer_and_closes_the_page(pages: LocalPages, browser: httpx.Client) -> None:
    page = pages.open(CLICK, "n1", "t1")
    assert anyio.run(page.answer, 0) is None
    assert "You agreed" in press(browser, page, "yes")
    answer = anyio.run(page.answer, 0)
    assert answer is not None
    assert (answer.action, answer.content, answer.ticket) == ("accept", {"confirm": True}, "t1")
    assert pages.find("n1") is None


def test_a_no_is_a_no(pages: LocalPages, browser: httpx.Client) -> None:
    page = pages.open(CLICK, "n1", "t1")
    assert "You did not agree" in press(browser, page, "no")
    answer = anyio.run(page.answer, 0)
    assert answer is not None
    assert answer.action == "decline"


def test_a_name_has_to_be_typed_and_three_wrong_ones_are_a_no(pages: LocalPages, browser: httpx.Client) -> None:
    page = pages.open(TYPED, "n1", "t1")
    assert "the &quot;big&quot; &lt;one&gt;" in browser.get(page.url).text
    assert "That is not the name" in press(browser, page, "yes", name="the big one")
    assert "You agreed" in press(browser, page, "yes", name=' the "big" <one> ')
    other = pages.open(TYPED, "n2", "t2")
    for _ in range(3):
        text = press(browser, other, "yes", name="wrong")
    assert "You did not agree" in text


def test_what_is_shown_is_text(pages: LocalPages, browser: httpx.Client) -> None:
    reply = browser.get(pages.open(CLICK, "n1", "t1").url)
    assert "&lt;b&gt;orders&lt;/b&gt;" in reply.text
    assert "<b>orders</b>" not in reply.text
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in reply.text + policy
    assert not re.search(r"(src|href)=", reply.text)
    assert reply.headers["cache-control"] == "no-store"


def test_nobody_else_can_look_or_answer(pages: LocalPages, browser: httpx.Client) -> None:
    page = pages.open(CLICK, "n1", "t1")
    base, token = f"http://{page.host}", token_in(browser.get(page.url).text)
    good = {"token": token, "answer": "yes"}
    refused = [
        browser.get(base),
        browser.get(page.url + "x"),
        browser.get(page.url, headers={"Host": "attacker.test"}),  # DNS rebinding
        browser.post(page.url, data=good, headers={"Host": "attacker.test"}),
        browser.post(page.url, data=good, headers={"Origin": "https://attacker.test"}),
        browser.post(page.url, data=good, headers={"Origin": "null"}),
        browser.post(page.url, data=good, headers={"Sec-Fetch-Site": "cross-site"}),
        browser.post(page.url, data={**good, "token": "guess"}),
        browser.post(page.url, data={"answer": "yes"}),
        browser.post(page.url, data={**good, "more": "x" * 10_000}),
        browser.put(page.url, data=good),
    ]
    assert {reply.status_code for reply in refused} <= {403, 404, 501}
    assert anyio.run(page.answer, 0) is None


async def test_only_so_many_pages_are_open_and_closing_one_is_no_answer(pages: LocalPages) -> None:
    first = pages.open(CLICK, "n0", "t")
    for number in range(MOST_OPEN):
        pages.open(CLICK, f"n{number + 1}", "t")
    assert pages.find("n0") is None
    answer = await first.answer(0)
    assert answer is not None
    assert answer.action == "cancel"


async def test_the_address_is_given_and_the_answer_picked_up_by_the_next_call(sandbox: RunningSandbox, tmp_path: Path) -> None:
    call = {"operation": "flows_pause", "arguments": {"flow_id": 6010}}
    async with client_of(sandbox.url, tmp_path, confirm="page") as client:
        whoami = await client.call_tool("nexla_whoami", {})
        assert whoami.structured_content["server"]["asks_by"] == "page"
        first = (await client.call_tool("nexla_confirmed_write", call)).structured_content
        assert first["status"] == "confirmation_required"
        still = await client.call_tool("nexla_confirmed_write", {**call, "ticket": first["ticket"]})
        assert still.structured_content["address"] == first["address"]  # nobody has answered: the same page, not another
        async with httpx.AsyncClient(trust_env=False) as browser:
            token = token_in((await browser.get(first["address"])).text)
            await browser.post(first["address"], data={"token": token, "answer": "yes"})
        done = await client.call_tool("nexla_confirmed_write", {**call, "ticket": first["ticket"]})
        assert done.structured_content["status"] == "done", text_of(done)


@pytest.mark.skipif(sys.platform != "linux", reason="a browser is chosen by BROWSER and DISPLAY")
async def test_a_browser_is_opened_where_there_is_a_display(sandbox: RunningSandbox, tmp_path: Path) -> None:
    """A script stands in for the browser and for the person: it opens the address and presses yes."""
    script = tmp_path / "browser"
    script.write_text(
        f"#!{sys.executable}\nimport re, sys, httpx\nurl = sys.argv[1]\nprint('noise on stdout')\n"
        "with httpx.Client(trust_env=False) as b:\n"
        '    token = re.search(r\'name="token" value="([^"]+)"\', b.get(url).text)[1]\n'
        "    b.post(url, data={'token': token, 'answer': 'yes'})\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters

    env = environment(tmp_path, sandbox.url, BROWSER=f"{script} %s", DISPLAY=":99", NEXLA_MCP_PAGE_WAIT_S="30")
    server = StdioServerParameters(command=SCRIPT, args=["serve", "--confirm", "page"], env=env)
    async with Client(server) as client:
        with anyio.fail_after(40):
            done = await client.call_tool("nexla_confirmed_write", {"operation": "flows_pause", "arguments": {"flow_id": 6010}})
    assert not done.is_error, text_of(done)
    assert done.structured_content["status"] == "done"
