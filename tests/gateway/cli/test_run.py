"""``narthex run`` without a server: a private gateway that leaves nothing behind."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.cli.command import NARTHEX, clean_environment, narthex
from tests.gateway.cli.terminal import on_terminal
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


def alive(mark: str) -> list[str]:
    """The processes, other than ours, whose command line holds a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in words:
                found.append(entry.name)
    return found


def test_streams_and_exit_code(temporary: dict[str, str]) -> None:
    """Each stream goes where it came from, and the exit code is the run's."""
    done = narthex("run", "echo one; echo two >&2; exit 7", code=7, more=temporary)
    assert (done.stdout, done.stderr) == ("one\n", "two\n")


def test_a_signal(temporary: dict[str, str], tmp_path: Path) -> None:
    """A run that a signal ended exits as a shell says it; the code may come from a file."""
    script = tmp_path / "script.sh"
    script.write_text("echo before; kill -9 $$\n")
    assert narthex("run", "--file", script, code=137, more=temporary).stdout == "before\n"


def test_json(temporary: dict[str, str]) -> None:
    """For programs everything is one JSON object a line, the end last."""
    done = narthex("run", "--json", "echo one; echo two", more=temporary)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[0].keys() == {"execID", "taskID"}
    assert [(r["n"], r["text"]) for r in records if "n" in r] == [(1, "one"), (2, "two")]
    assert records[-1] == {"last": 2, "status": "Succeed", "exitCode": 0, "signal": None}


def test_exact_bytes(temporary: dict[str, str]) -> None:
    """A pipe gets the bytes as they are."""
    done = subprocess.run(
        [*NARTHEX, "run", r"printf '\033[31m\377\r\n'"],
        capture_output=True,
        check=True,
        timeout=60,
        env=clean_environment(**temporary),
    )
    assert done.stdout == b"\x1b[31m\xff\r\n"


def test_a_refused_engine(temporary: dict[str, str]) -> None:
    """An engine that is not there is one line and exit code 1."""
    done = narthex("run", "--engine", "nonsense", "x", code=1, more=temporary)
    assert done.stderr.startswith("narthex: ")
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


def test_the_terminal_is_not_commanded(temporary: dict[str, str]) -> None:
    """What a task prints does not reach the terminal as a command; --raw lets it."""
    code = r"printf '\033]0;owned\007text\n'"
    with on_terminal("run", code, **temporary) as seat:
        assert seat.leave() == 0
    assert b"^[]0;owned^Gtext" in seat.shown
    assert b"\x1b]0;owned" not in seat.shown
    assert b"Succeed" in seat.shown
    with on_terminal("run", "--raw", code, **temporary) as seat:
        assert seat.leave() == 0
    assert b"\x1b]0;owned\x07text" in seat.shown


def test_no_colour(temporary: dict[str, str]) -> None:
    """NO_COLOR is respected."""
    with on_terminal("run", "echo x", NO_COLOR="1", **temporary) as seat:
        assert seat.leave() == 0
    assert b"\x1b[3" not in seat.shown


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
        assert alive(f"sleep\0{mark}")
        process.send_signal(number)
        process.wait(40)
        assert process.returncode in (-9, 128 + 15)
    wait_until_sync(lambda: not alive(mark), "the run to be killed", 20)
    wait_until_sync(lambda: not alive(temporary["TMPDIR"]), "the gateway to end", 20)


def test_a_reader_that_leaves(temporary: dict[str, str]) -> None:
    """When nobody reads the output any more the run is killed, quietly."""
    mark = f"6{os.getpid()}.7"
    code = f"while echo line; do sleep 0.01; done; : {mark}"
    with subprocess.Popen(
        [*NARTHEX, "run", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(**temporary),
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(40) in (1, 141)
