"""Templated API connectors (undocumented): vendors, their ways to log in, their endpoints, and the fields both ask for."""

from __future__ import annotations

from dataclasses import dataclass

from nexla_mcp.sandbox.api.call import Call
from nexla_mcp.sandbox.api.crud import Collection, View, register
from nexla_mcp.sandbox.store import Doc


@dataclass(frozen=True)
class Template:
    """One kind of row. `parents`: shown under this name, found by `<name>_id`; `children`: kind and the key that points here."""

    kind: str
    fields: str
    parents: tuple[tuple[str, str], ...] = ()
    children: tuple[tuple[str, str], ...] = ()


_PARAMETER = "data_type order config global_param allowed_values"
_TEMPLATES = (
    Template(
        "vendors",
        "config small_logo logo connection_type",
        children=(("auth_templates", "vendor_id"), ("vendor_endpoints", "vendor_id")),
    ),
    Template(
        "auth_templates",
        "config credentials_type vendor_id",
        parents=(("vendor", "vendors"),),
        children=(("auth_parameters", "auth_template_id"),),
    ),
    Template("auth_parameters", f"{_PARAMETER} secured", parents=(("auth_template", "auth_templates"),)),
    Template("vendor_endpoints", "resource_type config vendor_id", parents=(("vendor", "vendors"),)),
    Template("resource_parameters", f"{_PARAMETER} resource_type", parents=(("vendor_endpoint", "vendor_endpoints"),)),
)


def _brief(doc: Doc | None) -> Doc | None:
    return {key: doc.get(key) for key in ("id", "name", "display_name")} if doc else None


def _views(template: Template) -> tuple[View, View]:
    keys = ("id", "name", "display_name", "description", *template.fields.split(), "created_at", "updated_at")

    def row(call: Call, doc: Doc) -> Doc:
        shown = {key: doc.get(key) for key in keys}
        for name, kind in template.parents:
            shown[name] = _brief(call.world.store.get(kind, doc[f"{name}_id"]))
        if template.kind == "auth_parameters":
            owner = call.world.store.require("auth_templates", doc["auth_template_id"])
            shown["vendor"] = _brief(call.world.store.get("vendors", owner["vendor_id"]))
        return whole(call, doc, shown) if call.flag("expand") else shown

    def whole(call: Call, doc: Doc, shown: Doc) -> Doc:
        find = call.world.store.find
        return shown | {kind: [_brief(child) for child in find(kind, **{key: doc["id"]})] for kind, key in template.children}

    def one(call: Call, doc: Doc) -> Doc:
        return whole(call, doc, row(call, doc))

    return one, row


for _template in _TEMPLATES:
    _one, _row = _views(_template)
    _expand = " expand" if _template.kind == "vendors" else ""
    register(
        Collection(
            _template.kind,
            view=_one,
            row=_row,
            operations="list get",
            list_query="page per_page" + _expand,
            get_query="",
            owned=False,
        )
    )
