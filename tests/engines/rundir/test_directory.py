"""The run directory: facts written once, state a function of them."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from engines.rundir.creation import create_run
from engines.rundir.directory import (
    Exit,
    ExitKind,
    KillRequest,
    RunDir,
    RunState,
    ShimFact,
)
from engines.rundir.facts import Started, encode


def create(spool: Path, run_id: str, spec: bytes = b"spec") -> RunDir:
    """An accepted run."""
    return create_run(spool / "new", spool / "live", run_id, spec)


def test_an_unknown_run_has_no_state(spool: Path) -> None:
    """A directory that is not there is an error, not a state."""
    with pytest.raises(FileNotFoundError):
        RunDir(spool / "live" / "none").state()


@pytest.mark.parametrize(
    ("facts", "held", "state"),
    [
        ((), False, RunState.ACCEPTED),
        (("kill",), False, RunState.ACCEPTED),
        ((), True, RunState.STARTING),
        (("shim",), True, RunState.STARTING),
        (("shim", "started"), True, RunState.RUNNING),
        (("shim", "kill"), True, RunState.KILLING),
        (("shim", "started", "kill"), True, RunState.KILLING),
        (("shim",), False, RunState.ORPHANED),
        (("shim", "started", "kill"), False, RunState.ORPHANED),
        (("shim", "started", "exit"), True, RunState.ENDED),
        (("exit",), False, RunState.ENDED),
    ],
)
def test_the_state_is_a_function_of_the_facts(
    spool: Path, facts: tuple[str, ...], *, held: bool, state: RunState
) -> None:
    """Each row of the table of facts gives its state."""
    run = create(spool, "a")
    for name in facts:
        Path(run.file(name)).write_bytes(b"{}")
    lock = run.take() if held else None
    assert run.state() == state
    if lock is not None:
        os.close(lock)


def test_an_ending_is_written_once(spool: Path) -> None:
    """The first of two writers wins, and what it wrote stays as it was."""
    run = create(spool, "a")
    first = Exit(ExitKind.EXITED, 3, None, "ended", "", 1, 2, 0.5, 10, 11, 12, verified=False)
    assert run.exit() is None
    assert run.write_exit(first)
    assert not run.write_exit(Exit(ExitKind.LOST))
    assert run.exit() == first
    assert not any(path.name.startswith(".") for path in Path(run.path).iterdir())


@pytest.mark.parametrize("again", range(20))
def test_of_many_endings_at_once_one_counts(spool: Path, again: int) -> None:
    """Concurrent writers agree on who won, also if one is overtaken while it looks."""
    run = create(spool, f"a{again}")
    won: list[int] = []
    start = threading.Barrier(8)

    def write(code: int) -> None:
        start.wait(20)
        if run.write_exit(Exit(ExitKind.EXITED, code)):
            won.append(code)

    threads = [threading.Thread(target=write, args=(code,)) for code in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ending = run.exit()
    assert ending is not None
    assert won == [ending.exit_code]


@pytest.mark.parametrize("data", [b"", b"nonsense", b"[]", b"{}", b'{"kind": "other"}', b"\xff"])
def test_unreadable_facts_are_never_guessed(spool: Path, data: bytes) -> None:
    """A broken ending is lost, a broken request counts, a broken shim was one of no known boot."""
    run = create(spool, "a")
    for name in ("exit", "kill", "shim", "started"):
        Path(run.file(name)).write_bytes(data)
    ending = run.exit()
    assert ending is not None
    assert (ending.kind, ending.reason) == (ExitKind.LOST, "exit_unreadable")
    assert run.kill_request(7.0) == KillRequest(7.0, 0)
    shim = run.shim()
    assert shim is not None
    assert (shim.pid, shim.boot_id) == (0, "")
    assert run.started() == Started(0, 0)


def test_facts_of_a_newer_version_are_read(spool: Path) -> None:
    """Members that this version does not know are passed over."""
    run = create(spool, "a")
    Path(run.file("exit")).write_bytes(b'{"kind": "exited", "exit_code": 0, "new": [1]}')
    assert run.exit() == Exit(ExitKind.EXITED, 0)


def test_the_first_request_to_kill_counts(spool: Path) -> None:
    """A second request is told that there was one; a negative grace is none."""
    run = create(spool, "a")
    assert run.kill_request() is None
    assert run.request_kill(-1)
    assert not run.request_kill(60)
    request = run.kill_request()
    assert request is not None
    assert request.grace_seconds == 0


def test_a_notification_arrives_whatever_the_length_of_the_path(spool: Path) -> None:
    """The control socket is reached below a directory that is too deep for a socket's name."""
    deep = spool.joinpath(*["directory" * 5] * 4)
    (deep / "new").mkdir(parents=True)
    (deep / "live").mkdir()
    run = create_run(deep / "new", deep / "live", "a", b"")
    run.notify()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        directory = os.open(run.path, os.O_PATH)
        control.bind(f"/proc/self/fd/{directory}/ctl")
        os.close(directory)
        control.settimeout(5)
        run.notify()
        assert control.recv(10) == b"k"
    run.notify()
    RunDir(spool / "none").notify()


def test_facts_of_the_shim_come_back(spool: Path) -> None:
    """What the shim says about itself is read as it was written; no output is size 0."""
    run = create(spool, "a")
    fact = ShimFact(1, 2, "boot", "/group")
    run.write("shim", encode(fact), durable=True)
    run.write("started", encode(Started(3, 4)), durable=False)
    assert run.shim() == fact
    assert run.started() == Started(3, 4)
    assert run.output_size() == 0


def test_a_failed_write_leaves_nothing(spool: Path) -> None:
    """A fact that cannot be put into place leaves no temporary file behind."""
    run = create(spool, "a")
    Path(run.file("started")).mkdir()
    with pytest.raises(OSError, match="directory"):
        run.write("started", b"", durable=False)
    assert sorted(path.name for path in Path(run.path).iterdir()) == ["spec", "started"]
