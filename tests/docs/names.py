"""What a page may call by name: tools, operations, options, variables, files, addresses, targets of make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from typer.main import get_command

from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.cli.commands import app
from nexla_mcp.server.reference import pages as reference_pages
from nexla_mcp.server.templates import TEMPLATES
from nexla_mcp.settings import Settings
from tests.docs.reading import ROOT

CATALOG = load_catalog()
EXAMPLES = frozenset(
    {"nexla_pause_project", "tool_specs/runbooks/nexla_pause_project.json", "nexla_mcp/runs/plans/pause_project.py"}
)
"""Names of things that a page tells its reader to make."""
MODULES = frozenset({"nexla_mcp", "nexla_sdk"})
FOREIGN_OPTIONS = frozenset({"--json", "--help", "--env", "--install-completion", "--show-completion", "--strict", "--suite"})
"""Options of every command, and of other programs that a page talks about."""
BENCHMARKS = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "benchmarks").glob("*.py")))
METHODS = frozenset({"prompts/get", "prompts/list"})
"""Methods of the protocol, which look like files of ours."""
ROOMS = "nexla_mcp|tool_specs|tests|docs|benchmarks|prompts|apps"


@cache
def commands() -> dict[str, set[str]]:
    """The options of each command of this program."""
    top: Any = get_command(app)
    return {name: set(_options(command)) for name, command in top.commands.items()}


def _options(command: Any) -> Iterator[str]:
    """Those of a command, and of the commands below it."""
    yield from (option for p in command.params for option in (*p.opts, *p.secondary_opts))
    for below in getattr(command, "commands", {}).values():
        yield from _options(below)


@cache
def variables() -> set[str]:
    """The environment variables that are settings."""
    return {Settings.variable(name) for name in Settings.model_fields}


@cache
def parameters() -> set[str]:
    """Names of arguments, which are no operations although some look like one."""
    records = [*CATALOG.operations.values(), *CATALOG.tools.values()]
    return {name for record in records for name in record.parameters}


def wrong_in(span: str) -> Iterator[str]:
    """What is named in ``span`` and does not exist."""
    if span in EXAMPLES:
        return
    for name in re.findall(r"(?<![\w./-])nexla_\w+", span):
        if name not in MODULES | EXAMPLES and not name.endswith("_") and CATALOG.resolve(name) is None:
            yield f"tool {name}"
    for name in re.findall(r"NEXLA_[A-Z_]+[A-Z]", span):
        if name not in variables():
            yield f"variable {name}"
    for path in re.findall(rf"(?<![\w/.])(?:{ROOMS})/[\w./-]*\w", span):
        if path not in EXAMPLES | METHODS and not (ROOT / path).exists():
            yield f"file {path}"
    looks_like_one = re.fullmatch(rf"(?:{'|'.join(CATALOG.toolset_names)})_\w+", span)
    if looks_like_one and span not in (*parameters(), *CATALOG.toolset_names) and CATALOG.resolve(span) is None:
        yield f"operation {span}"
    for target in re.findall(r"(?:^|\s)make ([a-z][\w-]*)", span):
        if not re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M):
            yield f"make target {target}"
    for address in re.findall(r"nexla://[\w/{}-]+", span):
        known = {t.uri for t in TEMPLATES} | {page.uri for page in reference_pages().values()} | {"nexla://changes"}
        if address not in known:
            yield f"address {address}"
    yield from _wrong_command(span)


def _wrong_command(span: str) -> Iterator[str]:
    found = re.search(r"(?:^|[\s/])nexla-mcp ((?:[a-z-]+)(?:\s.*)?)$", span)
    words = found.group(1).split() if found else []
    options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", span) if found else re.findall(r"^--[a-z][a-z-]*", span)
    everywhere = set().union(*commands().values(), FOREIGN_OPTIONS, re.findall(r'"(--[a-z][a-z-]*)"', BENCHMARKS))
    if words and words[0] not in commands():
        yield f"command nexla-mcp {words[0]}"
        return
    known = commands()[words[0]] | FOREIGN_OPTIONS if words else everywhere
    yield from (f"option {option} in {span}" for option in options if option not in known)
