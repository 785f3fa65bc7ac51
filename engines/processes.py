"""Looking at processes and signalling them without ever hitting the wrong one.

A pid is only signalled while it cannot mean another process: an unreaped child of the caller, or a
process that is held by a pidfd and looked at again before the signal goes out. The shim imports
this file: standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Container, Iterable

__all__ = [
    "become_subreaper",
    "boot_id",
    "children",
    "descendants",
    "die_with_parent",
    "has_cookie",
    "identity",
    "inmost",
    "is_dead",
    "refuse_privileges",
    "signal_checked",
    "signal_relative",
    "signal_tree",
    "stand_back",
    "start_time",
    "thread_states",
    "with_cookie",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PARENT = 1
_START_TIME = 19

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Makes every orphan below this process a child of this process."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def refuse_privileges() -> None:
    """Makes setuid programs give nothing to this process and those below it."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent() -> None:
    """Has the kernel kill this process when its parent dies; the next program inherits that."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stand_back(nice: int, pid: int = 0) -> bool:
    """Has the session of a process, by default one's own, stand back as far as a niceness says.

    Some kernels share processors between sessions first and look at niceness within each only: a
    session of its own then counts as much as the whole gateway. Where there is no such thing this
    does nothing. False if it has to be tried again: only the privileged may do it very often.
    """
    path = f"/proc/{pid or 'self'}/autogroup"
    try:
        with open(path, "wb", buffering=0) as file:
            file.write(b"%d" % nice)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def boot_id() -> str:
    """The name of this boot of the machine: pids and start times of another one mean nothing."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 if there is no such process."""
    fields = _stat(pid)
    return int(fields[_START_TIME]) if fields else 0


def identity(pid: int) -> str:
    """A word for a process that no other one has during this boot."""
    return f"{pid}-{start_time(pid)}"


def children(pid: int) -> list[int]:
    """The children of a process, as far as they stand still while this looks."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found.extend(map(int, file.read().split()))
        except OSError:
            continue
    return found


def descendants(pid: int) -> list[int]:
    """Everything below a process, parents before their children, as far as it stands still."""
    found: list[int] = []
    seen = {pid}
    waiting = [pid]
    while waiting:
        for child in children(waiting.pop()):
            if child not in seen:
                seen.add(child)
                found.append(child)
                waiting.append(child)
    return found


def inmost(pid: int) -> tuple[int, int]:
    """The task in whose place a process waits outside of a sandbox, and its parent; 0 for none.

    The first child of the only child: as long as the task lives nothing was born before it.
    """
    first = next(iter(children(pid)), 0)
    task = next(iter(children(first)), 0) if first else 0
    return task, first


def signal_tree(root: int, *numbers: int) -> list[int]:
    """Sends signals to everything below ``root``; the pids that got them."""
    known = descendants(root)
    family = {root, *known}
    return [pid for pid in known if signal_relative(pid, family, *numbers)]


def signal_relative(pid: int, family: Container[int], *numbers: int) -> bool:
    """Sends signals to a process if one of the family is its parent; False if it is gone."""
    return signal_checked(pid, lambda one: _parent(one) in family, numbers)


def thread_states(pid: int) -> bytes:
    """What each thread of a process does, one letter each as the kernel says; empty if gone."""
    states = b""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return states
    for thread in threads:
        states += b"".join(_stat(f"{pid}/task/{thread}")[:1])
    return states


def is_dead(pid: int) -> bool:
    """Whether a process has ended, its parent knowing of it or not."""
    return not thread_states(pid).strip(b"ZXx")


def signal_checked(pid: int, is_meant: Callable[[int], bool], numbers: Iterable[int]) -> bool:
    """Sends signals to a process if it is the one meant; False if it is gone or another.

    The process is held by a pidfd before it is looked at, so it cannot be replaced in between.
    """
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not is_meant(pid):
            return False
        for number in numbers:
            signal.pidfd_send_signal(fd, number)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def with_cookie(cookie: bytes) -> list[int]:
    """The processes that carry an entry such as ``NAME=value`` in their first environment.

    Only those whose environment this user may read; kernel threads and zombies have none.
    """
    return [
        int(name) for name in os.listdir("/proc") if name.isdigit() and has_cookie(name, cookie)
    ]


def has_cookie(pid: int | str, cookie: bytes) -> bool:
    """Whether a process carries the entry."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return cookie in file.read().split(b"\0")
    except OSError:
        return False


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[_PARENT]) if fields else 0


def _stat(pid: int | str) -> list[bytes]:
    """The fields of a process from its state on: the name before them may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
