"""Rows of lines that are written by the block say what each line says of itself."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.dialects.linkis.line_rows import LineRows, line_rows
from protocol.dialects.linkis.log_blocks import Form
from protocol.logs import Block, Mark, Stream
from protocol.media import decode_msgpack, encode_json, encode_msgpack

NOW = 1_700_000_000_000
LINE = st.lists(
    st.sampled_from(
        [b"a", b'"', b"\\", b"\\n", b'","', b"\t", b"\x1b[1m", b"\r", b"\xff", "é€\u2028".encode()]
    ),
    max_size=6,
).map(b"".join)
FIRSTS = [1, 2, 250, 255, 995, 999, 1000, 1_999, 65_533, 99_998, (1 << 32) - 4, 1 << 40]
"""Numbers near which their writing changes."""
FORMS = st.sampled_from([Form.SCREEN, Form.TEXT, Form.RAW])


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    """A block of lines of any bytes, in stretches of any size."""
    first = draw(st.sampled_from(FIRSTS))
    lines = draw(st.lists(LINE, min_size=1, max_size=12))
    marks, left = [], len(lines)
    while left:
        size = draw(st.integers(1, left))
        marks.append(Mark(size, draw(st.sampled_from(Stream)), NOW + left))
        left -= size
    return Block(first, first + len(lines) - 1, b"\n".join(lines), tuple(marks))


def check(found: list[Block], form: Form) -> None:
    """Both writings hold the same as rows that are made one by one; JSON to the byte."""
    rows = line_rows(found, form)
    message = {"lines": LineRows(found, form), "last": 1}
    assert encode_json(message) == orjson.dumps({"lines": rows, "last": 1})
    assert decode_msgpack(encode_msgpack(message)) == {"lines": rows, "last": 1}


@given(found=st.lists(blocks(), max_size=4), form=FORMS)
def test_any_lines_are_written_alike(found: list[Block], form: Form) -> None:
    """Whatever the lines hold and wherever they begin."""
    check(found, form)


@pytest.mark.parametrize("first", FIRSTS)
def test_many_lines_are_written_alike(first: int) -> None:
    """Also over several hundreds and thousands."""
    lines = [b"line %d" % number for number in range(2_500)]
    block = Block(first, first + 2_499, b"\n".join(lines), (Mark(2_500, Stream.OUT, NOW),))
    check([block], Form.SCREEN)


@pytest.mark.parametrize("size", [31, 32, 255, 256, 65_535, 65_536])
def test_lines_of_any_length_are_written_alike(size: int) -> None:
    """Where msgpack counts a text in another way."""
    check([Block(7, 8, b"x" * size + b"\n", (Mark(2, Stream.ERR, NOW),))], Form.SCREEN)


def test_parts_of_a_line_are_written_alike() -> None:
    """A long line in parts says which, beside whole ones."""
    mark = (Mark(1, Stream.OUT, NOW),)
    parts = [Block(4, 4, b"a", mark, 1, more=True), Block(4, 4, b"b", mark, 2)]
    check([Block(3, 3, b"x", mark), *parts], Form.SCREEN)
