"""What happens between fork and exec in the process that becomes the task.

It leaves nothing of the shim behind: own session, default signals, three descriptors, the task's
limits. An error goes back through a pipe that a successful exec closes. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
from struct import Struct
from typing import NoReturn

from engines import cgroups, processes
from engines.order import STARTING_NICE, Bounds, Order

__all__ = ["become", "decode_failure"]

_FAILURE = Struct("<i")
_NOT_STARTED = 127
_HIGH = 64
_OOM_SCORE = b"500"


def become(
    order: Order, group: str, umask: int, parent: int, pipes: tuple[int, int, int, int]
) -> NoReturn:
    """Turns this forked process into the task when it is let go; never returns.

    ``pipes`` are the ends for stdout, for stderr, for the report of a failure, and the one through
    which a byte lets it go: without one nothing is executed.
    """
    out, err, report, gate = pipes
    try:
        _prepare(order, group, umask, parent)
        os.dup2(out, 1)
        os.dup2(err, 2)
        report = _open_progress(order, report)
        os.chdir(order.directory)
        if not os.read(gate, 1):
            os._exit(_NOT_STARTED)
        os.execvpe(order.argv[0], order.argv, order.environment)  # noqa: S606 - our very purpose
    except OSError as error:
        os.write(report, _FAILURE.pack(error.errno or 0) + str(error).encode(errors="replace"))
    except (ValueError, IndexError) as error:
        os.write(report, _FAILURE.pack(0) + str(error).encode(errors="replace"))
    finally:
        os._exit(_NOT_STARTED)


def decode_failure(data: bytes) -> tuple[int, str]:
    """The errno, 0 if none fits, and the sentence of a failure that came through the pipe."""
    return int(_FAILURE.unpack_from(data)[0]), data[_FAILURE.size :].decode(errors="replace")


def _open_progress(order: Order, report: int) -> int:
    """Opens the file of progress under the number that is promised; the moved report's number."""
    number = order.environment.get("NARTHEX_PROGRESS_FD", "")
    if not number.isdigit():
        return report
    report = fcntl.fcntl(report, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    # Progress is a courtesy: a run goes without rather than not at all.
    with contextlib.suppress(OSError, KeyError):
        os.dup2(os.open(order.environment["NARTHEX_PROGRESS"], flags, 0o600), int(number))
        os.set_inheritable(int(number), True)  # noqa: FBT003 - the library's signature
    return report


def _prepare(order: Order, group: str, umask: int, parent: int) -> None:
    # A session of its own, so that a script's `kill 0` does not reach the shim.
    os.setsid()
    processes.stand_back(STARTING_NICE)
    processes.die_with_parent()
    if os.getppid() != parent:
        os._exit(_NOT_STARTED)
    if group:
        cgroups.enter(group)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb") as file:
        file.write(_OOM_SCORE)
    _restore_signals()
    _limit(order.bounds)
    processes.refuse_privileges()
    os.umask(umask)


def _restore_signals() -> None:
    """Default actions and an empty mask: what the shim ignores, the task must not.

    Only those that are ignored, for exec itself restores those that have a handler.
    """
    for number in range(1, signal.NSIG):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _limit(bounds: Bounds) -> None:
    for which, value in (
        (resource.RLIMIT_NPROC, bounds.processes),
        (resource.RLIMIT_AS, bounds.memory_bytes),
        (resource.RLIMIT_NOFILE, bounds.open_files),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
    ):
        if value:
            hard = resource.getrlimit(which)[1]
            allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (allowed, allowed))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
