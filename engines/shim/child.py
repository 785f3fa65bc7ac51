"""The process that becomes the task: forked ahead, told what it is to be, and let go.

It leaves nothing of the shim behind: own session, default signals, three descriptors, the task's
limits. It executes nothing before it is let go. An error goes back through a pipe that a successful
exec closes. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import socket
from collections.abc import Collection, Iterable
from struct import Struct
from typing import NoReturn

from engines import cgroups, processes
from engines.shim.launch_request import STARTING_NICE, Bounds, LaunchRequest, decode_request
from engines.shim.sandbox import enter, give_pipes

__all__ = ["PreforkedChild", "decode_failure"]

_FAILURE = Struct("<i")
_NOT_STARTED = 127
_STDERR = 2
_HIGH = 64
_ORDER = b"o"
_GO = b"g"
_MOST_HELD = 64
_OOM_SCORE = b"500"


class PreforkedChild:
    """A process that waits to become a task, forked by the one that makes it.

    Args:
        group: the directory of the run's control group, in which it is born; empty for none.
        umask: what the task is to have.

    Attributes:
        pid: a child of this process, to be waited for.
        out, err: what the task says on stdout and stderr.
        report: says why there was no exec; its end without a word is the exec.

    Raises:
        OSError: there can be no further process or pipe.
    """

    def __init__(self, group: str, umask: int) -> None:
        ends: list[int] = []
        try:
            for _ in range(3):
                ends += os.pipe2(os.O_CLOEXEC)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            _close(ends)
            raise
        self._gate = ours
        self.out, self.err, self.report = ends[::2]
        parent = os.getpid()
        try:
            self.pid, inside = cgroups.fork_into(group)
        except OSError:
            _close(ends)
            ours.close()
            theirs.close()
            raise
        if not self.pid:
            _become("" if inside else group, umask, parent, (*ends[1::2], theirs.detach()))
        _close(ends[1::2])
        theirs.close()

    def instruct(self, message: int) -> bool:
        """Gives it the order, a descriptor of a file; False if it is no more."""
        try:
            socket.send_fds(self._gate, [_ORDER], [message])
        except OSError:
            return False
        return True

    def release(self, held: Iterable[str] = ()) -> None:
        """Lets it execute what it was told; if it could not get ready its report says why.

        ``held`` are the limits that hold for the run as a whole, by the names of controllers: those
        it need not set for each process.
        """
        with self._gate as gate, contextlib.suppress(OSError):
            gate.send(b" ".join((_GO, *(kind.encode() for kind in held))))

    def abandon(self) -> None:
        """Sees to it that it ends without having executed anything."""
        self._gate.close()
        _close([self.out, self.err, self.report])
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _become(group: str, umask: int, parent: int, ends: tuple[int, ...]) -> NoReturn:
    """Turns this forked process into the task when it is told to; never returns."""
    out, err, *others = ends
    # Out of the way of the number that is promised for the file of progress.
    report, gate = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH) for fd in others)
    try:
        _leave(group, umask, parent, (out, err, report, gate))
        os.dup2(out, 1)
        os.dup2(err, 2)
        with socket.socket(fileno=gate) as order_socket:
            order = _receive_order(order_socket)
            if order is None:
                os._exit(_NOT_STARTED)
            _open_progress(order)
            _open_stdin(order)
            os.chdir(order.directory)
            word = order_socket.recv(_MOST_HELD)
            if not word:
                os._exit(_NOT_STARTED)
        held = word.split()
        if order.sandbox is not None:
            give_pipes(order.sandbox.uid, 1, 2)
            enter(order.sandbox, order.directory)
            processes.stand_back(STARTING_NICE)
        _limit(order.bounds, held)
        os.execvpe(order.argv[0], order.argv, order.environment)  # noqa: S606 - our very purpose
    except OSError as error:
        os.write(report, _FAILURE.pack(error.errno or 0) + str(error).encode(errors="replace"))
    except (ValueError, IndexError) as error:
        os.write(report, _FAILURE.pack(0) + str(error).encode(errors="replace"))
    finally:
        os._exit(_NOT_STARTED)


def _receive_order(gate: socket.socket) -> LaunchRequest | None:
    """The order, None if there will never be one."""
    given = socket.recv_fds(gate, len(_ORDER), 1)[1]
    if not given:
        return None
    (message,) = given
    try:
        return decode_request(os.pread(message, os.fstat(message).st_size, 0))
    finally:
        os.close(message)


def decode_failure(data: bytes) -> tuple[int, str]:
    """The errno, 0 if none fits, and the sentence of a failure that came through the pipe."""
    return int(_FAILURE.unpack_from(data)[0]), data[_FAILURE.size :].decode(errors="replace")


def _open_stdin(order: LaunchRequest) -> None:
    """Opens what it is to read, if that is anything."""
    if order.stdin:
        fd = os.open(order.stdin, os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(fd, 0)
        os.close(fd)


def _open_progress(order: LaunchRequest) -> None:
    """Opens the file of progress under the number that is promised."""
    number = order.environment.get("NARTHEX_PROGRESS_FD", "")
    if not number.isdigit():
        return
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    # Progress is a courtesy: a run goes without rather than not at all.
    with contextlib.suppress(OSError, KeyError):
        os.dup2(os.open(order.environment["NARTHEX_PROGRESS"], flags, 0o600), int(number))
        os.set_inheritable(int(number), True)  # noqa: FBT003 - the library's signature


def _leave(group: str, umask: int, parent: int, ends: tuple[int, ...]) -> None:
    """Leaves everything of the parent's behind but the given descriptors."""
    # A session of its own, so that a script's `kill 0` does not reach the shim.
    os.setsid()
    processes.stand_back(STARTING_NICE)
    processes.die_with_parent()
    if os.getppid() != parent:
        os._exit(_NOT_STARTED)
    if group:
        cgroups.enter(group)
    # While one of these is open here, its other end does not see that the parent is gone.
    _close(fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > _STDERR and fd not in ends)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb") as file:
        file.write(_OOM_SCORE)
    _restore_signals()
    processes.refuse_privileges()
    os.umask(umask)


def _close(fds: Iterable[int]) -> None:
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)


def _restore_signals() -> None:
    """Default actions and an empty mask: what the shim ignores, the task must not.

    Only those that are ignored, for exec itself restores those that have a handler.
    """
    for number in range(1, signal.NSIG):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _limit(bounds: Bounds, held: Collection[bytes]) -> None:
    for which, value in (
        (resource.RLIMIT_NPROC, 0 if b"pids" in held else bounds.processes),
        (resource.RLIMIT_AS, 0 if b"memory" in held else bounds.memory_bytes),
        (resource.RLIMIT_NOFILE, bounds.open_files),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
    ):
        if value:
            hard = resource.getrlimit(which)[1]
            allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (allowed, allowed))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
