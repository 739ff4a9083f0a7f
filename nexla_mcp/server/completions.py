"""Completions: names and ids of the live organisation for arguments of prompts and of resource addresses.

A host asks at every key that is pressed, so an answer is quick or empty, and never an error: whatever goes wrong
is said when the prompt or resource itself is asked for. Lists are read once and kept for a short while.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import anyio
import mcp_types as types

from nexla_mcp.server.call import Call
from nexla_mcp.server.names import Named
from nexla_mcp.server.prompts import OPERATION, Prompt, PromptArgument, kind_of
from nexla_mcp.server.reference import page_names
from nexla_mcp.server.templates import TEMPLATES

MOST = 100
WAIT_S = 3.0
_RUNS = 50
_LOG = logging.getLogger(__name__)


async def complete(call: Call, prompts: Mapping[str, Prompt], params: types.CompleteRequestParams) -> types.CompleteResult:
    """What fits what was typed so far, the best first, at most 100."""
    typed = params.argument.value.strip()
    others = (params.context.arguments if params.context else None) or {}
    values: Sequence[str] = ()
    try:
        with anyio.move_on_after(WAIT_S):
            if isinstance(params.ref, types.PromptReference):
                prompt = prompts.get(params.ref.name)
                argument = prompt.argument(params.argument.name) if prompt else None
                values = await _of_argument(call, argument, typed, others) if argument else ()
            else:
                values = await _of_template(call, params.ref.uri, params.argument.name, typed, others)
    except Exception as error:
        _LOG.debug("no completions for %s: %s", params.argument.name, type(error).__name__)
    completion = types.Completion(values=list(values[:MOST]), total=len(values), has_more=len(values) > MOST)
    return types.CompleteResult(completion=completion)


async def _of_argument(call: Call, argument: PromptArgument, typed: str, others: Mapping[str, str]) -> Sequence[str]:
    if argument.choices:
        return _fitting(argument.choices, typed)
    kind = kind_of(argument, others)
    if kind == OPERATION:
        return _fitting(sorted(call.runtime.catalog.operations), typed)
    if not kind:
        return ()
    names = await call.runtime.names.of(call, kind)
    return [str(n.id) for n in _by_id(names, typed)] or _names(names, typed)


async def _of_template(call: Call, uri: str, argument: str, typed: str, others: Mapping[str, str]) -> Sequence[str]:
    runtime = call.runtime
    if uri == "nexla://reference/{page}":
        return _fitting(page_names(), typed)
    if uri == "nexla://operations/{name}":
        return _fitting(sorted(runtime.catalog.operations), typed)
    if uri == "nexla://results/{id}":
        return _fitting([found.rpartition("/")[2] for found, _ in runtime.results.listing()], typed)
    if uri == "nexla://changes/{id}":
        return _fitting([str(change.id) for change in await runtime.changes.find(limit=MOST)], typed)
    template = next((t for t in TEMPLATES if t.uri == uri), None)
    if template is None or not template.kind:
        return ()
    if argument == "run_id":
        flow = others.get("flow_id", "").strip()
        return _fitting(await _run_ids(call, int(flow)), typed) if flow.isdigit() else ()
    names = await runtime.names.of(call, template.kind)
    return [str(n.id) for n in _by_id(names, typed) or _by_name(names, typed)]


async def _run_ids(call: Call, flow_id: int) -> list[str]:
    """The newest runs of a flow, newest first."""
    from nexla_mcp.server.live_resources import runs_of_flow

    return [str(run_id) for run_id in sorted(await runs_of_flow(call, flow_id), reverse=True)[:_RUNS]]


def _names(names: Iterable[Named], typed: str) -> list[str]:
    """Names that fit; one that several bear carries its id, and one without a name is its id."""
    names = list(names)
    often = Counter(n.name for n in names)
    return [f"{n.name} ({n.id})" if often[n.name] > 1 else n.name for n in _by_name(names, typed) if n.name]


def _by_id(names: Iterable[Named], typed: str) -> list[Named]:
    return [n for n in names if str(n.id).startswith(typed)] if typed.isdigit() else []


def _by_name(names: Iterable[Named], typed: str) -> list[Named]:
    """Names that begin with it, then names with it in the middle; each in the order of the alphabet."""
    wanted = typed.lower()
    found = [n for n in names if wanted in n.name.lower()]
    return sorted(found, key=lambda n: (not n.name.lower().startswith(wanted), n.name.lower()))


def _fitting(words: Iterable[str], typed: str) -> list[str]:
    """Words that begin with it before words that contain it, otherwise in their own order."""
    wanted = typed.lower()
    return sorted((w for w in words if wanted in w.lower()), key=lambda w: not w.lower().startswith(wanted))
