"""The wheel carries the specs and the prompts: it works away from the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as ``pip install .`` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, timeout=300)
    return next(folder.glob("*.whl"))


def test_it_holds_every_spec_and_prompt(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("tool_specs", "prompts"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                assert f"nexla_mcp/{path.relative_to(ROOT)}" in inside
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in inside)


def test_it_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--target",
        str(site),
    ]
    subprocess.run([*install, str(wheel)], check=True, timeout=300)
    script = "import nexla_mcp, sys; print(nexla_mcp.__file__); from nexla_mcp.cli import main; main()"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEXLA")} | {"PYTHONPATH": str(site)}
    ended = subprocess.run(
        [sys.executable, "-c", script, "tools", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    where, _, dump = ended.stdout.partition("\n")
    assert Path(where).is_relative_to(site)
    assert len(json.loads(dump)["tools"]) >= 8
