"""Bytes of one stream of a run, while it prints and afterwards, against a plain text."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engines.rundir.creation import create_run
from engines.rundir.directory import OUTPUT, RunDir
from engines.rundir.facts import Exit, ExitKind
from engines.rundir.records import ERR, GAP, OUT, Gap, encode_gap, header
from engines.shim.recorder import Recorder
from gateway.stores.streams import Streams
from protocol.tasks import TaskId

ID = TaskId("one")


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """An accepted run without output."""
    for name in ("new", "live"):
        (tmp_path / name).mkdir()
    return create_run(tmp_path / "new", tmp_path / "live", ID, b"spec")


def streams(run: RunDir) -> Streams:
    """What reads it."""
    return Streams(lambda _: run)


def write(run: RunDir, kind: int, data: bytes) -> None:
    """Appends a record."""
    with Path(run.file(OUTPUT)).open("ab") as file:
        file.write(header(kind, 1, len(data)) + data)


async def read(
    found: Streams, first: int = 0, last: int = -1, *, errors: bool = False
) -> tuple[int, bytes, bool]:
    """The offset, the bytes, and whether they go to the end of all."""
    stretch = await found.locate(ID, first, last, errors=errors)
    assert stretch is not None
    data = b"".join([piece async for piece in found.read(ID, stretch, errors=errors)])
    assert len(data) == stretch.length
    return stretch.first, data, stretch.complete


async def test_a_run_without_output_has_none_yet(run: RunDir) -> None:
    """Empty and not complete; once it has ended, complete."""
    assert await read(streams(run)) == (0, b"", False)
    assert await read(streams(run), 5, 9) == (0, b"", False)
    run.write_exit(Exit(ExitKind.EXITED, exit_code=0))
    assert await read(streams(run), -3) == (0, b"", True)


async def test_what_there_is_grows(run: RunDir) -> None:
    """Who goes on from where a read ended gets everything once."""
    found, got = streams(run), b""
    for turn in range(50):
        write(run, OUT, b"%d," % turn)
        write(run, ERR, b"noise")
        first, data, complete = await read(found, len(got))
        assert (first, complete) == (len(got), False)
        got += data
    assert got == b"".join(b"%d," % turn for turn in range(50))
    run.write_exit(Exit(ExitKind.EXITED, exit_code=0))
    assert await read(found, len(got)) == (len(got), b"", True)
    assert await read(found, errors=True) == (0, b"noise" * 50, True)


async def test_any_stretch_is_that_of_the_text(run: RunDir) -> None:
    """Whatever is asked for, in any order, over many pieces."""
    dice, text = random.Random(3), {OUT: b"", ERR: b""}  # noqa: S311 - repeatable
    found = streams(run)
    for _ in range(300):
        kind = dice.choice((OUT, ERR))
        piece = dice.randbytes(dice.choice((1, 100, 40_000)))
        write(run, kind, piece)
        text[kind] += piece
        kind = dice.choice((OUT, ERR))
        size = len(text[kind])
        first = dice.randint(-size, size + 10)
        last = dice.choice((-1, dice.randint(0, size + 10)))
        begin = max(0, size + first) if first < 0 else min(first, size)
        end = size if last < 0 or first < 0 else max(begin, min(last + 1, size))
        got = await read(found, first, last, errors=kind == ERR)
        assert got[:2] == (begin, text[kind][begin:end])


async def test_what_is_not_kept_is_counted_and_not_read_over(run: RunDir) -> None:
    """A read ends before it, and one that begins in it begins behind it."""
    write(run, OUT, b"abc")
    write(run, GAP, encode_gap(Gap(out_bytes=10, err_bytes=4)))
    write(run, OUT, b"xyz")
    write(run, ERR, b"e")
    found = streams(run)
    assert (await read(found))[:2] == (0, b"abc")
    assert (await read(found, 3))[:2] == (13, b"xyz")
    assert (await read(found, 14, 14))[:2] == (14, b"y")
    assert (await read(found, errors=True))[:2] == (4, b"e")
    assert (await read(found, -2))[:2] == (14, b"yz")


async def test_the_newest_of_a_capped_output(run: RunDir) -> None:
    """Offsets mean the same while the middle is given back to the disk."""
    recorder = Recorder(run.file(OUTPUT), 1 << 20)
    found, size = streams(run), 0
    for turn in range(400):
        data = b"%08d\n" % turn * 1000
        recorder.add(OUT, 1, data)
        size += len(data)
        first, got, _ = await read(found, -9)
        assert (first, got) == (size - 9, b"%08d\n" % turn)
    recorder.end(1)
    first, got, _ = await read(found, 0, 99_999)
    assert (first, len(got)) == (0, 100_000)
    first, got, _ = await read(found, 1_500_000, 1_500_008)
    assert first >= 1_500_000
    assert got[-1:] in (b"\n", b"") or got


async def test_a_run_that_is_gone_has_no_stretch() -> None:
    """None, and the asker says so."""
    assert await Streams(lambda _: None).locate(ID, 0, -1, errors=False) is None
