"""Passing over stretches of a log: never over a line that holds what is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.rundir import lines, skim
from engines.rundir.directory import INDEX, OUTPUT, SPEC, RunDir
from engines.rundir.facts import Exit, ExitKind
from engines.rundir.index import IndexWriter
from engines.rundir.lines import Point
from engines.rundir.output import Output
from engines.rundir.records import ERR, GAP, OUT, Gap, encode_gap, header
from engines.rundir.replay import Replay
from engines.rundir.sealing import Seal
from engines.rundir.skim import Skim

SAID = st.lists(
    st.tuples(
        st.sampled_from([OUT, OUT, OUT, ERR]),
        st.sampled_from(
            [
                b"a\n",
                b"ab\nc",
                b"needle\n",
                b"nee",
                b"dle",
                b"\n",
                b"x" * 40,
                b"Needle \n\n",
                b"NEEdle" * 12,
                b"e\n",
            ]
        ),
    ),
    max_size=80,
)


def recorded(path: Path, said: list[tuple[int, bytes]]) -> RunDir:
    """A run that ended, with the index that a runner writes."""
    path.mkdir(parents=True)
    run = RunDir(path)
    Path(run.file(SPEC)).write_bytes(b"")
    with Path(run.file(OUTPUT)).open("wb") as output:
        output.writelines(header(kind, 1, len(data)) + data for kind, data in said)
    run.write_exit(Exit(ExitKind.EXITED, exit_code=0))
    splitter = lines.Splitter()
    with Output(run) as reading, IndexWriter(run.file(INDEX)) as index:
        while reading.feed(splitter, 100) is not None:
            index.append(splitter.take_points())
    return run


def holding(run: RunDir, text: bytes, *, ignore_case: bool = False) -> set[int]:
    """The numbers of the lines that hold a text, read one after the other."""
    found: dict[int, bytes] = {}
    with Replay(run) as replay:
        line, part, at_end = 1, 0, False
        while not at_end:
            page = replay.read(line, part)
            for block in page.blocks:
                for at, data in enumerate(block.data.split(b"\n"), block.first):
                    found[at] = found.get(at, b"") + data
            line, part, at_end = page.next_line, page.next_part, page.at_end
    return {
        number for number, data in found.items() if text in (data.lower() if ignore_case else data)
    }


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points, parts and stretches of a few bytes."""
    for name, value in {"MAX_PART": 64, "_POINT_LINES": 2, "_POINT_BYTES": 16, "_SLICE": 8}.items():
        monkeypatch.setattr(lines, name, value)
    monkeypatch.setattr(skim, "_STRETCH_BYTES", 24)


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    SAID,
    st.sampled_from([b"needle", b"e", b"xx", b"nowhere"]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 9),
)
@pytest.mark.usefixtures("small")
def test_no_line_that_holds_it_is_passed_over(
    tmp_path_factory: pytest.TempPathFactory,
    said: list[tuple[int, bytes]],
    text: bytes,
    ignore_case: bool,  # noqa: FBT001 - drawn
    sealed: bool,  # noqa: FBT001 - drawn
    line: int,
) -> None:
    """Of two streams in any pieces, long lines in parts, recorded or sealed."""
    run = recorded(tmp_path_factory.mktemp("skim") / "run", said)
    held = holding(run, text, ignore_case=ignore_case)
    if sealed and said:
        sealing = Seal(run)
        while sealing.step():
            pass
    with Skim(run, text, ignore_case=ignore_case) as skimming:
        behind, _ = skimming.stretch(line)
        while behind > line:
            found, read = skimming.stretch(line)
            assert read or not held & set(range(line, found))
            line = found
            behind, _ = skimming.stretch(line)


def test_most_of_a_log_is_passed_over(tmp_path: Path) -> None:
    """Only the stretch with the line is left to be read, in whatever case it is written."""
    said = [
        (OUT, b"".join(b"line %d\n" % n for n in range(at, at + 5000)))
        for at in range(0, 200_000, 5000)
    ]
    run = recorded(tmp_path / "run", said)
    left = 0
    with Skim(run, b"line 123456", ignore_case=True) as skimming:
        line = 1
        while (found := skimming.stretch(line))[0] > line:
            left += (found[0] - line) * found[1]
            assert found[1] == (line <= 123_457 < found[0])
            line = found[0]
    assert line > 190_000
    assert 0 < left < 40_000


def test_a_log_in_very_small_records_is_passed_over(tmp_path: Path) -> None:
    """However many records a line comes in, of either stream, and whatever their headers are."""
    pieces = [(OUT, b"%d" % (n % 10)) for n in range(65)] + [(OUT, b"Q" * 81), (OUT, b"end\n")]
    others = [(ERR, b"w"), (ERR, b"arn\n")]
    run = recorded(tmp_path / "run", [*pieces, *others] * 1000)
    with Skim(run, b"needle", ignore_case=True) as skimming:
        line, left = 1, 0
        while (found := skimming.stretch(line))[0] > line:
            left += found[1]
            line = found[0]
    assert line > 1000
    assert not left


def test_what_was_not_kept_is_read(tmp_path: Path) -> None:
    """What is said of the lines behind a gap may be the beginning of one that holds the text."""
    gap = encode_gap(Gap(100, 0, 4000, 1, 1, b"nee", b""))
    lines_of = b"line\n" * 3000
    run = recorded(tmp_path / "run", [(OUT, lines_of), (GAP, gap), (OUT, b"dle\n" + lines_of)])
    assert holding(run, b"needle") == {4000}
    with Skim(run, b"needle", ignore_case=False) as skimming:
        line = 1
        while (found := skimming.stretch(line))[0] > line:
            assert found[1] or not line <= 4000 < found[0]
            line = found[0]


def test_an_index_that_lies_passes_nothing_over(tmp_path: Path) -> None:
    """Where no record begins at the place that it names, lines are read."""
    said = [(OUT, b"line\n" * 5000), (OUT, b"needle\n" + b"line\n" * 5000)]
    run = recorded(tmp_path / "run", said)
    with IndexWriter(run.file(INDEX)) as index:
        index.restart()
        index.append([Point(1000, 5007), Point(6000, 30_000), Point(9000, 1 << 40)])
    with Skim(run, b"needle", ignore_case=False) as skimming:
        assert all(skimming.stretch(line)[1] for line in (1, 1000, 6000, 9000, 20_000))
    Path(run.file(INDEX)).unlink()
    with Skim(run, b"needle", ignore_case=False) as skimming:
        assert skimming.stretch(1) == (1, True)
        assert skimming.before(5000, 1000) == 0


def test_a_line_that_stays_open_holds_up_nobody(tmp_path: Path) -> None:
    """All that is said meanwhile is left to who reads lines: it is not gathered here."""
    said = [(ERR, b"prompt"), *((OUT, b"line\n" * 10_000) for _ in range(100))]
    run = recorded(tmp_path / "run", said)
    with Skim(run, b"nowhere", ignore_case=False) as skimming:
        found = skimming.stretch(900_000)
    assert found[1]
