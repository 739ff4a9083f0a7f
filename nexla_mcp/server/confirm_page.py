"""A question on a page of its own: one local web page for one answer, independent of what the client can show.

    pages = LocalPages(open_browser=True)
    page = pages.open(question, nonce, ticket)
    page.url                          # http://127.0.0.1:49213/Jx8...; only who knows it can look or answer
    await page.answer(40)             # Answer, or None while nobody has answered

Each page has a socket of its own on loopback, a path nobody can guess, and closes after one answer or ten
minutes. Nothing is loaded from elsewhere, no script runs, other sites can neither frame it nor post to it. The
page shows the sealed preview and nothing that a model wrote for the occasion.
"""

from __future__ import annotations

import hmac
import html
import os
import secrets
import subprocess
import sys
import threading
from collections import OrderedDict
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import anyio

from nexla_mcp.policy.questions import Answer, Page, Question
from nexla_mcp.policy.ticket import LIFETIME_S

MOST_OPEN = 8
_TRIES = 3
_LONGEST_BODY = 4_000
_SECONDS_A_CLIENT_MAY_TAKE = 10
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem;color:#1d2129}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f5f7;padding:1rem;border-radius:6px}"
    "button{font:inherit;padding:.5rem 1.25rem;margin-right:.75rem;border-radius:6px;border:1px solid #8a8f98;background:#fff}"
    "button.go{background:#b42318;border-color:#b42318;color:#fff}"
    "input{font:inherit;padding:.4rem;width:100%;margin:.5rem 0 1rem}"
    ".wrong{color:#b42318}@media(prefers-color-scheme:dark){body{background:#16181c;color:#e8eaed}pre{background:#24272d}"
    "button{background:#24272d;color:inherit}}"
)


class LocalPages:
    """The open pages of this process, at most eight; the oldest gives way."""

    def __init__(self, *, open_browser: bool) -> None:
        self._open_browser = open_browser
        self._pages: OrderedDict[str, LocalPage] = OrderedDict()

    def open(self, question: Question, nonce: str, ticket: str) -> LocalPage:
        """A new page."""
        while len(self._pages) >= MOST_OPEN:
            self._pages.popitem(last=False)[1].close()
        page = LocalPage(question, ticket, done=lambda: self._pages.pop(nonce, None))
        self._pages[nonce] = page
        return page

    def find(self, nonce: str) -> LocalPage | None:
        """The page of an earlier call, or None when it was answered or is closed."""
        return self._pages.get(nonce)

    def show(self, page: Page) -> None:
        """Open a browser, where there is a display; its own output must not reach our stdout."""
        if not (self._open_browser and _has_display()):
            return
        threading.Thread(target=_browse, args=(page.url,), daemon=True).start()

    def close(self) -> None:
        """Close every page."""
        for page in list(self._pages.values()):
            page.close()
        self._pages.clear()


