"""Python sessions: a real kernel behind a real host under a real shim."""

from __future__ import annotations

import json
import os
import signal
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engines.contract import Limits, RunSpec
from engines.launcher import Zygote
from engines.processes import children, descendants, inmost
from engines.python import PythonEngine
from engines.rundir.directory import RunState
from engines.rundir.facts import ExitKind
from engines.session.sessions import status
from engines.shim.orphans import sweep_orphan
from engines.suite import read_lines
from tests.engines.conftest import SANDBOX, enclosable
from tests.engines.sessions import Seat, seated, shared_python_seat
from tests.support.waiting import wait_until


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="nx") as name:
        yield Path(name)


@pytest.fixture(params=["open", pytest.param(SANDBOX, marks=pytest.mark.storm)])
async def seat(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[Seat]:
    """A session of the Python engine."""
    spec = PythonEngine().session(RunSpec("", "python", "", folder, folder))
    assert spec is not None
    boxed = request.param == SANDBOX
    if boxed:
        enclosable()
    async with Zygote() as zygote, seated(folder, spec, zygote, enclosed=boxed) as seat:
        yield seat


@pytest.fixture(scope="module")
def shared() -> Iterator[Seat]:
    """A session of the Python engine for all tests that leave it as it was."""
    with shared_python_seat() as seat:
        yield seat


def kernel_of(seat: Seat) -> int:
    """The pid of the session's kernel."""
    shim = seat.session.shim()
    assert shim is not None
    (host,) = children(shim.pid)
    (kernel,) = children(host)
    return inmost(kernel)[0] or kernel


async def test_state_stays_between_statements(shared: Seat) -> None:
    """A name that one statement binds is there in the next; a value is shown in the log."""
    assert await shared.run("x = 41") == []
    assert await shared.run("print(x + 1)") == [(1, b"42")]
    assert await shared.run("x + 2") == [(1, b"43")]


async def test_streams_and_children_are_recorded_in_order(shared: Seat) -> None:
    """stdout, stderr and what a child process prints arrive on their streams, in order."""
    lines = await shared.run(
        "import sys, subprocess\n"
        "print('one'); subprocess.run(['echo', 'two']); print('three')\n"
        "print('oops', file=sys.stderr)"
    )
    assert [text for stream, text in lines if stream == 1] == [b"one", b"two", b"three"]
    assert [text for stream, text in lines if stream == 2] == [b"oops"]


async def test_flushed_prints_are_complete(shared: Seat) -> None:
    """Twenty thousand flushed prints arrive once each, in order."""
    lines = await shared.run("for i in range(20000): print('line', i, flush=True)")
    assert [text for _, text in lines] == [b"line %d" % i for i in range(20000)]


async def test_a_failure_is_told(shared: Seat) -> None:
    """A traceback goes to stderr without colours, and the ending names the error."""
    run = await shared.say("import no_such_module_here")
    ending = await shared.end(run)
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 1)
    assert ending.message == "ModuleNotFoundError: No module named 'no_such_module_here'"
    text = b"\n".join(text for stream, text in read_lines(run) if stream == 2)
    assert b"no_such_module_here" in text
    assert b"\x1b" not in text
    assert await shared.run("1 + 1") == [(1, b"2")]


async def test_input_is_refused(shared: Seat) -> None:
    """Code that asks for input fails at once and says why."""
    ending = await shared.end(await shared.say("input('name? ')"))
    assert ending.exit_code == 1
    assert "does not support input requests" in ending.message


