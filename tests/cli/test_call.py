"""call, changes and runs: the answer, the confirmation at the terminal, the exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nexla_mcp.cli.completion import tool_names
from nexla_mcp.sandbox import SERVICE_KEY
from tests.cli.at_terminal import at_terminal
from tests.cli.conftest import Command, Run

FLOW = '{"flow_id": 6010}'


@pytest.fixture
def reach(sandbox: Any, tmp_path: Path) -> dict[str, str]:
    return {
        "NEXLA_API_URL": sandbox.url,
        "NEXLA_SERVICE_KEY": SERVICE_KEY,
        "NEXLA_MCP_STATE_DIR": str(tmp_path / "state"),
    }


def test_a_read_prints_its_answer_and_as_json_what_a_script_needs(command: Command, run: Run, reach: dict[str, str]) -> None:
    plain = command("call", "flows_get", "-a", "flow_id=6010", **reach)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert "orders-to-snowflake" in plain.stdout
    told = json.loads(run("call", "flows_get", "--args", "-", "--json", input=FLOW, **reach).stdout)
    assert (told["exit_code"], told["isError"]) == (0, False)
    assert told["structuredContent"]


def test_a_change_without_a_terminal_is_not_made_and_gives_preview_and_ticket(run: Run, reach: dict[str, str]) -> None:
    asked = run("call", "flows_pause", "--args", FLOW, "--json", **reach)
    assert asked.exit_code == 3
    told = json.loads(asked.stdout)
    assert told["structuredContent"]["status"] == "confirmation_required"
    assert told["structuredContent"]["ticket"]
    assert "stdin is not a terminal" in asked.stderr
    assert "No such change" in run("changes", "list", **reach).stdout


def test_a_change_is_agreed_to_at_the_terminal_listed_and_taken_back(run: Run, reach: dict[str, str], home: Path) -> None:
    code, screen = at_terminal(home, "call", "flows_pause", "--args", FLOW, answers={"[y/n]": "y"}, **reach)
    assert code == 0, screen
    assert "orders-to-snowflake" in screen
    listed = json.loads(run("changes", "list", "--json", **reach).stdout)["structuredContent"]["changes"]
    assert [(row["operation"], row["outcome"]) for row in listed] == [("flows_pause", "applied")]
    number = str(listed[0]["id"])
    assert "PUT /flows/6010/pause" in run("changes", "show", number, **reach).stdout
    assert run("changes", "revert", number, "--dry-run", **reach).exit_code == 0
    assert run("changes", "revert", number, **reach).exit_code == 3
    code, screen = at_terminal(home, "changes", "revert", number, answers={"[y/n]": "y"}, **reach)
    assert code == 0, screen
    assert f"takes back change {number}" in screen
    again = run("changes", "revert", number, **reach)
    assert again.exit_code == 1
    assert "already" in again.stderr


def test_a_name_that_is_not_typed_is_a_no_with_an_exit_code_of_its_own(home: Path, reach: dict[str, str], run: Run) -> None:
    destroy = ("call", "nexsets_delete", "--args", '{"nexset_id": 4002}')
    code, screen = at_terminal(home, *destroy, answers={"(empty declines)": ""}, **reach)
    assert code == 3, screen
    assert "Nothing was changed" in screen
    assert "No such change" in run("changes", "list", **reach).stdout


def test_with_pages_the_terminal_leads_to_one(home: Path, reach: dict[str, str]) -> None:
    pages = reach | {"NEXLA_MCP_CONFIRM": "page", "NEXLA_MCP_OPEN_BROWSER": "0", "NEXLA_MCP_PAGE_WAIT_S": "0"}
    code, screen = at_terminal(home, "call", "flows_pause", "--args", FLOW, answers={"(n declines)": "n"}, **pages)
    assert code == 3, screen
    assert re.search(r"http://127\.0\.0\.1:\d+/", screen)


def test_wrong_usage_is_said_before_anything_is_sent(run: Run, reach: dict[str, str]) -> None:
    for arguments in (("--args", "{"), ("--args", "[]"), ("-a", "flow_id"), ("--instance", "none")):
        refused = run("call", "flows_get", *arguments, **reach)
        assert refused.exit_code == 2
        assert refused.stderr.startswith("nexla-mcp: ")


def test_a_refused_call_fails(run: Run, reach: dict[str, str]) -> None:
    assert run("call", "flows_pause", "--args", FLOW, "--read-only", **reach).exit_code == 1
    assert run("call", "flows_paus", **reach).exit_code == 1


def test_a_run_waits_for_its_question_and_is_taken_back(home: Path, reach: dict[str, str], run: Run) -> None:
    arguments = '{"action": "pause", "flow_ids": [6010, 6020]}'
    code, screen = at_terminal(
        home, "call", "nexla_bulk_flows", "--args", arguments, answers={"[y/n]": "y", "Type ": "2 flows"}, **reach
    )
    rows = json.loads(run("runs", "list", "--json", **reach).stdout)["structuredContent"]["runs"]
    assert len(rows) == 1, screen
    shown = json.loads(run("runs", "show", rows[0]["run_id"], "--json", **reach).stdout)
    assert shown["structuredContent"]["status"] in ("done", "waiting"), shown
    assert code == 0, screen
    assert run("runs", "cancel", rows[0]["run_id"], **reach).exit_code == 3
    assert run("runs", "resume", "r-00000000", **reach).exit_code == 1


def test_the_shell_completes_names_of_tools_and_operations(command: Command) -> None:
    assert ("flows_pause", "Pause a flow") in [(name, title) for name, title in tool_names("flows_p")]
    completed = command(
        "call", "nexla_tri", _NEXLA_MCP_COMPLETE="complete_bash", COMP_WORDS="nexla-mcp call nexla_tri", COMP_CWORD="2"
    )
    assert re.search(r"^nexla_triage$", completed.stdout, re.M), completed
