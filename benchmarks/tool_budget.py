"""Tools and tokens of each profile against their budgets; exit 1 above one.

    python -m benchmarks.tool_budget

Tokens are cl100k over name, description and inputSchema, what a host sends to its model for each tool.
"""

from __future__ import annotations

import json
import sys

import bpe_openai

from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.server.instructions import instructions
from nexla_mcp.server.listing import listed_tools
from nexla_mcp.settings import Profile, Settings

TOTALS = {"default": 4_500, "lean": 1_100}
AVERAGE = 195
ENCODING = bpe_openai.get_encoding("cl100k_base")


def sizes(settings: Settings) -> list[int]:
    """Tokens of each listed tool."""
    dumps = [t.model_dump(by_alias=True, mode="json", exclude_none=True) for t in listed_tools(load_catalog(), settings)]
    shown = [{key: dump[key] for key in ("name", "description", "inputSchema")} for dump in dumps]
    return [len(ENCODING.encode(json.dumps(tool, ensure_ascii=False, separators=(",", ":")))) for tool in shown]


def main() -> int:
    """Print the table; 1 when a budget is exceeded."""
    over = 0
    print(f"{'profile':<24}{'tools':>6}{'tokens':>8}{'average':>9}  budget")
    rows = [(str(p), Settings(profile=p)) for p in Profile]
    rows += [(f"toolsets {name}", Settings(toolsets=(name,))) for name in load_catalog().toolsets]
    for name, settings in rows:
        each = sizes(settings)
        total, average = sum(each), sum(each) / len(each)
        limit = TOTALS.get(name)
        exceeded = total > limit if limit else average > AVERAGE
        over += exceeded
        budget = f"<= {limit} in all" if limit else f"<= {AVERAGE} a tool"
        if exceeded or not name.startswith("toolsets"):
            print(f"{name:<24}{len(each):>6}{total:>8}{average:>9.1f}  {budget}{'  EXCEEDED' if exceeded else ''}")
    told = len(instructions(unfinished=True))
    print(f"server instructions: {told} of 1900 characters")
    return 1 if over or told > 1_900 else 0


if __name__ == "__main__":
    sys.exit(main())