async def test_rich_output_becomes_a_result(shared: Seat) -> None:
    """A bundle of media types is kept as a result set of its own."""
    run = await shared.say(
        "from IPython.display import display\n"
        "display({'text/html': '<b>hi</b>', 'text/plain': 'hi'}, raw=True)"
    )
    ending = await shared.end(run)
    assert ending.exit_code == 0, read_lines(run)
    about = json.loads((Path(run.file("results")) / "0" / "about").read_bytes())
    assert about["kind"] == "rich"
    assert "text/html" in about["media"]
    assert read_lines(run) == [(1, b"hi")]


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time; time.sleep(300)",
        "import ctypes; ctypes.PyDLL(None).sleep(300)",
    ],
)
async def test_an_interrupt_keeps_the_session(shared: Seat, code: str) -> None:
    """A killed loop, and a sleep in C, end as killed; the session's state is intact."""
    await shared.run("x = 7")
    run = await shared.say(f"print('go', flush=True)\n{code}", limits=Limits(grace_seconds=6.0))
    await wait_until(lambda: (1, b"go") in read_lines(run), "the code to run")
    assert run.request_kill(6.0)
    run.notify()
    ending = await shared.end(run)
    assert (ending.kind, ending.message) == (ExitKind.KILLED, "killed: the session lives on")
    assert await shared.run("print(x)") == [(1, b"7")]


async def test_a_kill_before_the_code_runs_is_kept(seat: Seat) -> None:
    """A kill that comes while the kernel is still starting ends the statement, once it can."""
    run = await seat.say("import time; time.sleep(300)")
    assert run.request_kill(20.0)
    run.notify()
    assert (await seat.end(run)).kind == ExitKind.KILLED
    assert await seat.run("print(1)") == [(1, b"1")]


async def test_a_time_limit_keeps_the_session(shared: Seat) -> None:
    """A statement that takes too long is stopped by an interrupt."""
    run = await shared.say("while True: pass", limits=Limits(seconds=0.3, grace_seconds=6.0))
    ending = await shared.end(run)
    assert ending.kind == ExitKind.TIME_LIMIT
    assert await shared.run("print(1)") == [(1, b"1")]


async def test_what_ignores_the_interrupt_ends_the_session(seat: Seat) -> None:
    """Code that swallows KeyboardInterrupt is killed after the grace, and that is told."""
    run = await seat.say(
        "import time\n"
        "print('go', flush=True)\n"
        "while True:\n"
        "    try:\n"
        "        time.sleep(60)\n"
        "    except BaseException:\n"
        "        pass"
    )
    await wait_until(lambda: (1, b"go") in read_lines(run), "the code to run", 20)
    assert run.request_kill(0.5)
    run.notify()
    ending = await seat.end(run)
    assert ending.kind == ExitKind.KILLED
    assert "its state is lost" in ending.message
    assert any(b"did not react" in text for stream, text in read_lines(run) if stream == 2)
    await wait_until(lambda: seat.session.state() is RunState.ENDED, "the session to end")


async def test_a_dead_kernel_fails_its_statement(seat: Seat) -> None:
    """A kernel that ends itself fails the statement with its exit code and the reason."""
    run = await seat.say("import os; print('bye', flush=True); os._exit(9)")
    ending = await seat.end(run)
    assert (ending.kind, ending.exit_code, ending.reason) == (ExitKind.EXITED, 9, "session_died")
    assert (1, b"bye") in read_lines(run)
    await wait_until(lambda: seat.session.state() is RunState.ENDED, "the session to end")


async def test_a_killed_kernel_is_named(seat: Seat) -> None:
    """A kernel killed from outside fails the statement with the signal."""
    run = await seat.say("import time; print('go', flush=True); time.sleep(300)")
    await wait_until(lambda: (1, b"go") in read_lines(run), "the code to run", 20)
    os.kill(kernel_of(seat), signal.SIGKILL)
    ending = await seat.end(run)
    assert (ending.kind, ending.signal, ending.reason) == (ExitKind.SIGNALLED, 9, "session_died")


async def test_a_dead_host_orphans_its_statement_only(seat: Seat) -> None:
    """When the host dies the running statement is lost for that reason, and nothing is left."""
    run = await seat.say("import time; print('go', flush=True); time.sleep(300)")
    await wait_until(lambda: (1, b"go") in read_lines(run), "the code to run", 20)
    shim = seat.session.shim()
    assert shim is not None
    (host,) = children(shim.pid)
    os.kill(host, signal.SIGKILL)
    await wait_until(lambda: run.state() is RunState.ORPHANED, "the statement to be an orphan")
    ending = sweep_orphan(run)
    assert ending is not None
    assert (ending.kind, ending.reason) == (ExitKind.LOST, "session_died")
    await wait_until(lambda: seat.session.state() is RunState.ENDED, "the session to end")
    assert descendants(shim.pid) == []


