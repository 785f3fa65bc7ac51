"""Recorded output: the format, the cap, a full disk, and a torn end."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engines.rundir.holes import HOLE, Hole, decode_hole, encode_hole
from engines.rundir.records import (
    ERR,
    GAP,
    HEADER_SIZE,
    MAX_RECORD,
    OUT,
    Gap,
    Record,
    decode_gap,
    header,
    mend,
    read_records,
    starts_record,
)
from engines.shim.recorder import Recorder


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of a file."""
    fd = os.open(path, os.O_RDWR)
    try:
        yield fd
    finally:
        os.close(fd)


def recorded(path: Path) -> list[Record]:
    """All whole records of a file."""
    with opened(path) as fd:
        found: list[Record] = []
        offset = 0
        while True:
            records, after = read_records(fd, offset, 100)
            if not records:
                return found
            found += records
            offset = after


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    """Kind, time and bytes survive, in order, also when a record is longer than one read."""
    path = tmp_path / "output"
    recorder = Recorder(str(path))
    said = [Record(OUT, 1, b"a\n"), Record(ERR, 2**40, b"\0" * 5000), Record(OUT, 3, b"z")]
    for record in said:
        recorder.add(*record)
    recorder.end(9)
    assert recorded(path) == said
    data = path.read_bytes()
    assert (recorder.size, recorder.checksum) == (len(data), zlib.crc32(data))
    assert recorder.dropped == 0


def test_a_torn_record_is_not_there_yet(tmp_path: Path) -> None:
    """However much of the last record is missing, only whole ones are read."""
    path = tmp_path / "output"
    whole = header(OUT, 1, 3) + b"abc"
    for cut in range(len(whole)):
        path.write_bytes(whole + whole[:cut])
        assert recorded(path) == [Record(OUT, 1, b"abc")]


@pytest.mark.parametrize("rubbish", [bytes(64), b"\xff" * 64, header(OUT, 1, MAX_RECORD + 1)])
def test_what_is_no_record_ends_the_output(tmp_path: Path, rubbish: bytes) -> None:
    """Zeros, as a crash of the machine leaves them, and worse are the end, not an error."""
    path = tmp_path / "output"
    path.write_bytes(header(ERR, 1, 1) + b"x" + rubbish)
    assert recorded(path) == [Record(ERR, 1, b"x")]
    with opened(path) as fd:
        assert starts_record(fd, 0, path.stat().st_size)
        assert not starts_record(fd, 17, path.stat().st_size)
        assert mend(fd) == 17
        assert starts_record(fd, 17, 17)
        assert not starts_record(fd, 18, 17)


def test_mending_keeps_what_arrived(tmp_path: Path) -> None:
    """A torn record becomes a whole shorter one; one without bytes, or a torn gap, goes."""
    path = tmp_path / "output"
    for torn, kept in (
        (header(OUT, 5, 9) + b"half", [Record(OUT, 5, b"half")]),
        (header(OUT, 5, 9), []),
        (header(OUT, 5, 9)[:7], []),
        (header(GAP, 5, 32) + bytes(9), []),
    ):
        path.write_bytes(header(ERR, 1, 1) + b"x" + torn)
        with opened(path) as fd:
            size = mend(fd)
        assert path.stat().st_size == size
        assert recorded(path) == [Record(ERR, 1, b"x"), *kept]


def test_a_capped_file_keeps_head_and_tail(tmp_path: Path) -> None:
    """The middle is given back to the disk, and a note says where it was and how lines go on."""
    path = tmp_path / "output"
    cap = 4 << 20
    recorder = Recorder(str(path), cap)
    for number in range(4000):
        recorder.add(OUT if number % 3 else ERR, number, b"%05d\n" % number * 900)
        if number % 100 == 0:
            assert path.stat().st_blocks * 512 <= cap + (64 << 10)
    recorder.end(5000)
    hole = decode_hole((tmp_path / HOLE).read_bytes())
    assert hole is not None
    assert hole.gap is not None
    assert path.stat().st_size == recorder.size == 4000 * (HEADER_SIZE + 5400)
    numbers = [record.time_ms for record in recorded(path)]
    with opened(path) as fd:
        offset = hole.end
        while found := read_records(fd, offset)[0]:
            numbers += [record.time_ms for record in found]
            offset += sum(HEADER_SIZE + len(record.data) for record in found)
    before, behind = hole.begin // (HEADER_SIZE + 5400), hole.end // (HEADER_SIZE + 5400)
    assert numbers == [*range(before), *range(behind, 4000)]
    assert hole.gap.line == behind * 900 + 1
    err = sum(1 for number in range(before, behind) if number % 3 == 0)
    assert (hole.gap.out_bytes, hole.gap.err_bytes) == (
        (behind - before - err) * 5400,
        err * 5400,
    )
    assert recorder.dropped == (behind - before) * 5400
    assert recorder.checksum == 0


