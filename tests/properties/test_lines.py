"""Line splitting against a plain model: any records, any chunking, any place to start again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.rundir.lines import Block, Splitter
from engines.rundir.records import ERR, GAP, OUT, Gap, Record, decode_gap, encode_gap
from tests.support.small_lines import PART, WAITING, WAITING_MS, small_lines

_SCRAPS = [b"a", b"bc", b"\n", b"\xff", b"\r", "é漢🙂".encode(), b"\xe6\xbc", b"\xa2"]

Lost = tuple[int, bytes, bytes]
"""The least number of lines lost, and what is open on each stream behind them."""


class Piece(NamedTuple):
    """A line or a part of one, as a reader would see it."""

    number: int
    stream: int
    time_ms: int
    data: bytes
    part: int = 0
    more: bool = False


@pytest.fixture(autouse=True, scope="module")
def _small_limits() -> Iterator[None]:
    """Scales the limits down, so that small examples reach them."""
    with small_lines(_BLOCK_BYTES=32, _POINT_LINES=2, _POINT_BYTES=16):
        yield


def records() -> st.SearchStrategy[list[Record]]:
    """Short records with many line ends, some long ones, and now and then a gap."""
    data = st.one_of(
        st.lists(st.sampled_from(_SCRAPS), min_size=1).map(b"".join),
        st.integers(1, 70).map(lambda size: b"x" * size),
        st.tuples(st.integers(1, 50), st.integers(0, 30)).map(
            lambda sizes: b"y" * sizes[0] + b"\n" + b"z" * sizes[1]
        ),
    )
    kind = st.sampled_from([OUT, OUT, ERR])
    said = st.tuples(kind, st.integers(0, 30), data)
    opened = st.sampled_from([b"", b"", b"ab", b"x" * PART])
    gap = st.tuples(st.just(GAP), st.integers(0, 30), st.tuples(st.integers(0, 5), opened, opened))

    def dated(steps: list[tuple[int, int, bytes] | tuple[int, int, Lost]]) -> list[Record]:
        now = 0
        result: list[Record] = []
        for which, step, what in steps:
            now += step
            if isinstance(what, bytes):
                text = what
            else:
                lost, out_open, err_open = what
                model = Model()
                for record in result:
                    model.record(*record)
                # What is lost ends at least the lines that wait to be numbered.
                line = model.line + len(model.queue) * 70 + lost
                text = encode_gap(Gap(3, 4, line, now, now, out_open, err_open))
            result.append(Record(which, now, text))
        return result

    return st.lists(st.one_of(said, said, said, gap), max_size=25).map(dated)


def pieces(blocks: Sequence[Block]) -> list[Piece]:
    """What readers see of blocks, however these are cut."""
    seen = []
    for block in blocks:
        if block.part:
            mark = block.marks[0]
            seen.append(
                Piece(block.first, mark.stream, mark.time_ms, block.data, block.part, block.more)
            )
            continue
        texts = block.data.split(b"\n")
        assert sum(mark.size for mark in block.marks) == len(texts) == block.last - block.first + 1
        marks = [mark for mark in block.marks for _ in range(mark.size)]
        for number, (text, mark) in enumerate(zip(texts, marks, strict=True), block.first):
            seen.append(Piece(number, mark.stream, mark.time_ms, text))
    return seen


def cut(data: bytes) -> int:
    """Where a part of so many bytes ends: before a character that would not end with it."""
    for back in (1, 2, 3):
        begun = data[PART - back : PART + 1]
        for more in (b"", b"\x80", b"\x80\x80", b"\xbf", b"\xbf\xbf"):
            with contextlib.suppress(UnicodeDecodeError):
                if len((begun + more).decode()) == 1:
                    return PART - back
    return PART


class Model:
    """The same rules, byte by byte."""

    def __init__(self) -> None:
        self.out: list[Piece] = []
        self.line = 1
        self.open = {OUT: b"", ERR: b""}
        self.time = {OUT: 0, ERR: 0}
        self.long = 0
        self.part = 0
        self.queue: list[tuple[int, int, bytes]] = []

    def record(self, kind: int, time_ms: int, data: bytes) -> None:
        """Takes one record."""
        if kind == GAP:
            gap = decode_gap(data)
            self.line = gap.line
            self.long, self.queue = 0, []
            self.open = {OUT: gap.out_open, ERR: gap.err_open}
            self.time = {OUT: gap.out_ms, ERR: gap.err_ms}
            return
        self.enter(kind, time_ms, data)

    def enter(self, kind: int, time_ms: int, data: bytes) -> None:
        """Takes the bytes of a stream, or has them wait."""
        since = [time for _, time, text in self.queue if b"\n" in text]
        if self.long and since and time_ms - since[0] >= WAITING_MS:
            self.close()
        for place in range(len(data)):
            if self.long not in (0, kind):
                self.queue.append((kind, time_ms, data[place:]))
                if sum(len(text) for _, _, text in self.queue) >= WAITING:
                    self.close()
                return
            self.byte(kind, time_ms, data[place : place + 1])

    def byte(self, kind: int, time_ms: int, byte: bytes) -> None:
        """Takes one byte of a stream that need not wait."""
        if byte == b"\n":
            if self.long:
                self.time[kind] = time_ms
                self.close()
            else:
                self.whole(kind, time_ms, self.open[kind])
                self.open[kind] = b""
            return
        self.open[kind] += byte
        self.time[kind] = time_ms
        if len(self.open[kind]) > PART:
            if not self.long:
                self.long, self.part = kind, 0
                self.line += 1
            end = cut(self.open[kind])
            self.emit(self.open[kind][:end], more=True)
            self.open[kind] = self.open[kind][end:]

    def whole(self, kind: int, time_ms: int, data: bytes) -> None:
        """Gives out a whole line."""
        self.out.append(Piece(self.line, kind, time_ms, data))
        self.line += 1

    def emit(self, data: bytes, *, more: bool) -> None:
        """Gives out a part of the long line."""
        self.part += 1
        when = self.time[self.long]
        self.out.append(Piece(self.line - 1, self.long, when, data, self.part, more))

    def close(self) -> None:
        """Ends the long line and lets in what waits."""
        self.emit(self.open[self.long], more=False)
        self.open[self.long] = b""
        self.long = 0
        queue, self.queue = self.queue, []
        for entry in queue:
            self.enter(*entry)

    def end(self) -> None:
        """Ends all open lines."""
        while self.long:
            self.close()
        for kind in (OUT, ERR):
            if self.open[kind]:
                self.whole(kind, self.time[kind], self.open[kind])
                self.open[kind] = b""


def expected(fed: Sequence[Record]) -> list[Piece]:
    """All lines of a finished run by the model."""
    model = Model()
    for record in fed:
        model.record(*record)
    model.end()
    return model.out


@settings(max_examples=400, deadline=None)
@given(records())
def test_lines_are_those_of_the_model(fed: list[Record]) -> None:
    """Splitting in slices and blocks gives what going byte by byte gives."""
    splitter = Splitter()
    blocks = splitter.feed(fed) + splitter.finish()
    assert pieces(blocks) == expected(fed)


@settings(max_examples=200, deadline=None)
@given(records(), st.data())
def test_lines_do_not_depend_on_how_records_are_fed(fed: list[Record], data: st.DataObject) -> None:
    """However many records are fed at a time, the lines are the same."""
    splitter = Splitter()
    blocks: list[Block] = []
    start = 0
    while start < len(fed):
        stop = start + data.draw(st.integers(1, 5))
        blocks += splitter.feed(fed[start:stop])
        start = stop
    assert pieces(blocks + splitter.finish()) == expected(fed)


@settings(max_examples=300, deadline=None)
@given(records())
def test_splitting_restarts_exactly_at_any_point(fed: list[Record]) -> None:
    """From each point, noted or asked for, follow the same lines as in a straight pass."""
    straight = expected(fed)
    offsets = [0]
    for record in fed:
        offsets.append(offsets[-1] + 16 + len(record.data))
    splitter = Splitter()
    points = [splitter.point()]
    for record in fed:
        splitter.feed([record])
        points += splitter.take_points()
        points.append(splitter.point())
    for point in points:
        if point is None:
            continue
        again = Splitter.resume(point)
        blocks = again.feed(fed[offsets.index(point.offset) :]) + again.finish()
        assert pieces(blocks) == [piece for piece in straight if piece.number >= point.line]


@settings(max_examples=200, deadline=None)
@given(records())
def test_points_of_a_resumed_splitter_are_as_good(fed: list[Record]) -> None:
    """Points that were noted after starting again lead to the same lines."""
    straight = expected(fed)
    offsets = [0]
    for record in fed:
        offsets.append(offsets[-1] + 16 + len(record.data))
    first = Splitter()
    for number, record in enumerate(fed):
        first.feed([record])
        point = first.point()
        if point is None or number % 3:
            continue
        second = Splitter.resume(point)
        second.feed(fed[offsets.index(point.offset) :])
        for later in second.take_points():
            third = Splitter.resume(later)
            blocks = third.feed(fed[offsets.index(later.offset) :]) + third.finish()
            assert pieces(blocks) == [piece for piece in straight if piece.number >= later.line]
