"""One control group (version 2) for each run, where this machine and user allow it.

It is a child of the group in which the shim runs and has no controllers: it only counts who belongs
to the run, proves when nobody is left, and kills all at once. Without one everything works, by the
slower way. The shim imports this file: standard library only.
"""

from __future__ import annotations

import os

__all__ = ["empty", "enter", "kill", "make", "name", "oom_kills", "own_group", "remove"]


def name(run_id: str) -> str:
    """The name of a run's group."""
    return f"narthex-{run_id}"


def own_group() -> str:
    """The directory of the group of this process, empty if there is none that could be used."""
    try:
        with open("/proc/self/mountinfo") as file:
            mounts = file.read()
        with open("/proc/self/cgroup") as file:
            groups = file.read()
    except OSError:
        return ""
    return _locate(mounts, groups)


def make(parent: str, run_id: str) -> str:
    """Makes the group of a run below ``parent``; its directory, empty if that is not allowed."""
    if not parent:
        return ""
    path = f"{parent}/{name(run_id)}"
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
    _write(f"{path}/cgroup.procs", b"0")


def kill(path: str) -> None:
    """Kills all that are in a group and below it, forking ones included; a gone group is empty."""
    try:
        _write(f"{path}/cgroup.kill", b"1")
    except OSError:
        return


def empty(path: str) -> bool:
    """Whether nobody is in a group or below it."""
    try:
        with open(f"{path}/cgroup.events", "rb") as file:
            return b"populated 0" in file.read()
    except OSError:
        return not os.path.lexists(path)


def oom_kills(path: str) -> int:
    """How many of a group the kernel has killed for want of memory; 0 where nobody counts."""
    try:
        with open(f"{path}/memory.events", "rb") as file:
            fields = file.read().split()
    except OSError:
        return 0
    return int(fields[fields.index(b"oom_kill") + 1]) if b"oom_kill" in fields else 0


def remove(path: str) -> None:
    """Removes an empty group and the groups that its processes made below it."""
    for directory, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            continue


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


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
