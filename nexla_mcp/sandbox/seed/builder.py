"""Putting flows together: people, credentials with the systems behind them, sources, nexsets, destinations."""

from __future__ import annotations

import json
from typing import Any

from nexla_mcp.sandbox.clock import DAY, iso
from nexla_mcp.sandbox.engine.arrival import new_webhook_key
from nexla_mcp.sandbox.engine.schedule import advance
from nexla_mcp.sandbox.engine.transforms import encoded
from nexla_mcp.sandbox.lineage import add_node
from nexla_mcp.sandbox.seed.records import SCRIPTS, columns, variants
from nexla_mcp.sandbox.seed.spec import OWNER, Event, FlowIds, FlowSpec
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import (
    DATABASE_TYPES,
    FILE_TYPES,
    PUSHED_TYPES,
    connector_kind,
    is_secret_name,
)
from nexla_mcp.sandbox.world import World

VERIFIED_BEFORE = 24 * DAY


def play(world: World, events: list[Event], until: int) -> None:
    """Let the world run to `until`, with the events at their moments."""
    for event in sorted(events, key=lambda entry: entry.at):
        with world.clock.pinned(event.at):
            advance(world)
            event.action(world)
    with world.clock.pinned(until):
        advance(world)


def add_user(world: World, user_id: int, name: str, admin: bool, domain: str) -> None:
    local = name.lower().replace(" ", ".")
    world.create(
        "users",
        {
            "id": user_id,
            "name": name,
            "full_name": name,
            "email": f"{local}@{domain}",
            "status": "ACTIVE",
            "membership": "ACTIVE",
            "is_admin": admin,
            "user_tier": "PAID",
            "api_key": f"user-key-{user_id:04d}-sandbox",
        },
        user_id,
        audited=False,
    )


def add_service_key(world: World, key_id: int, key: str, owner: int, name: str, status: str = "ACTIVE") -> None:
    world.create(
        "service_keys",
        {
            "id": key_id,
            "name": name,
            "api_key": key,
            "status": status,
            "data_source_id": None,
            "last_rotated_key": None,
            "last_rotated_at": None,
        },
        owner,
        audited=False,
    )


def grant(world: World, flow_id: int, type_name: str, subject: int, role: str = "collaborator") -> None:
    """Give a user or a team a role on a flow."""
    row = ("flows", flow_id, type_name, subject, json.dumps([role]), world.now(), world.now())
    world.store.db.execute("INSERT OR REPLACE INTO accessors VALUES(?,?,?,?,?,?,?)", row)


def add_credential(
    world: World,
    credential_id: int,
    name: str,
    connector: str,
    owner: int = OWNER,
    tables: dict[str, dict[str, str]] | None = None,
    **system: Any,
) -> Doc:
    """A credential and the external system that it opens."""
    kind = connector_kind(connector)
    label = name.replace("_", "-")
    given: Doc = {
        key: f"https://api.{label}.example.com"
        if key == "url"
        else f"{label}.example.com"
        if key in ("host", "bootstrap_servers")
        else f"{label}-{key.replace('_', '-')}"
        for key in kind.address
    }
    secret = {key: f"{label}-secret-1" for key in kind.secret}
    world.store.put(
        "externals",
        {
            "id": credential_id,
            "connector": connector,
            "address": given,
            "revoked": [],
            "tables": tables or {},
            "write_denied": [],
            "required_fields": [],
            **system,
        },
    )
    return world.create(
        "data_credentials",
        {
            "id": credential_id,
            "name": name,
            "credentials_type": connector,
            "credentials": {**given, **secret},
            "credentials_non_secure_data": {k: v for k, v in given.items() if not is_secret_name(k)},
            "verified_status": "200 Ok",
            "verified_at": iso(world.now() + VERIFIED_BEFORE),
        },
        owner,
    )


