"""Rows that every org finds without making them: vendors with their templates, a few stored schemas and requests.

The ids are those of the examples in `tool_specs/`, so that an example of the catalogue works as it stands.
"""

from __future__ import annotations

from typing import Any

from nexla_mcp.sandbox.engine.transforms import encoded
from nexla_mcp.sandbox.seed.spec import OWNER, PLATFORM
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.world import World

CRM, SHIPPING = 88, 91
_CRM_KEY, _CRM_OAUTH, _SHIPPING_KEY = 45, 46, 47
_CONTACTS, _DEALS, _PARCELS = 612, 613, 614


def _row(row_id: int, name: str, label: str, **fields: Any) -> Doc:
    return {"id": row_id, "name": name, "display_name": label, "description": f"{label}.", **fields}


def _parameter(row_id: int, name: str, label: str, order: int, **fields: Any) -> Doc:
    plain = {"data_type": "string", "order": order, "config": {}, "global_param": False, "allowed_values": []}
    return _row(row_id, name, label, **{**plain, **fields})


_ROWS: dict[str, tuple[Doc, ...]] = {
    "vendors": (
        _row(CRM, "northwind_crm", "Northwind CRM", connection_type="api", config={}, small_logo=None, logo=None),
        _row(SHIPPING, "parcel_post", "Parcel Post", connection_type="api", config={}, small_logo=None, logo=None),
    ),
    "auth_templates": (
        _row(_CRM_KEY, "northwind_crm_key", "Northwind CRM by key", vendor_id=CRM, credentials_type="rest", config={}),
        _row(_CRM_OAUTH, "northwind_crm_oauth", "Northwind CRM by sign-in", vendor_id=CRM, credentials_type="rest", config={}),
        _row(_SHIPPING_KEY, "parcel_post_key", "Parcel Post by key", vendor_id=SHIPPING, credentials_type="rest", config={}),
    ),
    "auth_parameters": (
        _parameter(310, "api_token", "API token", 1, secured=True, auth_template_id=_CRM_KEY),
        _parameter(311, "region", "Region", 2, secured=False, auth_template_id=_CRM_KEY, allowed_values=["eu", "us"]),
        _parameter(312, "client_secret", "Client secret", 1, secured=True, auth_template_id=_CRM_OAUTH),
        _parameter(313, "api_token", "API token", 1, secured=True, auth_template_id=_SHIPPING_KEY),
    ),
    "vendor_endpoints": (
        _row(_CONTACTS, "list_contacts", "List contacts", vendor_id=CRM, resource_type="SOURCE", config={"method": "GET"}),
        _row(_DEALS, "create_deal", "Create a deal", vendor_id=CRM, resource_type="SINK", config={"method": "POST"}),
        _row(_PARCELS, "list_parcels", "List parcels", vendor_id=SHIPPING, resource_type="SOURCE", config={"method": "GET"}),
    ),
    "resource_parameters": (
        _parameter(1204, "updated_since", "Changed since", 1, vendor_endpoint_id=_CONTACTS, resource_type="SOURCE"),
        _parameter(
            1205, "page_size", "Rows a page", 2, vendor_endpoint_id=_CONTACTS, resource_type="SOURCE", data_type="integer"
        ),
        _parameter(1206, "pipeline", "Pipeline", 1, vendor_endpoint_id=_DEALS, resource_type="SINK"),
        _parameter(1207, "status", "State", 1, vendor_endpoint_id=_PARCELS, resource_type="SOURCE", allowed_values=["lost"]),
    ),
    "semantic_schemas": (
        {
            "id": 3101,
            "name": "person",
            "fields": {"email": "mail address", "first_name": "given name", "last_name": "surname"},
        },
        {"id": 3102, "name": "money", "fields": {"amount": "gross amount", "price": "unit price", "revenue": "turnover"}},
        {"id": 3103, "name": "place", "fields": {"warehouse": "site", "store": "site", "store_id": "site", "city": "city"}},
    ),
}


def add_templates(world: World) -> None:
    """The rows above, and one row each of kinds that are otherwise empty."""
    stamp = world.stamp()
    for kind, rows in _ROWS.items():
        for row in rows:
            world.store.put(kind, {**row, "created_at": stamp, "updated_at": stamp})
    properties = {"order_id": {"type": "integer"}, "amount": {"type": "number"}}
    schema = {"type": "object", "properties": properties, "required": ["order_id"]}
    world.create("data_schemas", {"id": 4410, "name": "order", "description": "One order", "schema": schema}, OWNER)
    code = {
        "id": 640,
        "name": "trim and upper-case",
        "resource_type": "transform",
        "output_type": "attribute",
        "code_type": "python3",
        "code_encoding": "base64",
        "reusable": True,
        "public": False,
        "code": encoded("def transform(value, *args):\n    return value.strip().upper() if value else value\n"),
    }
    world.create("code_containers", code, OWNER)
    channel = {"id": 412, "channel": "EMAIL", "config": {"email": "oncall@harborline.test"}}
    world.create("notification_channel_settings", channel, OWNER, audited=False)
    signup = {"id": 31, "email": "noa.berg@harborline.test", "full_name": "Noa Berg", "status": "requested", "invite_id": None}
    world.create("self_signup_requests", signup, PLATFORM, audited=False)
    world.create("self_signup_blocked_domains", {"id": 12, "domain": "mailbox.test"}, PLATFORM, audited=False)
