"""One statement in its run directory, as the host of a session records it.

The host is the shim of the statement: it holds the run's lock, says who it is before any code can
run, and writes the ending once. Whoever reads the directory need not know that it is no process of
its own. It must never take a run that anybody was on before. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from engines.rundir.directory import (
    CONTROL,
    EVENTS,
    OUTPUT,
    SHIM,
    STARTED,
    RunDir,
    killed_before_start,
)
from engines.rundir.exit_record import state_ending
from engines.rundir.facts import Exit, ExitKind, ShimFact, Started, encode
from engines.rundir.plain_files import read_plain
from engines.rundir.records import ERR, OUT
from engines.rundir.requests import RunEvent, note_event, read_control, read_events
from engines.session.adapter import Code
from engines.shim.launch_request import Bounds
from engines.shim.notifier import Notifier
from engines.shim.recorder import Recorder
from engines.shim.redact import Redactor
from engines.shim.time_limit import TimeLimit

__all__ = [
    "STATEMENT",
    "Secrets",
    "Statement",
    "StatementRequest",
    "TooManySecretsError",
    "decode_request",
    "encode_request",
    "take",
]

STATEMENT = "statement"
"""The file of a run directory in which the runner tells the host what to run."""

_MAX_ORDER_BYTES = 1 << 28
_MOST_SECRETS = 10_000
_MOST_SECRET_CHARACTERS = 1 << 22
_TAKE_TRIES = 20
_TAKE_SECONDS = 0.002
_BEGUN_SECONDS = 0.02
_SAID_SECONDS = 0.004
"""Output of a very short statement arrives with its end event: an earlier look would delay it."""


class TooManySecretsError(Exception):
    """A session was given as many secrets as it can keep out of its output."""


class Secrets:
    """Every secret that a session was ever given: what one statement read another may print."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._known))

    def add(self, texts: Iterable[str]) -> None:
        """Knows these as well. Raises TooManySecretsError, and then knows none of them."""
        fresh = {text: None for text in texts if text not in self._known}
        size = self._size + sum(map(len, fresh))
        if len(self._known) + len(fresh) > _MOST_SECRETS or size > _MOST_SECRET_CHARACTERS:
            raise TooManySecretsError
        self._known.update(fresh)
        self._size = size


class StatementRequest(NamedTuple):
    """What the runner tells a host of one statement: the code, what to hide, whom to tell.

    ``notice`` is a line for the statement's log, said before its code runs; empty for none.
    """

    code: Code
    secrets: tuple[str, ...]
    bounds: Bounds
    notifier: str
    notice: str = ""


def encode_request(order: StatementRequest) -> bytes:
    """The content of the file."""
    return json.dumps(order).encode()


def decode_request(data: bytes) -> StatementRequest:
    """The order in a file of this version."""
    code, secrets, bounds, notifier, notice = json.loads(data)
    return StatementRequest(Code(*code), tuple(secrets), Bounds(*bounds), notifier, notice)


