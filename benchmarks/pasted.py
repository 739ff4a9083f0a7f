"""Measured output inside a page, between markers, with the command, the machine and the date.

    paste(page, "scenarios", "python -m benchmarks.scenarios", text)

The page holds ``<!-- scenarios: begin -->`` and ``<!-- scenarios: end -->``; what stands between them is replaced.
"""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def machine() -> str:
    """Where and when."""
    return f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores"


def paste(page: Path, name: str, command: str, text: str) -> None:
    """Replace what stands between the markers of ``name``.

    Raises:
        ValueError: the page has no such markers.
    """
    whole = page.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.S)
    if not marked.search(whole):
        raise ValueError(f"{page.name} has no markers for {name}")
    body = f"Output of `{command}` ({machine()}):\n\n{text.strip()}\n\n"
    page.write_text(marked.sub(lambda m: m[1] + body + m[2], whole), encoding="utf-8")
