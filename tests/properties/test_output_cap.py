"""Output beyond its cap, and on a disk that refuses: what is left has its true line numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.rundir.directory import INDEX, OUTPUT, SPEC, Exit, ExitKind, RunDir
from engines.rundir.index import IndexWriter
from engines.rundir.lines import Splitter
from engines.rundir.output import Output
from engines.rundir.records import GAP, Record
from engines.rundir.replay import Page, Replay
from engines.shim.recorder import Recorder
from tests.properties.test_lines import Piece, expected, pieces, records
from tests.support.small_lines import small_lines

ENDED = Exit(ExitKind.EXITED, exit_code=0)
ROOM = 1 << 20


@pytest.fixture(autouse=True, scope="module")
def _small_limits() -> Iterator[None]:
    """Scales the limits down, so that small examples reach them."""
    with small_lines(_POINT_LINES=2, _POINT_BYTES=16):
        yield


@contextmanager
def new_run() -> Iterator[RunDir]:
    """An accepted run in a directory of its own."""
    with TemporaryDirectory() as path:
        run = RunDir(path)
        Path(run.file(SPEC)).write_bytes(b"")
        yield run


def said() -> st.SearchStrategy[list[Record]]:
    """What a run says, without gaps: those are the recorder's to make."""
    return st.lists(records(), min_size=1, max_size=4).map(
        lambda many: [record for one in many for record in one if record.kind != GAP]
    )


class Reader:
    """Reads on, page by page, and keeps what it saw and what was said to be missing."""

    def __init__(self, run: RunDir) -> None:
        self._replay = Replay(run)
        self._place = (1, 0)
        self.seen: list[Piece] = []
        self.gaps: list[tuple[int, int]] = []

    def go_on(self, max_lines: int = 1000) -> Page:
        """Reads one page."""
        page = self._replay.read(*self._place, max_lines, ROOM)
        self._place = (page.next_line, page.next_part)
        self.seen += pieces(page.blocks)
        self.gaps += page.gaps
        return page

    def read_out(self, max_lines: int) -> None:
        """Reads to the end of an ended run."""
        while not self.go_on(max_lines).at_end:
            continue
        self._replay.close()

    def check(self, whole: Sequence[Piece]) -> None:
        """What was seen is what there is without a cap, and everything else was said to miss."""
        assert set(self.seen) <= set(whole)
        assert len(set(self.seen)) == len(self.seen)
        missing = {number for first, last in self.gaps for number in range(first, last + 1)}
        unseen = {piece.number for piece in whole if piece not in self.seen}
        assert missing == unseen
        assert len(missing) == sum(last - first + 1 for first, last in self.gaps)


def index(run: RunDir, splitter: Splitter) -> None:
    """Writes index points on the way, as the runner would."""
    with Output(run) as output, IndexWriter(run.file(INDEX)) as writer:
        while output.feed(splitter, 100) is not None:
            writer.append(splitter.take_points())


@settings(max_examples=60, deadline=None)
@given(said(), st.integers(100, 1500), st.integers(1, 9), st.sampled_from([1, 3, 1000]))
def test_any_cap_leaves_the_numbers_as_they_are(
    said: list[Record], cap: int, max_lines: int, index_every: int
) -> None:
    """Readers from the start, at any line, and live ones see true lines and are told the rest."""
    whole = expected(said)
    with new_run() as run:
        recorder = Recorder(run.file(OUTPUT), cap)
        live, splitter = Reader(run), Splitter()
        for number, record in enumerate(said):
            recorder.add(*record)
            if number % index_every == 0:
                index(run, splitter)
            live.go_on()
        recorder.end(0)
        run.write_exit(ENDED)
        live.read_out(max_lines)
        live.check(whole)
        late = Reader(run)
        late.read_out(max_lines)
        late.check(whole)
        with Replay(run) as replay:
            last = max((piece.number for piece in whole), default=0)
            assert replay.last() == last
            kept = {piece.number for piece in late.seen}
            for line in range(1, last + 1):
                page = replay.read(line, 0, 1, ROOM)
                found = pieces(page.blocks)
                if line not in kept:
                    assert page.gaps[0][0] == line
                later = [n for n in kept if n >= line]
                assert [piece.number for piece in found] == ([min(later)] if later else [])


@settings(max_examples=60, deadline=None)
@given(said(), st.sampled_from([0, 0, 300]), st.data())
def test_a_refusing_disk_leaves_the_numbers_as_they_are(
    said: list[Record], cap: int, data: st.DataObject
) -> None:
    """Whenever the disk refuses and takes again, lines before, between and behind are true."""
    whole = expected(said)
    with new_run() as run:
        recorder = Recorder(run.file(OUTPUT), cap)
        good = recorder._fd
        refusing = os.open(run.file(OUTPUT), os.O_RDONLY)
        live = Reader(run)
        for record in said:
            recorder._fd = refusing if data.draw(st.booleans()) else good
            recorder.add(*record)
            live.go_on()
        recorder._fd = good
        recorder.end(0)
        os.close(refusing)
        run.write_exit(ENDED)
        for reader in (live, Reader(run)):
            reader.read_out(3)
            reader.check(whole)
