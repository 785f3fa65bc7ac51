"""The credit of a subscription: what may still be sent, after what was sent and acknowledged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport.credit import Allowance
from protocol.dialect import Credit
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
    allowance = Allowance(Credit(lines=5))
    assert allowance.room(*PAGE) == (5, PAGE[1])
    allowance.sent((lines(1, 3),))
    assert allowance.room(*PAGE) == (2, PAGE[1])
    allowance.sent((lines(4, 5),))
    assert allowance.room(*PAGE) == (0, 0)
    allowance.acknowledge(Cursor(3))
    assert allowance.room(*PAGE) == (2, PAGE[1])
    allowance.acknowledge(Cursor(6))
    assert allowance.room(*PAGE) == (5, PAGE[1])


def test_a_credit_of_bytes() -> None:
    """Bytes are given back when a whole stretch is acknowledged."""
    allowance = Allowance(Credit(bytes=20))
    allowance.sent((lines(1, 2), lines(3, 3)))
    assert allowance.room(*PAGE) == (PAGE[0], 2)
    allowance.acknowledge(Cursor(2))
    assert allowance.room(*PAGE) == (PAGE[0], 2)
    allowance.acknowledge(Cursor(3))
    assert allowance.room(*PAGE) == (PAGE[0], 14)
    allowance.sent((lines(4, 6),))
    assert allowance.room(*PAGE) == (0, 0)


def test_parts_of_a_long_line() -> None:
    """They count in bytes one by one, and as a line when the last is sent."""
    allowance = Allowance(Credit(lines=1, bytes=30))
    allowance.sent((part(1, 1), part(1, 2)))
    assert allowance.room(*PAGE) == (1, 10)
    allowance.acknowledge(Cursor(1, 2))
    assert allowance.room(*PAGE) == (1, 20)
    allowance.sent((part(1, 3, more=False),))
    assert allowance.room(*PAGE) == (0, 0)
    allowance.acknowledge(Cursor(2))
    assert allowance.room(*PAGE) == (1, 30)


@pytest.mark.parametrize("cursor", [Cursor(1), Cursor(0), Cursor(1, 0)])
def test_what_acknowledges_nothing(cursor: Cursor) -> None:
    """A place before everything gives nothing back."""
    allowance = Allowance(Credit(lines=2))
    allowance.sent((lines(1, 2),))
    allowance.acknowledge(cursor)
    assert allowance.room(*PAGE) == (0, 0)


def test_an_acknowledgement_of_what_was_not_sent() -> None:
    """Nobody earns credit in advance."""
    allowance = Allowance(Credit(lines=2))
    allowance.acknowledge(Cursor(1000))
    assert allowance.room(*PAGE) == (2, PAGE[1])
    allowance.sent((lines(1, 2),))
    assert allowance.room(*PAGE) == (0, 0)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=600), st.data())
def test_lines_are_counted_exactly(sizes: list[int], data: st.DataObject) -> None:
    """However they were sent and acknowledged, what is outstanding is what was not acknowledged."""
    allowance = Allowance(Credit(lines=100_000, bytes=1 << 26))
    line = 1
    for size in sizes:
        allowance.sent((lines(line, line + size - 1),))
        line += size
    done = 1
    while done < line:
        done = data.draw(st.integers(done + 1, line))
        allowance.acknowledge(Cursor(done))
        room, _ = allowance.room(1 << 30, 1 << 30)
        assert room == 100_000 - (line - done)
    assert allowance.room(1 << 30, 1 << 30) == (100_000, 1 << 26)
