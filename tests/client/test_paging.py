"""A list is read to its end in whatever form its pages come, and what cannot be trusted is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.client.errors import ServerError
from nexla_mcp.client.paging import meta_of, read_pages, rows_of
from nexla_mcp.client.replies import Reply
from tests.client.odd_api import Answer, Asked, odd_api, odd_client

CATALOG = load_catalog()
ROWS = [{"id": n, "name": f"row {n}"} for n in range(1, 26)]


def page_of(asked: Asked, rows: list[Any] = ROWS, size: str = "per_page", most: int = 1000) -> list[Any]:
    page, count = int(asked.query["page"]), min(int(asked.query[size]), most)
    return rows[(page - 1) * count : page * count]


async def read(handler: Callable[[Asked], Answer], catalog: Catalog, name: str, per_page: int = 10, **arguments: Any) -> Any:
    """(rows, notices, requests) of a whole list."""
    rows: list[Any] = []
    notices: list[str] = []
    async with odd_api(handler) as api, odd_client(api) as client:
        async for reply in client.pages(catalog.operation(name), arguments, per_page=per_page):
            rows += rows_of(catalog.operation(name), reply.body)
            notices += reply.notices
        return [row["id"] for row in rows], notices, len(api.asked)


ALL = [row["id"] for row in ROWS]


def by_total(asked: Asked) -> Answer:
    return Answer(page_of(asked), headers={"X-Total-Count": "25"})


def by_link(asked: Asked) -> Answer:
    last = int(asked.query["page"]) * 10 >= 25
    relation = "previous" if last else "next"
    return Answer(page_of(asked), headers={"Link": f'<https://x/data_credentials?page=2>; REL="{relation}"'})


def by_nothing(asked: Asked) -> Answer:
    return Answer(page_of(asked))


def in_smaller_pages(asked: Asked) -> Answer:
    """The server has its own idea of a page: three rows, whatever was asked for; only the total tells."""
    return Answer(page_of(asked, most=3), headers={"X-Total-Count": "25"})


@pytest.mark.parametrize(("handler", "requests"), [(by_total, 3), (by_link, 3), (by_nothing, 3), (in_smaller_pages, 9)])
async def test_a_bare_list_is_read_to_its_end(catalog: Catalog, handler: Callable[[Asked], Answer], requests: int) -> None:
    assert await read(handler, catalog, "credentials_list") == (ALL, [], requests)


async def test_a_server_that_cuts_pages_without_saying_so(catalog: Catalog) -> None:
    found, notices, _ = await read(lambda a: Answer(page_of(a, most=10)), catalog, "credentials_list", per_page=100)
    assert (found, notices) == (ALL, [])


@pytest.mark.parametrize("spelling", [("currentPage", "pageCount", "totalCount"), ("current_page", "pages_count", "total_count")])
async def test_the_meta_of_a_body_is_read_in_both_spellings(catalog: Catalog, spelling: tuple[str, str, str]) -> None:
    def handler(asked: Asked) -> Answer:
        meta = dict(zip(spelling, (int(asked.query["page"]), 3, 25), strict=True))
        return Answer({"status": 200, "metrics": {"data": page_of(asked, size="size"), "meta": meta}})

    arguments = {"resource_type": "source", "resource_id": 1}
    found, notices, requests = await read(handler, catalog, "metrics_get_resource_metrics_by_run", **arguments)
    assert (found, notices, requests) == (ALL, [], 3)


async def test_a_list_without_paging_is_asked_for_once(catalog: Catalog) -> None:
    found, _, requests = await read(lambda _: Answer(ROWS), catalog, "runtimes_list")
    assert (found, requests) == (ALL, 1)


async def test_a_server_that_ignores_the_page_is_noticed(catalog: Catalog) -> None:
    found, notices, requests = await read(lambda _: Answer(ROWS[:10]), catalog, "credentials_list")
    assert (found, requests) == (ALL[:10], 2)
    assert notices == []
    found, notices, _ = await read(lambda _: Answer(ROWS[:10], headers={"X-Total-Count": "25"}), catalog, "credentials_list")
    assert found == ALL[:10]
    assert "25 rows, but only 10 came (the server sends the same page again)" in notices[0]


async def test_a_list_without_end_is_cut(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexla_mcp.client.paging.MOST_PAGES", 5)
    found, notices, requests = await read(
        lambda a: Answer([{"id": a.number * 10 + n} for n in range(10)]), catalog, "credentials_list"
    )
    assert (len(found), requests) == (50, 5)
    assert "cut after 5 pages" in notices[0]


async def test_a_list_that_changes_while_it_is_read(catalog: Catalog) -> None:
    def handler(asked: Asked) -> Answer:
        now = [{"id": 0, "name": "new"}, *ROWS] if int(asked.query["page"]) > 1 else ROWS
        return Answer(page_of(asked, now), headers={"X-Total-Count": str(len(now))})

    found, notices, _ = await read(handler, catalog, "credentials_list")
    assert found.count(10) == 2
    assert any("rows came twice" in n for n in notices)
    assert any("25 rows at first, then 26" in n for n in notices)


@pytest.mark.parametrize(
    ("body", "said"), [(b"", "an empty body"), ({"message": "hello"}, "an object"), ("a text", "a text"), (7, "a number")]
)
async def test_an_answer_that_is_no_list_is_not_taken_for_an_empty_one(catalog: Catalog, body: Any, said: str) -> None:
    with pytest.raises(ServerError, match=said) as error:
        await read(lambda _: Answer(body), catalog, "credentials_list")
    assert "Nothing can be said about its rows" in error.value.message


@pytest.mark.parametrize("body", [[], {"data": None}, {"flows": None}, {"items": []}])
def test_an_empty_list_in_any_form_is_empty(catalog: Catalog, body: Any) -> None:
    assert rows_of(catalog.operation("credentials_list" if "flows" not in body else "flows_list"), body) == []


@given(total=st.integers(0, 60), size=st.integers(1, 30), cap=st.integers(1, 30), headers=st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_row_is_lost_or_doubled(total: int, size: int, cap: int, headers: bool) -> None:
    """Whatever the sizes, as long as the server says how many there are or takes the asked size."""
    operation = CATALOG.operation("credentials_list")
    rows = [{"id": n} for n in range(total)]

    async def call(_operation: Any, arguments: Any) -> Reply:
        count = min(arguments["per_page"], cap) if headers else arguments["per_page"]
        start = (arguments["page"] - 1) * count
        return Reply(rows[start : start + count], 200, total=total if headers else None)

    async def collect() -> list[int]:
        return [row["id"] async for reply in read_pages(call, operation, {}, per_page=size) for row in reply.body]

    assert anyio.run(collect) == list(range(total))


def test_no_meta_is_no_meta() -> None:
    assert meta_of([1]).total is None
    assert meta_of({"meta": {"totalCount": True, "page": -1}}).total is None
