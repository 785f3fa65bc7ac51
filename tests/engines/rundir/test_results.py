"""Result sets: what a task writes is what is read, page by page, whatever happens to the writer."""

import os
import resource
import subprocess
import sys
import tempfile
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.inside import narthex
from engines.inside.narthex import ABOUT, HEADER, INDEX, ROWS, Table
from engines.rundir.results import ColumnFact, Results

CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(st.integers(), max_size=3),
)


def read_all(folder: Path, number: int = 0, step: int = 700) -> list[list[object]]:
    """All rows of a set, in pages."""
    rows: list[list[object]] = []
    with Results(folder).open(number) as reader:
        while page := reader.read(len(rows), step, 1 << 30).rows:
            rows += page
    return rows


def written(folder: Path, count: int, columns: int = 2) -> Path:
    """A complete table of so many rows; the folder of that set."""
    with Table([f"c{place}" for place in range(columns)], folder=folder) as table:
        table.extend([number] * columns for number in range(count))
    return folder / "0"


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=60),
    flushes=st.sets(st.integers(0, 60)),
    first=st.integers(0, 70),
    size=st.integers(1, 70),
    index=st.booleans(),
)
def test_a_page_is_the_slice_of_the_list(
    rows: list[tuple[object, object]], flushes: set[int], first: int, size: int, *, index: bool
) -> None:
    """Any page of any table is the same slice of its rows, with the index or without."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Table(["a", "b"], folder=folder) as table:
            for number, row in enumerate(rows):
                if number in flushes:
                    table.flush()
                table.add(row)
        if not index:
            (folder / "0" / INDEX).unlink()
        with Results(folder).open(0) as reader:
            page = reader.read(first, size, 1 << 30)
            assert page == ([list(row) for row in rows[first : first + size]], False)
            assert (reader.facts.rows, reader.facts.complete) == (len(rows), True)


@settings(max_examples=40, deadline=None)
@given(cut=st.floats(0, 1), damage=st.booleans())
def test_a_torn_tail_is_as_if_it_were_not_there(cut: float, *, damage: bool) -> None:
    """Wherever the file of rows is cut or damaged, what lies whole before it is still read."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        one = written(folder, 5000)
        rows = one / ROWS
        offset = int(rows.stat().st_size * cut)
        if damage:
            with rows.open("r+b") as file:
                file.seek(offset)
                file.write(b"\xff" * 40)
        else:
            os.truncate(rows, offset)
        found = read_all(folder)
        assert found == [[number] * 2 for number in range(len(found))]
        assert len(found) % 1000 == 0


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 40])
def test_the_index_is_only_a_cache(tmp_path: Path, size: int) -> None:
    """A torn, a short or a lying index changes no page."""
    index = written(tmp_path, 5000) / INDEX
    os.truncate(index, size)
    assert len(read_all(tmp_path)) == 5000
    index.write_bytes(os.urandom(64))
    assert len(read_all(tmp_path)) == 5000


def test_cells_keep_their_types(tmp_path: Path) -> None:
    """NULL is not the empty text, numbers are exact, and a column knows what its cells are."""
    when = "2024-02-29"
    with Table(["n", "x", "s", "d", "b", "v", ("when", "date", "a day")], folder=tmp_path) as table:
        table.add([2**70, 0.1, "", Decimal("1.10"), b"\0\xff", None, when])
        table.add([None, 1, None, None, None, None, None])
    with Results(tmp_path).open(0) as reader:
        assert [(fact.name, fact.type) for fact in reader.facts.columns] == [
            ("n", "long"),
            ("x", "double"),
            ("s", "string"),
            ("d", "decimal"),
            ("b", "binary"),
            ("v", "void"),
            ("when", "date"),
        ]
        assert reader.facts.columns[6] == ColumnFact("when", "date", "a day")
        assert reader.read(0, 9, 1 << 20).rows == [
            [2**70, 0.1, "", "1.10", "AP8=", None, when],
            [None, 1, None, None, None, None, None],
        ]


