"""The shim: parent, reaper and recorder of one run, in a process that outlives everybody else.

It says who it is before the task can exist, so that "no shim file" proves "never ran". It records
what the task says, ends it when that is requested or its time is up, and writes how the run ended
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
from collections.abc import Callable, Mapping
from functools import partial
from typing import NoReturn

from engines import cgroups, processes
from engines.rundir.directory import CONTROL, FAULT, OUTPUT, SHIM, RunDir, killed_before_start
from engines.rundir.exit_record import state_ending
from engines.rundir.facts import Exit, ExitKind, ShimFact, encode
from engines.shim.child import PreforkedChild
from engines.shim.launch_request import STARTING_NICE, decode_request, rehearse
from engines.shim.limit_groups import LimitGroups
from engines.shim.notifier import Notifier
from engines.shim.process_supervisor import ProcessSupervisor
from engines.shim.recorder import Recorder

__all__ = ["ORDER", "main", "wait"]

ORDER = b"o"
"""What comes with the descriptors of a run."""

_FIRST = 3
_UMASK = 0o077
_INSIDE = 2
"""What waits for a task in a sandbox and what reaps there: processes that are not the task's."""
_HIGH = 64
_RINGS = 20
_RING_SECONDS = 0.005


def main(
    lock: int, message: int, group: str, boot: str, limiting: Mapping[str, str] | None = None
) -> NoReturn:
    """Supervises one run from its start to its end; called in a process forked for it.

    Args:
        lock: the descriptor that holds the run's lock, which this process keeps until it dies.
        message: a descriptor of a file that holds the order.
        group: the control group below which runs get their own; empty for none.
        boot: the id of this boot.
        limiting: below which groups limits of runs can be held, by controller.
    """
    status = 1
    try:
        _, message = _detach(lock, message)
        own = _own_group(group)
        _supervise(message, _fact(own, boot), own, limiting or {}, os.umask(_UMASK), None)
        status = 0
    finally:
        os._exit(status)


def wait(orders: int, group: str, boot: str, limiting: Mapping[str, str] | None = None) -> NoReturn:
    """The same for the run whose lock and order come through a socket; ends if none comes.

    What will be the task is forked ahead as well, so that a start waits for no fork at all.
    """
    status = 1
    try:
        (orders,) = _detach(orders)
        own = _own_group(group)
        umask = os.umask(_UMASK)
        try:
            preforked = PreforkedChild(own, umask)
        except OSError:
            cgroups.remove(own)
            raise
        fact = _fact(own, boot)
        rehearse()
        with socket.socket(fileno=orders) as waiting:
            given = socket.recv_fds(waiting, len(ORDER), 2)[1]
        if given:
            lock, message = given
            os.set_inheritable(lock, False)  # noqa: FBT003 - the library's signature
            _supervise(message, fact, own, limiting or {}, umask, preforked)
        else:
            preforked.abandon()
            cgroups.remove(own)
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
    # The zygote has the kernel reap its children; how those of a shim end is the shim's to know.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
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


def _own_group(parent: str) -> str:
    """The control group of this shim's run, empty if there is none."""
    return cgroups.make(parent, processes.identity(os.getpid()))


def _fact(own: str, boot: str) -> bytes:
    """Who this shim is, as it states it."""
    pid = os.getpid()
    return encode(ShimFact(pid, processes.start_time(pid), boot, own))


def _supervise(
    message: int,
    fact: bytes,
    own: str,
    limiting: Mapping[str, str],
    umask: int,
    preforked: PreforkedChild | None,
) -> None:
    if preforked is not None and not preforked.instruct(message):
        preforked.abandon()
        preforked = None
    order = decode_request(os.pread(message, os.fstat(message).st_size, 0))
    run = RunDir(order.run)
    os.chdir(order.run)
    recorder = Recorder(run.file(OUTPUT), order.bounds.output_bytes)
    run.write(SHIM, fact, durable=False)  # made durable before the task is let go
    notifier = Notifier(order.notifier, run.run_id)
    if run.kill_request() is not None:
        if preforked is not None:
            preforked.abandon()
        ending = killed_before_start()
    else:
        more = _INSIDE if order.sandbox is not None else 0
        identity = processes.identity(os.getpid())
        limits = LimitGroups(limiting, own, identity, order.bounds, more)
        watch = ProcessSupervisor(order, run, recorder, own, notifier, limits)
        ending = _run_task(watch, partial(_receive_order, preforked, own, umask, message))
        limits.remove()
    cgroups.remove(own)
    with contextlib.suppress(OSError):
        os.unlink(CONTROL)
    state_ending(run, ending)
    _ring_out(notifier)


def _receive_order(
    preforked: PreforkedChild | None, group: str, umask: int, message: int
) -> PreforkedChild:
    """What will be the task and has its order; if there was none ahead it is forked now."""
    try:
        if preforked is None:
            preforked = PreforkedChild(group, umask)
            preforked.instruct(message)  # if it could not get ready its report says why
        return preforked
    finally:
        os.close(message)


def _run_task(watch: ProcessSupervisor, make: Callable[[], PreforkedChild]) -> Exit:
    """Runs the task to its end; an error of our own ends it too, and is said to be one."""
    try:
        watch.start(make)
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


def _ring_out(notifier: Notifier) -> None:
    """Notifies for the last time, waiting a little for a full socket."""
    notifier.notify(time.monotonic())
    for _ in range(_RINGS):
        if notifier.owed is None:
            return
        time.sleep(_RING_SECONDS)
        notifier.settle(time.monotonic())