class Statement:
    """A statement that was taken: its lock is held until ``end``. A sink for its output.

    Args:
        run: its directory.
        order: what the runner said.
        lock: the descriptor that holds its lock.
        secrets: what it must not say, those of its session's earlier statements included.
        wake: called, from any thread, when ``settle`` is to be called soon.
    """

    def __init__(
        self,
        run: RunDir,
        order: StatementRequest,
        lock: int,
        wake: Callable[[], None],
        secrets: Iterable[str] = (),
    ) -> None:
        self.run = run
        self.order = order
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.interrupted = 0
        self._lock = lock
        self._wake = wake
        self._guard = threading.Lock()
        self._recorder = Recorder(run.file(OUTPUT), order.bounds.output_bytes)
        self._redactors = {kind: Redactor(secrets) for kind in (OUT, ERR)}
        self._notifier = Notifier(order.notifier, run.run_id)
        self._open = True
        self._started_ms = 0
        self._begun = 0.0
        self._clock = TimeLimit(order.bounds.seconds, order.bounds.most_seconds)
        self._asked = 0
        self._said = False
        self._stated = False

    def listen(self) -> None:
        """Has a socket at which one may knock; one without a name if there can be none."""
        with contextlib.suppress(OSError):
            directory = os.open(self.run.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # A socket's name may have 107 bytes; the way over the descriptor is always short.
                self.control.bind(f"/proc/self/fd/{directory}/{CONTROL}")
            finally:
                os.close(directory)

    @property
    def begun(self) -> float:
        """When its code began to run, on the monotonic clock; 0 if it has not."""
        return self._begun

    def begin(self) -> None:
        """Says that its code runs from now on: on disk only if it does not end at once."""
        self._started_ms, self._begun = _now_ms(), time.monotonic()
        self._clock.begin(self._begun)
        if self.order.notice:
            self.err(self.order.notice.encode() + b"\n")
        with self._guard:
            self._notifier.notify(time.monotonic(), _BEGUN_SECONDS)
        self._wake()

    @property
    def stop_at(self) -> float:
        """When its time is up, on the monotonic clock."""
        return self._clock.stop_at

    def interrupts(self) -> list[RunEvent]:
        """The signals that were asked for since the last look; another limit counts from now on."""
        try:
            size = Path(self.run.file(EVENTS)).stat().st_size
            if size <= self._asked or not self._begun:
                return []
            events, self._asked = read_events(self.run.file(EVENTS), self._asked)
        except OSError:
            return []
        for event in events:
            if event.event == "limit":
                self._clock.change(event.seconds)
        return [event for event in events if event.event == "signal"]

    def note(self, said: str, number: int) -> None:
        """Says what became of a signal that was asked for."""
        with contextlib.suppress(OSError):
            note_event(self.run, RunEvent(said, _now_ms(), signal=number))

    def masked(self, text: str) -> str:
        """The text without the session's secrets."""
        return self._redactors[OUT].text(text)

    def out(self, data: bytes) -> None:
        """Records what was printed."""
        self._record(OUT, data)

    def err(self, data: bytes) -> None:
        """Records what was printed as an error."""
        self._record(ERR, data)

    def settle(self) -> float | None:
        """Notifies as is owed; the monotonic time at which to call again, None if it is not."""
        with self._guard:
            owed, now = self._notifier.owed, time.monotonic()
            if owed is not None and now >= owed:
                self._state_begun()
            self._notifier.settle(now)
            return self._notifier.owed

    def end(
        self,
        kind: ExitKind,
        message: str,
        exit_code: int | None = None,
        signal: int | None = None,
        reason: str = "",
    ) -> None:
        """Writes how it ended and gives the lock back; what is printed later is not recorded."""
        with self._guard:
            self._open = False
            for stream, redactor in self._redactors.items():
                if rest := redactor.end():
                    self._recorder.add(stream, _now_ms(), rest)
            self._recorder.end(_now_ms())
        ending = Exit(
            kind=kind,
            exit_code=exit_code,
            signal=signal,
            message=self._redactors[ERR].sentence(message),
            reason=reason,
            started_ms=self._started_ms,
            ended_ms=_now_ms(),
            seconds=round(time.monotonic() - self._begun, 6) if self._begun else 0.0,
            bytes=self._recorder.size,
            checksum=self._recorder.checksum,
            dropped=self._recorder.dropped,
            refused_line=self._recorder.refused_line,
        )
        with contextlib.suppress(OSError):
            Path(self.run.file(CONTROL)).unlink()
        self.control.close()
        state_ending(self.run, ending)
        os.close(self._lock)
        with self._guard:
            self._notifier.owed = None
            self._notifier.notify(time.monotonic() + 1.0)

    def give_back(self) -> bool:
        """Gives the run back as if it had never been taken; for code of which nothing was executed.

        False if it said something or the disk refuses: then it has to be ended.
        """
        with self._guard:
            if self._recorder.size or self._recorder.dropped:
                return False
            self._open = False
        try:
            for name in (CONTROL, STARTED, SHIM):
                with contextlib.suppress(FileNotFoundError):
                    Path(self.run.file(name)).unlink()
            self.run.sync()
        except OSError:
            return False
        self._recorder.end(_now_ms())
        self.control.close()
        os.close(self._lock)
        with self._guard:
            self._notifier.owed = None
            self._notifier.notify(time.monotonic() + 1.0)
        return True

    def _record(self, kind: int, data: bytes) -> None:
        with self._guard:
            data = self._redactors[kind].feed(data) if self._open else b""
            if not data:
                return
            self._recorder.add(kind, _now_ms(), data)
            before, now = self._notifier.owed, time.monotonic()
            if self._said:
                self._state_begun()
            self._notifier.notify(now, 0.0 if self._said else _SAID_SECONDS)
            self._said = True
            sooner = self._notifier.owed is not None and self._notifier.owed != before
        if sooner:
            self._wake()

    def _state_begun(self) -> None:
        """States that it is at work, before anybody is told to look at it there."""
        if self._stated or not self._begun:
            return
        self._stated = True
        with contextlib.suppress(OSError):
            fact = Started(os.getpid(), self._started_ms)
            self.run.write(STARTED, encode(fact), durable=False)


def take(path: str, host: ShimFact, wake: Callable[[], None], secrets: Secrets) -> Statement | None:
    """Takes an accepted run; None if somebody is or was on it, it was killed before, or is held.

    From its return on the run can end only by what this process, ``host``, writes, or by its death.
    ``secrets`` are those of the session, which come to know the statement's.

    Raises:
        OSError: the disk refused; the run is still only accepted.
        ValueError: the runner's order cannot be read.
        TooManySecretsError: the session can keep no more; the run is still only accepted.
    """
    run = RunDir(path)
    lock = _lock(run)
    if lock is None:
        return None
    taken = False
    try:
        if run.shim() is not None or run.exit() is not None:
            return None
        if run.kill_request() is not None:
            run.write_exit(killed_before_start())
            return None
        if read_control(run).held:
            return None
        order = decode_request(read_plain(run.file(STATEMENT), _MAX_ORDER_BYTES) or b"")
        secrets.add(order.secrets)
        statement = Statement(run, order, lock, wake, secrets)
        run.write(SHIM, encode(host), durable=True)
        taken = True
        return statement
    finally:
        if not taken:
            os.close(lock)


def _lock(run: RunDir) -> int | None:
    """The lock; one that is held for a moment only, by a look at the state, is waited for."""
    for _ in range(_TAKE_TRIES):
        lock = run.take()
        if lock is not None:
            return lock
        if run.shim() is not None:
            return None
        time.sleep(_TAKE_SECONDS)
    return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
