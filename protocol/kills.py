"""The account of a kill: what was signalled, what died when, what is left, and what is proved.

And how to ask for it. Whether there is a kill at all is asked by ``commands.Kill``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.tasks import Task

__all__ = ["Death", "KillReport", "KillState", "Signalled"]


class KillState(StrEnum):
    """The state of a kill; a closed set. ENDED is a run that no kill ended."""

    NONE = "none"
    KILLING = "killing"
    KILLED = "killed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Signalled:
    """One kind of signal: from when to when it was sent, how often, and to whom at first."""

    signal: int
    first_ms: int
    last_ms: int
    sent: int
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Death:
    """A process that ended: when that was noticed, with its exit code or its signal."""

    pid: int
    at_ms: int
    exit_code: int | None
    signal: int | None


@dataclass(frozen=True, slots=True)
class KillReport:
    """What is known of the kill of a task at one moment.

    Times are ms since the epoch, 0 for "not" or "not yet". ``requested_ms`` and ``grace_seconds``
    are those of the request that counts, which is the first. ``died`` counts, ``deaths`` names the
    first of them. ``left`` are processes that were still seen at the last look. ``proof`` says how
    it is known that nothing is left: by the control group (``cgroup``), by the parent of every
    orphan (``reaper``), by the session in which the statement ran, which itself goes on
    (``session``), because nothing was ever started (``unstarted``) or the machine was started anew
    (``restart``); empty if it is not known, and then ``verified`` is false.
    """

    task: Task
    state: KillState
    requested_ms: int = 0
    grace_seconds: float = 0.0
    begun_ms: int = 0
    ended_ms: int = 0
    signals: tuple[Signalled, ...] = ()
    died: int = 0
    deaths: tuple[Death, ...] = ()
    left: tuple[int, ...] = ()
    proof: str = ""
    verified: bool = False
