"""Numbered lines as the second face says them, written by the block.

A line of a row each is what costs most of a large log: a mapping for each line, looked at once more
when it is written. Here a block is written in one go; only lines that need more than their text are
made one by one. Both writings say what ``line_rows`` says, which is what a test compares.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from struct import pack
from typing import TypeVar

from protocol.dialects.linkis.log_blocks import REPLACED, Form
from protocol.logs import Block, Line, Stream
from protocol.media import Written, encode_json, encode_msgpack

__all__ = ["LineRows", "line_rows"]

T = TypeVar("T")

_THOUSAND = 1000
_ENDS = tuple(b"%03d" % number for number in range(_THOUSAND))
_JSON_END = re.compile(rb"\\n")
"""The end of a line in JSON; an expression finds two bytes four times as fast as a text does."""
_JSON_HEAD = b'"},{"n":'
"""The end of a row in JSON and the beginning of the next."""
_JSON_BETWEEN = 3
"""How much of that the first row has none of: the end of the one before, and a comma."""
_NUMBERED = b"\x84\xa1n\xce"
"""A map of four in msgpack, and of its first number the head."""
_MOST_NUMBER = (1 << 32) - 1
_LIST = b"\xdd"
_BYTES = tuple(bytes([number]) for number in range(1 << 8))
_FIXED = 32
_HEADS = tuple(
    bytes([0xA0 | size]) if size < _FIXED else bytes([0xD9, size]) for size in range(1 << 8)
)
"""What stands before a short text in msgpack, by its length in bytes."""
_MIDDLE = 1 << 16


class LineRows(Written):
    """The rows of some blocks, which are made when they are written."""

    def __init__(self, blocks: Iterable[Block], form: Form = Form.SCREEN) -> None:
        self._blocks = tuple(blocks)
        self._form = form

    def json(self) -> bytes:
        """The rows as a list in JSON."""
        return b"[" + b",".join(filter(None, map(self._block_json, self._blocks))) + b"]"

    def packed(self) -> bytes:
        """The rows as a list in msgpack."""
        count = sum(block.last - block.first + 1 for block in self._blocks)
        return b"".join((_LIST, pack(">I", count), *map(self._block_packed, self._blocks)))

    def _block_json(self, block: Block) -> bytes:
        text = _plain_text(block, self._form)
        if text is None:
            return encode_json(_rows(block, self._form))[1:-1]
        lines = iter(_json_texts(block, text))
        pieces: list[bytes] = []
        for first, size, tail in _stretches(block, _THOUSAND, _json_tail):
            if first < _THOUSAND:  # their numbers have no thousands, and must not begin with 0
                head, ends = _JSON_HEAD, tuple(b"%d" % n for n in range(first, first + size))
            else:
                thousands, begin = divmod(first, _THOUSAND)
                head, ends = b"%b%d" % (_JSON_HEAD, thousands), _ENDS[begin : begin + size]
            pieces += _woven(size, [head] * size, ends, [tail] * size, islice(lines, size))
        return b"".join(pieces)[_JSON_BETWEEN:] + b'"}'

    def _block_packed(self, block: Block) -> bytes:
        if block.last > _MOST_NUMBER or _plain_text(block, self._form) is None:
            return b"".join(map(encode_msgpack, _rows(block, self._form)))
        pieces: list[bytes] = []
        lines = block.data.split(b"\n")
        sizes = list(map(len, lines))
        # A table is four times as fast as a call for each line.
        short = max(sizes) < len(_HEADS)
        heads = map(_HEADS.__getitem__ if short else _text_head, sizes)
        texts = iter(lines)
        for first, size, tail in _stretches(block, len(_BYTES), _packed_tail):
            high, low = divmod(first, len(_BYTES))
            head = _NUMBERED + high.to_bytes(3)
            pieces += _woven(
                size,
                [head] * size,
                _BYTES[low : low + size],
                [tail] * size,
                islice(heads, size),
                islice(texts, size),
            )
        return b"".join(pieces)


def line_rows(blocks: Iterable[Block], form: Form = Form.SCREEN) -> list[dict[str, object]]:
    """Lines as the second face says them."""
    return [row for block in blocks for row in _rows(block, form)]


def _rows(block: Block, form: Form) -> list[dict[str, object]]:
    return [_row(line, form) for line in block.lines()]


def _plain_text(block: Block, form: Form) -> str | None:
    """The text of a block whose lines need nothing but that; None if one of them may."""
    if block.part or form is Form.RAW:
        return None
    text = block.data.decode("utf-8", "replace")
    return None if REPLACED in text or ("\r" in text and form is Form.SCREEN) else text


def _stretches(
    block: Block, size: int, tail: Callable[[Stream, int], T]
) -> Iterator[tuple[int, int, T]]:
    """The lines of a block by numbers that differ in what is less than ``size`` alone.

    Each is the first number, how many there are, and what stands between number and text in each.
    """
    number = block.first
    for count, stream, time_ms in block.marks:
        between, end = tail(stream, time_ms), number + count
        while number < end:
            until = min(end, number - number % size + size)
            yield number, until - number, between
            number = until


def _woven(size: int, *columns: Iterable[bytes]) -> list[bytes]:
    """The first of each column, then the second of each, and so on; ``size`` of each."""
    woven = [b""] * (size * len(columns))
    for place, column in enumerate(columns):
        woven[place :: len(columns)] = column
    return woven


def _json_texts(block: Block, text: str) -> list[bytes]:
    """The lines of a block as they stand within quotation marks in JSON."""
    written = encode_json(text)
    if len(written) == len(block.data) + block.last - block.first + 2:
        return block.data.split(b"\n")  # nothing is written otherwise, but for the ends of lines
    if "\\" in text:
        # A quotation mark within a line has a backslash before it, so this is no part of one.
        return encode_json(text.split("\n"))[2:-2].split(b'","')
    return _JSON_END.split(written[1:-1])


def _json_tail(stream: Stream, time_ms: int) -> bytes:
    return b',"t":%d,"s":"%b","text":"' % (time_ms, stream.value.encode())


def _packed_tail(stream: Stream, time_ms: int) -> bytes:
    fields = ("t", time_ms, "s", stream.value, "text")
    return b"".join(map(encode_msgpack, fields))


def _text_head(size: int) -> bytes:
    """What stands before a text of so many bytes in msgpack."""
    if size < len(_HEADS):
        return _HEADS[size]
    return pack(">BH", 0xDA, size) if size < _MIDDLE else pack(">BI", 0xDB, size)


def _row(line: Line, form: Form) -> dict[str, object]:
    row: dict[str, object] = {"n": line.number, "t": line.time_ms, "s": line.stream.value}
    if line.part:
        row["part"], row["more"] = line.part, line.more
    if form is Form.RAW:
        return row | {"base64": b64encode(line.data).decode()}
    over = form is Form.SCREEN and line.overwritten
    text = line.screen if over else line.text
    row["text"] = text
    if over:
        row["cr"] = True
    if over or (REPLACED in text and text.encode() != line.data):
        row["base64"] = b64encode(line.data).decode()
    return row
