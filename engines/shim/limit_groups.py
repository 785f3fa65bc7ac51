"""Limits that hold for a run as a whole: memory, processes and its share of the processors.

Kept by control groups: by the run's own one where the controllers of version 2 are delegated, by
groups of version 1 beside it where this machine has those. Where it has neither, a run has what the
resource limits of each process give. The shim imports this file: standard library only.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import NamedTuple

from engines import cgroups, kernel_file, processes
from engines.rundir.facts import ExitKind
from engines.shim.launch_request import Bounds

__all__ = ["KINDS", "Counts", "LimitGroups", "counts_of", "explain", "find", "own"]

KINDS = ("memory", "pids", "cpu")
"""The controllers that are used, by the kernel's names."""

_PREFIX = cgroups.name("")
_USER = cgroups.name("user-")
_TRIES = 5
_USUAL_WEIGHT = 100
_USUAL_SHARES = 1024
_LEAST_SHARES = 2
_MOST_SHARES = 262_144
_PROBES = {"memory": "memory.max", "pids": "pids.max", "cpu": "cpu.weight"}


class Counts(NamedTuple):
    """How often limits were felt: processes killed for want of memory, and ones refused."""

    killed: int = 0
    refused: int = 0

    def since(self, before: Counts) -> Counts:
        """What came since then."""
        return Counts(self.killed - before.killed, self.refused - before.refused)


class LimitGroups:
    """The groups that hold the limits of one run, by version 1 in a group of all runs of its user.

    Args:
        parents: below which groups can be made, by controller: as ``find`` says.
        own: the run's group of version 2, empty if it has none.
        owner: a word for the run that no other one has.
        bounds: its limits.
        more: how many processes besides the task's are in the groups.
    """

    def __init__(
        self, parents: Mapping[str, str], own: str, owner: str, bounds: Bounds, more: int = 0
    ) -> None:
        # What others limit is felt as well.
        self._counted = {"memory": own} if own else {}
        self._where: dict[str, str] = {}
        self._made: list[str] = []
        self._user = bounds.user
        amounts = {
            "memory": (bounds.memory_bytes, bounds.user_memory_bytes),
            "pids": (bounds.processes + more if bounds.processes else 0, bounds.user_processes),
            "cpu": (bounds.cpu_weight, bounds.user_cpu_weight),
        }
        for kind, (amount, of_all) in amounts.items():
            shared = of_all if bounds.user else 0
            if (amount or shared) and kind in parents:
                with contextlib.suppress(OSError):
                    self._set(kind, parents[kind], own, owner, amount, shared)

    @property
    def kinds(self) -> frozenset[str]:
        """The limits that hold for the run, by their controllers; after ``hold``."""
        return frozenset(self._where)

    def hold(self, pid: int) -> None:
        """Takes in a process, and with it all that it will fork.

        A limit whose group does not take it is one for each process instead.
        """
        for path in tuple(self._made):
            try:
                kernel_file.write(f"{path}/cgroup.procs", str(pid))
            except OSError:
                self._where = {kind: at for kind, at in self._where.items() if at != path}

    def counts(self) -> Counts:
        """How often the limits were felt up to now."""
        return counts_of({**self._counted, **self._where})

    def remove(self) -> None:
        """Removes what was made here; for when no process of the run is left."""
        for path in self._made:
            cgroups.remove(path)
            above = os.path.dirname(path)
            if os.path.basename(above).startswith(_USER):
                with contextlib.suppress(OSError):  # others of the user are in it
                    os.rmdir(above)

    def _set(self, kind: str, parent: str, own: str, owner: str, amount: int, shared: int) -> None:
        if own and parent == os.path.dirname(own):
            # It was made before anybody knew whose run this is, so it is in no group of a user's.
            if amount:
                _limit(own, kind, amount)
                self._where[kind] = own
            return
        path = self._make(kind, parent, owner, shared)
        if path not in self._made:
            self._made.append(path)
        if amount:
            _limit_old(path, kind, amount)
        self._where[kind] = path

    def _make(self, kind: str, parent: str, owner: str, shared: int) -> str:
        """Makes the run's group of version 1, in that of its user if they share a limit."""
        if not shared:
            path = f"{parent}/{cgroups.name(owner)}"
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)
            return path
        above = f"{parent}/{_USER}{self._user}"
        path = f"{above}/{cgroups.name(owner)}"
        for _ in range(_TRIES):
            # Whoever ends the last run of the user removes it at the same moment.
            with contextlib.suppress(FileExistsError):
                os.mkdir(above, 0o700)
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.mkdir(path, 0o700)
            if os.path.isdir(path):
                break
        # Less than is in use cannot be set: what was set before goes on to hold.
        with contextlib.suppress(OSError):
            _limit_old(above, kind, shared)
        return path


def find(parent: str) -> dict[str, str]:
    """Below which group those of runs can be made, for each controller that can be had. Tries it.

    ``parent`` is the group of version 2 below which runs have theirs, empty for none. What an
    earlier process left of ended runs is removed.
    """
    found = _delegated(parent)
    for kind, path in _located(*_read_own()).items():
        if kind not in found and _is_usable(path):
            _sweep(path)
            found[kind] = path
    return found


def own() -> dict[str, str]:
    """The groups of the run that this process is in, by controller; none outside of a run."""
    mounts, groups = _read_own()
    located = _located(mounts, groups)
    unified = cgroups.own_group()
    for kind, probe in _PROBES.items():
        if kind not in located and unified and os.path.exists(f"{unified}/{probe}"):
            located[kind] = unified
    return {kind: at for kind, at in located.items() if os.path.basename(at).startswith(_PREFIX)}


