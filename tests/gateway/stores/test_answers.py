"""The output of ended runs as files: sizes, digests and stretches of one stream."""

import hashlib
import os
from pathlib import Path

import pytest

from engines.rundir.creation import create_run
from engines.rundir.directory import RunDir
from engines.rundir.records import ERR, GAP, OUT, Gap, encode_gap, header
from gateway.stores.answers import Answer, Answers
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId

RUN = TaskId("0190c2a4-7b1e-7d53-9c11-2f6f1f0f9a3e")


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """The directory of a run without output."""
    for name in ("new", "live"):
        (tmp_path / name).mkdir()
    return create_run(tmp_path / "new", tmp_path / "live", RUN, b"spec")


def record(run: RunDir, *records: tuple[int, bytes]) -> None:
    """Records output as the shim does."""
    with Path(run.file("output")).open("ab") as file:
        file.writelines(header(kind, 5, len(data)) + data for kind, data in records)


def answers(run: RunDir | None, max_bytes: int = 1 << 20) -> Answers:
    """What reads the output of one run."""
    return Answers(lambda _: run, max_bytes)


async def content(found: Answers, offset: int, length: int, *, errors: bool = False) -> bytes:
    """A stretch of a stream."""
    return b"".join([data async for data in found.read(RUN, offset, length, errors=errors)])


async def test_the_streams_come_apart(run: RunDir) -> None:
    """Stdout and stderr are each the concatenation of their own records."""
    record(run, (OUT, b"one\n"), (ERR, b"oops\n"), (OUT, b"\xff two"), (OUT, b""))
    found = answers(run)
    out, err = b"one\n\xff two", b"oops\n"
    for errors, data in ((False, out), (True, err)):
        digest = hashlib.sha256(data).hexdigest()
        assert await found.measure(RUN, errors=errors) == Answer(len(data), digest, truncated=False)
        for offset in range(len(data)):
            for length in range(len(data) - offset + 1):
                expected = data[offset : offset + length]
                assert await content(found, offset, length, errors=errors) == expected


async def test_a_stream_over_the_bound_is_cut_and_says_so(run: RunDir) -> None:
    """No more than the bound is given out, exactly at the bound nothing is cut."""
    record(run, (OUT, b"x" * 60), (ERR, b"y" * 500), (OUT, b"z" * 40))
    digest = hashlib.sha256(b"x" * 60 + b"z" * 39).hexdigest()
    assert await answers(run, 99).measure(RUN, errors=False) == Answer(99, digest, truncated=True)
    exact = await answers(run, 100).measure(RUN, errors=False)
    assert (exact.size, exact.truncated) == (100, False)


async def test_output_that_was_dropped_counts_as_cut(run: RunDir) -> None:
    """A gap in the records makes an answer incomplete."""
    record(run, (OUT, b"head"), (GAP, encode_gap(Gap(10, 0, 1, 0))), (OUT, b"tail"))
    found = await answers(run).measure(RUN, errors=False)
    assert (found.size, found.truncated) == (8, True)
    assert await content(answers(run), 0, 8) == b"headtail"


async def test_large_output_is_read_in_pieces(run: RunDir) -> None:
    """Megabytes come back whole and in order."""
    data = os.urandom(300_000)
    record(run, *((kind, data) for _ in range(6) for kind in (OUT, ERR)))
    found = answers(run, 10 << 20)
    size = (await found.measure(RUN, errors=True)).size
    assert size == 1_800_000
    assert await content(found, 0, size, errors=True) == data * 6
    assert await content(found, 899_990, 20) == data[-10:] + data[:10]


async def test_a_run_without_output_has_an_empty_answer(run: RunDir) -> None:
    """A run that never wrote is answered with no bytes."""
    found = await answers(run).measure(RUN, errors=False)
    assert (found.size, found.truncated) == (0, False)
    assert await content(answers(run), 0, 0) == b""


async def test_a_run_that_is_gone_has_no_answer(tmp_path: Path) -> None:
    """Neither an unknown run nor one whose directory went away has an output."""
    for gone in (None, RunDir(tmp_path / RUN)):
        with pytest.raises(GatewayError) as error:
            await answers(gone).measure(RUN, errors=False)
        assert error.value.kind is Kind.NOT_FOUND


async def test_a_run_that_moves_is_found_again(run: RunDir, tmp_path: Path) -> None:
    """A run that is put away between looking and opening is read at its new place."""
    record(run, (OUT, b"moved"))
    places = iter([RunDir(tmp_path / "live" / "elsewhere"), run])
    found = Answers(lambda _: next(places), 100)
    assert (await found.measure(RUN, errors=False)).size == 5


async def test_what_was_measured_is_remembered_and_bounded(run: RunDir) -> None:
    """The records are measured once per stream; the memory of it does not grow for ever."""
    record(run, (OUT, b"x"))
    found = answers(run)
    first = await found.measure(RUN, errors=False)
    record(run, (OUT, b"never: an ended run does not write"))
    assert await found.measure(RUN, errors=False) is first
    for number in range(1100):
        await found.measure(TaskId(str(number)), errors=False)
    assert len(found._measured) == 1024
    assert (await found.measure(RUN, errors=False)) is not first


async def test_output_that_ends_early_is_an_error(run: RunDir) -> None:
    """Fewer bytes than were measured are never passed off as all."""
    record(run, (OUT, b"x"))
    with pytest.raises(GatewayError, match="cut short"):
        await content(answers(run), 0, 2)
