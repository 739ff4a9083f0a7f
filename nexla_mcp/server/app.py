"""The MCP server: protocol handlers over one runtime, for both protocol eras.

    server = build_server(runtime)
    await run_stdio(server)

Only what works is advertised: tools, prompts, resources and the completions of both. Every call of a tool ends in
a result: a failure is text that says what to do next, never a protocol error and never a trace.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Any

import anyio
import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

import nexla_mcp
from nexla_mcp.catalog.records import Operation
from nexla_mcp.catalog.schema import controls_of
from nexla_mcp.client.places import one_call
from nexla_mcp.output.results import tokens
from nexla_mcp.output.untrusted import clean_text
from nexla_mcp.runs.records import UNFINISHED
from nexla_mcp.server.asking import QuestionForClient, asker_for
from nexla_mcp.server.call import VIEW, Call, Controls, Progress, view_of
from nexla_mcp.server.completions import complete
from nexla_mcp.server.instructions import instructions
from nexla_mcp.server.listing import check_names, listed_tools
from nexla_mcp.server.outcome import Outcome, failure, from_error
from nexla_mcp.server.prompts import get_prompt, load_prompts
from nexla_mcp.server.resources import listed_resources, read_resource
from nexla_mcp.server.runtime import Runtime
from nexla_mcp.server.templates import TEMPLATES
from nexla_mcp.views import EXTENSION

LIMIT_S = 45.0
_LOG = logging.getLogger(__name__)
_HOUR_MS = 3_600_000
_EVIDENCE = ("channel", "ticket", "answer_ms", "suspiciously_fast")


def build_server(runtime: Runtime) -> Server[Any]:
    """A server over ``runtime``; raises UnknownToolsetError for a toolset or an operation that does not exist."""
    tools = listed_tools(runtime.catalog, runtime.settings)
    check_names(runtime.catalog, runtime.settings)
    prompts = load_prompts(runtime.catalog)
    unfinished = runtime.settings.state_url is None and runtime.may_have_runs(*UNFINISHED)

    async def list_tools(ctx: ServerRequestContext[Any], params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def call_tool(
        ctx: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        return await _answer(runtime, ctx, params)

    async def list_prompts(
        ctx: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[p.listed() for p in prompts.values()])

    async def prompt(ctx: ServerRequestContext[Any], params: types.GetPromptRequestParams) -> types.GetPromptResult:
        if params.name not in prompts:
            raise MCPError(types.INVALID_PARAMS, f"There is no prompt {params.name!r}; there are {', '.join(prompts)}.")
        with one_call():
            return await get_prompt(_bare_call(runtime, ctx), prompts[params.name], params.arguments or {}, dispatch)

    async def list_resources(
        ctx: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=listed_resources(runtime))

    async def list_templates(
        ctx: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=[t.listed() for t in TEMPLATES])

    async def read(ctx: ServerRequestContext[Any], params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        with one_call():
            return await read_resource(_bare_call(runtime, ctx), str(params.uri))

    async def completion(ctx: ServerRequestContext[Any], params: types.CompleteRequestParams) -> types.CompleteResult:
        with one_call():
            return await complete(_bare_call(runtime, ctx), prompts, params)

    server: Server[Any] = Server(
        "nexla",
        version=nexla_mcp.__version__,
        title="Nexla",
        description="Run, troubleshoot and document Nexla data flows.",
        instructions=instructions(unfinished=unfinished),
        website_url="https://docs.nexla.com/",
        cache_hints={
            "tools/list": CacheHint(_HOUR_MS, "public"),
            "prompts/list": CacheHint(_HOUR_MS, "public"),
            "resources/templates/list": CacheHint(_HOUR_MS, "public"),
            "server/discover": CacheHint(_HOUR_MS, "public"),
        },
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=prompt,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read,
        on_completion=completion,
    )
    server.extensions[EXTENSION] = {}
    return server


async def dispatch(call: Call, name: str, arguments: dict[str, Any]) -> Outcome:
    """Find the record behind a tool name, check the arguments, carry it out.

    Raises:
        NexlaError, ArgumentError: as the rooms behind raise them.
    """
    from nexla_mcp.arguments.check import check
    from nexla_mcp.server.catalogue_tools import HANDLERS, unknown_operation
    from nexla_mcp.server.execute import change, read
    from nexla_mcp.server.runbooks import run

    record = call.runtime.catalog.resolve(name)
    if record is None:
        return unknown_operation(call, name)
    if isinstance(record, Operation):
        steering = {n: arguments.pop(n) for n in controls_of(record) if n in arguments and n not in record.parameters}
        shown = {n: arguments.pop(n) for n in VIEW if record.reads and n in arguments and n not in record.parameters}
        fitted = check(record, arguments)
        if record.reads:
            return await read(call, record, fitted, view_of(shown))
        return await change(call, record, fitted, Controls(**_controls(steering)))
    fitted = check(record, arguments)
    call = replace(call, view=view_of(fitted))
    handler = HANDLERS.get(record.name)
    if handler is not None:
        return await handler(call, fitted)
    if record.hints.read_only:
        return await run(call, record, fitted)
    from nexla_mcp.server.runs import start

    return await start(call, record, fitted)


def _controls(steering: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in steering.items() if value is not None}
    if "dry_run" in given:
        given["dry_run"] = given["dry_run"] is True or str(given["dry_run"]).lower() in ("true", "1", "yes")
    return given | {name: str(given[name]) for name in ("ticket", "typed_name") if name in given}


async def _answer(
    runtime: Runtime, ctx: ServerRequestContext[Any], params: types.CallToolRequestParams
) -> types.CallToolResult | types.InputRequiredResult:
    """One call from the protocol's parameters to its result, with a receipt whatever happens."""
    began = time.monotonic()
    decision = "cancelled"
    outcome: Outcome | None = None
    evidence: dict[str, Any] = {}
    try:
        with one_call(), anyio.fail_after(LIMIT_S) as scope:
            call = Call(runtime, _progress(ctx), ctx.protocol_version, asker_for(ctx, params, scope, LIMIT_S), _client_name(ctx))
            outcome = await _guarded(call, params)
        decision, evidence = outcome.decision, outcome.extra
    except QuestionForClient as question:
        decision, evidence = "asked", question.facts()
        return question.result()
    except TimeoutError:
        decision = "timed out"
        outcome = failure(
            f"{clean_text(params.name)[:80]}: no answer within {LIMIT_S:.0f} s. Ask for less (limit, window) or again later."
        )
    finally:
        _receipt(runtime, ctx, params, decision, outcome, evidence, began)
    meta = {"nexla-mcp/error": outcome.error} if outcome.error else None
    return types.CallToolResult(
        content=[types.TextContent(text=outcome.text)],
        structured_content=None if outcome.failed else outcome.structured,
        is_error=outcome.failed,
        _meta=meta,
    )