def test_facts_that_nobody_could_be_shown(tmp_path: Path) -> None:
    """Half characters and numbers beyond all bounds in what a task says of a set are taken out."""
    about = written(tmp_path, 1) / ABOUT
    column = '{"name": "\\ud800", "type": "long", "comment": ""}'
    about.write_text(f'{{"kind": "table", "columns": [{column}], "limit": 1{"0" * 30}}}')
    (facts,) = Results(tmp_path).all()
    assert (facts.columns, facts.limit) == ((ColumnFact("?", "long", ""),), 0)


def test_the_row_limit_is_told(tmp_path: Path) -> None:
    """Rows beyond the limit are left out, and that is said; exactly as many are not."""
    for limit in (10, 11):
        with Table(["n"], limit=limit, folder=tmp_path) as table:
            table.extend([number] for number in range(11))
    short, whole = Results(tmp_path).all()
    assert (short.rows, short.reason, short.limit) == (10, "rows", 10)
    assert (whole.rows, whole.reason) == (11, "")


def test_the_byte_budget_is_for_all_sets_together(tmp_path: Path) -> None:
    """What no longer fits into the budget of the run is left out, and that is said."""
    line = os.urandom(400_000).hex()
    for _ in range(2):
        with Table(["x"], folder=tmp_path, max_bytes=1_000_000) as table:
            table.extend([line] for _ in range(2))
    first, second = Results(tmp_path).all()
    assert (first.rows, first.reason) == (2, "")
    assert second.reason == "bytes"
    assert first.size + second.size <= 1_000_000


def test_a_page_has_a_bound_in_bytes(tmp_path: Path) -> None:
    """A page ends before the row that would be too much, and says so."""
    with Table(["x"], folder=tmp_path) as table:
        table.extend(["x" * 1000] for _ in range(10))
    with Results(tmp_path).open(0) as reader:
        rows, bounded = reader.read(0, 10, 3500)
        assert (len(rows), bounded) == (3, True)
        assert reader.read(0, 1, 10) == ([], True)


def test_rows_can_be_read_while_more_are_written(tmp_path: Path) -> None:
    """What was flushed is readable; the set is not complete before it is closed."""
    with Table(["n"], folder=tmp_path) as table:
        table.add([1])
        table.flush()
        table.add([2])
        (facts,) = Results(tmp_path).all()
        assert (facts.rows, facts.complete) == (1, False)
    (facts,) = Results(tmp_path).all()
    assert (facts.rows, facts.complete) == (2, True)


