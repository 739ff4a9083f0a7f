"""The pages say what is so: commands run as written, snippets parse, links lead somewhere, names exist."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from nexla_mcp.arguments.check import check
from nexla_mcp.catalog.records import Risk
from nexla_mcp.cli.clients.jsonc import value as jsonc
from nexla_mcp.sandbox.config import SCENARIOS
from nexla_mcp.settings import Settings
from nexla_mcp.state import changes
from nexla_mcp.state.change import FAST_MS
from tests.docs.names import CATALOG, wrong_in
from tests.docs.reading import ROOT, Block, Page, commands_in, pages
from tests.docs.shell import Shell

PAGES = pages()
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
with_commands = pytest.mark.parametrize("page", [p for p in PAGES if any(p.commands())], ids=lambda page: page.name)


@with_commands
def test_commands_do_what_the_page_shows(page: Page, tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        for step in page.commands():
            if isinstance(step, Block):
                shell.save(step)
            elif not step.not_run:
                shell.run(step)


@each_page
def test_snippets_parse(page: Page) -> None:
    for block in page.blocks:
        match block.language:
            case "json":
                json.loads(block.text)
            case "jsonc":
                jsonc(block.text)
            case "toml":
                tomllib.loads(block.text)
            case "python":
                compile(block.text, f"{page.name}:{block.line}", "exec")
            case "bash" | "sh":
                checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
                assert checked.returncode == 0, f"{page.name}:{block.line}: {checked.stderr}"


@each_page
def test_links_lead_somewhere(page: Page) -> None:
    broken = []
    for link in page.links:
        where, _, anchor = link.partition("#")
        if re.match(r"[a-z][a-z0-9+.-]*:", where):
            continue
        target = (page.path.parent / where).resolve() if where else page.path
        if not target.exists() or not target.is_relative_to(ROOT):
            broken.append(link)
        elif anchor and target.suffix == ".md" and anchor not in Page(target).anchors:
            broken.append(f"{link}: no such heading")
    assert not broken, f"{page.name}: {broken}"


@each_page
def test_what_is_named_exists(page: Page) -> None:
    lines = [line for b in page.blocks if b.language in ("bash", "sh") for line in b.text.splitlines()]
    lines += [command.line for b in page.blocks if b.language == "console" for command in commands_in(b.text)]
    ours = [re.sub(r"\s+#\s.*", "", line) for line in lines if "nexla-mcp " in line]
    wrong = sorted({problem for span in (*page.spans, *ours) for problem in wrong_in(span)})
    assert not wrong, f"{page.name}: {wrong}"


@each_page
def test_arguments_below_the_name_of_a_tool_fit(page: Page) -> None:
    for section in re.split(r"^#+ ", page.text, flags=re.M):
        named, given = re.match(r"`(nexla_\w+)`\n", section), re.search(r"^```json\n(.*?)^```", section, re.M | re.S)
        if named and given and (tool := CATALOG.resolve(named.group(1))):
            check(tool, json.loads(given.group(1)))


@each_page
def test_calls_in_transcripts_can_be_made(page: Page) -> None:
    """Each ``nexla_tool {arguments}`` of a block names a tool, and its arguments fit, unless the page shortens them."""
    for block in page.blocks:
        text = re.sub(r"\{\.\.\.\}", '"..."', block.text) if block.language in ("text", "js", "console") else ""
        for found in re.finditer(r"^(?:> |\d+\. )?(nexla_\w+) (?=\{)", text, re.M):
            given, _ = json.JSONDecoder().raw_decode(text, found.end())
            tool = CATALOG.resolve(found.group(1))
            assert tool, f"{page.name}: {found.group(1)}"
            check(tool, given)
            if "operation" in given and "arguments" in given:
                operation = CATALOG.resolve(given["operation"])
                assert operation, f"{page.name}: {given['operation']}"
                if "..." not in str(given["arguments"]):
                    check(operation, given["arguments"])


def test_the_transcript_in_the_readme_is_what_the_sandbox_answers(tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        code, printed = shell.carry_out("nexla-mcp call nexla_triage --sandbox")
    assert code == 0
    found = {tuple(cell.strip() for cell in row.strip("|").split("|")[:3]) for row in printed.splitlines() if row.startswith("|")}
    transcript = next(block.text for block in Page(ROOT / "README.md").blocks if "> nexla_triage" in block.text)
    headline = re.search(r"^FAILING (.*)$", transcript, re.M)
    assert headline
    assert headline.group(1) in printed
    rows = {cells for line in transcript.splitlines() if len(cells := tuple(re.split(r" {2,}", line.strip())[:3])) == 3}
    assert len(rows & found) == 7


def test_every_page_is_in_the_index() -> None:
    """After a new page: a row in docs/README.md."""
    index = {link.partition("#")[0] for link in Page(ROOT / "docs" / "README.md").links}
    missing = [p.name for p in PAGES if p.path.parent == ROOT / "docs" and p.path.name not in index | {"README.md"}]
    assert not missing


def test_numbers_are_those_of_the_code() -> None:
    settings = Settings()
    safety, sandbox, readme = (Page(ROOT / name).text for name in ("docs/safety.md", "docs/sandbox.md", "README.md"))
    for risk in Risk:
        number = sum(operation.risk is risk for operation in CATALOG.operations.values())
        assert f"| **{risk}** | {number} |" in safety
    limits = f"{settings.max_changes_per_hour} changes of class disrupt and {settings.max_destroys_per_hour} of class destroy"
    assert limits in safety
    kept = f"{changes.KEPT_S / 86_400:.0f} days, the newest {changes.KEPT_CHANGES:,}, at most {changes.KEPT_BYTES // 10**6} MB"
    assert kept in safety

    assert f"within\n  {FAST_MS} ms" in safety
    assert f"All {len(CATALOG.operations)} operations" in readme
    told = {int(number) for number in re.findall(r"\| (\d+) ", sandbox.split("## One incident alone")[1])}
    assert told == {int(name) for name in SCENARIOS if name.isdigit()}


def texts_of_the_code() -> str:
    """Every text in the package, one a line, with `...` where a value is filled in."""
    found = []
    for path in sorted((ROOT / "nexla_mcp").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values))
    return "\n".join(" ".join(text.split()) for text in found)


def test_the_messages_are_those_of_the_code() -> None:
    page = Page(ROOT / "docs" / "troubleshooting.md")
    told = re.split(r"^## ", page.text, flags=re.M)[1:]
    rows = [row for section in told if not section.startswith("In the client") for row in section.splitlines()]
    messages = [message for row in rows for message in re.findall(r"^\| `([^`]+)`", row)]
    assert len(messages) > 50
    texts = texts_of_the_code()
    missing = [m for m in messages if not re.search(".*".join(map(re.escape, re.split(r"\s*\.\.\.\s*", m.strip(". ")))), texts)]
    assert not missing
