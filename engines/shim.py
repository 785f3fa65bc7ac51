"""The shim: parent, reaper and recorder of one run, in a process that outlives everybody else.

It says who it is before the task can exist, so that "no shim file" proves "never ran". It records
what the task says, ends it when that is wished or its time is up, and writes how the run ended
once, when no process of the run is left. It must never wait for anybody but the task: not for the
runner, not for a reader, not for a full disk. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import time
import traceback
from typing import NoReturn

from engines import cgroups, processes
from engines.bell import Bell
from engines.facts import Exit, ExitKind, ShimFact, encode
from engines.order import STARTING_NICE, decode_order
from engines.recorder import Recorder
from engines.rundir import CONTROL, FAULT, OUTPUT, SHIM, RunDir, killed_before_start
from engines.watch import Watch

__all__ = ["ORDER", "main", "wait"]

ORDER = b"o"
"""What comes with the descriptors of a run."""

_FIRST = 3
_HIGH = 64
_EXIT_PAUSE_SECONDS = 1.0
_EXIT_TRIES = 3600
_RINGS = 20
_RING_SECONDS = 0.005


def main(lock: int, message: int, group: str, boot: str) -> NoReturn:
    """Supervises one run from its start to its end; called in a process forked for it.

    Args:
        lock: the descriptor that holds the run's lock, which this process keeps until it dies.
        message: a descriptor of a file that holds the order.
        group: the control group below which runs get their own; empty for none.
        boot: the id of this boot.
    """
    status = 1
    try:
        _, message = _detach(lock, message)
        _supervise(message, group, boot)
        status = 0
    finally:
        os._exit(status)


def wait(orders: int, group: str, boot: str) -> NoReturn:
    """The same for the run whose lock and order come through a socket; ends if none comes."""
    status = 1
    try:
        (orders,) = _detach(orders)
        with socket.socket(fileno=orders) as waiting:
            given = socket.recv_fds(waiting, len(ORDER), 2)[1]
        if given:
            lock, message = given
            os.set_inheritable(lock, False)  # noqa: FBT003 - the library's signature
            _supervise(message, group, boot)
        status = 0
    finally:
        os._exit(status)


def _detach(*fds: int) -> list[int]:
    """Leaves the zygote's session, signals and descriptors; the given ones become 3 and so on."""
    os.setsid()
    processes.stand_back(STARTING_NICE)
    for name in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(name, signal.SIG_IGN)
    # Ignored would be lost in a task that is not yet itself when it is killed; held back is not.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    # Out of the way first, for either may have the other's number.
    kept = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH) for fd in fds]
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    last = _FIRST + len(fds) - 1
    for number, fd in enumerate(kept, _FIRST):
        os.dup2(fd, number, inheritable=False)
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > last:
            with contextlib.suppress(OSError):
                os.close(fd)
    processes.become_subreaper()
    return list(range(_FIRST, last + 1))


def _supervise(message: int, group: str, boot: str) -> None:
    order = decode_order(os.pread(message, os.fstat(message).st_size, 0))
    os.close(message)
    run = RunDir(order.run)
    os.chdir(order.run)
    umask = os.umask(0o077)
    recorder = Recorder(run.file(OUTPUT), order.bounds.output_bytes)
    own = cgroups.make(group, run.run_id)
    pid = os.getpid()
    fact = ShimFact(pid, processes.start_time(pid), boot, own)
    run.write(SHIM, encode(fact), durable=False)  # made durable before the task is let go
    bell = Bell(order.bell, run.run_id)
    if run.kill_wish() is not None:
        ending = killed_before_start()
    else:
        ending = _run_task(Watch(order, run, recorder, own, bell), umask)
    cgroups.remove(own)
    with contextlib.suppress(OSError):
        os.unlink(CONTROL)
    _state_ending(run, ending)
    _ring_out(bell)


def _run_task(watch: Watch, umask: int) -> Exit:
    """Runs the task to its end; an error of our own ends it too, and is said to be one."""
    try:
        watch.start(umask)
        watch.keep()
        return watch.ending()
    except Exception:  # noqa: BLE001 - the supervisor of one run must leave a true ending
        watch.exterminate()
        with contextlib.suppress(OSError):
            watch.run.write(FAULT, traceback.format_exc().encode(), durable=False)
        return Exit(
            ExitKind.LOST,
            message="the supervisor of the run failed",
            reason="shim_died",
            ended_ms=time.time_ns() // 1_000_000,
            bytes=watch.recorder.size,
            dropped=watch.recorder.dropped,
        )


def _state_ending(run: RunDir, ending: Exit) -> None:
    """Writes the ending, which nobody else can know: a full disk is waited for, within reason."""
    for _ in range(_EXIT_TRIES):
        try:
            run.write_exit(ending)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_EXIT_PAUSE_SECONDS)
        else:
            return


def _ring_out(bell: Bell) -> None:
    """Rings for the last time, with a little patience for a full socket."""
    bell.ring(time.monotonic())
    for _ in range(_RINGS):
        if bell.owed is None:
            return
        time.sleep(_RING_SECONDS)
        bell.settle(time.monotonic())
