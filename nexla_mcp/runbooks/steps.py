"""Next calls, in the form this server accepts: the tool follows from the operation's risk.

read(case, "sources_get", "...", source_id=5023)
change(case, "sources_activate", "...", source_id=5023)
"""

from __future__ import annotations

from typing import Any

from nexla_mcp.catalog.records import Operation, Risk
from nexla_mcp.client.wire import KINDS, SEGMENTS
from nexla_mcp.output.untrusted import clean
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.diagnosis import Step
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.shapes.messages import Change

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


def change_transform(case: Case, stage: Stage, why: str, edit: Change | None = None) -> list[Step]:
    """The transform at fault: read its code, then change it and watch the next run; none where no transform is known.

    After an ``edit`` that tells the code before it, the fix is one update and proposed as it stands. Else the new code is the
    person's to write, and the step shows how the update is called.
    """
    transform = stage.transform_id
    if transform is None:
        return []
    reading = call(case, "transforms_get", f"Read the code of transform {transform}, the one to change.", transform_id=transform)
    before = edit.fields.get("code", (None, None))[0] if edit is not None else None
    back = {"transform_id": transform, "code": before}
    told = f"{why} Put the code before the edit back and watch the next run."
    if before and (step := fix(case, "transforms_update", told, back)) is not None:
        return [reading, step]
    how = f"{why} Change transform {transform} with nexla_fix_and_verify operation transforms_update, which watches the next run."
    return [reading, describe("transforms_update", how)]


def fix(case: Case, operation: str, why: str, arguments: dict[str, Any]) -> Step | None:
    """One update of which all values are known, as a run that verifies it and can be taken back.

    None where a value is or may be a secret: it is shown masked, and a mask must not be written back.
    """
    if case.flow.flow_id is None or clean(arguments) != arguments:
        return None
    risk = case.facts.catalog.operation(operation).risk.value
    given = {"flow_id": case.flow.flow_id, "operation": operation, "arguments": arguments}
    return Step("nexla_fix_and_verify", given, why, risk)


def describe(operation: str, why: str) -> Step:
    """Show how an operation or a tool is called, where only the person has the values."""
    return Step("nexla_describe_operation", {"operation": operation}, why, "read")
