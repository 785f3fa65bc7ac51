"""One control group (version 2) for each run, where this machine and user allow it.

It counts who belongs to the run, proves when nobody is left, and kills all at once; where its
parent gives controllers on, it also holds the run's limits. Without one everything works, by the
slower way. The shim imports this file: standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from struct import Struct

from engines import kernel_file
from engines.trees import walk

__all__ = [
    "SERVICE",
    "empty",
    "enter",
    "fork_into",
    "freeze",
    "frozen",
    "kill",
    "make",
    "name",
    "own_group",
    "remove",
    "thaw",
]

SERVICE = "narthex-gateway"
"""What the group is called in which a service manager puts the gateway itself, below its own."""

_CLONE3 = 435
"""The number of the system call, the same on every architecture that has it."""
_CLONE_INTO_CGROUP = 0x200000000
_CLONE_ARGS = Struct("<11Q")

# Unlike CDLL it keeps the interpreter's lock, as a fork must that the interpreter does not know of.
_libc = ctypes.PyDLL(None)


def name(owner: str) -> str:
    """The name of the group of whoever has this word for itself alone."""
    return f"narthex-{owner}"


def own_group() -> str:
    """The directory of the group of this process, empty if there is none that could be used.

    Of the gateway in a group of the name SERVICE it is the one above, which nobody is in: only such
    a group may give the controllers of memory and processes on.
    """
    try:
        with open("/proc/self/mountinfo") as file:
            mounts = file.read()
        with open("/proc/self/cgroup") as file:
            groups = file.read()
    except OSError:
        return ""
    path = _locate(mounts, groups)
    above, _, last = path.rpartition("/")
    return above if last == SERVICE else path


def make(parent: str, owner: str) -> str:
    """Makes a group below ``parent``; its directory, empty if that is not allowed."""
    if not parent:
        return ""
    path = f"{parent}/{name(owner)}"
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return ""
    if os.access(f"{path}/cgroup.kill", os.W_OK) and os.access(f"{path}/cgroup.procs", os.W_OK):
        return path
    remove(path)
    return ""


def enter(path: str) -> None:
    """Moves this process, and with it all that it will fork, into a group.

    Raises:
        OSError: the group is gone or does not take it.
    """
    kernel_file.write(f"{path}/cgroup.procs", "0")


def fork_into(path: str) -> tuple[int, bool]:
    """Forks, with the child in a group from its first moment; (0, whether it is) in the child.

    To move a process that exists makes the kernel wait for all processors, 10 ms and more where
    moves are rare; to be born there costs nothing. Where the kernel cannot do it this is a plain
    fork, and the child has to enter. Only for a process of one thread whose child executes a
    program: the interpreter is not told of the fork.

    Raises:
        OSError: there can be no further process.
    """
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return os.fork(), False
    arguments = _CLONE_ARGS.pack(
        _CLONE_INTO_CGROUP, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, directory
    )
    pid = _libc.syscall(ctypes.c_long(_CLONE3), arguments, ctypes.c_size_t(_CLONE_ARGS.size))
    if not pid:
        return 0, True
    os.close(directory)
    return (os.fork(), False) if pid < 0 else (pid, True)


def kill(path: str) -> None:
    """Kills all that are in a group and below it, forking ones included; a gone group is empty."""
    _order(f"{path}/cgroup.kill", "1")


def freeze(path: str) -> bool:
    """Asks all that are in a group to stand still; False if this kernel does not do that."""
    return _order(f"{path}/cgroup.freeze", "1")


def thaw(path: str) -> None:
    """Lets all that are in a group go on."""
    _order(f"{path}/cgroup.freeze", "0")


def frozen(path: str) -> bool:
    """Whether all that are in a group stand still."""
    try:
        with open(f"{path}/cgroup.events", "rb") as file:
            return b"frozen 1" in file.read()
    except OSError:
        return False


def empty(path: str) -> bool:
    """Whether nobody is in a group or below it."""
    try:
        with open(f"{path}/cgroup.events", "rb") as file:
            return b"populated 0" in file.read()
    except OSError:
        return not os.path.lexists(path)


def remove(path: str) -> None:
    """Removes an empty group and the groups that its processes made below it."""
    try:
        for step in walk(path):
            if step.entries is None:
                with contextlib.suppress(OSError):
                    os.rmdir(step.name, dir_fd=step.fd)
        os.rmdir(path)
    except OSError:
        return


def _locate(mounts: str, groups: str) -> str:
    """Where the group of /proc/self/cgroup is found below a mount of /proc/self/mountinfo."""
    own = next((line[3:] for line in groups.splitlines() if line.startswith("0::/")), None)
    if own is None:
        return ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            root, point = before.split()[3:5]
            if root in ("/", own) or own.startswith(f"{root}/"):
                inside = own if root == "/" else own[len(root) :]
                return f"{point}{inside}".rstrip("/")
    return ""


def _order(path: str, text: str) -> bool:
    try:
        kernel_file.write(path, text)
    except OSError:
        return False
    return True
