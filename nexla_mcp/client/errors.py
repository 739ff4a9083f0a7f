"""What can go wrong with a call to Nexla, as one tree.

    NexlaError
    ├── NotConfiguredError        no key or token given
    ├── PermitError               a change without a permit; nothing was sent
    ├── AuthenticationError       401: who you are
    ├── AuthorizationError        403: what you may do
    ├── NotFoundError             404
    ├── ValidationError           400, 422: the request is refused as it stands
    ├── ResourceConflictError     409, and the API's 405: the state forbids it
    ├── RateLimitError            429, has retry_after
    ├── ServerError               5xx and replies that are no API replies
    │   ├── ApiUnreachableError   no reply at all
    │   └── CircuitOpenError      the API failed again and again: not asked for a while
    ├── CredentialError           an external system refused a stored credential
    ├── FlowError                 an operation on a flow failed, has flow_step
    └── TransformError            a transform could not be run

Each carries the operation, the resource, the status, the server's message and a hint: what to do next.
The ten published names are those of nexla-sdk, so that people recognise them.
"""

from __future__ import annotations

import ssl
from typing import Any


class NexlaError(Exception):
    """Base of the tree.

    ``sent`` is False when the request certainly did not reach the API, True when it was answered, and
    None when it may have arrived although the reply was lost. ``cause`` is a word of the vocabulary of
    diagnoses, ``next_call`` a call that this server accepts as it stands. ``may_repeat`` is False where a
    second try cannot help.
    """

    step = "call_api"

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        resource_type: str | None = None,
        resource_id: int | str | None = None,
        status_code: int | None = None,
        server_message: str = "",
        hint: str = "",
        retry_after: float | None = None,
        sent: bool | None = True,
        details: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
        response: dict[str, Any] | None = None,
        cause: str = "",
        next_call: dict[str, Any] | None = None,
        may_repeat: bool = True,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.resource_type = resource_type
        self.resource_id = resource_id
        self.status_code = status_code
        self.server_message = server_message
        self.hint = hint
        self.retry_after = retry_after
        self.sent = sent
        self.details = details or {}
        self.context = context or {}
        self.response = response or {}
        self.cause = cause
        self.next_call = next_call
        self.may_repeat = may_repeat

    @property
    def undecided(self) -> bool:
        """For a change: True when it may or may not have been carried out; a refusal of the API (4xx) decides."""
        if self.sent is False:
            return False
        return self.sent is None or self.status_code is None or not 400 <= self.status_code < 500

    def summary(self) -> dict[str, Any]:
        """The error as data: every field of nexla-sdk's ``get_error_summary``, and what this server adds."""
        fields: dict[str, Any] = {
            "message": self.message,
            "step": self.step,
            "operation": self.operation or None,
            "resource_type": self.resource_type,
            "resource_id": self.resource_id,
            "details": self.details,
            "context": self.context,
            "status_code": self.status_code,
            "response": self.response | ({"message": self.server_message} if self.server_message else {}),
            "original_error": original_error(self.__cause__),
        }
        added = {
            "error": type(self).__name__,
            "cause": self.cause,
            "hint": self.hint,
            "next_call": self.next_call,
            "retry_after": self.retry_after,
        }
        return fields | {name: value for name, value in added.items() if value not in (None, "")}


def original_error(error: BaseException | None) -> str | None:
    """The kind of an underlying error; its words too where they come from the network and not from the request.

    An HTTP library quotes headers and URLs in its other errors, and these carry the key.
    """
    if error is None:
        return None
    source: BaseException | None = error
    while source is not None and not isinstance(source, OSError | ssl.SSLError):
        source = source.__cause__ or source.__context__
    return type(error).__name__ + (f": {source}"[:200] if source is not None and str(source) else "")


class NotConfiguredError(NexlaError):
    """No way to authenticate was given."""

    step = "configure"


class PermitError(NexlaError):
    """A request that changes something came without a permit of the policy. Nothing was sent."""

    step = "policy"


class AuthenticationError(NexlaError):
    """401: the key or token is wrong, expired, paused or revoked."""

    step = "authenticate"


class AuthorizationError(NexlaError):
    """403: the caller lacks a role."""

    step = "authorize"


class NotFoundError(NexlaError):
    """404: no such id or route, or not visible to the caller."""


class ValidationError(NexlaError):
    """400 or 422: the API refuses the request as it stands."""

    step = "validate"


class ResourceConflictError(NexlaError):
    """409 or 405: the state of the resource, or what depends on it, forbids the request."""


class RateLimitError(NexlaError):
    """429: too many requests; ``retry_after`` in seconds when the API said so."""


class ServerError(NexlaError):
    """5xx, or a reply that is not one of the API's."""


class ApiUnreachableError(ServerError):
    """No reply: connection refused, reset, timed out, name unknown."""

    step = "connect"


class CircuitOpenError(ServerError):
    """The API failed several times in a row, so it is left alone until ``retry_after`` seconds have passed."""

    step = "connect"


class CredentialError(NexlaError):
    """The external system behind a credential refused it."""

    step = "probe_credential"


class FlowError(NexlaError):
    """An operation on a flow failed; ``flow_step`` is what was asked of it: activate, pause, run_now, copy, delete ..."""

    step = "flow"

    @property
    def flow_step(self) -> str:
        """What was asked of the flow."""
        return self.operation.removeprefix("flows_").removesuffix("_by_resource")

    def summary(self) -> dict[str, Any]:
        """The summary with the step of the flow."""
        return super().summary() | {"flow_step": self.flow_step}


class TransformError(NexlaError):
    """A transform could not be run."""

    step = "transform"
