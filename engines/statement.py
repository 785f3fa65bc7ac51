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
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from engines.adapter import Code
from engines.bell import Bell
from engines.facts import Exit, ExitKind, ShimFact, Started, encode
from engines.last_word import state_ending
from engines.order import Bounds
from engines.recorder import Recorder
from engines.records import ERR, OUT
from engines.redact import Redactor
from engines.rundir import CONTROL, OUTPUT, SHIM, STARTED, RunDir, killed_before_start

__all__ = ["STATEMENT", "Order", "Statement", "decode_order", "encode_order", "take"]

STATEMENT = "statement"
"""The file of a run directory in which the runner tells the host what to run."""

_TAKE_TRIES = 20
_TAKE_SECONDS = 0.002
_BEGUN_SECONDS = 0.02
_SAID_SECONDS = 0.004
"""A short statement is told once, with its end: looking at it at work would only hold it up."""


class Order(NamedTuple):
    """What the runner tells a host of one statement: the code, what to hide, whom to tell.

    ``notice`` is a line for the statement's log, said before its code runs; empty for none.
    """

    code: Code
    secrets: tuple[str, ...]
    bounds: Bounds
    bell: str
    notice: str = ""


def encode_order(order: Order) -> bytes:
    """The content of the file."""
    return json.dumps(order).encode()


def decode_order(data: bytes) -> Order:
    """The order in a file of this version."""
    code, secrets, bounds, bell, notice = json.loads(data)
    return Order(Code(*code), tuple(secrets), Bounds(*bounds), bell, notice)


class Statement:
    """A statement that was taken: its lock is held until ``end``. A sink for its output.

    Args:
        run: its directory.
        order: what the runner said.
        lock: the descriptor that holds its lock.
        wake: called, from any thread, when ``settle`` is to be called soon.
    """

    def __init__(self, run: RunDir, order: Order, lock: int, wake: Callable[[], None]) -> None:
        self.run = run
        self.order = order
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.interrupted = 0
        self._lock = lock
        self._wake = wake
        self._guard = threading.Lock()
        self._recorder = Recorder(run.file(OUTPUT), order.bounds.output_bytes)
        self._redactors = {kind: Redactor(order.secrets) for kind in (OUT, ERR)}
        self._bell = Bell(order.bell, run.run_id)
        self._open = True
        self._started_ms = 0
        self._begun = 0.0
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
        if self.order.notice:
            self.err(self.order.notice.encode() + b"\n")
        with self._guard:
            self._bell.ring(time.monotonic(), _BEGUN_SECONDS)
        self._wake()

    def out(self, data: bytes) -> None:
        """Records what was printed."""
        self._record(OUT, data)

    def err(self, data: bytes) -> None:
        """Records what was printed as an error."""
        self._record(ERR, data)

    def settle(self) -> float | None:
        """Rings what is owed; the monotonic time at which to call again, None if it is not."""
        with self._guard:
            owed, now = self._bell.owed, time.monotonic()
            if owed is not None and now >= owed:
                self._state_begun()
            self._bell.settle(now)
            return self._bell.owed

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
            message=message,
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
            self._bell.owed = None
            self._bell.ring(time.monotonic() + 1.0)

    def _record(self, kind: int, data: bytes) -> None:
        with self._guard:
            data = self._redactors[kind].feed(data) if self._open else b""
            if not data:
                return
            self._recorder.add(kind, _now_ms(), data)
            before, now = self._bell.owed, time.monotonic()
            if self._said:
                self._state_begun()
            self._bell.ring(now, 0.0 if self._said else _SAID_SECONDS)
            self._said = True
            sooner = self._bell.owed is not None and self._bell.owed != before
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


def take(path: str, host: ShimFact, wake: Callable[[], None]) -> Statement | None:
    """Takes an accepted run; None if somebody is or was on it, or if it was killed before.

    From its return on the run can end only by what this process, ``host``, writes, or by its death.

    Raises:
        OSError: the disk refused; the run is still only accepted.
        ValueError: the runner's order cannot be read.
    """
    run = RunDir(path)
    lock = _lock(run)
    if lock is None:
        return None
    taken = False
    try:
        if run.shim() is not None or run.exit() is not None:
            return None
        if run.kill_wish() is not None:
            run.write_exit(killed_before_start())
            return None
        order = decode_order(Path(run.file(STATEMENT)).read_bytes())
        statement = Statement(run, order, lock, wake)
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
