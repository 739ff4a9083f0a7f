"""Next calls, in the form this server accepts: the tool follows from the operation's risk.

read(case, "sources_get", "...", source_id=5023)
change(case, "sources_activate", "...", source_id=5023)
"""

from __future__ import annotations

from typing import Any

from nexla_mcp.catalog.records import Operation, Risk
from nexla_mcp.client.wire import KINDS, SEGMENTS
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.diagnosis import Step

_TOOL = {
    Risk.READ: "nexla_read",
    Risk.WRITE: "nexla_write",
    Risk.DISRUPT: "nexla_confirmed_write",
    Risk.DESTROY: "nexla_confirmed_write",
}
_GET = {
    "source": ("sources", "source_id"),
    "nexset": ("nexsets", "set_id"),
    "destination": ("destinations", "sink_id"),
    "flow": ("flows", "flow_id"),
    "credential": ("credentials", "credential_id"),
}


def call(case: Case, operation: str, why: str, **arguments: Any) -> Step:
    """A step for any operation."""
    record = case.facts.catalog.operation(operation)
    spelled = {name: as_spelled(record, name, value) for name, value in arguments.items()}
    return Step(_TOOL[record.risk], {"operation": operation, "arguments": spelled}, why, record.risk.value)


def as_spelled(record: Operation, name: str, value: Any) -> Any:
    """A kind of resource in the words of the operation: source, data_sources or SOURCE (QUIRKS 29)."""
    parameter = record.parameters.get(name)
    if parameter is None or not parameter.enum or value in parameter.enum:
        return value
    return next((words[value] for words in (SEGMENTS, KINDS) if words.get(value) in parameter.enum), value)


def on(case: Case, kind: str, resource_id: int, verb: str, why: str, **arguments: Any) -> Step:
    """A step on a resource: ``on(case, "source", 5023, "activate", ...)`` is sources_activate."""
    prefix, argument = _GET[kind]
    return call(case, f"{prefix}_{verb}", why, **{argument: resource_id, **arguments})


def look_again(flow_id: int | None, why: str) -> Step:
    """Diagnose once more."""
    return Step("nexla_debug_flow", {"flow_id": flow_id}, why, "read")


def describe(operation: str, why: str) -> Step:
    """Show how an operation is called, where only the person has the values."""
    return Step("nexla_describe_operation", {"operation": operation}, why, "read")