def add_flow(world: World, spec: FlowSpec) -> FlowIds:
    """A linear flow: source, detected nexset, derived nexset when it has an id, destination unless it comes later."""
    ids, store = spec.ids, world.store
    config: Doc = {} if spec.source_type in PUSHED_TYPES else {"start.cron": spec.cron}
    if spec.source_type in FILE_TYPES:
        config["path"] = f"exports/{spec.subject}"
    elif spec.source_type in DATABASE_TYPES:
        query = f"SELECT {', '.join(columns(spec.subject))} FROM {spec.subject}"  # noqa: S608 (never executed)
        config |= {"query": query, "db.query.mode": "Query"}
    elif spec.source_type == "rest":
        config["rest.iterations"] = [{"key": "step1", "method": "GET", "url.template": f"/v1/{spec.subject}"}]
    elif spec.source_type == "kafka":
        config["topic"] = spec.subject
    source = world.create(
        "data_sources",
        {
            "id": ids.source,
            "name": f"{spec.label}-{spec.source_type.replace('_', '-')}",
            "flow_name": spec.name,
            "description": spec.description,
            "flow_description": spec.description,
            "status": "ACTIVE",
            "source_type": spec.source_type,
            "source_config": {**config, **spec.source_config},
            "ingest_method": "API" if spec.source_type in PUSHED_TYPES else "POLL",
            "flow_type": "streaming",
            "data_credentials_id": ids.source_credential or None,
        },
        spec.owner,
    )
    store.put(
        "upstreams",
        {
            "id": ids.source,
            "records": spec.records,
            "jitter": spec.jitter,
            "variants": variants(spec.subject),
            "healthy": {"variants": variants(spec.subject)},
            "arrivals": spec.cron,
            "files": 10 if spec.source_type in FILE_TYPES else 0,
            "folder": f"exports/{spec.subject}",
        },
    )
    if spec.source_type == "nexla_rest":
        new_webhook_key(world, source)
    node = add_node(store, "data_sources", ids.source, None, ids.flow)
    if not ids.detected:
        return ids
    world.create(
        "data_sets",
        {
            "id": ids.detected,
            "name": f"1 - {source['name']}",
            "status": "ACTIVE",
            "data_source_id": ids.source,
            "parent_data_set_id": None,
            "transform_id": None,
            "flow_type": "streaming",
        },
        spec.owner,
    )
    node = add_node(store, "data_sets", ids.detected, node)
    if ids.derived:
        world.create(
            "code_containers",
            {
                "id": ids.transform,
                "name": f"{spec.label} clean-up",
                "resource_type": "transform",
                "output_type": "record",
                "code_type": "python",
                "code_encoding": "base64",
                "reusable": True,
                "public": False,
                "code": encoded(spec.script or SCRIPTS[spec.subject]),
            },
            spec.owner,
        )
        world.create(
            "data_sets",
            {
                "id": ids.derived,
                "name": f"{spec.label} cleaned",
                "status": "ACTIVE",
                "data_source_id": None,
                "parent_data_set_id": ids.detected,
                "transform_id": ids.transform,
                "flow_type": "streaming",
            },
            spec.owner,
        )
        node = add_node(store, "data_sets", ids.derived, node, ids.derived_node or None)
    if ids.sink and not spec.sink_later:
        add_sink(world, spec)
    return ids


def add_sink(world: World, spec: FlowSpec) -> None:
    """The destination of a flow, fed by its last nexset."""
    from nexla_mcp.sandbox.lineage import node_of

    ids, target = spec.ids, spec.target or spec.subject
    feeding = ids.derived or ids.detected
    if spec.sink_type in DATABASE_TYPES:
        config: Doc = {"database": "analytics", "table": target, "insert.mode": "INSERT", "primary.key": ""}
    elif spec.sink_type == "kafka":
        config = {"topic": target}
    elif spec.sink_type == "rest":
        config = {"url": f"/v1/{target}", "method": "POST"}
    else:
        config = {"path": f"outbound/{target}", "data_format": "json"}
    world.create(
        "data_sinks",
        {
            "id": ids.sink,
            "name": spec.name,
            "status": "ACTIVE",
            "sink_type": spec.sink_type,
            "sink_config": config,
            "sink_format": "json" if spec.sink_type in FILE_TYPES else None,
            "data_set_id": feeding,
            "data_credentials_id": ids.sink_credential or None,
            "flow_type": "streaming",
        },
        spec.owner,
    )
    add_node(world.store, "data_sinks", ids.sink, node_of(world.store, "data_sets", feeding), ids.sink_node or None)
