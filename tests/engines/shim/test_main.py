"""One run under a real shim: how it starts, what is recorded, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import sys
import zlib
from pathlib import Path

import pytest

from engines.contract import Launch
from engines.rundir.directory import OUTPUT, ExitKind, RunState
from engines.rundir.replay import Replay
from engines.suite import read_lines
from tests.engines.conftest import CHILDREN, ENVIRONMENT, LIMITS, Runs
from tests.support.waiting import wait_until


@pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 128, 137, 255])
async def test_exit_codes_are_exact(runs: Runs, code: int) -> None:
    """Whatever code the main process ends with is the one that is written."""
    ending, _ = await runs.run("sh", "-c", f"exit {code}")
    assert (ending.kind, ending.exit_code, ending.signal) == (ExitKind.EXITED, code, None)
    assert ending.verified


@pytest.mark.parametrize("name", ["KILL", "TERM", "INT", "HUP", "QUIT", "PIPE", "USR1", "XFSZ"])
async def test_fatal_signals_are_exact(runs: Runs, name: str) -> None:
    """A signal that ends the main process is reported as one, and none is ignored from birth."""
    ending, _ = await runs.run("sh", "-c", f"kill -{name} $$; exit 3")
    number = signal.Signals[f"SIG{name}"]
    assert (ending.kind, ending.exit_code, ending.signal) == (ExitKind.SIGNALLED, None, number)


@pytest.mark.parametrize(
    ("program", "reason"),
    [("no-such-program", "ENOENT"), (str(CHILDREN / "daemon.py"), "EACCES"), ("/", "EACCES")],
)
async def test_an_exec_error_is_its_own_ending(runs: Runs, program: str, reason: str) -> None:
    """What cannot be executed is start_failed with the errno, and never an exit code."""
    ending, run = await runs.run(program)
    assert (ending.kind, ending.reason) == (ExitKind.START_FAILED, reason)
    assert ending.exit_code is None
    assert run.started() is None


async def test_a_script_without_interpreter_fails_to_start(runs: Runs) -> None:
    """A file that names an interpreter that is not there is start_failed too."""
    script = runs.directory / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o700)
    ending, _ = await runs.run(str(script))
    assert (ending.kind, ending.reason) == (ExitKind.START_FAILED, "ENOENT")


async def test_a_missing_working_directory_fails_to_start(runs: Runs) -> None:
    """The task is not started somewhere else."""
    run = runs.new()
    await runs.zygote.launch(run, Launch(("true",), ENVIRONMENT, Path("/no/such"), LIMITS), "")
    ending = await runs.end(run)
    assert (ending.kind, ending.reason) == (ExitKind.START_FAILED, "ENOENT")


async def test_a_nul_in_an_argument_fails_to_start(runs: Runs) -> None:
    """Arguments that no process can have are an ending, not a crash."""
    ending, _ = await runs.run("echo", "a\0b")
    assert ending.kind == ExitKind.START_FAILED


async def test_the_environment_is_exact(runs: Runs) -> None:
    """The task sees what it was given and the cookie, and nothing else."""
    run = runs.new()
    given = {"PATH": "/usr/bin:/bin", "A": "1 = 2", "UTF": "h\u00e4", "RAW": "\udcff"}
    await runs.zygote.launch(run, Launch(("env", "-0"), given, runs.directory, LIMITS), "")
    await runs.end(run)
    ((_, data),) = read_lines(run)
    found = dict(entry.split(b"=", 1) for entry in data.rstrip(b"\0").split(b"\0"))
    assert found == {
        **{os.fsencode(name): os.fsencode(value) for name, value in given.items()},
        b"NARTHEX_RUN_ID": run.run_id.encode(),
    }


async def test_the_task_sees_three_descriptors(runs: Runs) -> None:
    """Only 0, 1 and 2 are open: /dev/null to read and two pipes; the lock is not among them."""
    run = await runs.child("descriptors.py")
    await runs.end(run)
    found = dict(text.decode().split(" ", 1) for _, text in read_lines(run))
    assert sorted(found) == ["0", "1", "2"]
    assert found["0"] == "/dev/null"
    assert found["1"].startswith("pipe:")
    assert found["2"].startswith("pipe:")


async def test_the_task_has_its_own_session_directory_and_mask(runs: Runs) -> None:
    """It leads a session, works where it should, may gain nothing, and is killed first."""
    code = "import os; print(os.getsid(0) == os.getpid(), os.getcwd(), os.umask(0)); "
    code += "print(open('/proc/self/status').read().count('NoNewPrivs:\\t1'), "
    code += "open('/proc/self/oom_score_adj').read())"
    umask = os.umask(0o027)
    os.umask(umask)
    _, run = await runs.run(sys.executable, "-c", code)
    lines = [text for _, text in read_lines(run)]
    assert lines[0] == f"True {runs.directory}/work {umask}".encode()
    assert lines[1].split()[0] == b"1"
    assert int(lines[1].split()[1]) >= 500


async def test_killing_its_own_group_does_not_reach_the_shim(runs: Runs) -> None:
    """A script that says `kill 0` ends itself, and its ending is known."""
    run = await runs.child("group_killer.py")
    ending = await runs.end(run)
    assert (ending.kind, ending.signal) == (ExitKind.SIGNALLED, signal.SIGTERM)


async def test_both_streams_are_recorded_with_stream_and_time(runs: Runs) -> None:
    """Lines carry their stream and the time of reading, in the order of writing."""
    ending, run = await runs.run("sh", "-c", "echo a; sleep 0.05; echo b >&2; sleep 0.05; echo c")
    assert read_lines(run) == [(1, b"a"), (2, b"b"), (1, b"c")]
    started = run.started()
    assert started is not None
    assert 0 < started.started_ms == ending.started_ms <= ending.ended_ms
    assert 0.1 <= ending.seconds < 10


async def test_bytes_are_kept_as_they_are(runs: Runs) -> None:
    """Broken text, empty lines, NUL and a missing last line end survive."""
    run = await runs.child("torn_text.py")
    await runs.end(run)
    texts = [text for _, text in read_lines(run)]
    assert texts == [b"\xff\xfe broken", b"", b" nul \0 in it", b"\xe2\x82\xac last"]


async def test_size_and_checksum_are_those_of_the_output(runs: Runs) -> None:
    """The ending lets a reader prove that it has everything."""
    ending, run = await runs.run("seq", "200000")
    data = Path(run.file(OUTPUT)).read_bytes()
    assert (ending.bytes, ending.checksum) == (len(data), zlib.crc32(data))
    assert ending.bytes == run.output_size()
    assert [text for _, text in read_lines(run)] == [b"%d" % n for n in range(1, 200001)]


async def test_the_output_cap_keeps_head_and_tail(runs: Runs) -> None:
    """Beyond the cap the middle is missing, and every line that is there has its true number."""
    ending, run = await runs.run("seq", "200000", output_bytes=400_000)
    assert Path(run.file(OUTPUT)).stat().st_blocks * 512 <= 400_000 + (80 << 10)
    with Replay(run) as replay:
        page = replay.read(1, 0, 300_000, 1 << 30)
        ((first, last),) = page.gaps
        numbers = [
            (block.first + place, int(text))
            for block in page.blocks
            for place, text in enumerate(block.data.split(b"\n"))
        ]
        assert all(line == value for line, value in numbers)
        kept = [line for line, _ in numbers]
        assert kept == [*range(1, first), *range(last + 1, 200_001)]
        middle = replay.read((first + last) // 2, 0, 1)
        assert (middle.gaps, middle.blocks[0].first) == ((((first + last) // 2, last),), last + 1)
    assert page.at_end
    assert replay.last() == 200_000
    assert ending.dropped > 0
    assert ending.checksum == 0


async def test_held_pipes_do_not_hold_the_run(runs: Runs) -> None:
    """Output of a child that outlives the main process counts for the drain time, then it goes."""
    run = await runs.child("holder.py", drain_seconds=0.5)
    ending = await runs.end(run)
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 0)
    texts = [text for _, text in read_lines(run)]
    assert b"done" in texts
    assert b"late 0" in texts
    assert b"late 100" not in texts
    assert ending.verified


async def test_output_after_the_main_process_is_waited_for(runs: Runs) -> None:
    """What a child says within the drain time is recorded, and the run ends when it is done."""
    _, run = await runs.run("sh", "-c", "(sleep 0.2; echo late) & echo early", drain_seconds=20)
    assert read_lines(run) == [(1, b"early"), (1, b"late")]


async def test_a_closed_stdout_is_no_end(runs: Runs) -> None:
    """A task that closes its streams runs on, and its ending is its own."""
    ending, _ = await runs.run("sh", "-c", "exec >&- 2>&-; sleep 0.1; exit 5")
    assert ending.exit_code == 5


async def test_limits_hold_in_the_task(runs: Runs) -> None:
    """Resource limits are set before the program starts, and no core is dumped."""
    _, run = await runs.run(
        "bash", "-c", "ulimit -n; ulimit -f; ulimit -c", open_files=64, file_bytes=1 << 20
    )
    assert [text for _, text in read_lines(run)] == [b"64", b"1024", b"0"]


async def test_a_time_limit_is_an_ending_of_its_own(runs: Runs) -> None:
    """A run that takes too long is asked to go; what it says meanwhile counts."""
    code = "trap 'echo bye; exit 9' TERM; echo ready; sleep 30 & wait"
    ending, run = await runs.run("bash", "-c", code, seconds=0.4, grace_seconds=5)
    assert (ending.kind, ending.exit_code) == (ExitKind.TIME_LIMIT, 9)
    assert [text for _, text in read_lines(run)] == [b"ready", b"bye"]
    assert ending.seconds < 4


async def test_notifications_come_for_start_output_and_end(runs: Runs) -> None:
    """The runner's socket is told which run has news, and after the end once more."""
    runs.notifier = str(runs.directory / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.bind(runs.notifier)
        notifier.settimeout(10)
        run = await runs.start("sh", "-c", "echo one; sleep 0.1; echo two")
        await runs.end(run)
        datagrams = [notifier.recv(100) for _ in range(3)]
    assert set(datagrams) == {b"o" + run.run_id.encode()}


async def test_a_full_socket_does_not_hold_the_run(runs: Runs) -> None:
    """A runner that does not listen costs the run nothing."""
    runs.notifier = str(runs.directory / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.bind(runs.notifier)
        ending, _ = await runs.run(
            "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.02; done"
        )
    assert ending.exit_code == 0


async def test_the_run_directory_is_tidy_after_the_end(runs: Runs) -> None:
    """Only the facts and the output are left; no socket, no temporary file."""
    # One that ends at once may have ended before it was stated to have begun.
    run = await runs.start("sh", "-c", "echo hello; until [ -e go ]; do sleep 0.01; done")
    await wait_until(lambda: run.started() is not None, "it runs")
    (runs.directory / "work" / "go").touch()
    await runs.end(run)
    await wait_until(lambda: not run.locked(), "the shim is gone")
    assert sorted(os.listdir(run.path)) == ["exit", "lock", "output", "shim", "spec", "started"]  # noqa: PTH208 - names
    assert run.state() == RunState.ENDED
