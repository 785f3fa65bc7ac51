"""A run in a sandbox: what it sees, and that all that is promised of runs holds there."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engines import processes
from engines.contract import RunSpec
from engines.launcher import Zygote
from engines.python import PythonEngine
from engines.rundir.directory import OUTPUT, ExitKind, RunState
from engines.rundir.records import parse_records
from engines.rundir.requests import RunEvent, note_event
from engines.shim import system_calls as calls
from engines.shim.sandbox import Sandbox, command
from engines.suite import read_lines
from engines.trees import give_tree
from tests.engines.conftest import PROGRAMS, Runs, pair
from tests.engines.sessions import Seat, seated
from tests.faults.syscalls import delaying
from tests.support.unprivileged import needs_root
from tests.support.waiting import wait_until


def landlocked() -> bool:
    """Whether a process of this machine can be kept from others' sockets."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            processes.refuse_privileges()
            status = 0 if calls.scope_names() else 1
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


async def said(runs: Runs, script: str) -> list[bytes]:
    """What a script prints on stdout."""
    _, run = await runs.run("bash", "-c", script)
    return [line for stream, line in read_lines(run) if stream == 1]


@needs_root
async def test_it_may_be_a_user_of_its_own(boxed: Runs) -> None:
    """In name, in what it writes and may not read, and in what it opens by its own descriptors."""
    uid = 1_900_000_007
    assert boxed.sandbox is not None
    boxed.sandbox = boxed.sandbox._replace(uid=uid, name="ann")
    work = boxed.directory / "work"
    (work / "private").touch(0o600)
    give_tree(str(work), uid)
    (work / "root").touch(0o600)
    script = """id -u; id -g; id -un; id -G; echo again > /dev/stdout; cat private; touch mine
        cat root 2>/dev/null || echo no; grep -c 'Cap.*:.0000000000000000' /proc/self/status
        chown 0 mine 2>/dev/null || echo no; unshare -r true 2>/dev/null || echo no
        kill -0 1 2>/dev/null || echo no; cat /proc/1/environ 2>/dev/null || echo no"""
    user = str(uid).encode()
    shown = [user, user, b"ann", user, b"again", b"no", b"5", *(4 * [b"no"])]
    assert await said(boxed, script) == shown
    assert (work / "mine").stat().st_uid == (work / "mine").stat().st_gid == uid


@needs_root
async def test_the_end_of_another_user_is_exact(boxed: Runs) -> None:
    """Signals, kills and what is left are the supervisor's, whoever the task is."""
    assert boxed.sandbox is not None
    boxed.sandbox = boxed.sandbox._replace(uid=1_900_000_008, name="bob")
    give_tree(str(boxed.directory / "work"), 1_900_000_008)
    ending, _ = await boxed.run("sh", "-c", "kill -SEGV $$")
    assert (ending.kind, ending.signal) == (ExitKind.SIGNALLED, signal.SIGSEGV)
    ending, _ = await boxed.run("sh", "-c", "exit 137")
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 137)
    await boxed.killed("stubborn.sh")


async def test_it_sees_its_own_processes_only(boxed: Runs) -> None:
    """Two are there: the one that reaps and the task itself."""
    assert await said(boxed, "echo $$; ls -d /proc/[0-9]* | wc -l") == [b"2", b"4"]


async def test_it_sees_its_own_files_only(boxed: Runs) -> None:
    """Next to its working directory there is nothing, and only that can be written."""
    (boxed.directory / "secret").write_text("x")
    folder = str(boxed.directory).encode()
    script = f"ls {boxed.directory}; pwd; touch here && echo yes; touch ../there"
    assert await said(boxed, script) == [b"work", folder + b"/work", b"yes"]
    assert not (boxed.directory / "there").exists()
    assert (boxed.directory / "work" / "here").exists()


async def test_it_has_no_capability_even_if_its_user_is_root(boxed: Runs) -> None:
    """Neither now nor by a program that gives some, nor in a namespace of its own."""
    script = "grep -c 'Cap.*:.0000000000000000' /proc/self/status; unshare -r true || echo no"
    assert await said(boxed, script) == [b"5", b"no"]


@pytest.mark.parametrize("code", [0, 3, 127, 137, 255])
async def test_exit_codes_are_exact(boxed: Runs, code: int) -> None:
    """137 is a code here and not a signal."""
    ending, _ = await boxed.run("sh", "-c", f"exit {code}")
    assert (ending.kind, ending.exit_code, ending.signal) == (ExitKind.EXITED, code, None)


