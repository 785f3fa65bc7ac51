"""What stands on a line that has not ended, as the splitter knows it."""

from __future__ import annotations

from engines.rundir.lines import MAX_PART, OpenLine, Splitter
from engines.rundir.records import ERR, OUT, Record

MOST = 8


def fed(*records: tuple[int, int, bytes]) -> Splitter:
    """A splitter that has been fed records of a stream, a time and bytes."""
    splitter = Splitter()
    splitter.feed(Record(*record) for record in records)
    return splitter


def test_nothing_is_open() -> None:
    """Before the first byte and after each line end there is no open line."""
    assert Splitter().open_line(MOST) is None
    assert fed((OUT, 1, b"one\n")).open_line(MOST) is None


def test_the_end_of_an_open_line() -> None:
    """Its last bytes, with the number that it would have now."""
    assert fed((OUT, 1, b"one\ntw")).open_line(MOST) == OpenLine(2, 0, OUT, 1, b"tw")
    assert fed((OUT, 1, b"x" * 20 + b"end")).open_line(3) == OpenLine(1, 0, OUT, 1, b"end")


def test_of_two_streams_the_later_counts() -> None:
    """What was written to last is what somebody is waiting for."""
    found = fed((OUT, 1, b"bar"), (ERR, 2, b"prompt")).open_line(MOST)
    assert found == OpenLine(1, 0, ERR, 2, b"prompt")


def test_a_long_line_has_its_number_already() -> None:
    """What is open of it is the part that comes next."""
    found = fed((OUT, 1, b"x" * (MAX_PART + 1) + b"end")).open_line(3)
    assert found == OpenLine(1, 2, OUT, 1, b"end")
