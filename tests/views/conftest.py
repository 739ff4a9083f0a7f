"""Fixtures of the view tests: one Chromium for all of them, and views that are checked when they are closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from tests.views.browser import Browser, BrowserError, Page
from tests.views.hosting import open_view
from tests.views.samples import sample

Show = Callable[..., Page]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The one Chromium of the run; without one the tests fail and say what to do."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(Browser.start(tmp_path_factory.mktemp("chromium") / "profile"))
        except BrowserError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        yield running


@pytest.fixture
def show(browser: Browser) -> Iterator[Show]:
    """``page = show("failing_flow", theme="dark", width=360)``: a recorded answer in its view, the page before closed.

    Whatever a test does, the view must print no error and ask nothing of the network.
    """
    shown: list[Page] = []

    def close() -> None:
        if shown:
            page = shown.pop()
            page.view.evaluate("new Promise((done) => setTimeout(done))")
            assert page.view.console == []
            assert page.view.requests == []
            page.close()

    def open_one(name: str | Mapping[str, Any], **options: Any) -> Page:
        close()
        page = open_view(browser, sample(name) if isinstance(name, str) else name, **options)
        shown.append(page)
        return page

    yield open_one
    close()