async def _guarded(call: Call, params: types.CallToolRequestParams) -> Outcome:
    """``dispatch`` with every expected failure as text, and an unexpected one logged and named by its kind."""
    from nexla_mcp.arguments.check import ArgumentError
    from nexla_mcp.client.errors import NexlaError
    from nexla_mcp.server.execute import explain_missing_route

    try:
        return await dispatch(call, params.name, dict(params.arguments or {}))
    except ArgumentError as error:
        return failure(str(error), decision="invalid")
    except NexlaError as error:
        explain_missing_route(error, call.runtime.catalog)
        return from_error(error)
    except (QuestionForClient, TimeoutError):
        raise
    except Exception as error:
        _LOG.exception("%s failed unexpectedly", params.name)
        return failure(
            f"{clean_text(params.name)[:80]}: an error of this server ({type(error).__name__}); its log on stderr has details."
            " If a change was under way, read the resource before repeating it."
        )


def _receipt(
    runtime: Runtime,
    ctx: ServerRequestContext[Any],
    params: types.CallToolRequestParams,
    decision: str,
    outcome: Outcome | None,
    evidence: dict[str, Any],
    began: float,
) -> None:
    from nexla_mcp.policy.plan import arguments_hash

    arguments = params.arguments or {}
    error = (outcome.error if outcome else None) or {}
    runtime.receipts.write(
        principal=runtime.principal,
        client=_client_name(ctx) or None,
        tool=clean_text(params.name)[:80],
        operation=(outcome.operation if outcome else None)
        or (str(arguments.get("operation"))[:60] if "operation" in arguments else None),
        arguments=arguments_hash(arguments)[:16],
        decision=decision,
        status=error.get("status_code"),
        rows=outcome.rows if outcome else None,
        tokens=tokens(outcome.text) if outcome else None,
        truncated=outcome.truncated or None if outcome else None,
        **{name: evidence.get(name) for name in _EVIDENCE},
        change=evidence.get("change") or error.get("details", {}).get("change_id"),
        duration_ms=round((time.monotonic() - began) * 1000),
    )


def _bare_call(runtime: Runtime, ctx: ServerRequestContext[Any]) -> Call:
    """A call that can only read: nobody can be asked in the middle of a prompt, a resource or a completion."""
    return Call(runtime, _progress(ctx), ctx.protocol_version, client_name=_client_name(ctx))


def _progress(ctx: ServerRequestContext[Any]) -> Progress:
    """A reporter whose numbers always grow, as the protocol wants; a call without a token reports nothing."""
    count = 0

    async def report(_done: float, _total: float | None, message: str) -> None:
        nonlocal count
        count += 1
        await ctx.session.report_progress(float(count), None, clean_text(message))

    return report


def _client_name(ctx: ServerRequestContext[Any]) -> str:
    given = ctx.session.client_params
    return clean_text(given.client_info.name)[:60] if given and given.client_info else ""
