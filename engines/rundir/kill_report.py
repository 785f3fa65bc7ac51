"""What a kill did: which processes were signalled, which died when, and what is left.

The shim keeps it while it kills and states it as a fact of the run directory, unfinished at first
and whole at the end. It is an account for people and programs: no decision rests on it, so it must
never keep a kill from going on, and it is bounded whatever the task does. Standard library only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from engines.rundir.members import UNREADABLE, number, parsed, seconds, text, whole
from engines.rundir.texts import plain

__all__ = ["Death", "KillRecorder", "KillReport", "Signalled", "decode_report", "encode_report"]

_MOST = 64
"""So many processes are named; those beyond are counted."""


class Signalled(NamedTuple):
    """One kind of signal: from when to when it was sent, how often, and to whom at first."""

    signal: int
    first_ms: int
    last_ms: int
    sent: int
    pids: tuple[int, ...]


class Death(NamedTuple):
    """A process that ended: when it was collected, with its exit code or its signal."""

    pid: int
    at_ms: int
    exit_code: int | None
    signal: int | None


class KillReport(NamedTuple):
    """The account of one kill.

    ``why`` is the kind of ending that it leads to. ``died`` counts all that ended since the kill
    began, ``deaths`` names the first of them, ``left`` what was still there at ``at_ms``, as far
    as it was seen. ``proof`` says how it is known that nothing is left: ``cgroup``, or ``reaper``
    if the kernel told the parent of every orphan that it has no child any more; empty while that
    is not known.
    """

    why: str
    grace_seconds: float
    begun_ms: int
    at_ms: int = 0
    signals: tuple[Signalled, ...] = ()
    died: int = 0
    deaths: tuple[Death, ...] = ()
    left: tuple[int, ...] = ()
    proof: str = ""


class KillRecorder:
    """The account while it is kept.

    Args:
        why: the kind of ending that the kill leads to.
        grace_seconds: how long the task has between the polite signal and the certain one.
        now_ms: when the kill began.
    """

    __slots__ = ("_deaths", "_died", "_report", "_signals", "stale")

    def __init__(self, why: str, grace_seconds: float, now_ms: int) -> None:
        self._report = KillReport(why, grace_seconds, now_ms)
        self._signals: dict[int, Signalled] = {}
        self._deaths: list[Death] = []
        self._died = 0
        self.stale = True
        """Whether something happened since the last statement."""

    def signalled(self, number: int, pids: Iterable[int], now_ms: int) -> None:
        """Notes to whom a signal went."""
        hit = tuple(pids)
        if not hit:
            return
        before = self._signals.get(number, Signalled(number, now_ms, now_ms, 0, ()))
        known = before.pids
        if len(known) < _MOST:
            known += tuple(pid for pid in hit if pid not in known)[: _MOST - len(known)]
        sent = before.sent + len(hit)
        self._signals[number] = Signalled(number, before.first_ms, now_ms, sent, known)
        self.stale = True

    def died(self, pid: int, status: int, now_ms: int) -> None:
        """Notes that a process was collected."""
        self._died += 1
        self.stale = True
        if len(self._deaths) < _MOST:
            value = os.waitstatus_to_exitcode(status)
            code = value if value >= 0 else None
            self._deaths.append(Death(pid, now_ms, code, -value if value < 0 else None))

    def state(self, left: Iterable[int], proof: str, now_ms: int) -> KillReport:
        """The account as it is now."""
        self.stale = False
        return self._report._replace(
            at_ms=now_ms,
            signals=tuple(self._signals.values()),
            died=self._died,
            deaths=tuple(self._deaths),
            left=tuple(left)[:_MOST],
            proof=proof,
        )


def encode_report(report: KillReport) -> bytes:
    """The file that states a report."""
    return json.dumps(report._asdict()).encode() + b"\n"


def decode_report(data: bytes) -> KillReport | None:
    """The report in a file; None if it cannot be read, for nothing may be made up."""
    try:
        known = parsed(data)
        return KillReport(
            plain(text(known["why"])),
            seconds(known["grace_seconds"]),
            whole(known["begun_ms"]),
            whole(known["at_ms"]),
            tuple(map(_signalled, _list(known["signals"]))),
            whole(known["died"]),
            tuple(map(_death, _list(known["deaths"]))),
            tuple(map(whole, _list(known["left"]))),
            plain(text(known["proof"])),
        )
    except UNREADABLE:
        return None


def _signalled(value: object) -> Signalled:
    signal, first_ms, last_ms, sent, pids = _list(value)
    return Signalled(
        whole(signal), whole(first_ms), whole(last_ms), whole(sent), tuple(map(whole, _list(pids)))
    )


def _death(value: object) -> Death:
    pid, at_ms, exit_code, signal = _list(value)
    return Death(whole(pid), whole(at_ms), number(exit_code), number(signal))


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value[: _MOST + 1]
