"""Makes everything of a run stand still, and go on again.

By the run's control group where it has one: the kernel then freezes all at once, forks included.
Else by SIGSTOP to every process below the shim, again and again until looks find none that moves,
and nobody who came or went: who hops from process to process may be missed by a look, but leaves
dead ones behind. A process that forks itself away faster than that for seconds cannot be made to
stand still, and that is said. What stood still before by itself is left so. Must never wait: it is
called step by step. The shim imports this file: standard library only.
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterable

from engines import cgroups, processes

__all__ = ["Freezer"]

_STILL = frozenset(b"TtZXx")
_UNINTERRUPTED = b"D"
_CALM = 2
"""So many looks in a row must find nothing that moves, and nobody new or gone."""


class Freezer:
    """Freezes what is below a process.

    Args:
        root: the shim.
        group: the control group of the run, empty for none.
    """

    def __init__(self, root: int, group: str) -> None:
        self._root = root
        self._group = group
        self._grouped = False
        self._before: frozenset[str] = frozenset()
        self._stopped: set[str] = set()
        self._calm = 0
        self._seen: frozenset[str] = frozenset()
        self._collected = 0

    def begin(self) -> None:
        """Asks everything to stand still."""
        self._grouped = bool(self._group) and cgroups.freeze(self._group)
        if not self._grouped:
            known = processes.descendants(self._root)
            still = (pid for pid in known if _stands_still(pid))
            self._before = frozenset(map(processes.identity, still))
            self._stopped = set()
            self._calm = 0
            self._is_changed(known)

    def step(self) -> bool:
        """Whether all stands still by now."""
        if self._grouped:
            return cgroups.frozen(self._group)
        known = processes.descendants(self._root)
        family = {self._root, *known}
        moving = self._is_changed(known)
        for pid in known:
            name = processes.identity(pid)
            if not _moves(pid, asked=name in self._stopped):
                continue
            moving = True
            self._stopped.add(name)
            processes.signal_relative(pid, family, signal.SIGSTOP)
        self._calm = 0 if moving else self._calm + 1
        return self._calm >= _CALM

    def _is_changed(self, known: Iterable[int]) -> bool:
        """Whether somebody came or went since the last look, also who was collected meanwhile."""
        before = self._seen, self._collected
        self._seen = frozenset(map(processes.identity, known))
        # Each who was collected had pages, and only the collected are counted.
        self._collected = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
        return before != (self._seen, self._collected)

    def thaw(self) -> None:
        """Lets everything go on but what stood still before."""
        if self._group:
            cgroups.thaw(self._group)
        if self._grouped:
            self._grouped = False
            return
        known = processes.descendants(self._root)
        family = {self._root, *known}
        for pid in known:
            if processes.identity(pid) not in self._before:
                processes.signal_relative(pid, family, signal.SIGCONT)


def _stands_still(pid: int) -> bool:
    return all(state in _STILL for state in processes.thread_states(pid))


def _moves(pid: int, *, asked: bool) -> bool:
    """Whether a process may still do something; one that cannot see the signal does nothing."""
    allowed = _STILL | frozenset(_UNINTERRUPTED) if asked else _STILL
    return any(state not in allowed for state in processes.thread_states(pid))
