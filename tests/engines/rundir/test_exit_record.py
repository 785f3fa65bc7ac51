"""The ending is written whatever the task did to its run directory."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.rundir.creation import create_run
from engines.rundir.directory import EXIT, KILL, RunDir, RunState
from engines.rundir.exit_record import state_ending
from engines.rundir.facts import Exit, ExitKind, decode_exit, encode
from engines.rundir.texts import MAX_MESSAGE_BYTES
from tests.support.unprivileged import NOBODY, as_nobody, needs_root

ENDED = Exit(ExitKind.EXITED, exit_code=3, message="ended with exit code 3")


def a_socket(path: Path) -> None:
    """A socket that is bound to the path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(path))


OTHERS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "directory": lambda path: (path / "below").mkdir(parents=True),
    "socket": a_socket,
    "link": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """An accepted run."""
    for name in ("new", "live"):
        (tmp_path / name).mkdir()
    return create_run(tmp_path / "new", tmp_path / "live", "run", b"spec")


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_file_states_nothing_and_gives_way(kind: str, run: RunDir) -> None:
    """Row A13: an exit or a kill that is no file is none; the true one takes its place."""
    for name in (EXIT, KILL):
        OTHERS[kind](Path(run.file(name)))
    assert run.exit() is None
    assert run.kill_request() is None
    assert run.state() is RunState.ACCEPTED
    assert run.request_kill(1.0)
    state_ending(run, ENDED)
    assert run.exit() == ENDED
    assert run.kill_request() is not None
    assert run.state() is RunState.ENDED


@needs_root
def test_a_directory_that_the_task_closed_gets_its_ending(tmp_path: Path) -> None:
    """Rows A12, A13: nobody may write there any more, and the ending is written all the same."""
    path = tmp_path / "run"
    path.mkdir()
    os.chown(path, NOBODY, NOBODY)
    path.chmod(0o500)
    as_nobody(lambda: state_ending(RunDir("run"), ENDED), tmp_path)
    assert RunDir(path).exit() == ENDED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 100_000,
        b"null",
        b'{"kind": "exited", "exit_code": "0"}',
        b'{"kind": "exited", "exit_code": ' + b"9" * 400 + b"}",
        b'{"kind": "exited", "message": 5}',
        b'{"kind": "exited", "seconds": 1e999}',
        b'{"kind": "exited", "bytes": -1}',
        b'{"kind": ["exited"]}',
        b"\xff\xfe",
    ],
)
def test_an_ending_that_makes_no_sense_is_a_lost_run(data: bytes) -> None:
    """Rows A2, A13: whatever a task wrote there, nothing later fails on it."""
    end = decode_exit(data)
    assert (end.kind, end.reason, end.verified) == (ExitKind.LOST, "exit_unreadable", False)


def test_sentences_are_cleaned_when_they_are_written_and_read() -> None:
    """Rows A1, A2: half characters and controls are escaped, and what is long is cut."""
    reported = decode_exit(
        encode(ENDED._replace(message="\udc80 bad\0 \x1b[31m" + "漢" * 5000))
    ).message
    assert reported.startswith("\\udc80 bad\\x00 \\x1b[31m漢")
    assert MAX_MESSAGE_BYTES - 8 < len(reported.encode()) <= MAX_MESSAGE_BYTES
    assert reported.endswith("漢 ...")
    older = b'{"kind": "exited", "exit_code": 1, "message": "\\udc80 bad"}'
    assert decode_exit(older).message == "\\udc80 bad"
