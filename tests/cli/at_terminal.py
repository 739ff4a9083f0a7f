"""The real program at a real terminal: a pseudo-terminal that types an answer when a question stands on the screen."""

from __future__ import annotations

import os
import pty
import re
import select
import time
from pathlib import Path

from tests.cli.conftest import clean_environment
from tests.conftest import SCRIPT

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def at_terminal(home: Path, *arguments: str, answers: dict[str, str], limit_s: float = 60, **variables: str) -> tuple[int, str]:
    """Exit code and screen; each answer is typed once, when its text has appeared."""
    child, screen = pty.fork()
    if child == 0:
        os.execve(SCRIPT, [SCRIPT, *arguments], clean_environment(home, TERM="xterm", **variables))
    seen, left, end = "", dict(answers), time.monotonic() + limit_s
    try:
        while time.monotonic() < end:
            if not select.select([screen], [], [], 1)[0]:
                continue
            try:
                piece = os.read(screen, 65_536)
            except OSError:  # the terminal closes with the program
                break
            if not piece:
                break
            seen += _CONTROL.sub("", piece.decode(errors="replace"))
            for text in [text for text in left if text in seen]:
                os.write(screen, (left.pop(text) + "\n").encode())
    finally:
        os.close(screen)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), seen
