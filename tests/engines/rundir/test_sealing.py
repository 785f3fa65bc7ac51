"""The sealed output of an ended run: the same log at the same cost, and damage that is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engines.rundir.archive import ARCHIVE, Archive, Damaged
from engines.rundir.directory import INDEX, OUTPUT, SPEC, Exit, ExitKind, RunDir
from engines.rundir.index import IndexWriter
from engines.rundir.lines import Block, Splitter
from engines.rundir.output import Output
from engines.rundir.records import OUT
from engines.rundir.replay import Replay
from engines.rundir.sealing import Seal
from engines.shim.recorder import Recorder

LINES = 60_000


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """An ended run with an indexed output of about a megabyte."""
    return made(tmp_path, 0)


def made(path: Path, cap: int) -> RunDir:
    """An ended run, its output capped."""
    run = RunDir(path)
    Path(run.file(SPEC)).write_bytes(b"")
    recorder = Recorder(run.file(OUTPUT), cap)
    for start in range(1, LINES, 100):
        recorder.add(OUT, start, b"".join(b"line %06d\n" % n for n in range(start, start + 100)))
    recorder.end(LINES)
    run.write_exit(Exit(ExitKind.EXITED, exit_code=0))
    splitter = Splitter()
    with Output(run) as output, IndexWriter(run.file(INDEX)) as index:
        while output.feed(splitter, 1 << 18) is not None:
            index.append(splitter.take_points())
    return run


def seal(run: RunDir) -> int:
    """Seals a run; in how many steps."""
    sealing = Seal(run)
    steps = 1
    while sealing.step():
        steps += 1
    sealing.close()
    return steps


def log(run: RunDir) -> tuple[list[Block], tuple[tuple[int, int], ...]]:
    """The whole log and its gaps."""
    with Replay(run) as replay:
        page = replay.read(1, 0, 1 << 30, 1 << 40)
        assert page.at_end
        return page.blocks, page.gaps


def test_any_room_reads_the_same_records(run: RunDir) -> None:
    """However little is read at once, it is whole records, and at least one."""
    seal(run)
    found = []
    for room in (1, 5_000, 1 << 20):
        with Output(run) as output:
            chunk = output.read(0, room)
            found.append(len(chunk.records))
            end = chunk.end
            assert output.read(end, room).records[0].time_ms == chunk.records[-1].time_ms + 100
    assert found[0] == 1
    assert found[0] < found[1] < found[2]


def test_a_sealed_log_is_the_same(run: RunDir) -> None:
    """Every line comes back, the output is gone, and the archive is small and read-only."""
    before = log(run)
    assert seal(run) > 2
    archive = Path(run.file(ARCHIVE))
    assert not Path(run.file(OUTPUT)).exists()
    assert archive.stat().st_mode & 0o777 == 0o400
    assert archive.stat().st_size < 300_000
    assert b"\n".join(b.data for b in log(run)[0]) == b"\n".join(b.data for b in before[0])
    with Replay(run) as replay:
        assert replay.last() == LINES
        for line in (1, 31_234, LINES):
            (block,) = replay.read(line, 0, 1).blocks
            assert (block.first, block.data) == (line, b"line %06d" % line)


def test_a_sealed_log_keeps_its_hole(tmp_path: Path) -> None:
    """What the cap took out is a gap as before."""
    run = made(tmp_path, 400_000)
    blocks, gaps = log(run)
    seal(run)
    again, gaps_again = log(run)
    assert gaps == gaps_again != ()
    assert b"\n".join(b.data for b in again) == b"\n".join(b.data for b in blocks)


def test_an_open_reader_ends_cleanly(run: RunDir) -> None:
    """Who has begun to read goes on while the archive takes the output's place."""
    with Replay(run) as replay:
        page = replay.read(1, 0, 100)
        seal(run)
        count = 100
        while not page.at_end:
            page = replay.read(page.next_line, page.next_part)
            count += sum(block.last - block.first + 1 for block in page.blocks)
    assert count == LINES


def test_a_crash_before_the_end_leaves_the_output(run: RunDir) -> None:
    """A seal that was begun and left is begun anew; nothing of it is seen by readers."""
    left = Seal(run)
    assert left.step()
    assert len(log(run)[0]) > 1
    assert not Path(run.file(ARCHIVE)).exists()
    seal(run)
    assert log(run)[0][-1].last == LINES


def test_damage_is_told_for_its_lines_only(run: RunDir) -> None:
    """Lines before and behind a damaged frame are read; those in it are an error, never wrong."""
    seal(run)
    path = Path(run.file(ARCHIVE))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 8] = bytes(8)
    path.chmod(0o600)
    path.write_bytes(data)
    with Replay(run) as replay:
        line, seen, damaged = 1, 0, 0
        while line <= LINES:
            try:
                page = replay.read(line, 0, 500)
            except Damaged:
                damaged += 1
                line += 256
                continue
            for block in page.blocks:
                texts = block.data.split(b"\n")
                assert texts == [b"line %06d" % n for n in range(block.first, block.last + 1)]
                seen += len(texts)
            line = page.next_line
        assert damaged
        assert 0 < LINES - seen < 40_000
    fd = os.open(path, os.O_RDONLY)
    with pytest.raises(Damaged):
        Archive(fd).verify()
    os.close(fd)


@pytest.mark.parametrize("kept", [0, 10, 100_000])
def test_a_torn_archive_is_damaged(run: RunDir, kept: int) -> None:
    """Without its end an archive is none, and nothing is guessed."""
    seal(run)
    path = Path(run.file(ARCHIVE))
    path.chmod(0o600)
    os.truncate(path, kept)
    with Replay(run) as replay, pytest.raises(Damaged):
        replay.read(1)


def test_a_full_disk_leaves_the_output(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the archive cannot be written the output stays, and nothing else."""

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    sealing = Seal(run)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        with pytest.raises(OSError, match="full"):
            sealing.step()
        sealing.close()
    assert not list(Path(run.path).glob(f"*{ARCHIVE}*"))
    assert log(run)[0][-1].last == LINES
