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
    │   └── ApiUnreachableError   no reply at all
    ├── CredentialError           an external system refused a stored credential
    ├── FlowError                 an operation on a flow failed
    └── TransformError            a transform could not be run

Each carries the operation, the resource, the status, the server's message and a hint: what to do next.
The ten published names are those of nexla-sdk, so that people recognise them.
"""

from __future__ import annotations

from typing import Any


class NexlaError(Exception):
    """Base of the tree.

    ``sent`` is False when the request certainly did not reach the API, True when it was answered, and
    None when it may have arrived although the reply was lost.
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

    def summary(self) -> dict[str, Any]:
        """The error as data: the fields of nexla-sdk's ``get_error_summary`` plus the hint."""
        cause = self.__cause__
        fields: dict[str, Any] = {
            "error": type(self).__name__,
            "message": self.message,
            "step": self.step,
            "operation": self.operation,
            "resource_type": self.resource_type,
            "resource_id": self.resource_id,
            "status_code": self.status_code,
            "response": self.server_message,
            "details": self.details,
            "retry_after": self.retry_after,
            "original_error": type(cause).__name__ if cause else None,
            "hint": self.hint,
        }
        return {k: v for k, v in fields.items() if v not in (None, "", {})}


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


class CredentialError(NexlaError):
    """The external system behind a credential refused it."""

    step = "probe_credential"


class FlowError(NexlaError):
    """An operation on a flow failed."""

    step = "flow"


class TransformError(NexlaError):
    """A transform could not be run."""

    step = "transform"
