"""Recorded output: the format, the cap, a full disk, and a torn end."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engines.recorder import Recorder
from engines.records import (
    ERR,
    GAP,
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
    """The middle is a gap that says exactly what is missing on each stream."""
    path = tmp_path / "output"
    recorder = Recorder(str(path), 10_000)
    for number in range(1000):
        recorder.add(OUT if number % 3 else ERR, number, b"%05d\n" % number * 5)
    recorder.end(2000)
    assert path.stat().st_size == recorder.size <= 10_000
    records = recorded(path)
    (where,) = [place for place, record in enumerate(records) if record.kind == GAP]
    numbers = [record.time_ms for record in records if record.kind != GAP]
    assert numbers == [*range(where), *range(1000 - (len(numbers) - where), 1000)]
    missing = range(where, 1000 - (len(numbers) - where))
    err = sum(1 for number in missing if number % 3 == 0)
    gap = decode_gap(records[where].data)
    assert gap == Gap((len(missing) - err) * 30, err * 30, (len(missing) - err) * 5, err * 5)
    assert recorder.dropped == gap.out_bytes + gap.err_bytes


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
    recorder._fd = os.open("/dev/full", os.O_RDWR)
    recorder.add(OUT, 2, b"lost\n")
    recorder.add(ERR, 3, b"lost too\n")
    os.close(recorder._fd)
    recorder._fd = kept
    recorder.add(OUT, 4, b"after\n")
    recorder.end(5)
    records = recorded(path)
    assert [record.time_ms for record in records] == [1, 4, 4]
    assert decode_gap(records[1].data) == Gap(5, 9, 1, 1)
    assert recorder.dropped == 14
    assert recorder.checksum == zlib.crc32(path.read_bytes())


def test_loss_at_the_end_is_told_too(tmp_path: Path) -> None:
    """A gap at the very end is written when there is room for it."""
    path = tmp_path / "output"
    recorder = Recorder(str(path))
    kept = recorder._fd
    recorder._fd = os.open("/dev/full", os.O_RDWR)
    recorder.add(OUT, 2, b"lost")
    os.close(recorder._fd)
    recorder._fd = kept
    recorder.end(5)
    (record,) = recorded(path)
    assert (record.kind, decode_gap(record.data)) == (GAP, Gap(4, 0, 0, 0))
    assert decode_gap(b"other") == Gap(0, 0, 0, 0)