@pytest.mark.parametrize("name", ["KILL", "TERM", "SEGV", "INT", "XFSZ"])
async def test_fatal_signals_are_exact(boxed: Runs, name: str) -> None:
    """What ended the task is what ended the run."""
    ending, _ = await boxed.run("sh", "-c", f"kill -{name} $$; exit 3")
    assert (ending.kind, ending.signal) == (ExitKind.SIGNALLED, signal.Signals[f"SIG{name}"])


async def test_an_exec_error_is_its_own_ending(boxed: Runs) -> None:
    """A program that cannot be seen there cannot be started there."""
    ending, _ = await boxed.run("no-such-program")
    assert (ending.kind, ending.reason) == (ExitKind.START_FAILED, "ENOENT")


async def test_a_path_that_is_a_link_is_not_let_in(boxed: Runs) -> None:
    """Who can write beside what is bound could lead it elsewhere: there is no run then."""
    link = boxed.directory / "link"
    link.symlink_to("/root")
    assert boxed.sandbox is not None
    boxed.sandbox = boxed.sandbox._replace(writable=(*boxed.sandbox.writable, str(link)))
    ending, _ = await boxed.run("true")
    assert (ending.kind, ending.reason) == (ExitKind.START_FAILED, "ELOOP")


async def test_what_is_hidden_is_hidden_below_what_is_shown(boxed: Runs) -> None:
    """A folder that is shown as a whole shows nothing of one that is not."""
    for name in ("shown", "shown/data", "shown/data/mine"):
        (boxed.directory / name).mkdir()
    (boxed.directory / "shown" / "data" / "key").write_text("x")
    (boxed.directory / "shown" / "plain").write_text("plain")
    shown = str(boxed.directory / "shown")
    assert boxed.sandbox is not None
    boxed.sandbox = boxed.sandbox._replace(
        read_only=(*boxed.sandbox.read_only, shown),
        hidden=(f"{shown}/data",),
        writable=(*boxed.sandbox.writable, f"{shown}/data/mine"),
    )
    script = f"cat {shown}/plain; echo; ls {shown}/data; touch {shown}/data/x || echo no"
    assert await said(boxed, script) == [b"plain", b"mine", b"no"]


@pytest.mark.parametrize(
    ("network", "expected"),
    [("none", [b"0"]), ("loopback", [b"1"])],
)
async def test_a_network_of_its_own_leads_nowhere(
    boxed: Runs, network: str, expected: list[bytes]
) -> None:
    """There is itself at most: no address, no name of a socket of anybody else."""
    assert boxed.sandbox is not None
    boxed.sandbox = boxed.sandbox._replace(network=network)
    script = "wc -l < /proc/net/unix; ls /sys 2>/dev/null; grep -c 127.0.0.1 /proc/net/fib_trie"
    assert (await said(boxed, script))[0] == b"1"
    listening = "import socket; s = socket.create_server(('127.0.0.1', 0)); "
    listening += "c = socket.create_connection(s.getsockname(), 1); print(1)"
    ending, run = await boxed.run(sys.executable, "-c", listening)
    assert (ending.exit_code == 0) == (expected == [b"1"]), read_lines(run)


@pytest.mark.skipif(not landlocked(), reason="this kernel has no scopes of Landlock")
async def test_sockets_without_a_file_are_its_own(boxed: Runs) -> None:
    """On the machine's own network as well: others' are refused, those inside are reached."""
    name = f"\0narthex-{uuid.uuid4()}"
    connecting = f"""
import socket
with socket.socket(socket.AF_UNIX) as one:
    try:
        one.connect({name!r})
    except PermissionError:
        print("refused", flush=True)
with socket.socket(socket.AF_UNIX) as own, socket.socket(socket.AF_UNIX) as other:
    own.bind({name!r} + "-inside")
    own.listen()
    other.connect({name!r} + "-inside")
    print("inside", flush=True)
"""
    with socket.socket(socket.AF_UNIX) as outside:
        outside.bind(name)
        outside.listen()
        _, run = await boxed.run(sys.executable, "-c", connecting)
    assert read_lines(run) == [(1, b"refused"), (1, b"inside")]


@pytest.mark.parametrize("program", PROGRAMS)
async def test_kill_leaves_nothing(boxed: Runs, program: str) -> None:
    """Whatever the program does: with the first process of the sandbox all of it is gone."""
    await boxed.killed(program)


async def test_signals_reach_the_task_and_not_who_stands_for_it(boxed: Runs) -> None:
    """One that is asked for comes to the main process once, and its trap answers."""
    script = "trap 'echo got; exit 4' USR1; echo ready; while :; do sleep 0.05; done"
    run = await boxed.start("bash", "-c", script)
    await boxed.ready(run)
    note_event(run, RunEvent("signal", 0, signal=signal.SIGUSR1))
    run.notify()
    ending = await boxed.end(run)
    assert ending.exit_code == 4
    assert read_lines(run).count((1, b"got")) == 1


