"""``docs/conformance.md``: what the official tools found, and why each exception is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from benchmarks.inspector_checks import Inspected
from release import npm_tools

_HEAD = """# Conformance

{when}. `make conformance` starts this server over HTTP with the sandbox inside and lets the official tools of the MCP
project loose on it: the conformance suite (`{suite}`, every server scenario that it has for a protocol version,
`--suite all --spec-version ...`) and the Inspector's command line (`{inspector}`), both from npm. Needed: npm; Node.js
itself comes from there ({node}). This page is written by `python -m benchmarks.conformance --write`.

The suite is made for SDKs. Half of its scenarios call tools, prompts and resources of an example server by name, which a
server with a job of its own does not have. Those checks are the exceptions below, each named with its reason; any other
failure or warning, and any exception that has become needless, makes the command fail.

A pass says little where the suite only looks for text: `tools-call-simple-text` and a few `input-required-result` scenarios are
content with our answer that there is no such tool. What our own tools do in those cases is covered by our own tests.

Not run: the suite's scenarios for extensions (tasks, skills), which this server does not offer; those for clients and
authorization servers.
"""


class Scenario(Protocol):
    """What is shown of a scenario."""

    @property
    def name(self) -> str: ...
    @property
    def passed(self) -> int: ...
    @property
    def failed(self) -> tuple[str, ...]: ...


def page(when: str, found: Mapping[str, Sequence[Scenario]], inspected: Sequence[Inspected], exceptions: Any) -> str:
    """The whole page."""
    head = _HEAD.format(when=when, suite=npm_tools.SUITE, inspector=npm_tools.INSPECTOR, node=npm_tools.NODE)
    return "\n".join([head, *_suite(found, exceptions), *_inspector(inspected), *_exceptions(exceptions)]) + "\n"


def _suite(found: Mapping[str, Sequence[Scenario]], exceptions: Any) -> list[str]:
    number = {check: n for n, group in enumerate(exceptions, 1) for check in group["checks"]}
    names = list(dict.fromkeys(s.name for scenarios in found.values() for s in scenarios))
    lines = ["## The suite", "", f"| scenario | {' | '.join(found)} |", "| --- |" + " --- |" * len(found)]
    for name in names:
        cells = []
        for scenarios in found.values():
            one = next((s for s in scenarios if s.name == name), None)
            cells.append(_cell(one, number) if one else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    totals = [f"{sum(not s.failed for s in found[v])} of {len(found[v])} scenarios" for v in found]
    return [*lines, f"| **without any exception** | {' | '.join(totals)} |", ""]


def _cell(scenario: Scenario, number: Mapping[str, int]) -> str:
    reasons = sorted({number.get(f"{scenario.name}:{check}", 0) for check in scenario.failed})
    if 0 in reasons:
        return "**failed**"
    passed = f"{scenario.passed} passed"
    return f"{passed}; exception {', '.join(map(str, reasons))}" if reasons else passed


def _inspector(inspected: Sequence[Inspected]) -> list[str]:
    eras = list(dict.fromkeys(c.era for c in inspected))
    lines = ["## The Inspector", "", f"| check | {' | '.join(eras)} |", "| --- |" + " --- |" * len(eras)]
    for name in dict.fromkeys(c.name for c in inspected):
        cells = ["**failed**" if c.problem else "passed" for era in eras for c in inspected if (c.name, c.era) == (name, era)]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return [*lines, "", "`--strict` lists every schema that some client could refuse; it has nothing to say.", ""]


def _exceptions(exceptions: Any) -> list[str]:
    lines = ["## Exceptions", ""]
    for number, group in enumerate(exceptions, 1):
        ours = f" With our own: {', '.join(f'`{path}`' for path in group['ours'])}." if group.get("ours") else ""
        checks = ", ".join(f"`{check.rpartition(':')[2]}`" for check in group["checks"])
        lines.append(f"{number}. {group['why']}{ours} {checks}")
    return lines
