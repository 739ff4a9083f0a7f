"""Arguments one level too deep, answers that are empty, undos that could not work: what an agent runs into first."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nexla_mcp.sandbox.serve import RunningSandbox
from tests.conftest import ERAS, text_of
from tests.in_process import client_of

LOGIN = {"credential_id": 2001, "credentials": {"secret_key": "x"}}


@pytest.mark.parametrize("era", ERAS)
async def test_how_much_is_shown_may_stand_among_the_arguments(sandbox: RunningSandbox, tmp_path: Path, era: str) -> None:
    async with client_of(sandbox.url, tmp_path, era=era) as client:
        inside = {"operation": "credentials_get", "arguments": {"credential_id": 2001, "fields": "name"}}
        assert text_of(await client.call_tool("nexla_read", inside)) == "name: shop-exports"
        directly = await client.call_tool("credentials_get", {"credential_id": 2001, "fields": ["name"]})
        assert text_of(directly) == "name: shop-exports"


async def test_a_dry_run_may_stand_among_the_arguments(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path) as client:
        call = {"operation": "flows_pause", "arguments": {"flow_id": 6010, "dry_run": True}}
        assert "Dry run. Nothing was sent." in text_of(await client.call_tool("nexla_confirmed_write", call))
    assert [r for r in sandbox.requests() if r["method"] == "PUT"] == []


async def test_no_rows_are_explained(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path) as client:
        shared = await client.call_tool("nexla_read", {"operation": "nexsets_get_accessors", "arguments": {"set_id": 4003}})
        assert text_of(shared).startswith("Shared with nobody")


async def test_no_undo_is_offered_for_a_secret(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with client_of(sandbox.url, tmp_path, confirm="ticket") as client:
        call = {"operation": "credentials_update", "arguments": LOGIN}
        preview = await client.call_tool("nexla_confirmed_write", call)
        agreed = {**call, "ticket": preview.structured_content["ticket"], "typed_name": "shop-exports"}
        done = await client.call_tool("nexla_confirmed_write", agreed)
        assert done.structured_content["status"] == "done"
        assert "undo" not in done.structured_content
    receipts = tmp_path / "receipts.jsonl"
    assert stat.S_IMODE(receipts.stat().st_mode) == 0o600
