"""Searching a recorded log against a plain list of its lines: both ways, in any pieces."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.rundir import lines as recorded
from engines.rundir import skim
from engines.rundir.directory import INDEX, OUTPUT, SPEC, Exit, ExitKind, RunDir
from engines.rundir.index import IndexWriter
from engines.rundir.output import Output
from engines.rundir.records import ERR, OUT, header
from gateway.stores import log_search
from gateway.stores.log_search import LogSearch

ENDED = Exit(ExitKind.EXITED, exit_code=0)


def never() -> bool:
    """No hurry."""
    return False


def made(path: Path, *said: tuple[int, bytes]) -> RunDir:
    """A run that has said this."""
    path.mkdir(parents=True)
    run = RunDir(path)
    Path(run.file(SPEC)).write_bytes(b"")
    with Path(run.file(OUTPUT)).open("wb") as output:
        output.writelines(header(kind, 1, len(data)) + data for kind, data in said)
    run.write_exit(ENDED)
    return run


def index(run: RunDir) -> None:
    """Gives it the index that a runner writes."""
    splitter = recorded.Splitter()
    with Output(run) as output, IndexWriter(run.file(INDEX)) as points:
        while output.feed(splitter, 100) is not None:
            points.append(splitter.take_points())


def numbers(
    run: RunDir,
    text: bytes,
    line: int,
    *,
    backward: bool = False,
    ignore_case: bool = False,
    limit: int = 3,
    overdue: Callable[[], bool] = never,
) -> list[int]:
    """The numbers of all lines that hold the text, asked for as a client does."""
    found: list[int] = []
    for _ in range(200):
        search = LogSearch(run, text, limit, ignore_case=ignore_case, overdue=overdue)
        page = search.backward(line) if backward else search.forward(line)
        assert len(page.lines) <= limit
        found += [one.number for one in page.lines]
        if not page.more:
            return found
        assert page.next < line if backward else page.next > line
        line = page.next
    raise AssertionError("a search that never ends")


WORDS = st.lists(st.sampled_from([b"", b"a", b"ab", b"Abba", b"xaax", b"b" * 30]), max_size=60)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    WORDS,
    st.sampled_from([b"a", b"ab", b"bb", b"A", b"zz"]),
    st.integers(1, 70),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_it_finds_what_a_list_finds(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    text: bytes,
    start: int,
    ignore_case: bool,  # noqa: FBT001 - drawn
    hurried: bool,  # noqa: FBT001 - drawn
    indexed: bool,  # noqa: FBT001 - drawn
) -> None:
    """Forward from a line on, and backward before it, whole or with a pause after each block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_search, "_PAGE_BYTES", 40)
        patch.setattr(log_search, "_FIRST_BYTES", 30)
        patch.setattr(log_search, "_FIRST_LINES", 7)
        patch.setattr(skim, "_STRETCH_BYTES", 30)
        patch.setattr(recorded, "_POINT_LINES", 2)
        run = made(
            tmp_path_factory.mktemp("search") / "run",
            *((OUT, line + b"\n") for line in lines),
        )
        if indexed:
            index(run)

        def holds(line: bytes) -> bool:
            return text.lower() in line.lower() if ignore_case else text in line

        at = [number for number, line in enumerate(lines, 1) if holds(line)]

        def overdue() -> bool:
            return hurried

        forward = numbers(run, text, start, ignore_case=ignore_case, overdue=overdue)
        assert forward == [number for number in at if number >= start]
        before = numbers(run, text, start, backward=True, ignore_case=ignore_case, overdue=overdue)
        assert before == [number for number in reversed(at) if number < start]


def test_a_match_shows_what_stands_around_it(tmp_path: Path) -> None:
    """Its stream, and of a long line the stretch with the text."""
    long = b"x" * 5000 + b"needle" + b"y" * 5000
    run = made(tmp_path / "run", (OUT, b"first\n"), (ERR, long + b"\n"), (OUT, b"needle\n"))
    found = LogSearch(run, b"needle", 10, ignore_case=False, overdue=never).forward(1)
    assert [(one.number, one.stream.value) for one in found.lines] == [(2, "err"), (3, "out")]
    assert b"needle" in found.lines[0].data
    assert len(found.lines[0].data) <= 512
    assert found.lines[1].data == b"needle"


def test_a_line_in_parts_is_found_once(tmp_path: Path) -> None:
    """However many of its parts hold the text."""
    long = b"needle " * 40_000
    run = made(
        tmp_path / "run", *((OUT, long[at : at + 60_000]) for at in range(0, 280_000, 60_000))
    )
    found = LogSearch(run, b"needle", 10, ignore_case=False, overdue=never)
    assert [one.number for one in found.forward(1).lines] == [1]
    assert [one.number for one in found.backward(2).lines] == [1]


def test_it_stops_when_it_is_time(tmp_path: Path) -> None:
    """After a block, with the place to go on from."""
    run = made(tmp_path / "run", *((OUT, b"line\n" * 50_000) for _ in range(12)))
    calls = itertools.count()
    found = LogSearch(
        run, b"nowhere", 1, ignore_case=False, overdue=lambda: next(calls) >= 1
    ).forward(1)
    assert found.more
    assert 1 < found.next <= 600_000
