"""The connector catalogue: the kinds of systems there are, and what a platform administrator changed about them."""

from __future__ import annotations

from nexla_mcp.sandbox.api.access import need_admin
from nexla_mcp.sandbox.api.call import ApiError, Call, Reply
from nexla_mcp.sandbox.api.crud import checked
from nexla_mcp.sandbox.api.router import ROUTES
from nexla_mcp.sandbox.api.views import connector_of
from nexla_mcp.sandbox.store import Doc
from nexla_mcp.sandbox.vocabulary import CONNECTORS, ConnectorKind

_COMPATIBLE = ("nexset_api_compatible", "sync_api_compatible")
_CHANGEABLE = ("name", "description", "config", *_COMPATIBLE)


def _view(call: Call, kind: ConnectorKind) -> Doc:
    return {"sync_api_compatible": kind.api, "config": {}, **connector_of(call.world, kind.type)}


def _kind(connector_id: int) -> ConnectorKind:
    for kind in CONNECTORS.values():
        if kind.id == connector_id:
            return kind
    raise ApiError(404)


@ROUTES.get("/connectors", f"access_role {' '.join(_COMPATIBLE)} page per_page")
def connectors(call: Call) -> Reply:
    rows = [_view(call, kind) for kind in CONNECTORS.values()]
    for name in _COMPATIBLE:
        if name in call.query:
            rows = [row for row in rows if bool(row[name]) == call.flag(name)]
    return call.paged(rows)


@ROUTES.get("/connectors/{connector_id}")
def connector(call: Call, connector_id: int) -> Doc:
    return _view(call, _kind(connector_id))


@ROUTES.put("/connectors/{connector_id}")
def update(call: Call, connector_id: int) -> Doc:
    """Kept beside the vocabulary, so that every reply that shows this connector shows the change."""
    need_admin(call)
    kind = _kind(connector_id)
    given = {key: value for key, value in checked(call.fields()).items() if key in _CHANGEABLE}
    changed = call.world.store.get("connectors", connector_id) or {"id": connector_id}
    call.world.store.put("connectors", {**changed, **given})
    differences = {key: [changed.get(key), value] for key, value in given.items()}
    call.world.audit("connectors", connector_id, "update", differences, call.who.user_id, call.path)
    return _view(call, kind)