class LocalPage:
    """One page, served by threads of its own until it is answered, closed or too old."""

    def __init__(self, question: Question, ticket: str, *, done: Any = None) -> None:
        self.question = question
        self.ticket = ticket
        self.path = f"/{secrets.token_urlsafe(32)}"
        self.form_token = secrets.token_urlsafe(32)
        self._answer: Answer | None = None
        self._settled = threading.Event()
        self._lock = threading.Lock()
        self._tries = 0
        self._done = done
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, self))
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=partial(self._server.serve_forever, 0.1), name="confirm page", daemon=True).start()
        self._timer = threading.Timer(LIFETIME_S, self.close)
        self._timer.daemon = True
        self._timer.start()

    @property
    def url(self) -> str:
        """The address for the person."""
        return f"http://{self.host}{self.path}"

    async def answer(self, wait_s: float) -> Answer | None:
        """The answer, once; or None when there is none within ``wait_s``. A page that was closed counts as dismissed."""
        wait = partial(self._settled.wait, max(0.0, wait_s))
        if not await anyio.to_thread.run_sync(wait, abandon_on_cancel=True):
            return None
        if self._done is not None:
            self._done()
        return self._answer or Answer("cancel", {}, self.ticket)

    def close(self) -> None:
        """Take the question off."""
        self._settled.set()
        if self._done is not None:
            self._done()
        self._timer.cancel()
        threading.Thread(target=self._stop, daemon=True).start()  # not from a thread that the server waits for

    def settle(self, fields: dict[str, str]) -> str | None:
        """Take the first answer; the text of a mistake when it has to be given again."""
        with self._lock:
            if self._settled.is_set():
                return None
            agreed = fields.get("answer") == "yes"
            phrase = self.question.phrase
            if agreed and phrase and fields.get("name", "").strip() != phrase.strip():
                self._tries += 1
                if self._tries < _TRIES:
                    return "That is not the name. Nothing was done."
                agreed = False
            content: dict[str, Any] = {"name": fields.get("name", "")} if phrase else {"confirm": agreed}
            self._answer = Answer("accept" if agreed else "decline", content, self.ticket)
        self._settled.set()
        self._timer.cancel()
        threading.Thread(target=self._stop, daemon=True).start()
        return None

    @property
    def agreed(self) -> bool:
        """What the person was told that they chose."""
        return self._answer is not None and self._answer.action == "accept"

    @property
    def settled(self) -> bool:
        """True when there is nothing to answer any more."""
        return self._settled.is_set()

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no error of ours, and stderr is the log of the server."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _SECONDS_A_CLIENT_MAY_TAKE
    server_version = "nexla-mcp"
    sys_version = ""

    def __init__(self, page: LocalPage, *arguments: Any) -> None:
        self._page = page
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """The question, to who knows the address."""
        if self._is_for_this_page():
            self._send(_closed(self._page) if self._page.settled else _form(self._page, ""))

    def do_POST(self) -> None:
        """The answer, from the page itself only."""
        if not self._is_for_this_page():
            return
        length = self.headers.get("Content-Length", "")
        origin = self.headers.get("Origin")
        foreign = self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
        if foreign or origin not in (None, f"http://{self._page.host}") or not length.isdigit() or int(length) > _LONGEST_BODY:
            self._send("<p>Refused.</p>", HTTPStatus.FORBIDDEN)
            return
        body = self.rfile.read(int(length)).decode("utf-8", "replace")
        fields = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        if not hmac.compare_digest(fields.get("token", "").encode(), self._page.form_token.encode()):
            self._send("<p>Refused.</p>", HTTPStatus.FORBIDDEN)
            return
        mistake = self._page.settle(fields)
        self._send(_form(self._page, mistake) if mistake else _closed(self._page))

    def log_message(self, format: str, *args: Any) -> None:
        """The address is a secret: it goes into no log."""

    def _is_for_this_page(self) -> bool:
        """The path that nobody can guess, asked for under the address it was given out with (no DNS rebinding)."""
        known = hmac.compare_digest(self.path.encode(), self._page.path.encode())
        if known and self.headers.get("Host") == self._page.host:
            return True
        self._send("<p>There is nothing here.</p>", HTTPStatus.NOT_FOUND)
        return False

    def _send(self, body: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        nonce = secrets.token_urlsafe(12)
        page = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Confirm a change in Nexla</title>'
            f'<style nonce="{nonce}">{_STYLE}</style></head><body>{body}</body></html>'
        ).encode()
        self.send_response(status)
        policy = f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        for name, value in {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(page)),
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Connection": "close",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)


def _form(page: LocalPage, mistake: str) -> str:
    phrase = page.question.phrase
    typed = (
        f'<label>Type <b>{html.escape(phrase)}</b> to agree:<input name="name" autocomplete="off" autofocus></label>'
        if phrase
        else ""
    )
    wrong = f'<p class="wrong" role="alert">{html.escape(mistake)}</p>' if mistake else ""
    return (
        f"<h1>Do you agree to this change?</h1><pre>{html.escape(page.question.message)}</pre>{wrong}"
        f'<form method="post" action="{page.path}" autocomplete="off">'
        f'<input type="hidden" name="token" value="{page.form_token}">'
        f'{typed}<button class="go" name="answer" value="yes">Do it now</button>'
        '<button name="answer" value="no" formnovalidate>Do not</button></form>'
        "<p>An assistant asked for this through nexla-mcp. Names and values above come from your data.</p>"
    )


def _closed(page: LocalPage) -> str:
    what = "You agreed. The assistant can make the change now." if page.agreed else "You did not agree. Nothing will be changed."
    return f"<h1>{what}</h1><p>You can close this window.</p>"


def _browse(url: str) -> None:
    command = [sys.executable, "-c", "import sys, webbrowser; webbrowser.open(sys.stdin.read())"]
    null = subprocess.DEVNULL
    subprocess.run(command, input=url.encode(), stdout=null, stderr=null, start_new_session=True, check=False)  # noqa: S603


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
