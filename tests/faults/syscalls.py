"""Crashes at chosen system calls: a process is recorded once, then killed at each of its calls.

``strace`` counts a call by its name, and kills on entry, so that the call itself is not made. Only
calls after a marker are points: what the interpreter does before that is not ours.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.waiting import wait_until_sync

__all__ = [
    "MARKER",
    "Call",
    "Point",
    "crash",
    "failing",
    "killing",
    "points",
    "recording",
    "strace",
]

MARKER = "/narthex-marks-the-beginning"
"""A path that the recorded program asks for just before the part that is to be crashed."""

_SECONDS = 30
_OURS = frozenset({"exit", "exit_group", "rt_sigreturn", "restart_syscall"})
"""Not points: nothing follows them, or the kernel makes them by itself."""


class Point(NamedTuple):
    """The ``number``-th call of a name since the start of the process; ``place`` in the record."""

    name: str
    number: int
    place: int


class Call(NamedTuple):
    """The ``number``-th call of a name by a thread, from the moment on at which it is traced.

    ``thread`` is its rank among the threads of its process by age. ``text`` is as in the record.
    """

    thread: int
    name: str
    number: int
    text: str


def strace() -> str:
    """The program; skips the test where there is none."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed: the crash at every system call is not tested here")
    return found


def points(command: Sequence[str], record: Path) -> list[Point]:
    """Runs a command once under strace; every call that it makes after the marker."""
    done = subprocess.run(
        [strace(), "-qq", "-o", str(record), *command],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counted: Counter[str] = Counter()
    found: list[Point] = []
    begun = False
    for line in record.read_text(errors="replace").splitlines():
        name, opened, _ = line.partition("(")
        if not opened or not name.isidentifier():
            continue
        counted[name] += 1
        if begun and name not in _OURS:
            found.append(Point(name, counted[name], len(found)))
        begun = begun or (MARKER in line and not name.startswith("exec"))  # it is an argument too
    assert found, "the marker was not found in the record"
    return found


@contextlib.contextmanager
def failing(pid: int, calls: str, error: str, *more: str) -> Iterator[None]:
    """Has the system calls of a living process fail for the length of the block.

    ``calls`` are names with commas; all threads are meant, its children are not. ``more`` are
    further words for strace, such as the only paths that are meant.
    """
    words = ["-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"]
    with _tracing(pid, [*words, *more], threads(pid)):
        yield


@contextlib.contextmanager
def delaying(pid: int, calls: str, seconds: float) -> Iterator[None]:
    """Has system calls of a living process and of its children take longer during the block."""
    late = f"inject={calls}:delay_enter={int(seconds * 1_000_000)}"
    with _tracing(pid, ["-o", "/dev/null", "-e", f"trace={calls}", "-e", late], threads(pid)):
        yield


@contextlib.contextmanager
def recording(pid: int, record: Path, into: list[Call]) -> Iterator[None]:
    """Gathers all calls that the threads of a living process make during the block, in order.

    A pool grows with its work: threads that begin meanwhile come after those that were there.
    """
    ranks = {str(thread): rank for rank, thread in enumerate(threads(pid))}
    with _tracing(pid, ["-y", "-o", str(record)], threads(pid)):
        yield
        for later in threads(pid):  # and not the children, which are traced as well
            ranks.setdefault(str(later), len(ranks))
    counted: Counter[tuple[str, str]] = Counter()
    for line in record.read_text(errors="replace").splitlines():
        thread, _, text = line.partition(" ")
        name, opened, _ = text.lstrip().partition("(")
        if opened and name.isidentifier() and thread in ranks:
            counted[thread, name] += 1
            into.append(Call(ranks[thread], name, counted[thread, name], text.lstrip()))


@contextlib.contextmanager
def killing(pid: int, call: Call, *, anywhere: bool = False) -> Iterator[None]:
    """Kills a living process at a call, if its thread comes to it during the block.

    ``anywhere`` means all threads but the first: which of them does a piece of work is chance.
    """
    inject = f"inject={call.name}:signal=SIGKILL:when={call.number}"
    words = ["-o", "/dev/null", "-e", f"trace={call.name}", "-e", inject]
    with _tracing(pid, words, threads(pid)[1:] if anywhere else threads(pid)[call.thread :][:1]):
        yield


@contextlib.contextmanager
def _tracing(pid: int, words: Sequence[str], chosen: Sequence[int]) -> Iterator[None]:
    """Attaches strace to some threads of a process; new ones are meant too if all are chosen."""
    follow = ["-f"] if list(chosen) == threads(pid) else []
    tracer = subprocess.Popen(
        [strace(), "-qq", *follow, *words, *(f"--attach={thread}" for thread in chosen)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until_sync(
            lambda: _traced(pid, chosen) or tracer.poll() is not None, "strace to attach"
        )
        if tracer.poll() is not None:
            pytest.skip(f"strace cannot attach here: {tracer.stderr and tracer.stderr.read()}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=_SECONDS)


def threads(pid: int) -> list[int]:
    """The threads of a living process, the oldest first as far as numbers tell."""
    return sorted(int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir())


def _traced(pid: int, chosen: Sequence[int]) -> bool:
    """Whether these threads of a process are traced."""
    found = [Path(f"/proc/{pid}/task/{thread}/status").read_text() for thread in chosen]
    return bool(found) and not any("TracerPid:\t0\n" in text for text in found)


def crash(command: Sequence[str], point: Point) -> bool:
    """Runs a command and kills it at a point; False if it never came there."""
    inject = f"inject={point.name}:signal=SIGKILL:when={point.number}"
    done = subprocess.run(
        [strace(), "-qq", "-o", "/dev/null", "-e", f"trace={point.name}", "-e", inject, *command],
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    return done.returncode != 0
