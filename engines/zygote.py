"""The zygote: a small process that has everything loaded and forks shims when it is told to.

It holds no run's lock, takes no notice of how shims end, and goes when its socket closes; shims
live on. A request is eight bytes and two descriptors (the run's lock, the order); the answer is the
eight bytes, the errno (0 for success) and the pid. Standard library only; single-threaded.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from struct import Struct
from typing import NoReturn

from engines import cgroups, processes, shim

__all__ = ["ANSWER", "REQUEST", "serve"]

REQUEST = Struct("<Q")
ANSWER = Struct("<QiI")


def serve(fd: int, *, groups: bool = True) -> None:
    """Forks a shim for each request on a socket, until the other end closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    boot = processes.boot_id()
    group = _usable_group() if groups else ""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # from here on the kernel reaps the shims
    # What is loaded now is shared with all shims for as long as nobody writes to it.
    gc.collect()
    gc.disable()
    gc.freeze()
    with socket.socket(fileno=fd) as requests:
        while True:
            try:
                message, fds, _, _ = socket.recv_fds(
                    requests, REQUEST.size, 2, socket.MSG_CMSG_CLOEXEC
                )
            except ConnectionResetError:
                return  # the runner was killed before it took its last answer
            if not message:
                return
            try:
                requests.send(_fork(message, fds, group, boot))
            except OSError:
                return  # the runner is gone: the shim that was made for it goes on by itself


def _fork(message: bytes, fds: list[int], group: str, boot: str) -> bytes:
    (number,) = REQUEST.unpack(message)
    failure = pid = 0
    try:
        pid = os.fork()
    except OSError as error:
        failure = error.errno or -1
    else:
        if not pid:
            shim.main(fds[0], fds[1], group, boot)
    for fd in fds:
        os.close(fd)
    return ANSWER.pack(number, failure, pid)


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
