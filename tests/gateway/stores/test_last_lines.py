"""The last lines of a file, against a plain split."""

from __future__ import annotations

import io
import random

import pytest

from gateway.stores.last_lines import last_lines

BIG = 1 << 20


def tail(data: bytes, lines: int, most: int = BIG) -> bytes:
    """The last lines of these bytes."""
    return last_lines(io.BytesIO(data), len(data), lines, most)


@pytest.mark.parametrize(
    ("data", "lines", "found"),
    [
        (b"", 3, b""),
        (b"a", 1, b"a"),
        (b"a\n", 1, b"a\n"),
        (b"a\nb", 1, b"b"),
        (b"a\nb\n", 1, b"b\n"),
        (b"a\n\n", 1, b"\n"),
        (b"a\nb\n", 2, b"a\nb\n"),
        (b"a\nb\n", 99, b"a\nb\n"),
        (b"\n\n\n", 2, b"\n\n"),
    ],
)
def test_small_ones(data: bytes, lines: int, found: bytes) -> None:
    """With and without an end of the last line."""
    assert tail(data, lines) == found


def test_as_a_plain_split_would() -> None:
    """Also over many pieces."""
    chance = random.Random(7)  # noqa: S311 - lines of a test
    lines = [b"x" * chance.randrange(400) + b"\n" for _ in range(2000)]
    data = b"".join(lines)
    for count in (1, 2, 17, 400, 1999, 2000, 3000):
        assert tail(data, count) == b"".join(lines[-count:])


def test_no_more_than_fit() -> None:
    """Whole lines, but for one that does not fit alone."""
    assert tail(b"aaaa\nbb\ncc\n", 3, 7) == b"bb\ncc\n"
    assert tail(b"aaaa\nbb\ncc\n", 3, 6) == b"bb\ncc\n"
    assert tail(b"x" * 300_000, 5, 100) == b"x" * 100
    assert tail(b"y\n" + b"x" * 300_000 + b"\n", 5, 100) == b"x" * 99 + b"\n"


def test_what_was_appended_meanwhile_does_not_count() -> None:
    """A file that grows is told as it was."""
    assert last_lines(io.BytesIO(b"a\nb\nc\n"), 4, 1, BIG) == b"b\n"
