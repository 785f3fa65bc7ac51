"""Spark sessions whose code leaves, fails with any text, and is given secrets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engines.rundir.directory import Exit, RunDir, RunState
from engines.rundir.texts import MAX_MESSAGE_BYTES
from engines.suite import read_lines
from tests.engines.sessions import Seat
from tests.engines.sparks import SECONDS, SETTINGS, said, sparkling
from tests.support.waiting import wait_until

SECRET = "s3cret-of-the-day"  # noqa: S105 - of a test


@pytest.fixture(scope="module")
def spark() -> Iterator[Seat]:
    """A session of the Spark engine for all tests that leave it as it was."""
    with sparkling(SETTINGS) as seat:
        yield seat


@pytest.fixture
def own() -> Iterator[Seat]:
    """A session of one test alone."""
    with sparkling(SETTINGS) as seat:
        yield seat


async def reported(seat: Seat, code: str, language: str) -> tuple[RunDir, Exit]:
    """A statement with a secret, and how it ended."""
    run = seat.accept(code, language=language, environment={"TOK": SECRET}, hidden=(SECRET,))
    assert await seat.give(run) == "taken"
    return run, await seat.end(run, SECONDS)


@pytest.mark.parametrize("half", ["\\udc80", "\\ud800"])
async def test_half_characters_in_errors_and_values_are_escaped(spark: Seat, half: str) -> None:
    """Row A2: the error is told with the half escaped, and a value with one is shown so."""
    run, ending = await said(spark, f'raise ValueError("{half} bad")', "python")
    assert (ending.exit_code, ending.message) == (1, f"ValueError: {half} bad")
    assert any(half.encode() in line for _, line in read_lines(run))
    code = f'class A:\n    def __repr__(self): return "{half}"\nA()'
    run, ending = await said(spark, code, "python")
    assert ending.exit_code == 0, ending
    assert read_lines(run) == [(1, half.encode())]


async def test_an_error_of_any_size_is_cut_in_the_ending_only(spark: Seat) -> None:
    """Row A1: Python, SQL and an error without a text of its own end with a sentence of 4 KiB."""
    run, ending = await said(spark, 'raise ValueError("é" * 1_100_000)', "python")
    assert ending.message.startswith("ValueError: éé")
    assert len(ending.message.encode()) <= MAX_MESSAGE_BYTES
    assert sum(line.decode().count("é") for _, line in read_lines(run)) >= 1_100_000
    _, ending = await said(spark, f"select raise_error('{'é' * 20_000}')", "sql")
    assert (ending.exit_code, len(ending.message.encode()) <= MAX_MESSAGE_BYTES) == (1, True)
    code = "class E(Exception):\n    def __str__(self): raise KeyError\nraise E"
    _, ending = await said(spark, code, "python")
    assert (ending.exit_code, ending.message) == (1, "E: its text cannot be had")


async def test_streams_that_the_code_replaced_end_nothing(spark: Seat) -> None:
    """Row A2: code without a stdout or stderr fails truly, and the session lives on."""
    code = "import sys; kept = sys.stdout, sys.stderr\nsys.stdout = sys.stderr = None\n1 / 0"
    _, ending = await said(spark, code, "python")
    assert ending.message == "ZeroDivisionError: division by zero"
    _, ending = await said(spark, "sys.stdout, sys.stderr = kept", "python")
    assert ending.exit_code == 0


async def test_secrets_are_seen_everywhere_and_told_nowhere(spark: Seat) -> None:
    """Rows A4, A11: Python, Scala and a Java function in SQL see it; logs and endings do not."""
    for code, language in (
        ('import os; print(os.environ["TOK"])', "python"),
        ('println(sys.env.getOrElse("TOK", "none"))', "scala"),
    ):
        run, ending = await reported(spark, code, language)
        assert ending.exit_code == 0, (ending, read_lines(run))
        assert b"******" in [line for _, line in read_lines(run)], language
    for code, language in (
        ('import os; raise RuntimeError(os.environ["TOK"])', "python"),
        ('import os, sys; sys.exit("bad " + os.environ["TOK"])', "python"),
        ('throw new RuntimeException("bad " + sys.env("TOK"))', "scala"),
        ("select raise_error(java_method('java.lang.System', 'getenv', 'TOK'))", "sql"),
    ):
        run, ending = await reported(spark, code, language)
        assert ending.exit_code == 1, code
        assert SECRET not in ending.message
        assert SECRET.encode() not in b"".join(line for _, line in read_lines(run))
        assert "***" in ending.message or "***" in str(read_lines(run)), (code, ending)
    run, _ = await said(spark, 'println(sys.env.getOrElse("TOK", "none"))', "scala")
    assert (1, b"none") in read_lines(run)


async def test_the_command_line_is_empty(spark: Seat) -> None:
    """Row A9: a parser of arguments finds none."""
    code = "from argparse import ArgumentParser; import sys\nprint(ArgumentParser().parse_args())"
    run, ending = await said(spark, code, "python")
    assert (ending.exit_code, read_lines(run)) == (0, [(1, b"Namespace()")])


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("import sys; sys.exit(0)", 0, "ended with exit code 0"),
        ("import sys; sys.exit(3)", 3, "ended with exit code 3"),
        ("import sys; sys.exit(-1)", 255, "ended with exit code 255"),
        ("import sys; sys.exit('no more')", 1, "SystemExit: no more"),
    ],
)
async def test_leaving_means_what_it_means_in_a_script(
    spark: Seat, code: str, status: int, message: str
) -> None:
    """Row A7: the status of sys.exit is that of the statement; the session lives on."""
    _, ending = await said(spark, code, "python")
    assert (ending.exit_code, ending.message) == (status, message)


async def test_scala_that_leaves_ends_the_session_before_the_next_statement(own: Seat) -> None:
    """Row A6: sys.exit(3) is that status, and nobody takes another statement."""
    run, ending = await said(own, "sys.exit(3)", "scala")
    assert (ending.exit_code, ending.message) == (3, "ended with exit code 3"), read_lines(run)
    following = own.accept("select 1", language="sql")
    await wait_until(lambda: own.session.state() is RunState.ENDED, "the session to end", 30)
    assert following.state() is RunState.ACCEPTED
