"""A ticket opens the gate once, for one call, for ten minutes, and only where it was sealed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexla_mcp.policy.ticket import LIFETIME_S, Claims, TicketBook, TicketError

OLD, NEW = "o" * 32, "n" * 32


class Clock:
    """A clock that is set by hand."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def claims_of(book: TicketBook) -> Claims:
    return book.claims(operation="flows_pause", arguments="a", target="t", principal="p", channel="ticket", phrase="")


def test_a_ticket_gives_back_its_claims() -> None:
    book = TicketBook()
    claims = claims_of(book)
    assert book.open(book.mint(claims)) == claims


def test_it_is_good_for_ten_minutes() -> None:
    clock = Clock()
    book = TicketBook(clock=clock)
    ticket = book.mint(claims_of(book))
    clock.now += LIFETIME_S - 1
    book.open(ticket)
    clock.now += 2
    with pytest.raises(TicketError, match=r"expired.*Nothing was changed\.$"):
        book.open(ticket)


async def test_it_is_spent_once() -> None:
    book = TicketBook()
    ticket = book.mint(claims_of(book))
    await book.spend(book.open(ticket))
    with pytest.raises(TicketError, match=r"used before.*Nothing was changed\.$"):
        await book.spend(book.open(ticket))


@given(position=st.integers(min_value=0, max_value=10_000), character=st.sampled_from("ABCxyz019-_ =.\n"))
def test_any_change_to_it_is_noticed(position: int, character: str) -> None:
    book = TicketBook()
    claims = claims_of(book)
    ticket = book.mint(claims)
    position %= len(ticket)
    tampered = ticket[:position] + character + ticket[position + 1 :]
    try:
        opened = book.open(tampered)
    except TicketError as error:
        assert str(error).endswith("Nothing was changed.")
    else:
        assert opened == claims  # the same bytes: white space at the ends, or bits that base64 does not use


@given(st.text(max_size=200))
def test_arbitrary_text_is_no_ticket(text: str) -> None:
    with pytest.raises(TicketError):
        TicketBook().open(text)


def test_another_process_cannot_open_it_unless_the_keys_are_shared() -> None:
    book = TicketBook([OLD])
    ticket = book.mint(claims_of(book))
    TicketBook([OLD]).open(ticket)
    with pytest.raises(TicketError, match="not a ticket of this server"):
        TicketBook([NEW]).open(ticket)


def test_keys_rotate_without_losing_open_tickets() -> None:
    book = TicketBook([OLD])
    ticket = book.mint(claims_of(book))
    TicketBook([NEW, OLD]).open(ticket)


def test_a_short_key_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="shorter than 32"):
        TicketBook(["short"])
