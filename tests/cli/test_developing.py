"""``nexla-mcp dev new-operation``: a draft that is checked at once and offered to nobody until it is finished."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.loader import SpecError, data_root, load_catalog
from tests.cli.conftest import Run


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    """A copy of the tool specs that may be edited."""
    return Path(shutil.copytree(data_root("tool_specs"), tmp_path / "tool_specs"))


def entry(specs: Path, file: str, name: str) -> dict[str, Any]:
    return next(o for o in json.loads((specs / file).read_text())["operations"] if o["name"] == name)


def test_a_draft_lands_in_the_fitting_file_and_changes_nothing_that_is_offered(run: Run, specs: Path, catalog: Catalog) -> None:
    before = (specs / "sources.json").read_text()
    done = run("dev", "new-operation", "put", "/data_sources/{id}/reset", "--specs", str(specs))
    assert done.exit_code == 0, done.output
    file, line = re.search(r"Draft of sources_reset written to tool_specs/(.+):(\d+)", done.output).groups()  # type: ignore[union-attr]
    text = (specs / file).read_text()
    assert text.splitlines()[int(line) : int(line) + 1] == ['      "name": "sources_reset",']
    assert text.startswith(before.removesuffix("    }\n  ]\n}\n"))
    draft = entry(specs, file, "sources_reset")
    assert (draft["risk"], draft["path"], draft["required"]) == ("destroy", "/data_sources/{source_id}/reset", ["source_id"])
    assert draft["preview"]["target"] == {"operation": "sources_get", "arguments": {"source_id": "$source_id"}}
    assert load_catalog(specs).operations.keys() == catalog.operations.keys()


def test_a_draft_that_was_declared_finished_too_early_is_refused_with_its_place(run: Run, specs: Path) -> None:
    assert run("dev", "new-operation", "GET", "/flows/{flow_id}/costs", "--specs", str(specs)).exit_code == 0
    file = specs / "flows.json"
    file.write_text(file.read_text().replace('"draft": true', '"draft": false'))
    with pytest.raises(
        SpecError, match=r"tool_specs/flows.json:\d+: operation flows_list_costs: TO FILL IN is still in its texts"
    ):
        load_catalog(specs)


def test_a_finished_draft_is_an_operation_like_any_other(run: Run, specs: Path) -> None:
    assert run("dev", "new-operation", "POST", "/teams/{team_id}/copy", "--specs", str(specs)).exit_code == 0
    file = specs / "teams.json"
    file.write_text(file.read_text().replace('"draft": true', '"draft": false').replace("TO FILL IN", "Copies a team"))
    operation = load_catalog(specs).operation("teams_copy")
    assert operation.risk == "write"
    assert operation.creates


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["PUT", "/data_sources/{id}/activate"], "there already: sources_activate in sources.json"),
        (["PATCH", "/data_sources/{id}"], "give a method of GET, POST, PUT, DELETE"),
        (["GET", "https://dataops.nexla.io/x"], "is no route"),
        (["GET", "/gizmos"], "Name one with --toolset"),
        (["GET", "/flows/{flow_id}/costs", "--toolset", "flow"], "there is no toolset 'flow'"),
        (["GET", "/flows/{flow_id}/costs", "--name", "flows_get"], "The name flows_get is taken"),
    ],
)
def test_what_cannot_be_drafted_is_explained_and_nothing_is_written(
    run: Run, specs: Path, arguments: list[str], said: str
) -> None:
    before = {path: path.read_text() for path in specs.glob("*.json")}
    refused = run("dev", "new-operation", *arguments, "--specs", str(specs))
    assert refused.exit_code == 2
    assert said in refused.output
    assert "Nothing was written." in refused.output
    assert {path: path.read_text() for path in specs.glob("*.json")} == before


def test_a_dry_run_prints_the_entry_and_writes_nothing(run: Run, specs: Path) -> None:
    before = (specs / "destinations.json").read_text()
    shown = run("dev", "new-operation", "GET", "/data_sinks/{id}/latency", "--dry-run", "--specs", str(specs))
    assert json.loads(shown.output)["name"] == "destinations_list_latency"
    assert (specs / "destinations.json").read_text() == before


def test_every_operation_would_be_drafted_into_its_own_toolset_with_no_lower_risk(catalog: Catalog) -> None:
    """The proposals are tried on what is known: take one operation out, draft it again, compare."""
    from nexla_mcp.catalog.scaffold import propose, read_toolsets

    toolsets = read_toolsets(data_root("tool_specs"))
    order = ("read", "write", "disrupt", "destroy")
    lower, elsewhere = [], []
    for name in ("sources", "nexsets", "destinations", "credentials", "teams"):
        for operation in toolsets[name]["operations"]:
            rest = [o for o in toolsets[name]["operations"] if o is not operation]
            known = toolsets | {name: toolsets[name] | {"operations": rest}}
            draft = propose(known, operation["method"], operation["path"], toolset=None, name="things_new")
            elsewhere += [operation["name"]] if draft.toolset != name else []
            lower += [operation["name"]] if order.index(draft.entry["risk"]) < order.index(operation["risk"]) else []
    assert lower == []
    assert elsewhere == []
