"""Paging against a plain list: whatever the blocks and the pages, the lines are the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engines.rundir.directory import EXIT, OUTPUT, SPEC, RunDir
from engines.rundir.lines import line_start
from engines.rundir.records import ERR, OUT, header
from engines.rundir.replay import Replay
from protocol.logs import Block, Line, Mark, Stream

texts = st.binary(max_size=12).map(lambda data: data.replace(b"\n", b""))


@st.composite
def whole_blocks(draw: st.DrawFn) -> tuple[list[Line], list[Block]]:
    """A log of whole lines as a plain list, and the same in blocks of any size with any marks."""
    log: list[Line] = []
    blocks: list[Block] = []
    for _ in range(draw(st.integers(0, 5))):
        first = len(log) + 1
        marks = tuple(
            Mark(draw(st.integers(1, 4)), draw(st.sampled_from(Stream)), draw(st.integers(0, 9)))
            for _ in range(draw(st.integers(1, 3)))
        )
        for size, stream, time_ms in marks:
            for _ in range(size):
                log.append(Line(len(log) + 1, time_ms, stream, draw(texts)))
        data = b"\n".join(line.data for line in log[first - 1 :])
        blocks.append(Block(first, len(log), data, marks))
    return log, blocks


@given(whole_blocks())
def test_blocks_are_the_list(made: tuple[list[Line], list[Block]]) -> None:
    """The lines of all blocks, one after another, are the plain list."""
    log, blocks = made
    assert [line for block in blocks for line in block.lines()] == log


@given(whole_blocks(), st.data())
def test_a_slice_is_a_slice_of_the_list(
    made: tuple[list[Line], list[Block]], data: st.DataObject
) -> None:
    """Any slice of a block holds what the same slice of the list holds, and true marks."""
    log, blocks = made
    for block in blocks:
        first = data.draw(st.integers(block.first, block.last))
        last = data.draw(st.integers(first, block.last))
        part = block.slice(first, last)
        assert (part.first, part.last) == (first, last)
        assert list(part.lines()) == log[first - 1 : last]
        assert sum(mark.size for mark in part.marks) == last - first + 1
        assert all(mark.size > 0 for mark in part.marks)


@given(st.lists(st.integers(0, 30), min_size=60, max_size=150), st.data())
def test_where_lines_begin_in_a_long_block(sizes: list[int], data: st.DataObject) -> None:
    """Lines are found in the middle of many, by both who cut blocks."""
    lines = [b"x" * size for size in sizes]
    whole = b"\n".join(lines)
    first = data.draw(st.integers(1, len(lines)))
    last = data.draw(st.integers(first, len(lines)))
    block = Block(1, len(lines), whole, (Mark(len(lines), Stream.OUT, 0),))
    assert block.slice(first, last).data == b"\n".join(lines[first - 1 : last])
    before = b"".join(line + b"\n" for line in lines[: first - 1])
    assert line_start(whole, first - 1) == len(before)
    assert line_start(whole, 0, len(before)) == len(before)


Received = list[tuple[int, bytes]]


def in_order_of_their_ends(writes: Received) -> Received:
    """The lines that some writes on two streams make, in the order in which they end."""
    lines: Received = []
    open_lines = {OUT: b"", ERR: b""}
    for stream, data in writes:
        *whole, open_lines[stream] = (open_lines[stream] + data).split(b"\n")
        lines += [(stream, text) for text in whole]
    return lines + [(stream, text) for stream, text in open_lines.items() if text]


@given(
    st.lists(
        st.tuples(st.sampled_from([OUT, ERR]), st.text("ab\n\r\0", min_size=1, max_size=9)),
        max_size=30,
    ),
    st.data(),
)
def test_pages_of_a_run_are_the_list(writes: list[tuple[int, str]], data: st.DataObject) -> None:
    """Pages of any size from any line of a run directory are the same stretch of the plain list."""
    said = [(stream, text.encode()) for stream, text in writes]
    log = in_order_of_their_ends(said)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / SPEC).touch()
        (Path(folder) / EXIT).write_bytes(b'{"kind": "exited", "exit_code": 0}\n')
        (Path(folder) / OUTPUT).write_bytes(
            b"".join(header(stream, 5, len(text)) + text for stream, text in said)
        )
        with Replay(RunDir(folder)) as replay:
            assert replay.last() == len(log)
            line = data.draw(st.integers(1, len(log) + 2), "from")
            first, found, at_end = line, [], False
            while not at_end:
                size = data.draw(st.integers(1, 7), "size")
                page = replay.read(line, 0, size, data.draw(st.integers(1, 40), "bytes"))
                assert page.blocks or page.at_end
                for block in page.blocks:
                    assert block.first == line
                    texts = block.data.split(b"\n")
                    for count, stream, _ in block.marks:
                        found += [(stream, texts.pop(0)) for _ in range(count)]
                    line = block.last + 1
                at_end = page.at_end
    assert found == log[first - 1 :]