async def test_one_statement_at_a_time(shared: Seat) -> None:
    """A busy session takes no second statement, which stays accepted."""
    first = await shared.say("import time; print('go', flush=True); time.sleep(300)")
    second = shared.accept("print(2)")
    assert await shared.give(second) == "busy"
    assert second.state() is RunState.ACCEPTED
    first.request_kill(6.0)
    first.notify()
    await shared.end(first)
    assert await shared.give(second) == "taken"
    await shared.end(second)
    assert await shared.give(second) == "refused"


async def test_a_shown_data_frame_becomes_a_table(shared: Seat) -> None:
    """A frame of pandas that is shown is kept as a table, once, and seen in the log."""
    run = await shared.say(
        "class DataFrame:\n"
        "    columns = ['name', 'age']\n"
        "    def itertuples(self, index, name): return iter([('ann', 1), ('bob', 2)])\n"
        "    def __repr__(self): return 'a frame'\n"
        "DataFrame.__module__ = 'pandas.core.frame'\n"
        "DataFrame()"
    )
    ending = await shared.end(run)
    assert ending.exit_code == 0, read_lines(run)
    assert read_lines(run) == [(1, b"a frame")]
    results = Path(run.file("results"))
    assert [path.name for path in results.iterdir()] == ["0"]
    about = json.loads((results / "0" / "about").read_bytes())
    assert [(column["name"], column["type"]) for column in about["columns"]] == [
        ("name", "string"),
        ("age", "long"),
    ]


async def test_variables_last_as_long_as_the_statement(shared: Seat) -> None:
    """A statement's own variables are seen by it and gone for the next."""
    code = "import os; print(os.environ.get('COLOUR'))"
    assert await shared.run(code, environment={"COLOUR": "blue"}) == [(1, b"blue")]
    assert await shared.run(code) == [(1, b"None")]


async def test_secrets_are_not_recorded(shared: Seat) -> None:
    """A secret is seen by the code and masked in the log, also when it is printed in two halves."""
    code = (
        "import os, sys, time\n"
        "word = os.environ['WORD']\n"
        "print(word)\n"
        "os.write(1, word[:5].encode())\n"
        "time.sleep(0.05)\n"
        "_ = os.write(1, word[5:].encode() + b'!\\n')"
    )
    lines = await shared.run(code, environment={"WORD": "s3cr3t-word"}, hidden=("s3cr3t-word",))
    assert lines == [(1, b"******"), (1, b"******!")]


async def test_a_session_ends_when_it_is_idle(folder: Path) -> None:
    """Nobody has to end a session that is not used."""
    spec = PythonEngine().session(RunSpec("", "python", "", folder, folder))
    assert spec is not None
    async with Zygote() as zygote, seated(folder, spec, zygote, idle_seconds=0.5) as seat:
        await seat.run("1")
        await wait_until(lambda: seat.session.state() is RunState.ENDED, "the session to end")
        assert status(seat.session).state == "over"


async def test_a_kernel_that_cannot_start_says_why(folder: Path) -> None:
    """The statement that wanted the session is told what is missing."""
    interpreter = folder / "python"
    interpreter.write_text("#!/bin/sh\necho 'No module named ipykernel' >&2; exit 1\n")
    interpreter.chmod(0o700)
    good = PythonEngine().session(RunSpec("", "python", "", folder, folder))
    assert good is not None
    spec = type(good)(good.key, good.adapter, {"interpreter": str(interpreter)})
    async with Zygote() as zygote, seated(folder, spec, zygote) as seat:
        ending = await seat.end(await seat.say("1"))
        assert ending.kind == ExitKind.START_FAILED
        assert "No module named ipykernel" in ending.message


async def test_a_warm_statement_is_quick(shared: Seat) -> None:
    """The median round trip of a warm statement is far below a second."""
    await shared.run("1 + 1")
    times = []
    for _ in range(10):
        run = await shared.say("1 + 1")
        times.append((await shared.end(run)).seconds)
    assert statistics.median(times) < 0.2
