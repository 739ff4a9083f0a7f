"""What changed for clients since the snapshot of the whole surface, labelled; exit 1 on a break that is not announced.

    python -m benchmarks.contract              # compare
    python -m benchmarks.contract --update     # compare, then write the snapshot

A breaking change is allowed when the changelog says so: "### Breaking" under "## [Unreleased]". Without it the
snapshot is not written either, so that a break cannot slip in with an update.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from nexla_mcp.catalog.contract import Label, compare, render, surface
from nexla_mcp.catalog.loader import load_catalog

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOT = ROOT / "tests" / "contract" / "surface.json"
CHANGELOG = ROOT / "CHANGELOG.md"


def announced(changelog: str) -> bool:
    """True when the unreleased part of a changelog has a heading for breaking changes."""
    unreleased = re.search(r"^## \[Unreleased\]\s*$(.*?)(?=^## |\Z)", changelog, re.M | re.S | re.I)
    return unreleased is not None and re.search(r"^### Breaking\b", unreleased[1], re.M | re.I) is not None


def check(current: str, snapshot: Path, changelog: Path, *, update: bool = False) -> int:
    """Print the changes from ``snapshot`` to ``current`` (both rendered); 1 on an unannounced break."""
    if snapshot.exists():
        changes = compare(json.loads(snapshot.read_text(encoding="utf-8")), json.loads(current))
        print(*changes, sep="\n", end="\n" if changes else "")
        counts = {label: sum(change.label is label for change in changes) for label in Label}
        print(", ".join(f"{count} {label}" for label, count in counts.items()))
        if counts[Label.BREAKING] and not announced(changelog.read_text(encoding="utf-8")):
            print('Keep the old form, for a name by an alias, or announce it under "### Breaking" in the changelog.')
            return 1
    if update:
        snapshot.write_text(current, encoding="utf-8")
    elif not snapshot.exists() or snapshot.read_text(encoding="utf-8") != current:
        print("The snapshot is out of date: python -m benchmarks.contract --update")
    return 0


def main() -> int:
    """Exit code 0 when nothing breaks unannounced."""
    return check(render(surface(load_catalog())), SNAPSHOT, CHANGELOG, update="--update" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
