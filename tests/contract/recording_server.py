"""A stand-in for the Nexla API that writes down what arrives, byte-true, on a real loopback socket.

    with RecordingServer() as server:
        ...                       # point any client at server.url
        for sent in server.take():
            print(sent.method, sent.path, sent.query, sent.body)

Every request gets the same harmless object, so that what a person saw before a change is what is there
after. Token exchanges are kept apart (``server.exchanges``): they belong to the session, not to an operation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

COMPARED_HEADERS = ("Accept", "Content-Type", "Authorization")
ANSWER = json.dumps({"id": 1, "name": "recorded", "status": "ACTIVE", "metrics": [], "object": {}}).encode()
TOKEN = json.dumps({"access_token": "session-token", "token_type": "Bearer", "expires_in": 86_400}).encode()


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it was on the wire.

    ``path`` is percent-encoded as it came, ``query`` holds the decoded pairs by name, ``headers`` the compared
    ones, ``body`` is the decoded JSON; ``None`` means that there were no bytes.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = None


class RecordingServer:
    """Listens on a free port of 127.0.0.1 while it is entered."""

    prefix = "/nexla-api"

    def __init__(self) -> None:
        self.exchanges: list[Sent] = []
        self._sent: list[Sent] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """The base of the API; it has a path, as the real one has."""
        return self.origin + self.prefix

    def take(self) -> list[Sent]:
        """What arrived since the last time, in order."""
        taken, self._sent = self._sent, []
        return taken

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def _record(self, sent: Sent) -> bytes:
        if sent.path == f"{self.prefix}/token":
            self.exchanges.append(sent)
            return TOKEN
        self._sent.append(sent)
        return ANSWER

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        record = self._record

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else a reply in two packets waits 40 ms for the acknowledgement
            wbufsize = -1

            def answer(self) -> None:
                path, _, query = self.path.partition("?")
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: self.headers[name] for name in COMPARED_HEADERS if name in self.headers}
                pairs = tuple(sorted(parse_qsl(query, keep_blank_values=True)))
                body = json.loads(content) if content else None
                reply = record(Sent(self.command, path, pairs, tuple(headers.items()), body))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
