"""The facts of a run as values: what the files of a run directory say, and how they say it.

The shim imports this, so it stays with light parts of the standard library: named tuples instead
of dataclasses. It must never touch a file: reading and writing them is rundir's work.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import NamedTuple

__all__ = [
    "Exit",
    "ExitKind",
    "KillWish",
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
    """How far a run is, as a pure function of its facts."""

    ACCEPTED = "accepted"
    STARTING = "starting"
    RUNNING = "running"
    KILLING = "killing"
    ENDED = "ended"
    ORPHANED = "orphaned"


class Exit(NamedTuple):
    """How a run ended, written once.

    ``exit_code`` and ``signal`` are what the parent of the main process collected; both are None
    if nothing was started or nobody could wait. ``message`` is one sentence for a person and
    ``reason`` a word for a program: ``shim_died``, ``node_restarted`` and ``exit_unreadable`` with
    LOST, ``session_died`` with that or with the way in which the session ended, the name of the
    errno with START_FAILED, else empty. Times are milliseconds since the epoch, ``seconds`` comes
    from the monotonic clock. ``bytes`` and ``checksum`` (CRC-32, 0 if
    unknown) are those of the whole output file, ``dropped`` counts bytes of output that were not
    kept, ``refused_line`` is the first line of which the disk did not take something, 0 if it took
    all. ``verified`` says whether it is proved that no process of the run is left.
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


class KillWish(NamedTuple):
    """That somebody wants the run gone, and the seconds between the polite and the certain kill."""

    grace_seconds: float
    wished_ms: int


def encode(fact: Exit | ShimFact | Started | KillWish) -> bytes:
    """The file that states a fact: one JSON object and a line feed."""
    return json.dumps(fact._asdict()).encode() + b"\n"


def decode_exit(data: bytes) -> Exit:
    """The ending that a file states; one that cannot be read is a LOST run, never a guess."""
    try:
        known = _known(data, Exit._fields)
        exit_ = Exit(**{**known, "kind": ExitKind(str(known["kind"]))})  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError):
        return Exit(
            ExitKind.LOST,
            message="the record of the ending cannot be read",
            reason="exit_unreadable",
            verified=False,
        )
    return exit_


def decode_shim(data: bytes) -> ShimFact:
    """Who the shim is; an unreadable file still proves that one was there, of no known boot."""
    try:
        return ShimFact(**_known(data, ShimFact._fields))  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return ShimFact(0, 0, "")


def decode_started(data: bytes) -> Started:
    """The main process; an unreadable file still proves that it was started."""
    try:
        return Started(**_known(data, Started._fields))  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return Started(0, 0)


def decode_kill(data: bytes, grace_seconds: float) -> KillWish:
    """The wish; an unreadable file is still a wish, with the grace that is given here."""
    try:
        wish = KillWish(**_known(data, KillWish._fields))  # type: ignore[arg-type]
        return KillWish(max(0.0, float(wish.grace_seconds)), int(wish.wished_ms))
    except (ValueError, TypeError):
        return KillWish(grace_seconds, 0)


def _known(data: bytes, names: tuple[str, ...]) -> dict[str, object]:
    """The members that this version knows: a newer one may have written more."""
    record = json.loads(data)
    if not isinstance(record, dict):
        raise TypeError("not an object")
    return {name: record[name] for name in names if name in record}
