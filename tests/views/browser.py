"""A headless Chromium over its own pipe: no driver, no socket, no file from elsewhere.

    with Browser.start(profile) as browser:
        page = browser.open("http://host.test/", answer, width=720, dark=False)
        page.view.evaluate("document.title")

Every request of a page goes to ``answer`` and never to the network; one that it does not know is refused and
noted, so a page that asks for anything is seen and gets nothing.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)
PATIENCE_S = 15.0
PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
EMPTY_BYTES_A_PIXEL = 0.03  # an empty page has a tenth of that, a drawn one five times as many
MISSING = (
    "No Chromium was found on the PATH (looked for: {names}). The views are only tested in a real browser."
    " Install one with `bash tests/views/setup_chromium.sh`, or name one in NEXLA_TEST_CHROMIUM, and run the tests again."
)
# Chromium reads commands from descriptor 3 and answers on 4; this puts the two pipes there and becomes Chromium.
PLACE = (
    "import fcntl, os, sys; up = [fcntl.fcntl(int(n), fcntl.F_DUPFD_CLOEXEC, 10) for n in sys.argv[1:3]];"
    "os.dup2(up[0], 3); os.dup2(up[1], 4); os.execv(sys.argv[3], sys.argv[3:])"
)
Answer = Callable[[str], tuple[str, Mapping[str, str]] | None]


class BrowserError(Exception):
    """Chromium did not start, did not answer in time, or refused a command."""


def find_chromium() -> str | None:
    """The Chromium that NEXLA_TEST_CHROMIUM names, else the first one on the PATH."""
    named = os.environ.get("NEXLA_TEST_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Frame:
    """One document of a page, with what it printed, what broke, and what it asked of the network."""

    browser: Browser
    session: str
    url: str = ""
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol."""
        return self.browser.call(method, params, self.session)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited.

        Raises:
            BrowserError: the expression throws.
        """
        how = {"awaitPromise": True, "returnByValue": True, "allowUnsafeEvalBlockedByCSP": False}
        reply = self.call("Runtime.evaluate", expression=expression, **how)
        if "exceptionDetails" in reply:
            raise BrowserError(json.dumps(reply["exceptionDetails"].get("exception", {}).get("description", reply)))
        return reply["result"].get("value")

    def wait(self, expression: str) -> Any:
        """The first truthy value of an expression, looked at until the patience is over."""
        until = time.monotonic() + PATIENCE_S
        while True:
            if value := self.evaluate(expression):
                return value
            if time.monotonic() > until:
                raise BrowserError(f"never became true: {expression}")
            self.browser.pump(0.02)

    def resize(self, width: int) -> None:
        """Another width of the window, in CSS pixels; high enough that nothing is cut off."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=2400, deviceScaleFactor=1, mobile=False)

    def press(self, key: str, *, shift: bool = False) -> None:
        """One key, as the keyboard sends it."""
        codes = {"Enter": 13, "Tab": 9, "ArrowRight": 39, "ArrowLeft": 37, "ArrowDown": 40, "ArrowUp": 38, "Home": 36, "End": 35}
        common = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key], "modifiers": 8 if shift else 0}
        extra = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **extra)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)


@dataclass
class Page:
    """A host page and the view inside it."""

    host: Frame
    view: Frame

    def settle(self) -> None:
        """Wait until the view has done what it was told and painted it."""
        self.view.evaluate(PAINTED)

    def close(self) -> None:
        """Close the tab."""
        self.host.call("Page.close")

    def screenshot(self, path: Path, *, clip: Mapping[str, float] | None = None, scale: float = 2) -> None:
        """A PNG of the page, or of a part of it in CSS pixels.

        The view is drawn by a process of its own, and its picture may reach the page a moment later than its
        document is ready: a file of next to no bytes for its size is an empty page, and is taken again.

        Raises:
            BrowserError: it stays empty.
        """
        area = {"x": 0, "y": 0, "width": 800, "height": 600, **(clip or {}), "scale": scale}
        least = area["width"] * area["height"] * scale * scale * EMPTY_BYTES_A_PIXEL
        until = time.monotonic() + PATIENCE_S
        while True:
            reply = self.host.call("Page.captureScreenshot", format="png", clip=area, captureBeyondViewport=True)
            picture = base64.b64decode(reply["data"])
            if len(picture) >= least:
                break
            if time.monotonic() > until:
                raise BrowserError(f"the picture of the page stays empty ({len(picture)} bytes)")
            self.host.evaluate(PAINTED)
        path.write_bytes(picture)


