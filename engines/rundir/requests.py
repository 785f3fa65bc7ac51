"""What was asked of a run and what came of it: one append-only file of lines in its directory.

Whoever asks (hold, resume, suspend, signal, limit, tag) appends one durable line, and whoever
carries it out appends what was done. What holds now is a pure function of the lines, so a request
that was acknowledged survives everybody, and asking twice is asking once. Must never decide who may
ask. The shim imports this file: standard library only.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from engines.rundir.directory import EVENTS, RunDir
from engines.rundir.durable import sync_directory
from engines.rundir.members import UNREADABLE, parsed, seconds, text, whole
from engines.rundir.plain_files import open_plain
from engines.rundir.texts import bounded, plain

__all__ = [
    "DONE",
    "REQUESTS",
    "Control",
    "RunEvent",
    "TooManyEvents",
    "add_events",
    "control_of",
    "encode_event",
    "event_bytes",
    "note_event",
    "read_control",
    "read_events",
    "request",
]

REQUESTS = frozenset({"hold", "resume", "suspend", "signal", "limit", "tag"})
"""What may be asked."""
DONE = frozenset({"suspended", "resumed", "not_suspended", "signalled", "not_signalled", "warned"})
"""What a shim or the host of a session says of it."""

_MOST_BYTES = 1 << 20
"""So much may be asked of one run. What is done is recorded up to twice of that."""
_LONGEST_WORD = 256
_MOST_TAGS = 64
_WAIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.005
_FLAGS = os.O_RDWR | os.O_APPEND


class TooManyEvents(Exception):  # noqa: N818 - it is an answer, not a fault
    """So much was asked of this run that nothing more is recorded."""


class RunEvent(NamedTuple):
    """One line: what was asked or done, when (ms since the epoch), and by whom.

    ``who`` is empty for the machinery. ``seconds`` is the new limit of ``limit`` (0 for none).
    ``signal`` is a number; ``tree`` says that it is for every process of the run. ``tags`` are
    added and ``removed`` ones taken away by ``tag``. ``note`` is a sentence for a person. ``id`` is
    by what a repetition of a request is known, empty for none.
    """

    event: str
    at_ms: int
    who: str = ""
    seconds: float = 0.0
    signal: int = 0
    tree: bool = False
    tags: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    note: str = ""
    id: str = ""


class Control(NamedTuple):
    """What holds now. ``size`` grows with every line: the newer of two has the larger one.

    ``held``: it must not be started. ``suspended``: it is to stand still. ``seconds``: the limit
    of its running time as it was changed, None if nobody changed it. ``ids`` are those of all
    requests.
    """

    held: bool = False
    suspended: bool = False
    seconds: float | None = None
    tags: tuple[str, ...] = ()
    size: int = 0
    ids: frozenset[str] = frozenset()


def encode_event(event: RunEvent) -> bytes:
    """The line of an event; what is empty is left out."""
    said = event._asdict()
    empty = RunEvent._field_defaults
    return json.dumps({k: v for k, v in said.items() if v != empty.get(k)}).encode() + b"\n"


def read_events(path: str, offset: int = 0) -> tuple[list[RunEvent], int]:
    """The events from an offset on, and the offset after the last whole line.

    What makes no sense is passed over. A file that is not there is empty.
    """
    try:
        fd = open_plain(path)
    except FileNotFoundError:
        return [], offset
    try:
        size = min(os.fstat(fd).st_size - offset, 4 * _MOST_BYTES)
        data = os.pread(fd, size, offset) if size > 0 else b""
    finally:
        os.close(fd)
    return _decode(data), offset + data.rfind(b"\n") + 1


def control_of(events: Iterable[RunEvent], size: int) -> Control:
    """What holds after these events, which are all that there are up to ``size``."""
    held = suspended = False
    limit: float | None = None
    tags: dict[str, None] = {}
    ids: set[str] = set()
    for event in events:
        ids.add(event.id)
        match event.event:
            case "hold":
                held = True
            case "suspend":
                suspended = True
            case "resume":
                held = suspended = False
            case "not_suspended":
                suspended = False
            case "limit":
                limit = event.seconds
            case "tag":
                tags |= dict.fromkeys(event.tags)
                for tag in event.removed:
                    tags.pop(tag, None)
            case _:
                pass
    return Control(held, suspended, limit, tuple(tags)[:_MOST_TAGS], size, frozenset(ids - {""}))


def read_control(run: RunDir) -> Control:
    """What holds now for a run; nothing if nobody ever asked."""
    return control_of(*read_events(run.file(EVENTS)))


def event_bytes(run: RunDir) -> int:
    """How much was asked of a run and said of that; grows with everything."""
    try:
        return os.stat(run.file(EVENTS)).st_size  # noqa: PTH116 - a path here is text
    except FileNotFoundError:
        return 0


def note_event(run: RunDir, event: RunEvent) -> None:
    """Says what was done: an account, which waits for nobody and may be lost with the power.

    Raises:
        OSError: the disk refuses, or so much was said that nothing more is recorded.
    """
    fd = open_plain(run.file(EVENTS), _FLAGS | os.O_CREAT)
    try:
        size = os.fstat(fd).st_size
        if size <= 2 * _MOST_BYTES:
            os.write(fd, _after(fd, size) + encode_event(event))
    finally:
        os.close(fd)


def add_events(run: RunDir, lines: bytes) -> None:
    """Appends those of some whole lines that are not there yet; a repetition changes nothing.

    Raises:
        OSError: the disk refuses.
    """
    fd = open_plain(run.file(EVENTS), _FLAGS | os.O_CREAT)
    try:
        size = os.fstat(fd).st_size
        known = set(os.pread(fd, size, 0).split(b"\n"))
        fresh = [line for line in lines.split(b"\n") if line and line not in known]
        if fresh:
            os.write(fd, _after(fd, size) + b"".join(line + b"\n" for line in fresh))
    finally:
        os.close(fd)


def request(
    run: RunDir, decide: Callable[[Control], RunEvent | None], *, unstarted: bool = False
) -> Control:
    """Makes a request durable; what holds from then on.

    ``decide`` is given what holds, and answers the event to append or None if there is nothing to
    do; it may raise, and may be called twice. With ``unstarted`` it is called under the lock of the
    run: who starts runs looks at what holds under the same lock, so that either sees the other.
    Blocks for a moment while others ask.

    Raises:
        BlockingIOError: somebody is or was on the run, or others ask all the time.
        FileNotFoundError: there is no such run here.
        OSError: the disk refuses; nothing was asked.
        TooManyEvents: nothing more is recorded for this run.
    """
    path = run.file(EVENTS)
    new = not os.path.lexists(path)
    if new and decide(Control()) is None:
        return Control()
    fd = open_plain(path, _FLAGS | os.O_CREAT)
    try:
        _lock(fd)
        size = os.fstat(fd).st_size
        if size > 4 * _MOST_BYTES:
            raise TooManyEvents(run.run_id)
        events = _decode(os.pread(fd, size, 0))
        lock = _alone(run) if unstarted else None
        try:
            event = decide(control_of(events, size))
            if event is None:
                return control_of(events, size)
            line = _after(fd, size) + encode_event(event)
            if size + len(line) > _MOST_BYTES:
                raise TooManyEvents(run.run_id)
            _append(fd, size, line)
        finally:
            if lock is not None:
                os.close(lock)
        os.fsync(fd)
        if new:
            sync_directory(run.path)
        return control_of([*events, event], size + len(line))
    finally:
        os.close(fd)


def _decode(data: bytes) -> list[RunEvent]:
    """The events of the whole lines."""
    return [event for line in data.split(b"\n")[:-1] if (event := _event(line)) is not None]


def _event(line: bytes) -> RunEvent | None:
    """The event of a line, which a run may have written itself: then it must harm nobody."""
    try:
        said = parsed(line)
        return RunEvent(
            _word(said["event"]),
            whole(said["at_ms"]),
            _word(said.get("who", "")),
            seconds(said.get("seconds", 0.0)),
            whole(said.get("signal", 0)),
            bool(said.get("tree", False)),
            _words(said.get("tags", ())),
            _words(said.get("removed", ())),
            bounded(text(said.get("note", ""))),
            _word(said.get("id", "")),
        )
    except UNREADABLE:
        return None


def _word(value: object) -> str:
    return plain(text(value)[:_LONGEST_WORD])


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError("not a list")
    return tuple(map(_word, value[:_MOST_TAGS]))


def _lock(fd: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _alone(run: RunDir) -> int:
    """The lock of the run; one that is held by a look at its state is waited for."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while (lock := run.take()) is None:
        if run.begun() or time.monotonic() >= deadline:
            raise BlockingIOError(f"somebody is on run {run.run_id}")
        time.sleep(_PAUSE_SECONDS)
    if run.begun() or run.exit() is not None:
        os.close(lock)
        raise BlockingIOError(f"run {run.run_id} was started or has ended")
    return lock


def _after(fd: int, size: int) -> bytes:
    """What a line must begin with, so that a line before it that was cut short stays by itself."""
    return b"\n" if size and os.pread(fd, 1, size - 1) != b"\n" else b""


def _append(fd: int, size: int, line: bytes) -> None:
    """Appends a line as a whole: half of it, made whole by others, would be a request."""
    written = os.write(fd, line)
    if written != len(line):
        if os.fstat(fd).st_size == size + written:
            os.ftruncate(fd, size)
        raise OSError(28, os.strerror(28))
