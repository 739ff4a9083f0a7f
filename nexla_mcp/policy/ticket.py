"""Tickets: the sealed, single-use proof that a preview was made for exactly one call.

    ticket = book.mint(claims)          # an opaque text that only this server can read
    claims = book.open(text)            # raises TicketError: bad seal, expired
    await book.spend(claims)            # raises TicketError: somebody was quicker

A ticket binds the operation, the hash of its arguments, the state of the target that the person saw, the
principal and the way of asking. It is sealed with AES-256-GCM, so neither a model nor a client can make,
read or change one. Keys rotate: the first of ``keys`` seals, every one opens. Where several processes share
keys and a store, a ticket that one of them minted is spent once among all of them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

LIFETIME_S = 600
_VERSION = "nt2."
_CONTEXT = b"nexla-mcp ticket 2"


class TicketError(Exception):
    """A ticket that does not open the gate; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a ticket is good for."""

    operation: str
    arguments: str  # hash of the canonical arguments
    target: str  # fingerprint of what the person saw
    principal: str
    channel: str  # form, page or ticket: a ticket of one way of asking does not serve another
    phrase: str  # what has to be typed, or ""
    issued: float  # unix seconds
    expires: float
    nonce: str


class SpentTickets(Protocol):
    """Where it is known which tickets were used."""

    async def spend(self, nonce: str, expires: float) -> bool:
        """Mark one as used; True for the first to do so, False for everybody else."""
        ...


class SpentHere:
    """The tickets that this process has used; for a process that shares its keys with nobody."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._spent: dict[str, float] = {}
        self._clock = clock

    async def spend(self, nonce: str, expires: float) -> bool:
        """As the protocol says."""
        now = self._clock()
        self._spent = {known: until for known, until in self._spent.items() if until > now}
        if nonce in self._spent:
            return False
        self._spent[nonce] = expires
        return True


class TicketBook:
    """Mints, opens and spends the tickets of one server process."""

    def __init__(
        self, keys: Sequence[str] = (), clock: Callable[[], float] = time.time, spent: SpentTickets | None = None
    ) -> None:
        if short := [k for k in keys if len(k) < 32]:
            raise ValueError(
                f"{len(short)} of the seal keys are shorter than 32 characters: NEXLA_MCP_SEAL_KEYS needs longer ones."
            )
        self._keys = [hashlib.sha256(k.encode()).digest() for k in keys] or [secrets.token_bytes(32)]
        self._spent = spent or SpentHere(clock)
        self._clock = clock

    def claims(self, *, operation: str, arguments: str, target: str, principal: str, channel: str, phrase: str) -> Claims:
        """Claims that run out in ten minutes."""
        now = self._clock()
        return Claims(operation, arguments, target, principal, channel, phrase, now, now + LIFETIME_S, secrets.token_urlsafe(12))

    def mint(self, claims: Claims) -> str:
        """Seal ``claims`` into a ticket."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(12)
        sealed = AESGCM(self._keys[0]).encrypt(nonce, json.dumps(asdict(claims)).encode(), _CONTEXT)
        return _VERSION + base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")

    def open(self, ticket: str) -> Claims:
        """The claims in ``ticket``.

        Raises:
            TicketError: it was not minted here, was tampered with or has expired.
        """
        claims = Claims(**json.loads(self._unseal(ticket.strip())))
        if self._clock() > claims.expires:
            raise TicketError("This ticket has expired (10 minutes). Ask for a new preview. Nothing was changed.")
        return claims

    async def spend(self, claims: Claims) -> None:
        """Use a ticket up, whatever comes of the call.

        Raises:
            TicketError: it was used before, here or in another process.
        """
        if not await self._spent.spend(claims.nonce, claims.expires):
            raise TicketError(
                "This ticket was used before; each is good for one call. Ask for a new preview. Nothing was changed."
            )

    def age_ms(self, claims: Claims) -> int:
        """Milliseconds since the ticket was minted, which is when the question was put."""
        return max(0, round((self._clock() - claims.issued) * 1000))

    def _unseal(self, ticket: str) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            if not ticket.startswith(_VERSION):
                raise ValueError
            encoded = ticket.removeprefix(_VERSION)
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            for key in self._keys:
                try:
                    return AESGCM(key).decrypt(raw[:12], raw[12:], _CONTEXT)
                except InvalidTag:
                    continue
        except ValueError:
            pass
        raise TicketError(
            "This is not a ticket of this server, or it was changed on the way. Call without ticket to get a new preview."
            " Nothing was changed."
        )


def ticket_mark(ticket: str) -> str:
    """A short hash by which a ticket is known in receipts and in the log; it opens nothing."""
    return hashlib.sha256(ticket.strip().encode()).hexdigest()[:16] if ticket else ""
