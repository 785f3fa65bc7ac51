"""``narthex run`` without a server: a private gateway that leaves nothing behind."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.cli.command import NARTHEX, clean_environment, narthex
from tests.gateway.cli.terminal import on_terminal
from tests.support.processes import commands
from tests.support.waiting import wait_until_sync


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment whose temporary and runtime folders are this test's, empty at its end."""
    folder, runtime = tmp_path / "t", tmp_path / "r"
    folder.mkdir()
    runtime.mkdir(mode=0o700)
    yield {"TMPDIR": str(folder), "XDG_RUNTIME_DIR": str(runtime)}
    wait_until_sync(lambda: not list(folder.iterdir()), "the private gateway to be removed")
    wait_until_sync(lambda: not list(runtime.iterdir()), "its sockets to be removed")


def alive(mark: str) -> list[int]:
    """The processes, other than ours, whose command line holds a mark."""
    return [pid for pid, words in commands() if mark.encode() in words and pid != os.getpid()]


def test_streams_and_exit_code(temporary: dict[str, str]) -> None:
    """Each stream goes where it came from, and the exit code is the run's."""
    done = narthex("run", "echo one; echo two >&2; exit 7", code=7, more=temporary)
    assert (done.stdout, done.stderr) == ("one\n", "two\n")


def test_a_gateway_that_cannot_start(temporary: dict[str, str]) -> None:
    """What keeps the private gateway from starting is said in one line."""
    more = {**temporary, "NARTHEX_REDIS_SERVER": "/bin/true"}
    done = narthex("run", "echo never", code=1, more=more)
    assert done.stdout == ""
    assert "redis.server: /bin/true" in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_kills_the_run(temporary: dict[str, str]) -> None:
    """Ctrl-C on a terminal kills the run, even one that ignores SIGTERM, and exits with 130."""
    mark = f"4{os.getpid()}.5"
    with on_terminal("run", f"trap '' TERM; echo begun; sleep {mark} & wait", **temporary) as seat:
        seat.see(b"begun")
        wait_until_sync(lambda: alive(f"sleep\0{mark}"), "the run to be there")
        seat.press(b"\x03")
        assert seat.leave() == 130
    assert alive(f"sleep\0{mark}") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_command_dies(temporary: dict[str, str], number: signal.Signals) -> None:
    """A command that is killed, even by SIGKILL, leaves no run and no gateway behind."""
    mark = f"5{os.getpid()}.{int(number)}"
    with subprocess.Popen(
        [*NARTHEX, "run", f"echo begun; sleep {mark}"],
        stdout=subprocess.PIPE,
        env=clean_environment(**temporary),
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"begun\n"
        wait_until_sync(lambda: alive(f"sleep\0{mark}"), "the run to be there")
        process.send_signal(number)
        process.wait(40)
        assert process.returncode in (-9, 128 + 15)
    wait_until_sync(lambda: not alive(mark), "the run to be killed", 20)
    wait_until_sync(lambda: not alive(temporary["TMPDIR"]), "the gateway to end", 20)
