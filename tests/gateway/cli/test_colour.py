"""Colours of what a task prints, on a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.colour import coloured, colourless, fitting

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"plain", b"plain"),
        (b"\x1b[31mred", b"\x1b[31mred\x1b[0m"),
        (b"a\x1b[1mb\x1b[0mc", b"a\x1b[1mb\x1b[0mc"),
        (b"\x1b[31m", b""),
        (b"\x1b[31mred\x1b[2J", b"\x1b[31mred^[[2J\x1b[0m"),
        (b"\x1b[1m[bold]:smile:", b"\x1b[1m[bold]:smile:\x1b[0m"),
        (b"\x1b[31m" + b"x" * 500, b"\x1b[31m" + b"x" * 500 + b"\x1b[0m"),
        (b"\x1b[7m" + b" " * 300, b"\x1b[7m" + b" " * 300 + b"\x1b[0m"),
    ],
)
def test_colours_end_with_their_line(data: bytes, shown: bytes) -> None:
    """They are kept, nothing else is obeyed, and a line stays one line."""
    assert coloured(data) == shown


@given(st.binary(max_size=100), st.none() | st.integers(1, 20))
def test_nothing_but_colours_passes(data: bytes, width: int | None) -> None:
    """Whatever the bytes are, a terminal is told of colours at most, and they do not go on."""
    shown = coloured(b"\x1b[32mx" + data, width).decode()
    left = _COLOUR.sub("", shown)
    assert not any(ord(one) < 32 and one != "\t" for one in left)
    assert not any(0x7F <= ord(one) <= 0x9F for one in left)
    assert ("\x1b" not in shown) or shown.rindex("\x1b[0m") >= shown.rindex("\x1b")


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_the_end_of_a_line_fits(width: int) -> None:
    """Wide characters count as two, colours as none, and an escape is never cut."""
    wide = fitting("世界abc世界".encode(), width).decode()
    assert "世界abc世界".endswith(wide)
    assert len(wide) + sum(one in "世界" for one in wide) in {width, width - 1}
    assert coloured(b"\x1b[31m0123\x1b[32m456789", width).endswith(b"9\x1b[0m")
    plain = _COLOUR.sub("", coloured(b"\x1b[31m0123\x1b[32m456789", width).decode())
    assert plain == "0123456789"[-width:]


def test_a_pipe_gets_everything_else() -> None:
    """Only colours are left out, to the byte."""
    assert colourless(b"\xff\x1b[31mred\x1b[0m\r\x1b[2J") == b"\xffred\r\x1b[2J"
