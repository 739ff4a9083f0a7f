"""A line on stdin that is no message gets an error instead of silence, which a host would wait out for a minute.

    async with stdio_server() as (read, write):
        await server.run(Readable(read, write), write, ...)

The SDK drops such lines. Real hosts send them: JavaScript writes half of an emoji as the escape of a lone surrogate, which
is no valid JSON text, and a model that is cut off in the middle of a character makes one.
"""

from __future__ import annotations

import json
import logging
from types import TracebackType
from typing import Any, Self

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

_LOG = logging.getLogger(__name__)


class Readable:
    """The messages of a transport's read stream; what could not be read is answered on its write stream."""

    def __init__(self, read: Any, write: Any) -> None:
        self._read = read
        self._write = write

    @property
    def last_context(self) -> Any:
        """The sender's context of the last message, which the dispatcher goes on in."""
        return getattr(self._read, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        while True:
            item: SessionMessage | Exception = await self._read.receive()
            if not isinstance(item, Exception):
                return item
            answer = answer_to(item)
            _LOG.warning("A line on stdin is no message%s.", "" if answer else " and asks for no answer")
            if answer:
                await self._write.send(SessionMessage(answer))

    async def aclose(self) -> None:
        await self._read.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()


def answer_to(error: Exception) -> types.JSONRPCError | None:
    """What to answer to a line that could not be read; None for blank lines, and for answers and notifications."""
    if not isinstance(error, ValidationError):
        return None
    problems = error.errors(include_url=False)
    if problems[0]["type"] != "json_invalid":  # it is JSON; the problem of a missing member quotes the whole message
        whole = next((p["input"] for p in problems if p["type"] in ("missing", "model_type")), None)
        return _about(whole, types.INVALID_REQUEST, "This is no JSON-RPC 2.0 request. Nothing was done.")
    line = str(problems[0]["input"])
    if not line.strip():
        return None
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return _error(None, types.PARSE_ERROR, "This is no JSON text, or it is nested too deeply. Nothing was done.")
    text = "A text in it holds half a character (a lone surrogate), or it is nested too deeply. Nothing was done."
    return _about(message, types.PARSE_ERROR, text)


def _about(message: Any, code: int, text: str) -> types.JSONRPCError | None:
    if not isinstance(message, dict) or not ("id" in message and "method" in message):
        is_other = isinstance(message, dict) and bool(message.keys() & {"method", "result", "error"})
        return None if is_other else _error(None, types.INVALID_REQUEST, "This is no JSON-RPC 2.0 request. Nothing was done.")
    identity = message["id"]
    return _error(identity if type(identity) in (int, str) else None, code, text)


def _error(identity: int | str | None, code: int, text: str) -> types.JSONRPCError:
    if isinstance(identity, str) and not identity.isprintable():
        identity = None
    return types.JSONRPCError(jsonrpc="2.0", id=identity, error=types.ErrorData(code=code, message=text))
