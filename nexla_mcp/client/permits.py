"""Permits: the proof that the policy allowed exactly one request.

    permit = ledger.issue(request)        # policy/, after the person said yes
    await client.send(request, permit)    # client/, spends it

The client refuses every request of an operation that is not a read unless it comes with an unspent
permit for that very request. The check sits here, below everything, so that no tool, runbook or trick
with arguments can go around the gate.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from nexla_mcp.client.errors import PermitError
from nexla_mcp.client.wire import ApiRequest


@dataclass(frozen=True, slots=True)
class Permit:
    """Good for one sending of one request."""

    nonce: str
    digest: str


class PermitLedger:
    """The permits that were issued and not yet spent; shared by one policy and one client."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}

    def issue(self, request: ApiRequest) -> Permit:
        """A permit for ``request`` and nothing else."""
        permit = Permit(secrets.token_urlsafe(16), request.digest())
        self._open[permit.nonce] = permit.digest
        return permit

    def spend(self, request: ApiRequest, permit: Permit | None) -> None:
        """Use up ``permit`` for ``request``.

        Raises:
            PermitError: there is none, it was spent, or it was issued for another request.
        """
        if permit is None:
            raise PermitError(f"{request.operation} changes something and has no permit. Nothing was sent.", sent=False)
        if self._open.pop(permit.nonce, None) != request.digest():
            raise PermitError(f"The permit does not fit this {request.operation} call. Nothing was sent.", sent=False)