async def test_what_outlives_the_task_may_still_say_something(boxed: Runs) -> None:
    """A process that is left behind has the time for it that it has without a sandbox."""
    ending, run = await boxed.run("bash", "-c", "(sleep 0.1; echo late) & echo soon")
    assert read_lines(run) == [(1, b"soon"), (1, b"late")]
    assert ending.kind == ExitKind.EXITED


async def test_the_start_is_that_of_the_task_however_slow_who_waits_for_it(boxed: Runs) -> None:
    """The processes around it let go of its pipes late, and still it is no shorter than it was."""
    _, task = await pair(boxed.zygote)
    with delaying(task, "getdents64", 0.2):  # by which they look what they have open
        ending, run = await boxed.run("sh", "-c", "echo a; sleep 0.1; echo b")
    assert read_lines(run) == [(1, b"a"), (1, b"b")]
    assert 0.1 <= ending.seconds < 10
    first, *_ = parse_records(Path(run.file(OUTPUT)).read_bytes())[0]
    assert ending.started_ms <= first.time_ms


async def test_the_death_of_the_shim_is_the_death_of_all(boxed: Runs) -> None:
    """Nothing inside goes on without the one who watches."""
    run = await boxed.start("sleep", "60")
    await wait_until(lambda: run.started() is not None, "the task runs")
    shim, started = run.shim(), run.started()
    assert shim is not None
    assert started is not None
    born = processes.start_time(started.pid)
    assert processes.signal_checked(shim.pid, lambda _: True, (signal.SIGKILL,))
    await wait_until(lambda: processes.start_time(started.pid) != born, "the task is gone")
    assert run.state() is RunState.ORPHANED


async def test_a_program_can_be_put_into_one_by_a_command_line(tmp_path: Path) -> None:
    """It ends as the program does, to the signal."""
    words = command(Sandbox(writable=(str(tmp_path),)), -1, ("sh", "-c", "echo hi >f; kill -9 $$"))
    process = await asyncio.create_subprocess_exec(*words, cwd=tmp_path)
    async with asyncio.timeout(20):
        assert await process.wait() == -signal.SIGKILL
    assert (tmp_path / "f").read_text() == "hi\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="nx") as name:
        yield Path(name)


@pytest.fixture
async def seat(folder: Path, walls: None) -> AsyncIterator[Seat]:  # noqa: ARG001 - only asked
    """A session of the Python engine whose kernel is in a sandbox."""
    spec = PythonEngine().session(RunSpec("", "python", "", folder, folder))
    assert spec is not None
    async with Zygote() as zygote, seated(folder, spec, zygote, enclosed=True) as seat:
        yield seat


LOOK = """
import os
run = os.path.dirname(os.environ["NARTHEX_RESULTS"])
print(len(os.listdir(os.path.dirname(run))), sorted(os.listdir(run)))
"""


async def test_a_session_sees_a_statement_for_as_long_as_it_runs(seat: Seat) -> None:
    """Results and progress go where they go without a sandbox; of the others there is nothing."""
    assert await seat.run(LOOK) == [(1, b"1 ['progress', 'results', 'work']")]
    seat.accept("pass")
    assert await seat.run(LOOK) == [(1, b"1 ['progress', 'results', 'work']")]
    run = await seat.say("import narthex; narthex.text('found'); narthex.progress(0.5)")
    assert (await seat.end(run)).exit_code == 0
    assert list(Path(run.file("results")).iterdir())
    assert b"0.5" in Path(run.file("progress")).read_bytes()


async def test_a_statement_in_a_sandbox_is_interrupted(seat: Seat) -> None:
    """The signal finds the code, and the session stays."""
    await seat.run("x = 41")
    run = await seat.say("print('ready'); import time; time.sleep(60)")
    await wait_until(lambda: (1, b"ready") in read_lines(run), "the code runs")
    run.request_kill(10.0)
    run.notify()
    assert (await seat.end(run)).kind == ExitKind.KILLED
    assert await seat.run("print(x + 1)") == [(1, b"42")]


async def test_a_session_that_kills_all_it_sees_hits_nobody(seat: Seat) -> None:
    """What watches it is elsewhere; it can end itself, and that is told."""
    run = await seat.say("import os; os.kill(-1, 9)")
    assert (await seat.end(run)).message.startswith("ProcessLookupError")
    run = await seat.say("os.kill(os.getpid(), 9)")
    ending = await seat.end(run)
    assert (ending.kind, ending.signal) == (ExitKind.SIGNALLED, signal.SIGKILL)