class Browser:
    """One Chromium; pages are opened in tabs of their own."""

    def __init__(self, process: subprocess.Popen[bytes], write: int, read: int, log: Path) -> None:
        self._process, self._write, self._read, self._log = process, write, read, log
        self._rest = b""
        self._next = 0
        self._replies: dict[int, dict[str, Any]] = {}
        self._frames: dict[str, Frame] = {}
        self._served: dict[str, Answer] = {}
        self._children: dict[str, list[Frame]] = {}

    @classmethod
    @contextmanager
    def start(cls, profile: Path) -> Iterator[Browser]:
        """A running Chromium with an empty profile.

        Raises:
            BrowserError: there is none, or it does not start.
        """
        path = find_chromium()
        if path is None:
            raise BrowserError(MISSING.format(names=", ".join(NAMES)))
        from_us, to_chrome = os.pipe()
        from_chrome, to_us = os.pipe()

        log = profile.with_name("chromium.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-c", PLACE, str(from_us), str(to_us), path, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(from_us, to_us),
        )
        os.close(from_us)
        os.close(to_us)
        browser = cls(process, to_chrome, from_chrome, Path(log.name))
        try:
            browser.call("Browser.getVersion", {})
            yield browser
        finally:
            browser._stop()
            log.close()

    def call(self, method: str, params: Mapping[str, Any], session: str | None = None) -> dict[str, Any]:
        """Send a command and wait for its reply; events that come in between are dealt with."""
        number = self._send(method, params, session)
        until = time.monotonic() + PATIENCE_S
        while number not in self._replies:
            if time.monotonic() > until:
                raise BrowserError(f"{method}: no answer within {PATIENCE_S:.0f} s")
            self.pump(0.05)
        reply = self._replies.pop(number)
        if "error" in reply:
            raise BrowserError(f"{method}: {reply['error'].get('message')}")
        return dict(reply.get("result", {}))

    def open(self, url: str, answer: Answer, *, width: int = 720, dark: bool = False) -> Page:
        """Open ``url`` in a new tab; ``answer`` gives body and headers for an address, or None to refuse it."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        host = self._adopt(session, answer, session)
        host.call("Page.enable")
        host.resize(width)
        media = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        host.call("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in media.items()])
        host.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        host.call("Page.navigate", url=url)
        until = time.monotonic() + PATIENCE_S
        while not self._children.get(session):
            if time.monotonic() > until:
                raise BrowserError("the view's frame did not come up")
            self.pump(0.05)
        return Page(host, self._children[session][0])

    def pump(self, wait_s: float) -> None:
        """Deal with whatever Chromium has said by now."""
        ready, _, _ = select.select([self._read], [], [], wait_s)
        if not ready:
            return
        heard = os.read(self._read, 1 << 20)
        if not heard:
            raise BrowserError(f"Chromium ended with status {self._process.wait(5)}; what it said: {self._log}")
        self._rest += heard
        *messages, self._rest = self._rest.split(b"\0")
        for message in messages:
            self._heard(json.loads(message))

    def _send(self, method: str, params: Mapping[str, Any], session: str | None = None) -> int:
        self._next += 1
        message = {"id": self._next, "method": method, "params": dict(params)} | ({"sessionId": session} if session else {})
        data = json.dumps(message).encode() + b"\0"
        try:
            while data:
                data = data[os.write(self._write, data) :]
        except BrokenPipeError:
            raise BrowserError(f"Chromium does not listen any more; what it said: {self._log}") from None
        return self._next

    def _adopt(self, session: str, answer: Answer, page: str) -> Frame:
        frame = self._frames[session] = Frame(self, session)
        self._served[session] = answer
        for method in ("Runtime.enable", "Log.enable", "Network.enable"):
            self._send(method, {}, session)
        self._send("Fetch.enable", {"patterns": [{"urlPattern": "*"}]}, session)
        if session != page:
            self._children.setdefault(page, []).append(frame)
        return frame

    def _heard(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._replies[message["id"]] = message
            return
        session, params = message.get("sessionId", ""), message.get("params", {})
        frame = self._frames.get(session)
        if message["method"] == "Target.attachedToTarget" and frame:
            child = self._adopt(params["sessionId"], self._served[session], session)
            child.url = params["targetInfo"]["url"]
            self._send("Runtime.runIfWaitingForDebugger", {}, child.session)
        elif frame:
            self._note(frame, message["method"], params)

    def _note(self, frame: Frame, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Fetch.requestPaused":
                self._serve(frame, params)
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                frame.console.append(" ".join(str(a.get("value", a.get("description", ""))) for a in params["args"]))
            case "Runtime.exceptionThrown":
                frame.console.append(params["exceptionDetails"].get("exception", {}).get("description", "exception"))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                frame.console.append(params["entry"]["text"])

    def _serve(self, frame: Frame, params: dict[str, Any]) -> None:
        url, request = params["request"]["url"], params["requestId"]
        found = self._served[frame.session](url)
        if found is None:
            frame.requests.append(url)
            self._send("Fetch.failRequest", {"requestId": request, "errorReason": "BlockedByClient"}, frame.session)
            return
        body, headers = found
        given = {"Content-Type": "text/html; charset=utf-8", **headers}
        reply = {
            "requestId": request,
            "responseCode": 200,
            "responseHeaders": [{"name": name, "value": value} for name, value in given.items()],
            "body": base64.b64encode(body.encode()).decode(),
        }
        self._send("Fetch.fulfillRequest", reply, frame.session)

    def _stop(self) -> None:
        try:
            self._send("Browser.close", {})
            self._process.wait(5)
        except (BrowserError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait(5)
        os.close(self._write)
        os.close(self._read)
