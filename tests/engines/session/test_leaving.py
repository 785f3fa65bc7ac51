"""Code that leaves, waits, looks at its surroundings, and says what no encoding knows."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engines.processes import with_cookie
from engines.rundir.directory import Exit, ExitKind, RunDir, RunState
from engines.rundir.texts import MAX_MESSAGE_BYTES
from engines.shim.orphans import COOKIE
from engines.suite import read_lines
from tests.engines.sessions import Seat, leave, python_seat, shared_python_seat
from tests.support.processes import command
from tests.support.waiting import wait_until

SECRET = "s3cret-of-the-day"  # noqa: S105 - of a test
MASK = "******"


@pytest.fixture(scope="module")
def seat() -> Iterator[Seat]:
    """A session with a real kernel for all tests that leave it as it was."""
    with shared_python_seat() as found:
        yield found


@pytest.fixture
async def own() -> AsyncIterator[Seat]:
    """A session of one test alone."""
    with tempfile.TemporaryDirectory(prefix="nx") as name:
        found = await python_seat(Path(name))
        yield found
        await leave(found)


def texts(run: RunDir) -> list[str]:
    """The lines of a statement, as text."""
    return [line.decode() for _, line in read_lines(run)]


async def failed(seat: Seat, code: str, **more: object) -> tuple[Exit, list[str]]:
    """How a statement ends that must not succeed, and its lines."""
    run = await seat.say(code, **more)
    ending = await seat.end(run)
    assert ending.exit_code != 0, (ending, texts(run))
    return ending, texts(run)


async def test_an_error_of_any_size_fails_and_its_log_is_whole(seat: Seat) -> None:
    """Row A1: the log holds all of a text of 1.1 MB, the ending a sentence of 4 KiB."""
    ending, lines = await failed(seat, 'raise ValueError("é" * 1_100_000)')
    assert ending.kind is ExitKind.EXITED
    assert sum(line.count("é") for line in lines) >= 1_100_000
    assert ending.message.startswith("ValueError: éé")
    assert MAX_MESSAGE_BYTES - 8 < len(ending.message.encode()) <= MAX_MESSAGE_BYTES
    assert await seat.run("print('lives')") == [(1, b"lives")]


@pytest.mark.parametrize("half", ["\\udc80", "\\ud800", "\\udfff\\udc00"])
async def test_half_characters_in_errors_and_values_are_escaped(seat: Seat, half: str) -> None:
    """Row A3: the true error is told and shown; a repr with halves is shown escaped."""
    ending, lines = await failed(seat, f'raise ValueError("{half} bad")')
    assert ending.message == f"ValueError: {half} bad"
    assert any(f"{half} bad" in line for line in lines), lines
    code = f'class A:\n    def __repr__(self): return "{half}"\nA()'
    assert await seat.run(code) == [(1, half.encode())]
    shown = f'display({{"text/plain": "{half}"}}, raw=True)'
    lone = await seat.run(f"from IPython.display import display; {shown}")
    assert lone == [(1, half.encode())]


async def test_secrets_are_in_no_ending(seat: Seat) -> None:
    """Row A4: an error, and what exit says, are told without the secret, in any spelling of it."""
    secret = {"TOK": SECRET}
    hidden = (SECRET,)
    codes = (
        'import os; raise RuntimeError(os.environ["TOK"])',
        'import os, sys; sys.exit("bad " + os.environ["TOK"])',
        'import os; raise RuntimeError("x" * 4090 + os.environ["TOK"])',
        'import os; raise RuntimeError("x" * 65_520 + os.environ["TOK"])',
        'import os; {}[os.environ["TOK"]]',
    )
    for code in codes:
        ending, lines = await failed(seat, code, environment=secret, hidden=hidden)
        assert SECRET[:6] not in ending.message, (code, ending)
        assert SECRET not in "\n".join(lines)
        assert SECRET.encode() not in b"".join(
            path.read_bytes() for path in Path(seat.session.path).glob("output*")
        )
    assert codes


async def test_a_session_hides_what_it_was_ever_given(own: Seat) -> None:
    """Row A5: a thread of the first statement prints its secret while the second one runs."""
    code = (
        "import os, threading, time\n"
        "found = os.environ['TOK']\n"
        "def tell():\n"
        "    while True:\n"
        "        print('it is', found, flush=True); time.sleep(0.02)\n"
        "threading.Thread(target=tell, daemon=True).start()"
    )
    await own.run(code, environment={"TOK": SECRET}, hidden=(SECRET,))
    # Also what is said while no statement runs goes somewhere.
    output = Path(own.session.file("output"))
    await wait_until(lambda: b"it is" in output.read_bytes(), "the thread to be heard", 20)
    lines = await own.run("import time; time.sleep(0.5)")
    assert (1, f"it is {MASK}".encode()) in lines
    assert SECRET.encode() not in output.read_bytes()
    assert not any(SECRET.encode() in line for _, line in lines)


@pytest.mark.parametrize(
    ("code", "status", "message", "said"),
    [
        ("import sys; sys.exit(0)", 0, "ended with exit code 0", []),
        ("import sys; sys.exit()", 0, "ended with exit code 0", []),
        ("import sys; sys.exit(3)", 3, "ended with exit code 3", []),
        ("import sys; sys.exit(-1)", 255, "ended with exit code 255", []),
        ("import sys; sys.exit(2 ** 70)", 255, "ended with exit code 255", []),
        ("import sys; sys.exit(True)", 1, "ended with exit code 1", []),
        ("import sys; sys.exit('no more')", 1, "SystemExit: no more", ["no more"]),
        ("raise SystemExit((1, 2))", 1, "SystemExit: (1, 2)", ["(1, 2)"]),
    ],
)
async def test_leaving_means_what_it_means_in_a_script(
    seat: Seat, code: str, status: int, message: str, said: list[str]
) -> None:
    """Row A7: the status of sys.exit is that of the statement; the session lives on."""
    await seat.run("x = 41")
    run = await seat.say(code)
    ending = await seat.end(run)
    assert (ending.kind, ending.exit_code, ending.message) == (ExitKind.EXITED, status, message)
    assert texts(run) == said
    assert await seat.run("print(x + 1)") == [(1, b"42")]


@pytest.mark.parametrize("code", ["exit()", "quit()"])
async def test_a_session_that_is_ending_takes_no_statement(own: Seat, code: str) -> None:
    """Row A6: exit ends well, and at once there is nobody any more who would take another."""
    run = await own.say(f"import atexit; atexit.register(print, 'bye')\n{code}")
    following = own.accept("print(1)")
    ending = await own.end(run)
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 0)
    assert texts(run) == ["bye"]
    await wait_until(lambda: own.session.state() is RunState.ENDED, "the session to end", 20)
    assert following.state() is RunState.ACCEPTED


async def test_what_did_not_begin_is_given_back(own: Seat) -> None:
    """Row A6: a statement that its kernel never came to is accepted as if nobody had taken it."""
    await own.run("print('warm')")
    found = with_cookie(f"{COOKIE}={own.session.run_id}".encode())
    (kernel,) = [pid for pid in found if b"ipykernel" in command(pid)]
    os.kill(kernel, signal.SIGSTOP)  # it takes no message any more
    following = await own.say("print(1)")
    os.kill(kernel, signal.SIGKILL)
    await wait_until(lambda: own.session.state() is RunState.ENDED, "the session to end", 20)
    assert following.state() is RunState.ACCEPTED
    assert following.output_size() == 0
    assert following.shim() is None


async def test_waiting_code_is_interrupted(seat: Seat) -> None:
    """Row A8: a kill reaches code that awaits, and the state is kept."""
    await seat.run("x = 'kept'")
    run = await seat.say("import asyncio; print('waits', flush=True); await asyncio.sleep(303)")
    await wait_until(lambda: texts(run) == ["waits"], "the code to wait", 20)
    run.request_kill(10.0)
    run.notify()
    ending = await seat.end(run)
    assert ending.kind is ExitKind.KILLED
    assert ending.message == "killed: the session lives on"
    assert await seat.run("print(x)") == [(1, b"kept")]


async def test_the_command_line_is_empty(seat: Seat) -> None:
    """Row A9: a parser of arguments finds none."""
    code = (
        "from argparse import ArgumentParser\n"
        "import sys\n"
        "print(ArgumentParser().parse_args(), sys.argv)"
    )
    assert await seat.run(code) == [(1, b"Namespace() ['']")]


async def test_no_colours_are_asked_for(seat: Seat) -> None:
    """Row A10: children see no variable of colours but the user's own."""
    code = "import subprocess\nprint(subprocess.run('env', capture_output=True, text=True).stdout)"
    names = ("TERM=", "CLICOLOR=", "CLICOLOR_FORCE=", "FORCE_COLOR=")
    lines = await seat.run(code)
    assert not [line for _, line in lines if line.decode().startswith(names)]
    lines = await seat.run(code, environment={"FORCE_COLOR": "3"})
    found = [line.decode() for _, line in lines if line.decode().startswith(names)]
    assert found == ["FORCE_COLOR=3"]
