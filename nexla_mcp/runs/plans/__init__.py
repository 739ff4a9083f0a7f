"""The runbooks that change things, by name: each makes a plan out of facts and arguments, and changes nothing itself.

plan = await make_run_plan("nexla_fix_and_verify", planner, arguments)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.policy.plan import arguments_hash
from nexla_mcp.runbooks.facts import Facts
from nexla_mcp.runs.records import RunPlan
from nexla_mcp.runs.secrets import Secrets

_PLANS = {
    "nexla_bulk_flows": "bulk_flows",
    "nexla_fix_and_verify": "fix_and_verify",
    "nexla_grant_access": "grant_access",
    "nexla_migrate_schema": "migrate_schema",
    "nexla_rotate_credential": "rotate_credential",
}
"""Name of the tool -> module in this folder, whose function of the same name makes the plan."""
NAMES = tuple(_PLANS)


@dataclass(frozen=True, slots=True)
class Planner:
    """What a plan is made with. ``secrets`` keeps what must not be written down."""

    facts: Facts
    client: NexlaClient
    catalog: Catalog
    secrets: Secrets

    def kept_apart(self, operation: Operation, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Arguments without their secrets, and references to these: a plan is written down, a secret never."""
        secret = {n: given[n] for n, p in operation.parameters.items() if p.sensitive and n in given}
        mark = arguments_hash(given)[:16]
        kept = {name: self.secrets.keep(f"{mark}-{name}", value) for name, value in secret.items()}
        return {n: v for n, v in given.items() if n not in secret}, kept


class PlanError(Exception):
    """What was asked for cannot be planned; the text says why and what to do."""


MakePlan = Callable[[Planner, dict[str, Any]], Awaitable[RunPlan]]


async def make_run_plan(name: str, planner: Planner, arguments: dict[str, Any]) -> RunPlan:
    """Plan one.

    Raises:
        PlanError: it makes no sense with these arguments.
        NexlaError: the API cannot be asked, or what is named does not exist.
    """
    module = _PLANS[name]
    plan: MakePlan = getattr(import_module(f"nexla_mcp.runs.plans.{module}"), module)
    return await plan(planner, arguments)
