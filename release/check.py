"""Everything that has to hold before a release, in one command; nothing is published.

    python -m release.check                     # all steps, cheap ones first; exit 1 when one fails
    python -m release.check versions bundle     # some of them

Every step runs even when an earlier one failed, so that one run shows all there is to do.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nexla_mcp import __version__
from release.listings import ROOT

BIN = Path(sys.executable).parent
DIST = ROOT / "dist"
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


class NotReadyError(Exception):
    """Why this cannot be released yet."""


def versions() -> None:
    """Package, registry entry and bundle say the same version."""
    told = {"nexla_mcp": __version__}
    server = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
    told |= {"server.json": server["version"], "its package": server["packages"][0]["version"]}
    told["manifest"] = json.loads((ROOT / "release" / "manifest.json").read_text(encoding="utf-8"))["version"]
    if len(set(told.values())) > 1:
        raise NotReadyError(f"{told}: run make generate")


def changelog() -> None:
    """The changelog has a dated section for this version, with something in it."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    if not found or "- " not in found[1]:
        raise NotReadyError(f"CHANGELOG.md has no dated section with entries for {__version__}: move those of [Unreleased] there")


def drafts() -> None:
    """No operation is left as a draft."""
    left = [
        f"{path.name}: {operation['name']}"
        for path in sorted((ROOT / "tool_specs").glob("*.json"))
        for operation in json.loads(path.read_text(encoding="utf-8"))["operations"]
        if operation.get("draft")
    ]
    if left:
        raise NotReadyError(f"finish or remove the drafts: {', '.join(left)}")


def lint() -> None:
    """Style, types, generated files, contract, token budgets."""
    _run("make", "lint")


def tests() -> None:
    """The whole test suite."""
    _run("make", "test")


def builds() -> None:
    """Source distribution, and the wheel built from it."""
    shutil.rmtree(DIST, ignore_errors=True)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(DIST))
    sdist = DIST / f"nexla_mcp-{__version__}.tar.gz"
    _run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", str(DIST), str(sdist))


def offline() -> None:
    """The wheel and its libraries, gathered in a folder, install into a fresh environment without a network, and work."""
    wheels = list(DIST.glob(f"nexla_mcp-{__version__}-*.whl"))
    if not wheels:
        raise NotReadyError("there is no wheel in dist/: run the step builds first")
    with tempfile.TemporaryDirectory() as folder:
        gathered, fresh = Path(folder) / "wheels", Path(folder) / "fresh"
        _run(*PIP, "wheel", "-w", str(gathered), str(wheels[0]))
        _run(sys.executable, "-m", "venv", str(fresh))
        bin_ = fresh / ("Scripts" if os.name == "nt" else "bin")
        alone = {"HOME": folder, "PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
        _run(str(bin_ / "pip"), "install", "--quiet", "--find-links", str(gathered), f"nexla-mcp=={__version__}", env=alone)
        if _run(str(bin_ / "nexla-mcp"), "version", env=alone).strip() != __version__:
            raise NotReadyError("the installed command tells another version")
        answer = _run(
            str(bin_ / "nexla-mcp"), "call", "nexla_health_check", "--args", '{"flow_id": 6010}', "--sandbox", env=alone
        )
        if "6010" not in answer:
            raise NotReadyError(f"the installed command did not diagnose the sandbox: {answer[:300]}")


def bundle() -> None:
    """The bundle is valid, unpacks, starts under uv and lists the tools its manifest names."""
    _run(sys.executable, "-m", "release.bundle", "--start")


def registry() -> None:
    """``server.json`` fits the registry's published schema, which skillsaw carries in all its versions."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "server.json", folder)
        _run(_tool("skillsaw"), "lint", "--strict", "--type", "mcp-registry", "--no-progress", folder)


def image() -> None:
    """The Dockerfile follows good practice, as hadolint knows it."""
    _run(_tool("hadolint"), "Dockerfile")


def conformance() -> None:
    """The official suite and the Inspector find nothing that is not explained."""
    _run(sys.executable, "-m", "benchmarks.conformance")


STEPS: tuple[Callable[[], None], ...] = (
    versions, changelog, drafts, image, registry, lint, builds, offline, bundle, conformance, tests,
)  # fmt: skip


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise NotReadyError(f"{name} is missing: .venv/bin/pip install -e '.[dev,release]'")
    return found


def _run(*words: str, env: dict[str, str] | None = None) -> str:
    ended = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if ended.returncode:
        said = (ended.stdout + ended.stderr).strip()[-1500:]
        raise NotReadyError(f"{' '.join(words[:4])} ... ended with {ended.returncode}:\n{said}")
    return ended.stdout


def main(names: Sequence[str]) -> int:
    """Run the steps of these names, or all; exit code 1 when one fails."""
    known = {step.__name__: step for step in STEPS}
    if unknown := set(names) - known.keys():
        raise SystemExit(f"There is no step {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    failed = []
    for step in [known[name] for name in names] or STEPS:
        began = time.monotonic()
        try:
            step()
        except NotReadyError as error:
            failed.append(step.__name__)
            print(f"FAIL {step.__name__}: {error}", flush=True)
        else:
            said = (step.__doc__ or "").replace("``", "")
            print(f"ok   {step.__name__}: {said}  ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"Not ready: {', '.join(failed)}." if failed else f"nexla-mcp {__version__} can be released.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
