"""Which id of the seeded org stands for an argument, and the examples of the catalogue moved over to those ids.

Flow 6120 (inventory-to-snowflake, all of it ACTIVE) is what most operations are tried on; nexset 4009 is the paused one.
"""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from nexla_mcp.catalog.records import Operation
from nexla_mcp.sandbox import SandboxConfig, create_app

FLOW, SOURCE, DETECTED, NEXSET, SINK, TRANSFORM = 6120, 3012, 4024, 4025, 5012, 612
NEXSET_NODE, PAUSED_NEXSET_FLOW, PAUSED_NEXSET_NODE = 6122, 6040, 6042
WEBHOOK_SOURCE, LAKE, ORG, TEAM, ANALYST, ENGINEER, OWNER = 3015, 2002, 42, 21, 103, 102, 101

IDS: dict[str, Any] = {
    "flow_id": FLOW,
    "data_flow_id": FLOW,
    "source_id": SOURCE,
    "set_id": NEXSET,
    "sink_id": SINK,
    "credential_id": LAKE,
    "transform_id": TRANSFORM,
    "code_container_id": TRANSFORM,
    "attribute_transform_id": 640,
    "data_map_id": 61,
    "entry_keys": ["DE", "US"],
    "project_id": 13,
    "team_id": TEAM,
    "user_id": ANALYST,
    "org_id": ORG,
    "runtime_id": 51,
    "key_id": 902,
    "schema_id": 4410,
    "doc_container_id": 81,
    "gen_ai_config_id": 31,
    "gen_ai_org_setting_id": 41,
    "auth_config_id": 76,
    "auth_setting_id": 77,
    "notification_type_id": 14,
    "signup_id": "31",
    # In bodies.
    "data_credentials_id": LAKE,
    "data_source_id": SOURCE,
    "data_set_id": NEXSET,
    "parent_data_set_id": DETECTED,
    "triggering_resource_id": SINK,
    "triggered_resource_id": 3010,
    "delegate_owner_id": ENGINEER,
    "assignee_id": ENGINEER,
    "default_org_id": ORG,
}
"""Arguments and body fields whose name says what they are. What is missing keeps the value of the example."""

OF_TOOLSET: dict[tuple[str, str], Any] = {
    ("approval_requests", "request_id"): 72,
    ("self_signup", "request_id"): "31",
    ("self_signup", "domain_id"): "12",
    ("marketplace", "domain_id"): 74,
}
"""Arguments that mean something else in another toolset."""

OF_KIND: dict[str, int] = {
    "data_sources": SOURCE,
    "data_sets": NEXSET,
    "data_sinks": SINK,
    "data_set": NEXSET,
    "flows": FLOW,
    "SOURCE": SOURCE,
}
"""`resource_id` by the kind that stands beside it."""

PEOPLE = {"ana": "lena.ortiz", "dana": "lena.ortiz", "jo": "lena.ortiz", "raj": "tomas.weber", "lee": "tomas.weber"}
MEMBERS = {300: OWNER, 301: ANALYST, 302: ENGINEER, 311: ANALYST, 811: ANALYST}


def known_id(toolset: str, operation: str, argument: str) -> Any:
    """The value for an argument in the operations of a toolset, or None where the name says too little."""
    if argument == "setting_id":
        return 412 if "channel" in operation else 71
    return OF_TOOLSET.get((toolset, argument), IDS.get(argument))


def adapted(operation: Operation, toolset: str) -> dict[str, Any]:
    """The first example of an operation with ids and people that the seeded org has."""
    example = operation.examples[0]
    kind = example.get("collection") or example.get("resource_type")
    moved = {name: _moved(name, value) for name, value in example.items()}
    for name in example:
        known = OF_KIND.get(str(kind)) if name == "resource_id" else known_id(toolset, operation.name, name)
        if known is not None:
            moved[name] = known
    return moved


def _moved(name: str, value: Any) -> Any:
    if name in IDS:
        return IDS[name]
    if name == "flows" and isinstance(value, list):
        return [FLOW]
    if name == "email" and isinstance(value, str):
        return re.sub(r"^(\w+)@example\.com$", lambda m: f"{PEOPLE.get(m[1], m[1])}@harborline.test", value)
    if isinstance(value, list):
        return [_moved("", entry) for entry in value]
    if isinstance(value, dict):
        entry = {key: _moved(key, inner) for key, inner in value.items()}
        if isinstance(value.get("id"), int) and name == "":
            entry["id"] = TEAM if value.get("type") == "TEAM" else MEMBERS.get(value["id"], ANALYST)
        return entry
    return value


@cache
def _seeded_org() -> bytes:
    """The file of a sandbox with the seeded org, made once for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "org.db"
        create_app(SandboxConfig(database=str(path)))
        return path.read_bytes()


def copy_of_the_org(folder: Path) -> str:
    """Path of a fresh copy of the seeded org, for `SandboxConfig(database=...)`: quicker than seeding it again."""
    path = folder / "org.db"
    path.write_bytes(_seeded_org())
    return str(path)