def counts_of(where: Mapping[str, str]) -> Counts:
    """How often the limits of some groups, by controller, were felt up to now."""
    killed = refused = 0
    if "memory" in where:
        path = where["memory"]
        killed = _count(f"{path}/memory.events", "oom_kill")
        killed = killed or _count(f"{path}/memory.oom_control", "oom_kill")
    if "pids" in where:
        refused = _count(f"{where['pids']}/pids.events", "max")
    return Counts(killed, refused)


def explain(
    kind: ExitKind, code: int | None, message: str, felt: Counts, bounds: Bounds
) -> tuple[ExitKind, str]:
    """What an ending is and is called if limits were felt.

    A run that went well although some of it was killed went well, and that is told as well.
    """
    if kind not in (ExitKind.EXITED, ExitKind.SIGNALLED):
        return kind, message
    if felt.killed > 0:
        most = _felt_limit(bounds.memory_bytes, " bytes", bounds.user_memory_bytes)
        most = f" ({most})" if most else ""
        if code == 0:
            message += f"; {felt.killed} of its processes were killed for want of memory{most}"
        else:
            kind = ExitKind.OUT_OF_MEMORY
            message = f"killed for want of memory{most}: {message}"
    if felt.refused > 0:
        most = _felt_limit(bounds.processes, "", bounds.user_processes)
        message += f"; processes limit reached ({most})"
    return kind, message


def _felt_limit(own: int, unit: str, shared: int) -> str:
    """Which limit was felt; both if it may have been either."""
    said = [f"{own}{unit}"] if own else []
    if shared:
        said.append(f"{shared}{unit} of all tasks of its user")
    return ", or ".join(said)


def _delegated(parent: str) -> dict[str, str]:
    """The controllers that groups below one of version 2 have, switched on if that is allowed."""
    if not parent:
        return {}
    for kind in KINDS:
        if kind not in _given(parent):
            with contextlib.suppress(OSError):
                kernel_file.write(f"{parent}/cgroup.subtree_control", f"+{kind}")
    return {kind: parent for kind in KINDS if kind in _given(parent)}


def _given(parent: str) -> list[str]:
    """The controllers that groups below one of version 2 have."""
    try:
        with open(f"{parent}/cgroup.subtree_control") as file:
            return file.read().split()
    except OSError:
        return []


def _is_usable(path: str) -> bool:
    """Whether groups can be made below one of version 1."""
    trial = f"{path}/{_PREFIX}trial-{os.getpid()}"
    try:
        os.mkdir(trial, 0o700)
    except OSError:
        return False
    usable = os.access(f"{trial}/cgroup.procs", os.W_OK)
    cgroups.remove(trial)
    return usable


def _sweep(path: str) -> None:
    """Removes the groups of runs that are over; one that is not empty stays."""
    with contextlib.suppress(OSError):
        for name in os.listdir(path):
            pid, _, started = name.removeprefix(_PREFIX).partition("-")
            if name.startswith(_USER):
                _sweep(f"{path}/{name}")
                with contextlib.suppress(OSError):
                    os.rmdir(f"{path}/{name}")
            is_one = name.startswith(_PREFIX) and pid.isdigit() and started.isdigit()
            if is_one and processes.start_time(int(pid)) != int(started):
                cgroups.remove(f"{path}/{name}")


def _read_own() -> tuple[str, str]:
    try:
        with open("/proc/self/mountinfo") as file:
            mounts = file.read()
        with open("/proc/self/cgroup") as file:
            return mounts, file.read()
    except OSError:
        return "", ""


def _located(mounts: str, groups: str) -> dict[str, str]:
    """Where the groups of version 1 of /proc/self/cgroup are found, by controller."""
    inside: dict[str, str] = {}
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        inside.update(dict.fromkeys(controllers.split(","), path))
    found: dict[str, str] = {}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        if not after.startswith("cgroup "):
            continue
        root, point = before.split()[3:5]
        for kind in set(after.split()[-1].split(",")) & set(KINDS) & inside.keys():
            path = inside[kind]
            if root in ("/", path) or path.startswith(f"{root}/"):
                below = path if root == "/" else path[len(root) :]
                found.setdefault(kind, f"{point}{below}".rstrip("/"))
    return found


def _limit(path: str, kind: str, amount: int) -> None:
    """Sets a limit by version 2. Raises OSError."""
    if kind == "memory":
        kernel_file.write(f"{path}/memory.max", str(amount))
        # What is swapped out is used as well, and the kernel counts it apart.
        with contextlib.suppress(OSError):
            kernel_file.write(f"{path}/memory.swap.max", "0")
    elif kind == "pids":
        kernel_file.write(f"{path}/pids.max", str(amount))
    else:
        kernel_file.write(f"{path}/cpu.weight", str(amount))


def _limit_old(path: str, kind: str, amount: int) -> None:
    """Sets a limit by version 1. Raises OSError."""
    if kind == "memory":
        kernel_file.write(f"{path}/memory.limit_in_bytes", str(amount))
        with contextlib.suppress(OSError):  # with swap; where the kernel does not count that
            kernel_file.write(f"{path}/memory.memsw.limit_in_bytes", str(amount))
    elif kind == "pids":
        kernel_file.write(f"{path}/pids.max", str(amount))
    else:
        shares = amount * _USUAL_SHARES // _USUAL_WEIGHT
        kernel_file.write(f"{path}/cpu.shares", str(min(max(shares, _LEAST_SHARES), _MOST_SHARES)))


def _count(path: str, name: str) -> int:
    try:
        with open(path) as file:
            for line in file:
                word, _, number = line.partition(" ")
                if word == name:
                    return int(number)
    except (OSError, ValueError):
        pass
    return 0
