"""Completions: names and ids of the live organisation, quickly, and never an error."""

from __future__ import annotations

from typing import Any

import mcp_types as types
import pytest
from mcp import Client

from nexla_mcp.sandbox.serve import RunningSandbox
from nexla_mcp.server.templates import TEMPLATES
from tests.in_process import client_of


async def of_prompt(client: Client, prompt: str, argument: str, typed: str, **others: str) -> list[str]:
    ref = types.PromptReference(name=prompt)
    return (await client.complete(ref, {"name": argument, "value": typed}, others or None)).completion.values


async def of_template(client: Client, uri: str, argument: str, typed: str, **others: str) -> list[str]:
    ref = types.ResourceTemplateReference(uri=uri)
    return (await client.complete(ref, {"name": argument, "value": typed}, others or None)).completion.values


async def test_names_and_ids_of_what_there_is(world: RunningSandbox, era: str) -> None:
    async with client_of(world.url, None, era=era) as client:
        assert client.server_capabilities
        assert client.server_capabilities.completions is not None
        assert await of_prompt(client, "debug_flow", "flow", "orders") == ["orders-to-snowflake", "web-orders-to-kafka"]
        assert await of_prompt(client, "debug_flow", "flow", "601") == ["6010"]
        assert len(await of_prompt(client, "debug_flow", "flow", "")) == 17
        assert await of_prompt(client, "rotate_credential", "credential", "WARE") == ["warehouse"]
        assert await of_prompt(client, "review_access", "resource_type", "c") == ["credential", "source"]
        assert await of_prompt(client, "review_access", "resource", "ware", resource_type="credential") == ["warehouse"]
        assert "sources_activate" in await of_prompt(client, "explain_error", "operation", "sources_act")


async def test_ids_for_addresses(world: RunningSandbox) -> None:
    async with client_of(world.url, None) as client:
        assert await of_template(client, "nexla://flows/{id}", "id", "601") == ["6010"]
        assert await of_template(client, "nexla://flows/{id}", "id", "inventory") == ["6120"]
        assert "2004" in await of_template(client, "nexla://credentials/{id}", "id", "ware")
        assert await of_template(client, "nexla://reference/{page}", "page", "err") == ["errors"]
        assert "flows_pause" in await of_template(client, "nexla://operations/{name}", "name", "flows_p")
        runs = await of_template(client, "nexla://flows/{flow_id}/runs/{run_id}", "run_id", "", flow_id="6120")
        assert runs == sorted(runs, reverse=True)
        assert len(runs) > 5
        for template in TEMPLATES:
            variable = template.uri.rpartition("{")[2].rstrip("}")
            assert isinstance(await of_template(client, template.uri, variable, ""), list)


async def test_names_that_occur_twice_carry_their_ids(sandbox: Any) -> None:
    with sandbox.client() as api:
        api.put("/data_credentials/2002", json={"name": "shop-exports"}).raise_for_status()
    async with client_of(sandbox.url, None) as client:
        found = await of_prompt(client, "rotate_credential", "credential", "shop-ex")
        assert sorted(found) == ["shop-exports (2001)", "shop-exports (2002)"]
        prompt = await client.get_prompt("rotate_credential", {"credential": "shop-exports (2002)"})
        assert "id: 2002" in prompt.messages[0].content.text  # type: ignore[union-attr]


async def test_every_further_letter_costs_no_request(world: RunningSandbox) -> None:
    async with client_of(world.url, None) as client:
        await of_prompt(client, "debug_flow", "flow", "o")
        before = len(world.requests())
        await of_prompt(client, "debug_flow", "flow", "or")
        await of_prompt(client, "health_check", "flow", "ord")
        assert len(world.requests()) == before


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"kind": "invalid_json"}])
async def test_a_list_that_cannot_be_read_completes_nothing(world: RunningSandbox, fault: dict[str, Any]) -> None:
    world.fault("GET /data_credentials", **fault)
    async with client_of(world.url, None) as client:
        assert await of_prompt(client, "rotate_credential", "credential", "ware") == []


async def test_what_nobody_knows_completes_nothing(world: RunningSandbox) -> None:
    async with client_of(world.url, None) as client:
        assert await of_prompt(client, "no_such_prompt", "flow", "o") == []
        assert await of_prompt(client, "debug_flow", "colour", "o") == []
        assert await of_prompt(client, "debug_flow", "symptom", "o") == []
        assert await of_prompt(client, "review_access", "resource", "o") == []
        assert await of_prompt(client, "review_access", "resource", "o", resource_type="sauce") == []
        assert await of_template(client, "nexla://sauces/{id}", "id", "1") == []
        assert await of_template(client, "nexla://flows/{flow_id}/runs/{run_id}", "run_id", "", flow_id="no number") == []