def test_a_line_longer_than_the_tail_is_lost_until_its_end(tmp_path: Path) -> None:
    """While it goes on nothing more is written; what comes behind it is kept with its number."""
    path = tmp_path / "output"
    recorder = Recorder(str(path), 1 << 20)
    for number in range(200):
        recorder.add(OUT, number, b"x" * 60_000)
        assert path.stat().st_blocks * 512 <= 1 << 20
    recorder.add(OUT, 200, b"\nbehind\n")
    recorder.add(OUT, 201, b"last\n")
    recorder.end(300)
    hole = decode_hole((tmp_path / HOLE).read_bytes())
    assert hole is not None
    assert hole.gap is None
    with opened(path) as fd:
        gap, last = read_records(fd, hole.end)[0]
    assert (gap.kind, decode_gap(gap.data).line, last.data) == (GAP, 3, b"last\n")


def test_a_file_system_without_holes_keeps_the_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nothing can be given back nothing more is written, and the end says so."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no holes here")

    monkeypatch.setattr("engines.shim.recorder.punch", refuse)
    path = tmp_path / "output"
    recorder = Recorder(str(path), 10_000)
    for number in range(1000):
        recorder.add(OUT, number, b"%05d\n" % number)
    recorder.end(2000)
    assert path.stat().st_size <= 10_000 + 100
    hole = decode_hole((tmp_path / HOLE).read_bytes())
    assert hole is not None
    with opened(path) as fd:
        *kept, gap = read_records(fd, hole.end)[0]
    assert (gap.kind, decode_gap(gap.data).line) == (GAP, 1001)
    assert decode_gap(gap.data).out_bytes == (999 - kept[-1].time_ms) * 6


def test_a_note_that_cannot_be_read_says_nothing() -> None:
    """Torn, changed or foreign notes are none."""
    note = encode_hole(Hole(5, 9, Gap(line=7, out_open=b"ab")))
    assert decode_hole(note) == Hole(5, 9, Gap(line=7, out_open=b"ab"))
    assert decode_hole(encode_hole(Hole(5, 9, None))) == Hole(5, 9, None)
    for broken in (note[:9], note[:-1], note[:-1] + b"x", b"NXHOLE9\n" + note[8:]):
        assert decode_hole(broken) is None


def test_mending_goes_over_a_hole(tmp_path: Path) -> None:
    """What is behind a hole stays, and the torn end there is mended."""
    path = tmp_path / "output"
    whole = header(OUT, 1, 3) + b"abc"
    for before in (whole, b""):
        path.write_bytes(before + bytes(100) + whole + header(OUT, 5, 9) + b"half")
        with opened(path) as fd:
            mend(fd, (len(before), len(before) + 100))
            found = read_records(fd, len(before) + 100)[0]
        assert found == [Record(OUT, 1, b"abc"), Record(OUT, 5, b"half")]


def test_a_capped_file_that_fits_is_complete(tmp_path: Path) -> None:
    """Output below the cap has no gap, even if it reaches into the tail's room."""
    path = tmp_path / "output"
    recorder = Recorder(str(path), 10_000)
    for number in range(200):
        recorder.add(OUT, number, b"x" * 30)
    recorder.end(300)
    assert [record.time_ms for record in recorded(path)] == list(range(200))
    assert recorder.dropped == 0


def test_a_full_disk_is_counted_and_survived(tmp_path: Path) -> None:
    """What a full disk refused is a gap before what came when there was room again."""
    path = tmp_path / "output"
    recorder = Recorder(str(path))
    recorder.add(OUT, 1, b"before\n")
    kept = recorder._fd
    recorder._fd = os.open(path, os.O_RDONLY)
    recorder.add(OUT, 2, b"lost\n")
    recorder.add(ERR, 3, b"lost too\n")
    os.close(recorder._fd)
    recorder._fd = kept
    recorder.add(OUT, 4, b"after\n")
    recorder.end(5)
    records = recorded(path)
    assert [record.time_ms for record in records] == [1, 4, 4]
    assert decode_gap(records[1].data) == Gap(5, 9, 4)
    assert recorder.dropped == 14
    assert recorder.checksum == zlib.crc32(path.read_bytes())


def test_loss_at_the_end_is_told_too(tmp_path: Path) -> None:
    """A gap at the very end is written when there is room for it."""
    path = tmp_path / "output"
    recorder = Recorder(str(path))
    kept = recorder._fd
    recorder._fd = os.open(path, os.O_RDONLY)
    recorder.add(OUT, 2, b"lost")
    os.close(recorder._fd)
    recorder._fd = kept
    recorder.end(5)
    (record,) = recorded(path)
    assert (record.kind, decode_gap(record.data)) == (GAP, Gap(4, 0, 1, 2, 0, b"lost"))
    assert decode_gap(b"other") == decode_gap(record.data + b"more") == Gap()
