"""The run directory: the contract between all processes that have to do with one run.

Its files are the facts, and the state of a run is a pure function of them and of one lock:

    exit there                        ENDED, as written there
    lock held, kill there             KILLING
    lock held, started there          RUNNING
    lock held                         STARTING
    lock free, shim there, no exit    ORPHANED: the shim died
    lock free, no shim                ACCEPTED: nothing was ever started, safe to start

The lock is an flock that the shim inherits: a process that dies gives it back, whatever killed it.
``kill`` and ``exit`` are written once, by link(): the first writer wins. This file must never
guess a state from a pid, a time or the age of a file. The shim imports it, so it stays light:
standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import time

from engines.facts import (
    Exit,
    ExitKind,
    KillWish,
    RunState,
    ShimFact,
    Started,
    decode_exit,
    decode_kill,
    decode_shim,
    decode_started,
    encode,
)
from engines.kill_report import KillReport, decode_report
from engines.orphans import sweep_orphan

__all__ = [
    "CONTROL",
    "EXIT",
    "FAULT",
    "INDEX",
    "KILL",
    "KILLED",
    "LOCK",
    "OUTPUT",
    "SHIM",
    "SPEC",
    "STARTED",
    "WORK",
    "Claimed",
    "Exit",
    "ExitKind",
    "KillWish",
    "RunDir",
    "RunState",
    "ShimFact",
    "Started",
    "killed_before_start",
    "sweep_orphan",
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


class Claimed(Exception):  # noqa: N818 - it is the answer to a claim, not a fault
    """Somebody else accepted a run under this claim; its spec is the file ``claim``."""

    def __init__(self, claim: str) -> None:
        super().__init__(f"already claimed: {claim}")
        self.claim = claim


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

    @staticmethod
    def create(
        new: str | os.PathLike[str],
        live: str | os.PathLike[str],
        run_id: str,
        spec: bytes,
        claim: str | os.PathLike[str] | None = None,
        ending: Exit | None = None,
    ) -> RunDir:
        """Makes a run directory that survives the loss of power from here on, all or nothing.

        It is built below ``new`` and moved to ``live`` when it is whole. If ``claim`` is given it
        becomes a hard link to the spec first, so of several that claim the same only one goes on.
        With an ``ending`` the run has ended before it is there: nobody can ever start it.

        Raises:
            Claimed: somebody else holds the claim.
            FileExistsError: there is a run of this id.
            OSError: the disk refused. Without a claim nothing of the run is left; a claimed one is
            ended by ``adopt_new``, for its claim may have been seen.
        """
        building = f"{os.fspath(new)}/{run_id}.{os.urandom(6).hex()}"
        final = f"{os.fspath(live)}/{run_id}"
        os.mkdir(building, 0o700)
        try:
            write_new(f"{building}/{SPEC}", spec)
            if ending is not None:
                write_new(f"{building}/{EXIT}", encode(ending))
            sync_directory(building)
            if claim is not None:
                _claim(f"{building}/{SPEC}", os.fspath(claim))
        except BaseException:
            _discard(building)
            raise
        try:
            _move(building, final)
        except FileExistsError:
            _discard(building)
            if claim is not None:
                _unlink(os.fspath(claim))
            raise
        except BaseException:
            # What is claimed may have been answered for by another process: adopt_new ends it.
            if claim is None:
                _discard(building)
            raise
        sync_directory(os.fspath(live))
        return RunDir(final)

    @staticmethod
    def adopt_new(
        new: str | os.PathLike[str],
        live: str | os.PathLike[str],
        *,
        run_id: str = "",
        age_seconds: float = 0.0,
    ) -> list[str]:
        """Finishes what a crash of ``create`` left below ``new``; the ids that became live.

        A directory whose spec is claimed was as good as accepted and is moved to ``live``; any
        other was never answered for and is removed. Looks only at those that are at least
        ``age_seconds`` old, and only at ``run_id`` if one is given.
        """
        adopted: list[str] = []
        for name in os.listdir(new):
            path = f"{os.fspath(new)}/{name}"
            identity = name.rpartition(".")[0]
            if run_id not in ("", identity) or not _is_older(path, age_seconds):
                continue
            if _links(f"{path}/{SPEC}") < 2:  # noqa: PLR2004 - its own name and the claim
                _discard(path)
            elif _moved(path, f"{os.fspath(live)}/{identity}"):
                adopted.append(identity)
        if adopted:
            sync_directory(os.fspath(live))
        return adopted

    def spec(self) -> bytes:
        """The specification as it was given to ``create``.

        Raises:
            FileNotFoundError: there is no such run here.
        """
        with open(self.file(SPEC), "rb") as file:
            return file.read()

    def state(self) -> RunState:
        """How far the run is.

        Raises:
            FileNotFoundError: there is no such run here.
        """
        if self._has(EXIT):
            return RunState.ENDED
        if self.locked():
            if self._has(KILL):
                return RunState.KILLING
            return RunState.RUNNING if self._has(STARTED) else RunState.STARTING
        # The shim may have ended between the two looks: its exit was written before the lock fell.
        if self._has(EXIT):
            return RunState.ENDED
        if self._has(SHIM):
            return RunState.ORPHANED
        if not self._has(SPEC):
            raise FileNotFoundError(errno.ENOENT, "no such run", self.path)
        return RunState.ACCEPTED

    def locked(self) -> bool:
        """Whether somebody is on this run: launching it, being its shim, or sweeping it."""
        try:
            fd = os.open(self.file(LOCK), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
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
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self.file(LOCK), flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def wish_kill(self, grace_seconds: float) -> bool:
        """Makes it durable that the run is to be killed; False if that was wished before.

        The first wish counts, with its grace. Who wants it seen at once rings.
        """
        wish = KillWish(max(0.0, grace_seconds), time.time_ns() // 1_000_000)
        return self.write_once(KILL, encode(wish))

    def kill_wish(self, grace_seconds: float = 0.0) -> KillWish | None:
        """The wish to kill, if there is one; ``grace_seconds`` stands in if it is unreadable."""
        data = self._read(KILL)
        return None if data is None else decode_kill(data, grace_seconds)

    def kill_report(self) -> KillReport | None:
        """What the kill did so far, None if nothing is stated about it."""
        data = self._read(KILLED)
        return None if data is None else decode_report(data)

    def ring(self) -> None:
        """Makes the shim look at once; does nothing if there is none, and never waits."""
        try:
            directory = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as bell:
                # A socket's name may have 107 bytes; the way over the descriptor is always short.
                bell.sendto(b"k", f"/proc/self/fd/{directory}/{CONTROL}")
        except OSError:
            pass
        finally:
            os.close(directory)

    def call_off(self) -> bool:
        """Ends a run that was never started as killed before the start; False if it is too late."""
        lock = self.take()
        if lock is None:
            return False
        try:
            if self._has(SHIM) or self._has(EXIT):
                return False
            return self.write_exit(killed_before_start())
        finally:
            os.close(lock)

    def exit(self) -> Exit | None:
        """How the run ended, None if it has not."""
        data = self._read(EXIT)
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
            return os.stat(self.file(OUTPUT)).st_size
        except FileNotFoundError:
            return 0

    def write_once(self, name: str, data: bytes) -> bool:
        """Makes a fact durable under ``name``; False if it was stated before: the first wins."""
        if self._has(name):
            return False
        temporary = self.file(f".{name}.{os.urandom(6).hex()}")
        try:
            write_new(temporary, data)
            os.link(temporary, self.file(name))
        except FileExistsError:
            return False
        finally:
            _unlink(temporary)
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
            _unlink(temporary)
            raise
        if durable:
            self.sync()

    def sync(self) -> None:
        """Makes it durable which facts are stated."""
        sync_directory(self.path)

    def _has(self, name: str) -> bool:
        return os.path.lexists(self.file(name))

    def _read(self, name: str) -> bytes | None:
        try:
            with open(self.file(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None


def killed_before_start() -> Exit:
    """The ending of a run that was killed before anything was started."""
    now = time.time_ns() // 1_000_000
    return Exit(ExitKind.KILLED_BEFORE_START, message="killed before the start", ended_ms=now)


def write_new(path: str, data: bytes, *, durable: bool = True) -> None:
    """Writes a file that must not be there yet, readable by the owner only."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)


def sync_directory(path: str) -> None:
    """Makes the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _claim(spec: str, claim: str) -> None:
    try:
        os.link(spec, claim)
    except FileExistsError:
        raise Claimed(claim) from None
    sync_directory(os.path.dirname(claim))


def _move(building: str, final: str) -> None:
    """Puts a whole directory into place; another one may have adopted it by now."""
    try:
        os.rename(building, final)
    except FileNotFoundError:
        if not os.path.lexists(final):
            raise
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise FileExistsError(errno.EEXIST, "there is a run of this id", final) from error


def _moved(path: str, final: str) -> bool:
    try:
        os.rename(path, final)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        _discard(path)
        return False
    return True


def _links(path: str) -> int:
    try:
        return os.stat(path).st_nlink
    except FileNotFoundError:
        return 0


def _is_older(path: str, age_seconds: float) -> bool:
    try:
        return time.time() - os.stat(path).st_mtime >= age_seconds
    except FileNotFoundError:
        return False


def _discard(directory: str) -> None:
    """Removes a directory that holds files only, as far as that works."""
    try:
        for name in os.listdir(directory):
            _unlink(f"{directory}/{name}")
        os.rmdir(directory)
    except OSError:
        pass


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
