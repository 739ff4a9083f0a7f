"""Wheel and source distribution install offline, and carry the specs and the prompts: they work away from the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
OFFLINE = ("--no-index", "--no-deps")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300, capture_output=True)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution and nothing else, without a package index."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [*PIP, "wheel", *OFFLINE, "--no-build-isolation", "-w", str(folder), str(sdist)]
    subprocess.run(command, check=True, timeout=300)
    return next(folder.glob("*.whl"))


def test_the_source_distribution_has_what_a_contributor_needs_and_nothing_of_this_machine(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
        assert {"pyproject.toml", "Makefile", "CONTRIBUTING.md", "server.json", "Dockerfile", "apps/package.json"} <= inside
        assert any(name.startswith("tests/") for name in inside)
        assert not [
            name
            for name in inside
            if "node_modules" in name or "__pycache__" in name or name.startswith((".venv", ".git/", "dist/", "build/"))
        ]
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is None or str(ROOT).encode() not in content.read(), member.name


def test_it_holds_every_spec_and_prompt(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("tool_specs", "prompts"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                assert f"nexla_mcp/{path.relative_to(ROOT)}" in inside
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in inside)


def test_it_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run([*PIP, "install", *OFFLINE, "--no-compile", "--target", str(site), str(wheel)], check=True, timeout=300)
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
