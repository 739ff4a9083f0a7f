"""Resources: the reference, what was parked or changed, and the parts of the organisation, read when asked for.

listed_resources(runtime)                                # views, pages, changes, parked results
await read_resource(call, "nexla://flows/6010")          # Nexla is asked; see live_resources
"""

from __future__ import annotations

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError

from nexla_mcp.output.untrusted import clean_text
from nexla_mcp.server.call import Call
from nexla_mcp.server.outcome import from_error
from nexla_mcp.server.reference import page_names, pages, read_page
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.server.templates import JSON, TEMPLATES, Template, match
from nexla_mcp.views import read_view, view_resources

CHANGES = "nexla://changes"
READ_S = 40.0


def listed_resources(runtime: Runtime) -> list[types.Resource]:
    """What can be read without a variable."""
    changes = types.Resource(
        uri=CHANGES,
        name="changes",
        title="Changes",
        description="The last changes made through this server, newest first.",
        mime_type=JSON,
    )
    parked = [
        types.Resource(uri=uri, name=f"Result of {name}", description="The whole of a reply that was cut.", mime_type=JSON)
        for uri, name in runtime.results.listing()
    ]
    return [*view_resources(), *(page.listed() for page in pages().values()), changes, *parked]


async def read_resource(call: Call, uri: str) -> types.ReadResourceResult:
    """The contents of one resource.

    Raises:
        MCPError: there is none at this address, or it cannot be read; the text says what to do.
    """
    if page := read_view(uri):
        return page
    if uri == CHANGES:
        from nexla_mcp.server.history import read_changes

        return _contents(uri, JSON, await read_changes(call.runtime, uri) or "[]")
    found = match(uri)
    if found is None:
        shapes = ", ".join(t.uri for t in TEMPLATES)
        raise _no_such(uri, f"There is no resource {_shown(uri)}. There are {CHANGES} and {shapes}.")
    template, variables = found
    text = await _text(call, uri, template, variables)
    if text is None:
        raise _no_such(uri, _missing(uri, template))
    return _contents(uri, template.mime_type, text)


async def _text(call: Call, uri: str, template: Template, variables: dict[str, str]) -> str | None:
    match template.name:
        case "reference":
            return read_page(variables["page"])
        case "result":
            return call.runtime.results.read(uri)
        case "change":
            from nexla_mcp.server.history import read_changes

            return await read_changes(call.runtime, uri)
        case "operation":
            return await _operation(call, variables["name"])
    from nexla_mcp.client.errors import NexlaError, NotFoundError
    from nexla_mcp.server.live_resources import read_live

    try:
        with anyio.fail_after(READ_S):
            return await read_live(call, template, variables)
    except NexlaError as error:
        text = from_error(error).text
        raise (_no_such(uri, text) if isinstance(error, NotFoundError) else MCPError(types.INTERNAL_ERROR, text)) from None
    except TimeoutError:
        raise MCPError(types.INTERNAL_ERROR, f"{_shown(uri)}: no answer within {READ_S:.0f} s. Try again later.") from None


async def _operation(call: Call, name: str) -> str | None:
    """What ``nexla_describe_operation`` says of an operation or tool."""
    from nexla_mcp.server.catalogue_tools import describe

    if call.runtime.catalog.resolve(name) is None:
        return None
    return (await describe(call, {"operation": name})).text


def _missing(uri: str, template: Template) -> str:
    """Why there is nothing at an address of a known form."""
    match template.name:
        case "reference":
            return f"There is no page {_shown(uri)}; there are {', '.join(page_names())}."
        case "result":
            return f"{_shown(uri)} is not kept any more. Call the tool again for a new result."
        case "change":
            return f"{_shown(uri)} is not kept any more, or was not made with this key. {CHANGES} lists what is."
        case "operation":
            return f"There is no operation {_shown(uri)}. Find one with nexla_search_operations."
        case _:
            return f"{_shown(uri)}: ids are whole numbers, as in {template.uri}. nexla_list shows them."


def _contents(uri: str, mime_type: str, text: str) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=mime_type, text=text)])


def _no_such(uri: str, text: str) -> MCPError:
    """The protocol's error for a missing resource; it names the address again, as the protocol of 2026-07-28 asks."""
    return MCPError(types.INVALID_PARAMS, text, {"uri": uri})


def _shown(uri: str) -> str:
    return clean_text(uri)[:120]
