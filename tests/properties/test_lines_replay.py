"""Reading a log from disk against a plain list: any pages, any index, live or finished."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.rundir.directory import INDEX, OUTPUT, SPEC, Exit, ExitKind, RunDir
from engines.rundir.index import IndexWriter
from engines.rundir.lines import Point, Splitter
from engines.rundir.records import Record, header, read_records
from engines.rundir.replay import Replay
from tests.properties.test_lines import Piece, expected, pieces, records
from tests.support.small_lines import small_lines

ENDED = Exit(ExitKind.EXITED, exit_code=0)


@pytest.fixture(autouse=True, scope="module")
def _small_limits() -> Iterator[None]:
    """Scales the limits down, so that small examples reach them."""
    with small_lines(_POINT_LINES=2, _POINT_BYTES=16):
        yield


def record_run(run: RunDir, said: Sequence[Record]) -> None:
    """Appends records to a run's output as its shim would."""
    with Path(run.file(OUTPUT)).open("ab") as output:
        output.writelines(header(kind, time_ms, len(data)) + data for kind, time_ms, data in said)


def index_run(run: RunDir) -> None:
    """Writes the index of a run as the runner would."""
    fd = os.open(run.file(OUTPUT), os.O_RDONLY)
    try:
        splitter = Splitter()
        splitter.feed(read_records(fd, 0)[0])
    finally:
        os.close(fd)
    with IndexWriter(run.file(INDEX)) as index:
        index.append(splitter.take_points())


def all_pages(replay: Replay, max_lines: int, max_bytes: int) -> list[Piece]:
    """Everything, page by page."""
    found: list[Piece] = []
    line, part = 1, 0
    while True:
        page = replay.read(line, part, max_lines, max_bytes)
        assert page.blocks or page.at_end
        found += pieces(page.blocks)
        if page.at_end:
            return found
        line, part = page.next_line, page.next_part


def last_line(said: Sequence[Record]) -> int:
    """The number of the last line, also if it is not kept."""
    splitter = Splitter()
    splitter.feed(said)
    splitter.finish()
    return splitter.last


def new_run(path: str) -> RunDir:
    """An accepted run in a directory of its own."""
    run = RunDir(path)
    Path(run.file(SPEC)).write_bytes(b"")
    return run


@settings(max_examples=150, deadline=None)
@given(records(), st.integers(1, 6), st.integers(1, 60))
def test_pages_joined_are_the_whole_log(said: list[Record], max_lines: int, max_bytes: int) -> None:
    """Whatever the size of the pages, together they are the log, with and without an index."""
    with TemporaryDirectory() as path:
        run = new_run(path)
        record_run(run, said)
        run.write_exit(ENDED)
        with Replay(run) as replay:
            assert all_pages(replay, max_lines, max_bytes) == expected(said)
        index_run(run)
        with Replay(run) as replay:
            assert all_pages(replay, max_lines, max_bytes) == expected(said)


@settings(max_examples=150, deadline=None)
@given(records(), st.data())
def test_any_place_can_be_read_at_any_time(said: list[Record], data: st.DataObject) -> None:
    """Reads that jump to and fro, by one reader or a fresh one, give what the list has there."""
    whole = expected(said)
    with TemporaryDirectory() as path:
        run = new_run(path)
        record_run(run, said)
        run.write_exit(ENDED)
        if data.draw(st.booleans()):
            index_run(run)
        with Replay(run) as replay:
            for _ in range(5):
                line, part = data.draw(st.integers(1, len(whole) + 2)), data.draw(st.integers(0, 4))
                count = data.draw(st.integers(1, 9))
                if data.draw(st.booleans()):
                    replay.close()
                page = replay.read(line, part, count, 1 << 20)
                there = [p for p in whole if (p.number, max(p.part, 1)) >= (line, max(part, 1))]
                assert pieces(page.blocks) == there[:count]
                assert page.at_end == (len(there) <= count)
            assert replay.last() == last_line(said)


@settings(max_examples=100, deadline=None)
@given(records(), st.data())
def test_a_growing_log_is_read_without_gap_or_repeat(
    said: list[Record], data: st.DataObject
) -> None:
    """A reader that follows a live run has every line once, also across a torn record."""
    with TemporaryDirectory() as path:
        run = new_run(path)
        found: list[Piece] = []
        line, part = 1, 0
        with Replay(run) as replay:
            for record in said:
                torn = header(record.kind, record.time_ms, len(record.data)) + record.data
                cut = data.draw(st.integers(0, len(torn)))
                for piece in (torn[:cut], torn[cut:]):
                    with Path(run.file(OUTPUT)).open("ab") as output:
                        output.write(piece)
                    page = replay.read(line, part)
                    assert not page.at_end
                    found += pieces(page.blocks)
                    line, part = page.next_line, page.next_part
            run.write_exit(ENDED)
            page = replay.read(line, part)
            assert page.at_end
        assert found + pieces(page.blocks) == expected(said)


@settings(max_examples=100, deadline=None)
@given(records(), st.binary(max_size=100), st.integers(0, 90))
def test_a_torn_or_foreign_index_costs_time_only(
    said: list[Record], rubbish: bytes, cut: int
) -> None:
    """An index with a torn end, or with points beyond the output, does not change what is read."""
    with TemporaryDirectory() as path:
        run = new_run(path)
        record_run(run, said)
        run.write_exit(ENDED)
        index_run(run)
        index = Path(run.file(INDEX))
        size = run.output_size()
        kept = index.read_bytes()
        with index.open("wb") as file:
            file.write(kept[: len(kept) - len(kept) % 32])
            far = Point(max(1, len(expected(said)) - 1), size + 1000)
            file.write(b"".join(part.to_bytes(8, "little") for part in far))
            file.write(rubbish[: cut % 32])
        with Replay(run) as replay:
            assert all_pages(replay, 3, 1 << 20) == expected(said)
            assert replay.last() == last_line(said)


def test_the_index_writer_cuts_a_torn_end_and_goes_on(tmp_path: Path) -> None:
    """After a crash in the middle of a point the next ones stand where they belong."""
    path = tmp_path / "index"
    with IndexWriter(path) as index:
        index.append([Point(5, 100), Point(9, 200)])
    path.write_bytes(path.read_bytes()[:-3])
    with IndexWriter(path) as index:
        assert index.last() == Point(5, 100)
        index.append([Point(4, 90), Point(9, 200), Point(12, 300)])
        assert index.last() == Point(12, 300)
    assert path.stat().st_size == 3 * 32
    with IndexWriter(path) as index:
        index.restart()
        assert index.last() == Point()