def test_a_killed_writer_leaves_what_it_flushed(tmp_path: Path) -> None:
    """SIGKILL in the middle of a table costs the rows in memory and no others."""
    code = (
        "import narthex, os, signal\n"
        "table = narthex.Table(['n'])\n"
        "table.extend([n] for n in range(2500))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run_python(code, tmp_path, check=False)
    assert read_all(tmp_path) == [[number] for number in range(2000)]
    assert not Results(tmp_path).all()[0].complete


def test_an_interpreter_that_ends_writes_what_it_has(tmp_path: Path) -> None:
    """A table that nobody closed is written at the end of the process, and is not complete."""
    run_python("import narthex; narthex.Table(['n']).add([1])", tmp_path)
    (facts,) = Results(tmp_path).all()
    assert (facts.rows, facts.complete) == (1, False)


def test_the_functions_of_the_module(tmp_path: Path) -> None:
    """Tables, texts and rich results from a plain interpreter that knows nothing of the gateway."""
    run_python(
        "import narthex\n"
        "narthex.table([{'a': 1, 'b': None}, {'b': 'x'}])\n"
        "narthex.table([(1, 2)])\n"
        "narthex.table([], columns=['empty'])\n"
        "narthex.text('one\\ntwo')\n"
        "narthex.rich({'text/html': '<b>', 'image/png': b'\\0', 'application/json': [1]})\n",
        tmp_path,
    )
    found = Results(tmp_path).all()
    assert [facts.kind for facts in found] == ["table", "table", "table", "text", "rich"]
    assert [facts.complete for facts in found] == [True] * 5
    assert read_all(tmp_path, 0) == [[1, None], [None, "x"]]
    assert read_all(tmp_path, 1) == [[1, 2]]
    assert found[2].columns == (ColumnFact("empty", "void", ""),)
    assert read_all(tmp_path, 3) == [["one"], ["two"]]
    assert found[4].media == ("text/html", "image/png", "application/json")
    assert read_all(tmp_path, 4)[1] == ["image/png", "base64", "AA=="]


def test_outside_of_the_gateway_nothing_happens(tmp_path: Path) -> None:
    """The same script runs where there is no gateway, and leaves nothing behind."""
    run_python("import narthex; narthex.table([(1,)]); narthex.progress(0.5)", None, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_a_line_each_and_none_twice(tmp_path: Path) -> None:
    """Progress is appended, clamped and rounded, and a repetition is left out."""
    path = tmp_path / "progress"
    run_python(
        "import narthex\n"
        "for n in range(100_000): narthex.progress(n / 100_000)\n"
        "narthex.progress(7, [{'id': 'a', 'total': 2}])\n",
        tmp_path / "results",
        NARTHEX_PROGRESS=str(path),
    )
    lines = path.read_text().splitlines()
    assert len(lines) == 1002
    assert lines[-1] == '{"fraction": 1.0, "stages": [{"id": "a", "total": 2}]}'


@pytest.mark.parametrize("trap", ["symlink", "fifo", "folder", "set"])
def test_only_plain_files_are_read(tmp_path: Path, trap: str) -> None:
    """A link, a pipe or a folder in place of the rows is no result set."""
    elsewhere = tmp_path / "elsewhere"
    one = written(elsewhere, 10)
    folder = tmp_path / "results"
    victim = written(folder, 10)
    if trap == "set":
        for path in victim.iterdir():
            path.unlink()
        victim.rmdir()
        victim.symlink_to(one)
    else:
        (victim / ROWS).unlink()
        if trap == "symlink":
            (victim / ROWS).symlink_to(one / ROWS)
        elif trap == "fifo":
            os.mkfifo(victim / ROWS)
        else:
            (victim / ROWS).mkdir()
    with pytest.raises(FileNotFoundError):
        Results(folder).open(0)
    assert Results(folder).all() == []


def test_trouble_is_not_absence(tmp_path: Path) -> None:
    """Where nothing can be opened at the moment nobody says that there are no results."""
    written(tmp_path / "results", 10)
    results = Results(tmp_path / "results")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            results.all()
        with pytest.raises(OSError, match="Too many open files"):
            results.open(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [facts.rows for facts in results.all()] == [10]


@pytest.mark.parametrize("plain", [10, 1 << 31])
def test_a_bomb_is_not_unpacked(tmp_path: Path, plain: int) -> None:
    """A chunk that unpacks to more than it says, or says more than it may, is damaged."""
    import zlib  # noqa: PLC0415 - for this one

    one = written(tmp_path, 1)
    packed = zlib.compress(b"\0" * (64 << 20))
    head = HEADER.pack(b"NxR1", 1, len(packed), plain, zlib.crc32(packed))
    (one / ROWS).write_bytes(head + packed)
    tracemalloc.start()
    assert read_all(tmp_path) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_pages_of_a_large_table_cost_the_same(tmp_path: Path) -> None:
    """Of three hundred thousand rows the last page takes as little memory as the first."""
    written(tmp_path, 300_000)
    peaks = []
    for first in (0, 150_000, 299_000):
        tracemalloc.start()
        with Results(tmp_path).open(0) as reader:
            rows = reader.read(first, 1000, 1 << 30).rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert rows == [[number] * 2 for number in range(first, first + 1000)]
    assert max(peaks) < 1 << 20


def run_python(
    code: str,
    results: Path | None,
    *,
    check: bool = True,
    cwd: Path | None = None,
    **environment: str,
) -> None:
    """Runs a script as a task's own interpreter would."""
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(narthex.__file__).parent)}
    if results is not None:
        given["NARTHEX_RESULTS"] = str(results)
    subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=given | environment,
        check=check,
        timeout=30,
        cwd=cwd,
    )
