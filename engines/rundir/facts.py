"""The facts of a run as values: what the files of a run directory say, and how they say it.

The shim imports this, so it stays with light parts of the standard library: named tuples instead
of dataclasses. It must never touch a file: reading and writing them is rundir's work.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import NamedTuple

from engines.rundir.members import UNREADABLE, number, parsed, seconds, text, whole
from engines.rundir.texts import bounded, plain

__all__ = [
    "Exit",
    "ExitKind",
    "KillRequest",
    "RunState",
    "ShimFact",
    "Started",
    "decode_exit",
    "decode_kill",
    "decode_shim",
    "decode_started",
    "encode",
]


class ExitKind(StrEnum):
    """How a run ended; a closed set."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    START_FAILED = "start_failed"
    KILLED = "killed"
    KILLED_BEFORE_START = "killed_before_start"
    TIME_LIMIT = "time_limit"
    OUT_OF_MEMORY = "out_of_memory"
    LOST = "lost"


class RunState(StrEnum):
    """The state of a run, as a pure function of its facts."""

    ACCEPTED = "accepted"
    PLACED = "placed"
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    KILLING = "killing"
    ENDED = "ended"
    ORPHANED = "orphaned"


class Exit(NamedTuple):
    """How a run ended, written once.

    ``exit_code`` and ``signal`` are what the parent of the main process collected; both are None
    if nothing was started or nobody could wait. ``message`` is one sentence for a person and
    ``reason`` a word for a program: ``shim_died``, ``node_restarted`` and ``exit_unreadable`` with
    LOST, ``session_died`` with that or with the way in which the session ended, the name of the
    errno with START_FAILED, else empty. Times are milliseconds since the epoch, ``seconds`` is how
    long it went on, by the monotonic clock and without the time for which it was suspended.
    ``bytes`` and ``checksum`` (CRC-32, 0 if unknown) are those of the whole output file,
    ``dropped`` counts bytes of output that were not kept, ``refused_line`` is the first line of
    which the disk did not take something, 0 if it took all. ``verified`` says whether it is proved
    that no process of the run is left.
    """

    kind: ExitKind
    exit_code: int | None = None
    signal: int | None = None
    message: str = ""
    reason: str = ""
    started_ms: int = 0
    ended_ms: int = 0
    seconds: float = 0.0
    bytes: int = 0
    checksum: int = 0
    dropped: int = 0
    verified: bool = True
    refused_line: int = 0


class ShimFact(NamedTuple):
    """Who the shim of a run is; written before the task can exist.

    ``start_time`` is in clock ticks since boot. ``cgroup`` is the directory of the run's own
    control group, empty if it has none. ``session`` is the id of the session whose host is the
    shim of this run, empty if it has a shim of its own.
    """

    pid: int
    start_time: int
    boot_id: str
    cgroup: str = ""
    session: str = ""


class Started(NamedTuple):
    """The main process of a run: its pid for a person to look at, never to signal, and when."""

    pid: int
    started_ms: int


class KillRequest(NamedTuple):
    """That somebody wants the run gone, and the seconds between the polite and the certain kill.

    ``who`` is the name of the one who asked, empty for the machinery and earlier versions.
    """

    grace_seconds: float
    requested_ms: int
    who: str = ""


_KILL_KEYS = {"requested_ms": "wished_ms"}
"""Members of the file of a kill that keep the name they were first written with."""


def encode(fact: Exit | ShimFact | Started | KillRequest) -> bytes:
    """The file that states a fact: one JSON object and a line feed.

    What an ending says to people is cut and cleaned here, whoever says it.
    """
    if isinstance(fact, Exit):
        fact = fact._replace(message=bounded(fact.message))
    record = fact._asdict()
    if isinstance(fact, KillRequest):
        record = {_KILL_KEYS.get(name, name): value for name, value in record.items()}
    return json.dumps(record).encode() + b"\n"


def decode_exit(data: bytes) -> Exit:
    """The ending that a file states; one that cannot be read is a LOST run, never a guess.

    A task may have written there, so each member is what it must be, or none of it counts.
    """
    try:
        known = _known(data, Exit._fields)
        return Exit(
            kind=ExitKind(text(known["kind"])),
            exit_code=number(known.get("exit_code")),
            signal=number(known.get("signal")),
            message=bounded(text(known.get("message", ""))),
            reason=text(known.get("reason", "")),
            started_ms=whole(known.get("started_ms", 0)),
            ended_ms=whole(known.get("ended_ms", 0)),
            seconds=seconds(known.get("seconds", 0.0)),
            bytes=whole(known.get("bytes", 0)),
            checksum=whole(known.get("checksum", 0)),
            dropped=whole(known.get("dropped", 0)),
            verified=known.get("verified", True) is True,
            refused_line=whole(known.get("refused_line", 0)),
        )
    except UNREADABLE:
        return Exit(
            ExitKind.LOST,
            message="the record of the ending cannot be read",
            reason="exit_unreadable",
            verified=False,
        )


def decode_shim(data: bytes) -> ShimFact:
    """Who the shim is; an unreadable file still proves that one was there, of no known boot."""
    try:
        known = _known(data, ShimFact._fields)
        return ShimFact(
            whole(known["pid"]),
            whole(known["start_time"]),
            text(known["boot_id"]),
            text(known.get("cgroup", "")),
            text(known.get("session", "")),
        )
    except UNREADABLE:
        return ShimFact(0, 0, "")


def decode_started(data: bytes) -> Started:
    """The main process; an unreadable file still proves that it was started."""
    try:
        known = _known(data, Started._fields)
        return Started(whole(known["pid"]), whole(known["started_ms"]))
    except UNREADABLE:
        return Started(0, 0)


def decode_kill(data: bytes, grace_seconds: float) -> KillRequest:
    """The request; an unreadable file is still one, with the grace that is given here."""
    try:
        known = _known(data, (*KillRequest._fields, *_KILL_KEYS.values()))
        return KillRequest(
            seconds(known["grace_seconds"]),
            whole(known[_KILL_KEYS["requested_ms"]]),
            plain(text(known.get("who", ""))),
        )
    except UNREADABLE:
        return KillRequest(grace_seconds, 0)


def _known(data: bytes, names: tuple[str, ...]) -> dict[str, object]:
    """The members that this version knows: a newer one may have written more."""
    record = parsed(data)
    return {name: record[name] for name in names if name in record}
