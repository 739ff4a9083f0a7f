"""Write what is generated, or check that it is up to date: schemas of the spec files, the operations, listings, tables in pages.

python -m benchmarks.generate            # write
python -m benchmarks.generate --check    # exit 1 when something is out of date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from benchmarks.guide_tables import filled, tables
from benchmarks.operations_page import page
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.catalog.records import Toolset, ToolSpec
from release.listings import bundle_manifest, server_json

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Every generated file and what should stand in it."""
    schemas: dict[str, type[BaseModel]] = {"toolset": Toolset, "tool": ToolSpec}
    files = {
        ROOT / "tool_specs" / "schema" / f"{name}.schema.json": json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema"} | record.model_json_schema(by_alias=True), indent=2
        )
        + "\n"
        for name, record in schemas.items()
    }
    made = tables()
    marked = ("cli", "configuration", "connect", "prompts")
    pages = [
        ROOT / "README.md",
        *(ROOT / "docs" / f"{name}.md" for name in marked),
        *sorted((ROOT / "docs" / "reference").glob("*.md")),
    ]
    with_tables = {path: filled(path.read_text(encoding="utf-8"), made) for path in pages}
    catalog = load_catalog()
    listings = {
        ROOT / "server.json": json.dumps(server_json(), indent=2) + "\n",
        ROOT / "release" / "manifest.json": json.dumps(bundle_manifest(catalog), indent=2) + "\n",
    }
    return {**files, **listings, **with_tables, ROOT / "docs" / "operations.md": page(catalog)}


def main() -> int:
    """Exit code 0 when all files are (now) up to date."""
    check = "--check" in sys.argv[1:]
    files = generated()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
        print(("out of date: " if check else "written: ") + str(path.relative_to(ROOT)))
    if check and stale:
        print("Run make generate.")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
