"""A reader's terminal: an empty home, nothing of Nexla in the environment, this program on the path.

with Shell(folder) as shell:
    shell.run(command)        # AssertionError when it ends otherwise, or prints something else, than the page says
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from typer.testing import CliRunner

from nexla_mcp.cli.commands import app
from tests.cli.conftest import clean_environment
from tests.conftest import SCRIPT
from tests.docs.reading import ROOT, Block, Command

PORTS = ("8765", "8000")
"""The ports in the pages; a test takes free ones instead."""
_PATIENCE_S = 30.0


class Shell:
    """Runs the commands of one page, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home = folder / "home"
        home.mkdir()
        path = f"{Path(SCRIPT).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self.environment = clean_environment(home, PATH=path, TERM="dumb")
        self._ports = {port: _free_port() for port in PORTS}
        self._servers: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for port in list(self._servers):
            self._stop(port)

    def save(self, block: Block) -> None:
        """A file of the page."""
        (self.folder / block.file).write_text(self._here(block.text), encoding="utf-8")

    def run(self, command: Command) -> None:
        """Run one command and hold it against what the page shows."""
        line = self._here(command.line)
        if line.startswith("export "):
            self.environment |= dict(word.split("=", 1) for word in shlex.split(line)[1:])
            return
        if line.endswith("&"):
            self._serve(line.removesuffix("&").strip())
            return
        if problem := _only_looked_at(line):
            assert problem == "there", problem
            return
        code, printed = self.carry_out(line)
        assert code == command.exit_code, f"$ {line}\nends with {code}, not {command.exit_code}:\n{printed}"
        lines = [" ".join(text.split()) for text in printed.splitlines()]
        for shown in command.shown:
            wanted = re.compile(".*".join(re.escape(" ".join(part.split())) for part in self._here(shown).split("...")))
            assert any(wanted.search(text) for text in lines), f"$ {line}\ndoes not print\n{shown}\nbut\n{printed}"

    def carry_out(self, line: str) -> tuple[int, str]:
        """Our own commands in this process, which is quick; everything else, and servers, in one of their own."""
        words = shlex.split(line)
        own: dict[str, str] = {}
        while words and re.match(r"[A-Z_]+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            own[name] = value
        plain = not {"|", ">", "<", "&&", ";", "2>&1"} & set(words) and "$" not in line
        if words[:1] == ["nexla-mcp"] and plain and words[1:2] != ["serve"]:
            gone = dict.fromkeys(set(os.environ) - set(self.environment))
            result = CliRunner().invoke(app, words[1:], env=self.environment | own | gone)
            assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
            return result.exit_code, result.output
        ended = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        return ended.returncode, ended.stdout

    def _serve(self, line: str) -> None:
        """Start a server and wait until it listens; one that a page started earlier at the same port gives way."""
        found = re.search(r"(?:--port |--http 127\.0\.0\.1:)(\d+)", line)
        assert found, f"{line}: a server in a page needs its port"
        port = found.group(1)
        self._stop(port)
        quiet = subprocess.DEVNULL
        self._servers[port] = subprocess.Popen(
            ["bash", "-c", f"exec {line}"], cwd=self.folder, env=self.environment, stdin=quiet, stdout=quiet, stderr=quiet
        )
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            assert self._servers[port].poll() is None, f"{line} ended"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(port))) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{line} does not listen")

    def _stop(self, port: str) -> None:
        if (running := self._servers.pop(port, None)) is not None:
            running.send_signal(signal.SIGTERM)
            running.wait(_PATIENCE_S)

    def _here(self, text: str) -> str:
        for port, free in self._ports.items():
            text = text.replace(port, str(free))
        return text


def _only_looked_at(line: str) -> str:
    """For what takes minutes or works on the checkout: "there" when it exists, else what is missing; "" for other commands."""
    words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
    match words:
        case ["make", *targets]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            missing = [target for target in targets if not re.search(rf"^{re.escape(target)}:", makefile, re.M)]
            return f"make has no target {missing[0]}" if missing else "there"
        case ["python", "-m", module, *_]:
            return "there" if importlib.util.find_spec(module) else f"there is no module {module}"
        case ["pytest", *targets]:
            missing = [target for target in targets if not target.startswith("-") and not (ROOT / target).exists()]
            return f"there is no {missing[0]}" if missing else "there"
    return ""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
