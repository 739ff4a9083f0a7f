"""Official tools of the MCP project from npm, each at a pinned version, run by ``npm exec`` and never installed here.

Some need a newer Node.js than a machine has, so Node.js itself comes from npm as well.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

NODE = "node@22.23.3"
BUNDLER = "@anthropic-ai/mcpb@2.1.2"
SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"


def run(
    package: str, command: str, arguments: Sequence[str], *, cwd: Path | None = None, limit_s: float = 300
) -> subprocess.CompletedProcess[str]:
    """``command`` of ``package`` with ``arguments``; its output as text, whatever its exit code."""
    words = ["npm", "exec", "--yes", "--silent", f"--package={NODE}", f"--package={package}", "--", command, *arguments]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=limit_s, check=False)
