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
import time
import traceback
from typing import NoReturn

from engines import cgroups, processes
from engines.bell import Bell
from engines.facts import Exit, ExitKind, ShimFact, encode
from engines.order import Order, decode_order
from engines.recorder import Recorder
from engines.rundir import CONTROL, FAULT, OUTPUT, SHIM, RunDir, killed_before_start
from engines.watch import Watch

__all__ = ["main"]

_LOCK = 3
_MESSAGE = 4
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
        _detach(lock, message)
        order = decode_order(os.pread(_MESSAGE, os.fstat(_MESSAGE).st_size, 0))
        os.close(_MESSAGE)
        _supervise(order, group, boot)
        status = 0
    finally:
        os._exit(status)


def _detach(lock: int, message: int) -> None:
    """Leaves the zygote's session, signals and descriptors; lock and message become 3 and 4."""
    os.setsid()
    for name in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(name, signal.SIG_IGN)
    # Ignored would be lost in a task that is not yet itself when it is killed; held back is not.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    # Out of the way first, for either may have the other's number.
    kept = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH) for fd in (lock, message)]
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for fd, number in zip(kept, (_LOCK, _MESSAGE), strict=True):
        os.dup2(fd, number, inheritable=False)
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > _MESSAGE:
            with contextlib.suppress(OSError):
                os.close(fd)


def _supervise(order: Order, group: str, boot: str) -> None:
    run = RunDir(order.run)
    os.chdir(order.run)
    umask = os.umask(0o077)
    recorder = Recorder(run.file(OUTPUT), order.bounds.output_bytes)
    processes.become_subreaper()
    own = cgroups.make(group, run.run_id)
    pid = os.getpid()
    fact = ShimFact(pid, processes.start_time(pid), boot, own)
    run.write(SHIM, encode(fact), durable=True)
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
