"""The credit of a subscription: what may still be sent, after what was sent and acknowledged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.services.credit import CreditWindow
from protocol.commands.subscriptions import Credit
from protocol.logs import Block, Cursor, Mark, Stream

PAGE = (2000, 131_072)


def lines(first: int, last: int, text: bytes = b"12345") -> Block:
    """Whole lines of six bytes each, as the credit counts them."""
    count = last - first + 1
    return Block(first, last, b"\n".join([text] * count), (Mark(count, Stream.OUT, 0),))


def part(line: int, number: int, *, more: bool = True) -> Block:
    """A part of a long line, of ten bytes as the credit counts them."""
    return Block(line, line, b"123456789", (Mark(1, Stream.OUT, 0),), number, more)


def test_a_credit_of_lines() -> None:
    """So many lines go ahead, and each acknowledged one makes room for another."""
    window = CreditWindow(Credit(lines=5))
    assert window.room(*PAGE) == (5, PAGE[1])
    window.sent((lines(1, 3),))
    assert window.room(*PAGE) == (2, PAGE[1])
    window.sent((lines(4, 5),))
    assert window.room(*PAGE) == (0, 0)
    window.acknowledge(Cursor(3))
    assert window.room(*PAGE) == (2, PAGE[1])
    window.acknowledge(Cursor(6))
    assert window.room(*PAGE) == (5, PAGE[1])


def test_a_credit_of_bytes() -> None:
    """Bytes are given back when a whole stretch is acknowledged."""
    window = CreditWindow(Credit(bytes=20))
    window.sent((lines(1, 2), lines(3, 3)))
    assert window.room(*PAGE) == (PAGE[0], 2)
    window.acknowledge(Cursor(2))
    assert window.room(*PAGE) == (PAGE[0], 2)
    window.acknowledge(Cursor(3))
    assert window.room(*PAGE) == (PAGE[0], 14)
    window.sent((lines(4, 6),))
    assert window.room(*PAGE) == (0, 0)


def test_parts_of_a_long_line() -> None:
    """They count in bytes one by one, and as a line when the last is sent."""
    window = CreditWindow(Credit(lines=1, bytes=30))
    window.sent((part(1, 1), part(1, 2)))
    assert window.room(*PAGE) == (1, 10)
    window.acknowledge(Cursor(1, 2))
    assert window.room(*PAGE) == (1, 20)
    window.sent((part(1, 3, more=False),))
    assert window.room(*PAGE) == (0, 0)
    window.acknowledge(Cursor(2))
    assert window.room(*PAGE) == (1, 30)


@pytest.mark.parametrize("cursor", [Cursor(1), Cursor(0), Cursor(1, 0)])
def test_what_acknowledges_nothing(cursor: Cursor) -> None:
    """A place before everything gives nothing back."""
    window = CreditWindow(Credit(lines=2))
    window.sent((lines(1, 2),))
    window.acknowledge(cursor)
    assert window.room(*PAGE) == (0, 0)


def test_an_acknowledgement_of_what_was_not_sent() -> None:
    """Nobody earns credit in advance."""
    window = CreditWindow(Credit(lines=2))
    window.acknowledge(Cursor(1000))
    assert window.room(*PAGE) == (2, PAGE[1])
    window.sent((lines(1, 2),))
    assert window.room(*PAGE) == (0, 0)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=600), st.data())
def test_lines_are_counted_exactly(sizes: list[int], data: st.DataObject) -> None:
    """However they were sent and acknowledged, what is outstanding is what was not acknowledged."""
    window = CreditWindow(Credit(lines=100_000, bytes=1 << 26))
    line = 1
    for size in sizes:
        window.sent((lines(line, line + size - 1),))
        line += size
    done = 1
    while done < line:
        done = data.draw(st.integers(done + 1, line))
        window.acknowledge(Cursor(done))
        room, _ = window.room(1 << 30, 1 << 30)
        assert room == 100_000 - (line - done)
    assert window.room(1 << 30, 1 << 30) == (100_000, 1 << 26)
