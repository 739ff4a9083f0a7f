"""The real server over its stdin and stdout, spoken to in bytes: whatever is written, each line that comes back is checked."""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.conftest import SCRIPT, environment

MODERN, LEGACY = "2026-07-28", "2025-11-25"
_META = "io.modelcontextprotocol/"
META = {
    f"{_META}protocolVersion": MODERN,
    f"{_META}clientInfo": {"name": "fuzz", "version": "1"},
    f"{_META}clientCapabilities": {},
}
PATIENCE_S = 20.0


class Wire:
    """``nexla-mcp serve`` in one protocol era, over the built-in sandbox unless a URL is given."""

    def __init__(self, folder: Path, era: str, *options: str, url: str | None = None, **env: str) -> None:
        self.era = era
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [SCRIPT, "serve", *options, *([] if url else ["--sandbox"])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment(folder, url, **env)
        )
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._count = 0
        if era == LEGACY:
            hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "fuzz", "version": "1"}}
            assert "result" in self.ask("initialize", hello)
            self.write(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode())

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def write(self, line: bytes) -> None:
        """One line as it is."""
        assert self._process.stdin
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def request(self, method: str, params: Any) -> tuple[str, bytes]:
        """A request in the form of the era, and its id."""
        self._count += 1
        number = f"fuzz-{self._count}"
        if self.era == MODERN and isinstance(params, dict):
            meta = params.get("_meta")
            params = params | {"_meta": (meta if isinstance(meta, dict) else {}) | META}
        message = {"jsonrpc": "2.0", "id": number, "method": method} | ({} if params is None else {"params": params})
        return number, json.dumps(message).encode()

    def ask(self, method: str, params: Any) -> dict[str, Any]:
        """The answer to a request."""
        number, line = self.request(method, params)
        self.write(line)
        return self.answer_to(number)

    def answer_to(self, number: str) -> dict[str, Any]:
        """Read, and check, until the answer to a request is there."""
        while True:
            message = self._next()
            if message.get("id") == number and "method" not in message:
                return message

    def lives(self) -> None:
        """It still answers."""
        assert "result" in self.ask("tools/list", {})

    def _next(self) -> dict[str, Any]:
        line = self._lines.get(timeout=PATIENCE_S)
        assert line is not None, f"the server ended: {self.errors()[-2_000:]}"
        message = json.loads(line, parse_constant=_refuse)
        assert isinstance(message, dict)
        assert message["jsonrpc"] == "2.0"
        assert ("result" in message) + ("error" in message) + ("method" in message) == 1
        if "error" in message:
            assert isinstance(message["error"]["code"], int)
            assert isinstance(message["error"]["message"], str)
        assert b"Traceback (most" not in line
        return message

    def errors(self) -> str:
        """What it wrote to stderr."""
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def close(self) -> None:
        """Let it end as a client does: by closing its stdin."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        assert self._process.wait(15) == 0
        self._reader.join(5)
        self._process.stdout.close()
        self.log.close()


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")
