"""What a statement displays: updates stay one result set, errors of displaying have names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.inside import narthex
from engines.rundir.directory import RunDir
from engines.rundir.results import RESULTS, Results
from engines.session.displays import Displays
from engines.suite import read_lines
from tests.engines.sessions import Seat, shared_python_seat


@pytest.fixture(scope="module")
def shared() -> Iterator[Seat]:
    """A session of the Python engine for all tests, which leave it as it was."""
    with shared_python_seat() as seat:
        yield seat


def kept(run: RunDir) -> list[list[list[object]]]:
    """The rows of all result sets of a statement."""
    return rows_in(Path(run.file(RESULTS)))


def rows_in(folder: Path) -> list[list[list[object]]]:
    """The rows of all result sets in a folder."""
    results, found = Results(folder), []
    for number in results.numbers():
        with results.open(number) as reader:
            assert reader.facts.complete
            found.append(reader.read(0, 100, 1 << 20).rows)
    return found


async def test_updates_of_a_display_are_one_result(shared: Seat) -> None:
    """Row B12: thirty updates leave one result set with the last content, in the first place."""
    run = await shared.say(
        "handle = display('first', display_id=True)\n"
        "display({'text/plain': 'other'}, raw=True)\n"
        "for n in range(30): handle.update(n)"
    )
    assert (await shared.end(run)).exit_code == 0, read_lines(run)
    assert kept(run) == [[["text/plain", "", "29"]], [["text/plain", "", "other"]]]


async def test_an_update_of_an_earlier_display(shared: Seat) -> None:
    """Row B12: what was displayed by a statement before becomes a result of this one, once."""
    await shared.end(await shared.say("handle = display('first', display_id='mine')"))
    run = await shared.say("for n in range(30): handle.update(n)")
    assert (await shared.end(run)).exit_code == 0
    assert kept(run) == [[["text/plain", "", "29"]]]


async def test_updates_of_a_frame_are_one_table(shared: Seat) -> None:
    """Row B12: the same for data frames, which the code's own process writes."""
    run = await shared.say(
        "import pandas as pd\n"
        "handle = display(pd.DataFrame({'n': [0]}), display_id=True)\n"
        "for n in range(1, 30): handle.update(pd.DataFrame({'n': [n]}))\n"
        "pd.Series([7])"
    )
    assert (await shared.end(run)).exit_code == 0, read_lines(run)
    assert kept(run) == [[[29]], [[7]]]


async def test_updates_of_a_statement_that_fails(shared: Seat) -> None:
    """Row B12: the last content is kept, however the statement ends."""
    run = await shared.say(
        "handle = display(0, display_id=True)\n"
        "for n in range(30): handle.update(n)\n"
        "raise ValueError('enough')"
    )
    assert (await shared.end(run)).exit_code == 1
    assert kept(run) == [[["text/plain", "", "29"]]]


def test_an_update_without_room_leaves_what_there_was(tmp_path: Path) -> None:
    """Row B12: updates are no way around the bound on the results of a task."""
    displays = Displays(str(tmp_path), 400)
    displays.show({"text/plain": "small"}, "a")
    displays.show({"text/plain": "".join(map(chr, range(256, 5000)))}, "a")
    displays.flush()
    assert displays.lost == 1
    assert rows_in(tmp_path) == [[["text/plain", "", "small"]]]
    displays.show({"text/plain": "again"}, "a")
    displays.flush()
    assert rows_in(tmp_path) == [[["text/plain", "", "again"]]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0"]


def test_displays_of_nobody_are_not_kept(tmp_path: Path) -> None:
    """Row B12: without a folder nothing is written; a table that is not kept has no number."""
    displays = Displays("")
    displays.show({"text/plain": "x"}, "a")
    displays.written(0, "a")
    displays.flush()
    assert displays.lost == 0
    assert narthex.table([[1]], columns=["a"]) == -1
    assert list(tmp_path.iterdir()) == []


async def test_help_is_shown(shared: Seat) -> None:
    """Row B13: ``len?`` says what it would show in a pager, without colours."""
    run = await shared.say("len?")
    assert (await shared.end(run)).exit_code == 0
    log = b"\n".join(text for _, text in read_lines(run))
    assert b"Return the number of items in a container" in log
    assert b"\x1b" not in log


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("def _repr_html_(self): raise ValueError('bad html')", "ValueError: bad html"),
        ("def __repr__(self): raise KeyError('bad repr')", "KeyError: 'bad repr'"),
        ("def _repr_mimebundle_(self, **_): raise OSError('bad')", "OSError: bad"),
    ],
)
async def test_an_error_of_displaying_has_its_name(shared: Seat, method: str, name: str) -> None:
    """Row B13: a value that cannot be shown fails with the error of showing it."""
    run = await shared.say(f"class Shown:\n    {method}\nShown()")
    ending = await shared.end(run)
    log = b"\n".join(text for _, text in read_lines(run)).decode()
    assert name in log
    assert "NoneType" not in log
    assert ending.message == name


@pytest.mark.parametrize("code", ["# only a comment", "\n\n", '"""text"""; # and a comment'])
async def test_python_that_is_only_a_comment(shared: Seat, code: str) -> None:
    """Row B13: there is nothing to do, and that succeeds."""
    run = await shared.say(code)
    assert (await shared.end(run)).exit_code == 0
