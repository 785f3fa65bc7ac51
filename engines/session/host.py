"""The host of a session: takes statements of one owner, one after another, and keeps them honest.

It runs under a shim of its own, outlives runner and gateway, and is the shim of each statement that
it takes: lock, facts, output and ending are written here, so that everybody else reads a run like
any other. The runner speaks to it over a socket that may be opened anew at any time; nothing but
"take this" and "how are you" goes over it. Two threads: this one watches requests, kills and the
clock; the other drives the adapter. It must never run two statements at once, never wait for the
runner, and never take a run that anybody was on. Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import hmac
import importlib
import json
import os
import queue
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from engines import processes
from engines.rundir.directory import RunDir
from engines.rundir.facts import ExitKind, ShimFact
from engines.rundir.plain_files import read_plain
from engines.rundir.texts import plain
from engines.session import statement as statements
from engines.session.adapter import Adapter, Confinable, Ending, SessionOver
from engines.session.statement import Statement
from engines.shim import limit_groups
from engines.shim.limit_groups import Counts, explain
from engines.shim.sandbox import decode_sandbox

__all__ = ["HOST", "SECRET", "STATUS", "Host", "main"]

HOST = "host"
"""The file of a session's directory that is the socket of its host."""
SECRET = "secret"  # noqa: S105 - the name of a file
"""The file of a session's directory with the word that a request must say."""
STATUS = "status"
"""The file of a session's directory that says what it is doing."""

_POLL_SECONDS = 0.2
_HOME_SECONDS = 2.0
_SAY_SECONDS = 0.1
"""What it is doing is said so long after a change: a short statement is not worth a file."""
_REQUEST_SECONDS = 1.0
_MAX_REQUEST = 65_536
_BACKLOG = 16
_STOP_SECONDS = 3.0
_LINGER_SECONDS = 10.0
"""A session that cannot start waits so long for the statement that asked for it, to tell it why."""
_FAILED = 1
_NEVER = float("inf")
_DONE = {True: "signalled", False: "not_signalled"}
_UNMOVED = "it did not react to the interrupt, so the session was ended and its state is lost"


