"""The release check finds what is not ready; its slow steps are tried by running it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nexla_mcp
from release import check


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the files that the cheap steps look at, all in order."""
    version = nexla_mcp.__version__
    for folder in ("release", "tool_specs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "server.json").write_text(json.dumps({"version": version, "packages": [{"version": version}]}))
    (tmp_path / "release" / "manifest.json").write_text(json.dumps({"version": version}))
    (tmp_path / "CHANGELOG.md").write_text(f"## [Unreleased]\n\n## [{version}] - 2026-11-24\n\n### Added\n- It works.\n")
    (tmp_path / "tool_specs" / "things.json").write_text(json.dumps({"operations": [{"name": "things_get"}]}))
    monkeypatch.setattr(check, "ROOT", tmp_path)
    return tmp_path


CHEAP = ["versions", "changelog", "drafts"]


def test_a_checkout_in_order_passes(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(CHEAP) == 0
    assert capsys.readouterr().out.endswith("can be released.\n")


@pytest.mark.parametrize(
    ("file", "text", "step", "said"),
    [
        ("release/manifest.json", '{"version": "9.9.9"}', "versions", "run make generate"),
        ("CHANGELOG.md", "## [Unreleased]\n\n### Added\n- It works.\n", "changelog", "no dated section"),
        (
            "tool_specs/things.json",
            '{"operations": [{"name": "things_get", "draft": true}]}',
            "drafts",
            "things.json: things_get",
        ),
    ],
)
def test_what_is_not_ready_is_named_and_the_other_steps_still_run(
    checkout: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, step: str, said: str
) -> None:
    (checkout / file).write_text(text)
    assert check.main(CHEAP) == 1
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()].count("ok") == 2
    assert f"FAIL {step}: " in printed
    assert said in printed
    assert printed.endswith(f"Not ready: {step}.\n")


def test_an_unknown_step_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(SystemExit, match="There is no step wheels; there are versions, changelog"):
        check.main(["wheels"])
