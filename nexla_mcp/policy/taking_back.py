"""What a change was about, as it reads today: needed to say what taking it back would overwrite."""

from __future__ import annotations

from typing import Any

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Call, Operation
from nexla_mcp.client.client import NexlaClient
from nexla_mcp.client.errors import AuthenticationError, NexlaError, NotConfiguredError
from nexla_mcp.policy.undo import fill
from nexla_mcp.state.change import Change


def looking(operation: Operation | None) -> Call | None:
    """The read whose reply is the before-image of a change."""
    preview = operation.preview if operation else None
    return (preview.current or preview.target) if preview else None


async def read_now(client: NexlaClient, catalog: Catalog, entry: Change) -> Any:
    """What the before-image would show today; None when it cannot be read."""
    read = looking(catalog.operations.get(entry.operation))
    if read is None:
        return None
    try:
        return (await client.call(catalog.operation(read.operation), fill(read.arguments, entry.arguments))).body
    except (AuthenticationError, NotConfiguredError):
        raise
    except NexlaError:
        return None
