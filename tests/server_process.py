"""A server process spoken to line by line, so that it can be killed at a known moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

from tests.conftest import SCRIPT


class ServerProcess:
    """``server.ask("tools/call", {...})``, ``server.kill()``."""

    def __init__(self, env: dict[str, str]) -> None:
        command = [SCRIPT, "serve"]
        self.process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.number = 0
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "crash test", "version": "1"}}
        self.ask("initialize", hello)
        self.tell("notifications/initialized", {})

    def tell(self, method: str, params: dict[str, Any], **more: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}) + "\n")
        self.process.stdin.flush()

    def begin(self, method: str, params: dict[str, Any]) -> int:
        self.number += 1
        self.tell(method, params, id=self.number)
        return self.number

    def read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the server ended"
        return dict(json.loads(line))

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        number = self.begin(method, params)
        while (message := self.read()).get("id") != number:
            pass
        return dict(message["result"])

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
