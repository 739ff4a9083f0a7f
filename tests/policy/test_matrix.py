"""Every way of asking against everything that can go wrong with an answer, in both eras: 88 stories."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.gate_matrix import CASES, CHANNELS, ERAS, play
from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.sandbox.serve import RunningSandbox

SAYS = {
    ("form", "decline"): "The person declined",
    ("form", "cancel"): "dismissed the question",
    ("form", "wrong name"): "does not match",
    ("page", "decline"): "The person declined",
    ("page", "wrong name"): "The person declined",
    ("page", "replayed"): "answered before, or is closed",
    ("ticket", "wrong name"): "(argument typed_name)",
    ("ticket", "replayed"): "used before",
    ("ticket", "other arguments"): "for other arguments",
    ("ticket", "other principal"): "given to another caller",
    ("page", "other principal"): "given to another caller",
    ("ticket", "tampered"): "not a ticket of this server",
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("era", ERAS)
async def test_matrix(
    shared_sandbox: RunningSandbox, tmp_path: Path, catalog: Catalog, era: str, channel: str, case: str
) -> None:
    cell = await play(shared_sandbox, tmp_path, catalog, era, channel, case)
    assert cell.right, cell
    if channel == "none":
        assert "NEXLA_MCP_CONFIRM=deny" in cell.text
    elif case == "late":
        assert "expired" in cell.text
    elif case == "target changed":
        assert "has changed since" in cell.text
    else:
        assert SAYS.get((channel, case), "") in cell.text
    assert cell.asked == 0 or channel in ("form", "page")
