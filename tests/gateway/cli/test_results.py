"""Tables and pictures from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.gateway.cli.command import narthex
from tests.gateway.cli.terminal import on_terminal
from tests.support.served import Served, serving

CODE = """
import narthex
print("log")
narthex.table([("ann", 1), (None, 2), ("=1+1", 3)], columns=["name", ("size", "int")])
narthex.text("some words")
narthex.rich({"text/plain": "a picture", "image/png": b"\\x89PNG!"})
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this module."""
    with serving(tmp_path_factory.mktemp("served") / "data") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def task(served: Served) -> str:
    """The number of a task that made a table, a text and a picture."""
    words = ("run", "--json", "--engine", "python", "--session", "none", CODE)
    records = [
        json.loads(line) for line in narthex(*words, "--data-dir", served.data).stdout.splitlines()
    ]
    tables = [record for record in records if "set" in record]
    assert [(one["set"], one["rows"]) for one in tables] == [
        (0, [["ann", 1], [None, 2], ["=1+1", 3]])
    ]
    return str(records[0]["number"])


def test_run_shows_tables(served: Served) -> None:
    """What a statement made is shown below its log, and not if it is not wanted."""
    words = ("run", "--engine", "python", "--session", "none", CODE, "--data-dir", served.data)
    shown = narthex(*words)
    assert shown.stdout.splitlines()[0] == "log"
    assert "| name | size |" in shown.stdout
    assert "| NULL |    2 |" in shown.stdout
    assert "picture in result set 2: 'narthex results" in shown.stderr
    assert narthex(*words, "--no-tables").stdout == "log\n"


def test_logs_keep_a_pipe_exact(served: Served, task: str) -> None:
    """In a pipe there is the log alone, on a terminal and on demand the tables too."""
    assert narthex("logs", task, "--data-dir", served.data).stdout == "log\n"
    for words in ([], ["-F"]):
        reported = narthex("logs", *words, "--tables", task, "--data-dir", served.data).stdout
        assert "| ann  |    1 |" in reported
    with on_terminal("logs", task, "--data-dir", str(served.data)) as seat:
        seat.see(b"ann")
        assert seat.leave() == 0


def test_formats(served: Served, task: str, tmp_path: Path) -> None:
    """A table is had as CSV, as JSON, as a frame and as a file."""

    def reported(*words: str) -> str:
        return narthex("results", task, *words, "--data-dir", served.data).stdout

    assert reported("--format", "csv").splitlines() == ["name,size", "ann,1", ",2", "'=1+1,3"]
    assert [json.loads(line) for line in reported("--format", "json").splitlines()] == [
        {"name": "ann", "size": 1},
        {"name": None, "size": 2},
        {"name": "=1+1", "size": 3},
    ]
    shown = reported("--format", "table")
    assert "| ann  |    1 |" in shown
    assert "some words" in shown
    assert reported("--set", "1") == "some words\n"
    file = tmp_path / "t.parquet"
    reported("--format", "parquet", "-o", str(file))
    assert import_module("pyarrow.parquet").read_table(file).num_rows == 3


def test_a_picture_goes_into_a_file(served: Served, task: str, tmp_path: Path) -> None:
    """The bytes of a picture are written as they are."""
    file = tmp_path / "p.png"
    narthex("results", task, "--set", "2", "-o", file, "--data-dir", served.data)
    assert file.read_bytes() == b"\x89PNG!"


@pytest.mark.parametrize("words", [("logs", "--tables"), ("results", "--format", "table")])
def test_a_picture_is_shown_by_its_path(
    served: Served, task: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    """On a terminal it is in a file that is named; in a pipe what writes one is said."""
    told = narthex(*words, task, "--data-dir", served.data).stderr
    assert f"'narthex results {task} --set 2 --output FILE' writes it" in told
    with on_terminal(*words, task, "--data-dir", served.data, TMPDIR=str(tmp_path)) as seat:
        seat.see(f"picture in result set 2: {tmp_path}/narthex-{task}-2-".encode())
        assert seat.leave() == 0
    (file,) = tmp_path.iterdir()
    assert (file.suffix, file.read_bytes()) == (".png", b"\x89PNG!")


def test_what_is_not_there(served: Served, task: str) -> None:
    """No such task, no such set and no such format are one line each."""
    for words, code in (
        (["999999999"], 1),
        ([task, "--set", "9"], 1),
        ([task, "--format", "parquet"], 2),
        ([task, "--format", "table", "-o", "x"], 2),
    ):
        done = narthex("results", *words, "--data-dir", served.data, code=code)
        assert done.stdout == ""
        assert done.stderr.splitlines()[-1].startswith("Error: ")
