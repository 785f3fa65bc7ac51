"""The run directory: the contract between all processes that have to do with one run.

Its files are the facts, and the state of a run is a pure function of them and of one lock:

    exit there                        ENDED, as written there
    lock held, kill there             KILLING
    lock held, suspended there        SUSPENDED
    lock held, started there          RUNNING
    lock held                         STARTING
    lock free, shim there, no exit    ORPHANED: the shim died
    lock free, no shim                ACCEPTED: nothing was ever started, safe to start

A run that was handed to a place (``placed`` there) has its shim on another machine, where the lock
is. Here its state follows from the facts that came back, and whoever was ``granted`` its start:

    placed there, no granted          PLACED: nothing was started, a place decides when
    placed and granted there          as above with the lock held

The lock is an flock that the shim inherits: a process that dies gives it back, whatever killed it.
``kill`` and ``exit`` are written once, by link(): the first writer wins. What else may be asked of
a run is in ``events`` (see ``requests``). This file must never
guess a state from a pid, a time or the age of a file. How a directory comes to be is in
``creation``. The shim imports this file, so it stays light: standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time

from engines.rundir.durable import remove_file, sync_directory, write_new
from engines.rundir.facts import (
    Exit,
    ExitKind,
    KillRequest,
    RunState,
    ShimFact,
    Started,
    decode_exit,
    decode_kill,
    decode_shim,
    decode_started,
    encode,
)
from engines.rundir.kill_report import KillReport, decode_report
from engines.rundir.plain_files import NotPlainError, open_plain, read_plain

__all__ = [
    "CONTROL",
    "EVENTS",
    "EXIT",
    "FAULT",
    "GRANTED",
    "INDEX",
    "KILL",
    "KILLED",
    "LOCK",
    "OUTPUT",
    "PLACED",
    "SHIM",
    "SPEC",
    "STARTED",
    "SUSPENDED",
    "WORK",
    "Exit",
    "ExitKind",
    "KillRequest",
    "RunDir",
    "RunState",
    "ShimFact",
    "Started",
    "killed_before_start",
]

SPEC = "spec"
LOCK = "lock"
SHIM = "shim"
STARTED = "started"
KILL = "kill"
KILLED = "killed"
EXIT = "exit"
OUTPUT = "output"
INDEX = "index"
WORK = "work"
CONTROL = "ctl"
FAULT = "fault"
EVENTS = "events"
SUSPENDED = "suspended"
PLACED = "placed"
GRANTED = "granted"

_MAX_SPEC_BYTES = 1 << 28


class RunDir:
    """One run directory; holds nothing but its path, so it is free to make.

    Args:
        path: the directory. Its last component is the id of the run.
    """

    __slots__ = ("path",)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def __repr__(self) -> str:
        return f"RunDir({self.path!r})"

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return os.path.basename(self.path)

    def file(self, name: str) -> str:
        """The path of a file of this directory."""
        return f"{self.path}/{name}"

    def spec(self) -> bytes:
        """The specification as it was given to ``create``.

        Raises:
            FileNotFoundError: there is no such run here.
        """
        data = read_plain(self.file(SPEC), _MAX_SPEC_BYTES)
        if data is None:
            raise FileNotFoundError(errno.ENOENT, "no such run", self.path)
        return data

    def state(self) -> RunState:
        """The state of the run.

        Raises:
            FileNotFoundError: there is no such run here.
        """
        if self._is_plain(EXIT):
            return RunState.ENDED
        locked = self.locked()
        # Who grants or calls off what is placed holds the lock for a moment, without a shim.
        if self._has(PLACED) and (not self._has(SHIM) or (self._has(GRANTED) and not locked)):
            return self._live_state() if self._has(GRANTED) else RunState.PLACED
        if locked:
            return self._live_state()
        # The shim may have ended between the two looks: its exit was written before the lock fell.
        if self._is_plain(EXIT):
            return RunState.ENDED
        if self._has(SHIM):
            return RunState.ORPHANED
        if not self._has(SPEC) and not os.path.isdir(self.path):
            raise FileNotFoundError(errno.ENOENT, "no such run", self.path)
        return RunState.ACCEPTED

    def placed(self) -> bool:
        """Whether the run was handed to a place: then nothing of it is on this machine."""
        return self._has(PLACED)

    def begun(self) -> bool:
        """Whether something was started, here or where it was placed, or may be at any moment."""
        return self._has(SHIM) or self._has(GRANTED)

    def locked(self) -> bool:
        """Whether somebody is on this run: launching it, being its shim, or sweeping it."""
        try:
            fd = open_plain(self.file(LOCK))
        except FileNotFoundError:
            return False
        try:
            # Shared, so that those who only look never get in each other's way.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def take(self) -> int | None:
        """Takes the lock and gives its descriptor, which is close-on-exec; None if it is held.

        Closing the last copy of the descriptor gives the lock back.
        """
        try:
            fd = open_plain(self.file(LOCK), os.O_RDWR | os.O_CREAT)
        except NotPlainError:
            self._put_aside(LOCK)
            fd = open_plain(self.file(LOCK), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def request_kill(self, grace_seconds: float, who: str = "") -> bool:
        """Makes it durable that the run is to be killed; False if that was requested before.

        The first request counts, with its grace. Who wants it seen at once notifies.
        """
        request = KillRequest(max(0.0, grace_seconds), time.time_ns() // 1_000_000, who)
        return self.write_once(KILL, encode(request))

    def kill_request(self, grace_seconds: float = 0.0) -> KillRequest | None:
        """The request to kill, if there is one; ``grace_seconds`` stands in if it is unreadable."""
        data = self._read(KILL) if self._is_plain(KILL) else None
        return None if data is None else decode_kill(data, grace_seconds)

    def kill_report(self) -> KillReport | None:
        """What the kill did so far, None if nothing is stated about it."""
        data = self._read(KILLED)
        return None if data is None else decode_report(data)

    def notify(self) -> None:
        """Makes the shim look at once; does nothing if there is none, and never waits."""
        try:
            directory = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            with socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
            ) as notifier:
                # A socket's name may have 107 bytes; the way over the descriptor is always short.
                notifier.sendto(b"k", f"/proc/self/fd/{directory}/{CONTROL}")
        except OSError:
            pass
        finally:
            os.close(directory)

    def call_off(self, end: Exit | None = None) -> bool:
        """Ends a run if it is certain, under its lock, that nothing of it was ever begun.

        It was killed before the start if no other ``end`` is given. False if it is too late.
        """
        lock = self.take()
        if lock is None:
            return False
        try:
            return not self.begun() and self.write_exit(end or killed_before_start())
        finally:
            os.close(lock)

    def exit(self) -> Exit | None:
        """How the run ended, None if it has not."""
        data = self._read(EXIT) if self._is_plain(EXIT) else None
        return None if data is None else decode_exit(data)

    def write_exit(self, exit_: Exit) -> bool:
        """Makes it durable how the run ended; False if somebody wrote that before."""
        return self.write_once(EXIT, encode(exit_))

    def started(self) -> Started | None:
        """The main process of the run, None if it was not started."""
        data = self._read(STARTED)
        return None if data is None else decode_started(data)

    def shim(self) -> ShimFact | None:
        """Who the shim is or was, None if there never was one."""
        data = self._read(SHIM)
        return None if data is None else decode_shim(data)

    def output_size(self) -> int:
        """The bytes of recorded output so far, headers and a torn record included."""
        try:
            found = os.lstat(self.file(OUTPUT))
        except FileNotFoundError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def write_once(self, name: str, data: bytes) -> bool:
        """Makes a fact durable under ``name``; False if it was stated before: the first wins.

        What is no plain file states nothing, whoever put it there, and gives way.
        """
        # One look: what appears after it is the fact of another writer, and stays.
        plain = self._is_plain(name)
        if plain or (plain is not None and not self._put_aside(name)):
            return False
        temporary = self.file(f".{name}.{os.urandom(6).hex()}")
        try:
            write_new(temporary, data)
            os.link(temporary, self.file(name))
        except FileExistsError:
            return False
        finally:
            remove_file(temporary)
        sync_directory(self.path)
        return True

    def write(self, name: str, data: bytes, *, durable: bool) -> None:
        """States a fact that only the holder of the lock states, all at once.

        ``durable`` makes it last that it is stated, but not what it says: after the loss of power
        it may be empty.
        """
        temporary = self.file(f".{name}.{os.urandom(6).hex()}")
        try:
            write_new(temporary, data, durable=False)
            os.rename(temporary, self.file(name))
        except BaseException:
            remove_file(temporary)
            raise
        if durable:
            self.sync()

    def sync(self) -> None:
        """Makes it durable which facts are stated."""
        sync_directory(self.path)

    def _live_state(self) -> RunState:
        """The state of a run that somebody is on."""
        held = ((KILL, RunState.KILLING), (SUSPENDED, RunState.SUSPENDED))
        states = (*held, (STARTED, RunState.RUNNING))
        return next((state for name, state in states if self._is_plain(name)), RunState.STARTING)

    def _has(self, name: str) -> bool:
        return os.path.lexists(self.file(name))

    def _is_plain(self, name: str) -> bool | None:
        """Whether a file is a fact; None if there is none."""
        try:
            return stat.S_ISREG(os.lstat(self.file(name)).st_mode)
        except OSError:
            return None

    def _put_aside(self, name: str) -> bool:
        """Takes something that is no fact out of a fact's place; False if it is one by now.

        Whoever looked before may have been overtaken by the writer of the fact, which goes back.
        """
        aside = f".{name}.{os.urandom(6).hex()}"
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.file(name), self.file(aside))
            if self._is_plain(aside):
                with contextlib.suppress(FileExistsError):
                    os.link(self.file(aside), self.file(name))
                remove_file(self.file(aside))
                return False
        return True

    def _read(self, name: str) -> bytes | None:
        return read_plain(self.file(name))


def killed_before_start() -> Exit:
    """The ending of a run that was killed before anything was started."""
    now = time.time_ns() // 1_000_000
    return Exit(ExitKind.KILLED_BEFORE_START, message="killed before the start", ended_ms=now)