class Host:
    """One session.

    Args:
        session: its directory, in which it listens and says how it is.
        adapter: what it keeps warm.
        idle_seconds: it ends after this time without a statement; 0 for never.
    """

    def __init__(self, session: RunDir, adapter: Adapter, idle_seconds: float = 0.0) -> None:
        self._session = session
        self._adapter = adapter
        self._idle_seconds = idle_seconds
        self._secret = (read_plain(session.file(SECRET)) or b"").decode("ascii").strip()
        pid = os.getpid()
        boot = processes.boot_id()
        self._fact = ShimFact(pid, processes.start_time(pid), boot, "", session.run_id)
        self._selector = selectors.DefaultSelector()
        self._statements: queue.SimpleQueue[Statement] = queue.SimpleQueue()
        self._endings: queue.SimpleQueue[Ending | SessionOver] = queue.SimpleQueue()
        self._waking, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._current: Statement | None = None
        self._ready = False
        self._is_ending = False
        self._over = False
        self._why: ExitKind | None = None
        self._unmoved = False
        self._again_at = self._stop_at = self._abandon_at = _NEVER
        self._look_at = self._home_at = 0.0
        self._failure: SessionOver | None = None
        self._over_at = _NEVER
        self._used = time.monotonic()
        self._used_ms = time.time_ns() // 1_000_000
        self._count = 0
        self._secrets = statements.Secrets()
        self._limited = limit_groups.own()
        self._felt = Counts()
        self._said: dict[str, object] = {}
        self._say_at = _NEVER

    def serve(self) -> int:
        """Works until the session is over; the exit status."""
        listener = _listening(self._session)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._waking, selectors.EVENT_READ)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        threading.Thread(target=self._work, name="adapter", daemon=True).start()
        self._say()
        while not self._over:
            for key, _ in self._selector.select(self._poll_seconds()):
                if key.fileobj is listener:
                    self._answer(listener)
                else:
                    _empty(key.fd)
                    self._look_at = 0.0
            self._turn(time.monotonic())
        self._adapter.stop()
        self._say()
        return 0

    def _work(self) -> None:
        """The other thread. An adapter that fails ends the session, whatever it was at."""
        ending: Ending | SessionOver = SessionOver("the session failed by a fault of its own")
        try:
            self._adapter.start()
            self._ready = True
            while True:
                try:
                    current = self._statements.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    if self._adapter.idle():
                        continue
                    ending = SessionOver("the session died while it was idle")
                    return
                current.begin()
                self._endings.put(self._adapter.run(current.order.code, current))
                self._wake()
        except SessionOver as over:
            ending = over
        finally:
            self._endings.put(ending)
            self._wake()

    def _turn(self, now: float) -> None:
        """Does what is due."""
        while not self._endings.empty():
            self._finish(self._endings.get())
        current = self._current
        if self._is_ending and not self._over:
            self._end_reported()
        elif current is not None:
            self._watch(current, now)
        elif now >= self._over_at or 0 < self._idle_seconds <= now - self._used:
            self._over = True
        if now >= self._home_at:
            # Whoever took the session's directory away does not want the session either.
            self._home_at = now + _HOME_SECONDS
            self._is_ending = self._is_ending or not Path(self._session.path).is_dir()
        if now >= self._say_at:
            self._say()
        elif self._say_at == _NEVER and self._state() != self._said:
            self._say_at = now + _SAY_SECONDS

    def _watch(self, current: Statement, now: float) -> None:
        """Looks after the running statement: kill, time limit, and what follows of them."""
        bounds = current.order.bounds
        if now >= self._look_at and self._why is None:
            self._look_at = now + _POLL_SECONDS
            request = current.run.kill_request(bounds.grace_seconds)
            if request is not None:
                self._begin_kill(current, ExitKind.KILLED, request.grace_seconds, now)
            else:
                self._do_asked(current)
        if self._why is None and now >= current.stop_at:
            self._begin_kill(current, ExitKind.TIME_LIMIT, bounds.grace_seconds, now)
        if now >= self._again_at:
            self._again_at = _NEVER
            self._interrupt(current)
        if now >= self._stop_at:
            self._stop_at, self._abandon_at = _NEVER, now + _STOP_SECONDS
            self._unmoved = True
            current.err(f"narthex: {_UNMOVED}\n".encode())
            self._adapter.stop()
        if now >= self._abandon_at:
            self._finish(SessionOver("the session did not end when it was stopped"))

    def _do_asked(self, current: Statement) -> None:
        """Interrupts the statement if that was asked for, which is all that can be done to it."""
        for event in current.interrupts():
            if event.signal == signal.SIGINT:
                self._interrupt(current)
            current.note(_DONE[event.signal == signal.SIGINT], event.signal)

    def _begin_kill(
        self, current: Statement, why: ExitKind, grace_seconds: float, now: float
    ) -> None:
        self._why = why
        self._stop_at = now + grace_seconds
        self._again_at = now + grace_seconds / 2
        self._interrupt(current)

    def _interrupt(self, current: Statement) -> None:
        current.interrupted += 1
        self._adapter.interrupt()

    def _end_reported(self) -> None:
        """The session is to end: at once, for whoever asked has given all the time there is."""
        self._adapter.stop()
        if self._current is not None:
            self._why = ExitKind.KILLED
            self._finish(SessionOver("the session was ended"))
        self._over = True

    def _finish(self, ending: Ending | SessionOver) -> None:
        """Writes how the statement ended, and is free for the next one, or over."""
        current, self._current = self._current, None
        if isinstance(ending, SessionOver):
            if current is None:
                sys.stderr.write(f"{plain(str(ending))}\n")
            if current is None and not self._count:
                self._failure, self._over_at = ending, time.monotonic() + _LINGER_SECONDS
                return
            self._over = True
        if current is None:
            return
        self._over = self._over or (isinstance(ending, Ending) and ending.over)
        self._selector.unregister(current.control)
        if not self._is_given_back(current, ending):
            self._conclude(current, ending)
        self._why, self._unmoved = None, False
        self._again_at = self._stop_at = self._abandon_at = _NEVER
        self._used, self._used_ms = time.monotonic(), time.time_ns() // 1_000_000

    def _is_given_back(self, current: Statement, ending: Ending | SessionOver) -> bool:
        """Whether a statement is accepted again that the session ended under before it began."""
        lost = isinstance(ending, SessionOver) and not ending.begun
        return lost and self._ready and self._why is None and current.give_back()

    def _conclude(self, current: Statement, ending: Ending | SessionOver) -> None:
        if self._why is not None:
            word = "killed" if self._why is ExitKind.KILLED else "stopped at its time limit"
            how = "the session lives on"
            if isinstance(ending, SessionOver):
                how = _UNMOVED if self._unmoved else str(ending)
            current.end(self._why, f"{word}: {how}")
        elif isinstance(ending, Ending):
            kind, message = self._explained(
                current, ExitKind.EXITED, ending.exit_code, ending.message
            )
            current.end(kind, message, exit_code=ending.exit_code)
        elif not current.begun:
            current.end(ExitKind.START_FAILED, str(ending), reason="session_died")
        else:
            kind = ExitKind.SIGNALLED if ending.signal else ExitKind.EXITED
            code = None if ending.signal else ending.exit_code or _FAILED
            current.err(f"narthex: {plain(str(ending))}; its state is lost\n".encode())
            kind, message = self._explained(current, kind, code, str(ending))
            why = "" if kind is ExitKind.OUT_OF_MEMORY else "session_died"
            current.end(kind, message, code, ending.signal, why)

    def _explained(
        self, current: Statement, kind: ExitKind, code: int | None, message: str
    ) -> tuple[ExitKind, str]:
        """The ending and its sentence, with what the session's limits had to do with it."""
        felt = limit_groups.counts_of(self._limited).since(self._felt)
        # The limits are the session's: a statement is not told others.
        return explain(kind, code, message, felt, current.order.bounds)

    def _answer(self, listener: socket.socket) -> None:
        """Hears one request and answers it; whoever is slow or a stranger is not listened to."""
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(_REQUEST_SECONDS)
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                if _peer(connection) == os.getuid():
                    answer = self._carry_out(json.loads(_line(connection)))
                    connection.sendall(json.dumps(answer).encode() + b"\n")

    def _carry_out(self, request: dict[str, object]) -> dict[str, object]:
        if not hmac.compare_digest(str(request["secret"]).encode(), self._secret.encode()):
            return {"answer": "refused", "why": "the secret is wrong"}
        if request["verb"] == "take":
            return self._take(str(request["run"]))
        return {"answer": "state", **self._state()}

    def _take(self, path: str) -> dict[str, object]:
        while not self._endings.empty():
            self._finish(self._endings.get())
        if self._current is not None:
            return {"answer": "over" if self._over or self._is_ending else "busy"}
        # That what it keeps warm has died may not have been noticed yet.
        self._over = self._over or (self._ready and not self._adapter.alive())
        if self._over or self._is_ending:
            return {"answer": "over"}
        return self._begin(path)

    def _begin(self, path: str) -> dict[str, object]:
        """Takes a run, for nothing stands against it here."""
        try:
            current = statements.take(path, self._fact, self._wake, self._secrets)
        except OSError as error:
            return {"answer": "refused", "why": f"the disk refused: {error.strerror}"}
        except (ValueError, TypeError):
            return {"answer": "refused", "why": "the order cannot be read"}
        except statements.TooManySecretsError:
            self._is_ending = True
            return {"answer": "over"}
        if current is None:
            return {"answer": "refused", "why": "somebody is or was on this run"}
        self._current = current
        self._felt = limit_groups.counts_of(self._limited)
        self._adapter.hide(current.order.secrets)
        self._count += 1
        if self._failure is None:
            self._statements.put(current)
        # A knock that came before this is no loss: whether one is due is looked at now.
        current.listen()
        self._look_at = 0.0
        self._selector.register(current.control, selectors.EVENT_READ)
        if self._failure is not None:
            self._finish(self._failure)
        return {"answer": "taken"}

    def _word(self) -> str:
        if self._over:
            return "over"
        if self._current is not None:
            return "busy"
        return "idle" if self._ready else "starting"

    def _state(self) -> dict[str, object]:
        return {
            "state": self._word(),
            "run": self._current.run.run_id if self._current else "",
            "statements": self._count,
            "used_ms": self._used_ms,
        }

    def _say(self) -> None:
        """Leaves word of how it is for those who only look."""
        self._said, self._say_at = self._state(), _NEVER
        with contextlib.suppress(OSError):
            self._session.write(STATUS, json.dumps(self._said).encode(), durable=False)

    def _poll_seconds(self) -> float:
        """How long nothing has to be done unless something happens."""
        now = time.monotonic()
        until = min(now + _POLL_SECONDS, self._say_at)
        if self._current is not None:
            owed = self._current.settle()
            due = (self._again_at, self._stop_at, self._abandon_at)
            until = min(until, *due, _NEVER if owed is None else owed)
        return max(0.0, until - now)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._waker, b"w")

    def _on_signal(self, *_: object) -> None:
        self._is_ending = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Hosts one session in this process; its exit status."""
    parser = argparse.ArgumentParser(prog="engines.session.host")
    parser.add_argument("--session", required=True)
    parser.add_argument("--adapter", required=True)
    parser.add_argument("--settings", required=True)
    parser.add_argument("--sockets", required=True)
    parser.add_argument("--idle-seconds", type=float, required=True)
    parser.add_argument("--sandbox", default="null")
    options = parser.parse_args(arguments)
    module, _, name = options.adapter.partition(":")
    made = getattr(importlib.import_module(module), name)
    adapter = cast("Adapter", made(json.loads(options.settings), options.sockets))
    box = decode_sandbox(json.loads(options.sandbox))
    if box is not None:
        if not isinstance(adapter, Confinable):
            sys.stderr.write(f"{options.adapter} cannot keep its code in a sandbox\n")
            return 1
        adapter.confine(box)
    return Host(RunDir(options.session), adapter, options.idle_seconds).serve()


def _listening(session: RunDir) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    directory = os.open(session.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A socket's name may have 107 bytes; the way over the descriptor is always short.
        listener.bind(f"/proc/self/fd/{directory}/{HOST}")
    finally:
        os.close(directory)
    listener.listen(_BACKLOG)
    return listener


def _peer(connection: socket.socket) -> int:
    """The user at the other end."""
    size = struct.calcsize("3i")
    facts = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", facts)[1])


def _line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) <= _MAX_REQUEST:
        more = connection.recv(_MAX_REQUEST)
        if not more:
            break
        data += more
    return data


def _empty(fd: int) -> None:
    """Takes all that wakes a descriptor."""
    with contextlib.suppress(BlockingIOError):
        while os.read(fd, _MAX_REQUEST):
            continue
