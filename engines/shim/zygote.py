"""The zygote: a small process that has everything loaded and forks shims when it is told to.

It holds no run's lock, takes no notice of how shims end, and goes when its socket closes; shims
live on. A request is eight bytes and two descriptors (the run's lock, the order); the answer is the
eight bytes, the errno (0 for success) and the pid. One shim is forked ahead of its run, and by that
what will be its task, so that a start need not wait for a fork. Standard library only;
single-threaded.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple, NoReturn

from engines import cgroups, processes
from engines.shim import limit_groups
from engines.shim import main as shim
from engines.shim.launch_request import STARTING_NICE

__all__ = ["ANSWER", "REQUEST", "serve"]

REQUEST = Struct("<Q")
ANSWER = Struct("<QiI")

_REST_SECONDS = 0.01


class _Spare(NamedTuple):
    """A shim that waits for a run."""

    pid: int
    identity: str
    orders: socket.socket


def serve(fd: int, *, groups: bool = True, nice: int = 0) -> None:
    """Forks a shim for each request on a socket, until the other end closes it.

    ``nice`` is how far it and all that comes from it stand back when processors are short.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(nice)
    processes.stand_back(STARTING_NICE)
    boot = processes.boot_id()
    group = _usable_group() if groups else ""
    limiting = limit_groups.find(group) if groups else {}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # from here on the kernel reaps the shims
    # What is loaded now is shared with all shims for as long as nobody writes to it.
    gc.collect()
    gc.disable()
    gc.freeze()
    with socket.socket(fileno=fd) as requests:
        spare = _ahead(group, boot, limiting)
        while True:
            if spare is None and not _is_asked(requests):
                spare = _ahead(group, boot, limiting)
            try:
                message, fds, _, _ = socket.recv_fds(requests, REQUEST.size, 2)
            except ConnectionResetError:
                return  # the runner was killed before it took its last answer
            if not message:
                return
            (number,) = REQUEST.unpack(message)
            failure, pid = _hand_over(spare, fds, group) or _fork(fds, group, boot, limiting)
            spare = None
            for given in fds:
                os.close(given)
            try:
                requests.send(ANSWER.pack(number, failure, pid))
            except OSError:
                return  # the runner is gone: the shim that was made for it goes on by itself


def _is_asked(requests: socket.socket) -> bool:
    """Whether the next run comes before the last one had the processors for its first moments."""
    return bool(select.select([requests], [], [], _REST_SECONDS)[0])


def _ahead(group: str, boot: str, limiting: Mapping[str, str]) -> _Spare | None:
    """A shim that waits for its run, and goes if the zygote goes before; None if there is none."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            return None
        if not pid:
            ours.close()
            shim.wait(theirs.fileno(), group, boot, limiting)
    return _Spare(pid, processes.identity(pid), ours)


def _hand_over(spare: _Spare | None, fds: list[int], group: str) -> tuple[int, int] | None:
    """Gives a run to the shim that waits; no errno and its pid, None if it does not wait."""
    if spare is None:
        return None
    with spare.orders as orders:
        try:
            socket.send_fds(orders, [shim.ORDER], fds)
        except OSError:
            if group:
                cgroups.remove(f"{group}/{cgroups.name(spare.identity)}")
            return None
    return 0, spare.pid


def _fork(fds: list[int], group: str, boot: str, limiting: Mapping[str, str]) -> tuple[int, int]:
    """Forks a shim for a run now; the errno, 0 for none, and its pid."""
    try:
        pid = os.fork()
    except OSError as error:
        return error.errno or -1, 0
    if not pid:
        shim.main(fds[0], fds[1], group, boot, limiting)
    return 0, pid


def _usable_group() -> str:
    """The control group below which runs can get their own, tried out; empty if they cannot."""
    parent = cgroups.own_group()
    trial = cgroups.make(parent, f"trial-{os.getpid()}")
    if not trial:
        return ""
    try:
        pid = os.fork()
        if not pid:
            _enter_and_leave(trial)
        status = os.waitpid(pid, 0)[1]
    except OSError:
        status = 1
    cgroups.remove(trial)
    return "" if status else parent


def _enter_and_leave(group: str) -> NoReturn:
    status = 1
    try:
        cgroups.enter(group)
        status = 0
    finally:
        os._exit(status)
