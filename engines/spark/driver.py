"""A Spark driver as the warm thing behind a session.

The driver is a Python process of its own with a JVM below it. What either of them prints comes over
plain pipes that this file reads; requests and answers go over a socket that only the two hold, one
JSON object a line. Spark's own log is a file. It must never let the driver's death go unnoticed,
and needs nothing of Spark here: standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from engines.adapter import Code, Ending, SessionOver, Sink
from engines.spark.arrange import LOG, arrange, setup_of

__all__ = ["SparkAdapter"]

_ROOT = str(Path(__file__).resolve().parent.parent.parent)
_BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from engines.spark.interpreter import main; sys.exit(main(sys.argv[1:]))"
)
_READ_BYTES = 1 << 16
_LOOK_SECONDS = 0.2
_START_SECONDS = 120.0
_TAIL_BYTES = 4096
_SAID_MAX = 1 << 20


class _Nowhere:
    """A sink for what a driver says while nobody asked it anything: the host's own output."""

    interrupted = 0
    tail = b""

    def out(self, data: bytes) -> None:
        self.err(data)

    def err(self, data: bytes) -> None:
        self.tail = (self.tail + data)[-_TAIL_BYTES:]
        with contextlib.suppress(OSError):
            os.write(2, data)


class SparkAdapter:
    """One driver.

    Args:
        settings: what ``engines.spark.arrange.setup_of`` reads.
        sockets: a private folder with a short name.
    """

    def __init__(self, settings: Mapping[str, object], sockets: str) -> None:
        self._setup = setup_of(settings)
        self._sockets = sockets
        self._process: subprocess.Popen[bytes] | None = None
        self._pipes: dict[int, int] = {}
        self._nowhere = _Nowhere()
        self._link, self._theirs = socket.socketpair()
        self._waking, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._said = b""
        self._stopped = False

    def start(self) -> None:
        """Starts the driver and waits until its session is there."""
        # The host works in a folder of the session's directory; Spark's files lie beside it.
        folder = Path.cwd().parent / "spark"
        variables = arrange(self._setup, folder, os.environ.get("PYTHONPATH", ""))
        self._launch(variables)
        deadline = time.monotonic() + _START_SECONDS
        while True:
            answer = self._turn(self._nowhere)
            if answer is not None and answer.get("word") == "ready":
                return
            if answer is not None:
                raise SessionOver(f"Spark cannot start: {answer.get('message', '')}")
            if time.monotonic() > deadline:
                self.stop()
                raise SessionOver(f"Spark did not start in time, see {folder / LOG}")

    def run(self, code: Code, sink: Sink) -> Ending:
        """Runs one statement; ends when the driver has answered and the pipes have said all."""
        self._read_pipes(self._nowhere)
        request = {"language": code.language, "text": code.text, "sees": dict(code.environment)}
        self._send(request)
        begun = False
        signalled = 0
        while True:
            answer = self._turn(sink)
            word = answer.get("word") if answer is not None else ""
            begun = begun or word == "begun"
            if answer is not None and word == "done":
                self._read_pipes(sink)
                return Ending(int(str(answer["code"])), str(answer["message"]))
            if answer is not None and word == "over":
                self._read_pipes(sink)
                self.stop()
                raise SessionOver(f"the session died: {answer['message']}", 1)
            if begun and signalled < sink.interrupted:
                signalled = sink.interrupted
                self._signal()

    def idle(self) -> bool:
        """Takes what the driver says by itself; False if it has died."""
        self._read_pipes(self._nowhere)
        return self._alive()

    def interrupt(self) -> None:
        """The driver's jobs are cancelled and its code is interrupted, once it is at the code."""
        self._wake()

    def stop(self) -> None:
        """Kills the driver and its JVM, which are one process group."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._wake()

    def _launch(self, variables: Mapping[str, str]) -> None:
        program = self._setup.python
        control = self._theirs.fileno()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter is a setting
                [program, "-u", "-P", "-c", _BOOT, _ROOT, "--control", str(control)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **variables},
                pass_fds=(control,),
                start_new_session=True,
            )
        except OSError as error:
            raise SessionOver(
                f"the interpreter {program!r} cannot be started: {error.strerror}"
            ) from error
        self._theirs.close()
        for stream, kind in ((self._process.stdout, 1), (self._process.stderr, 2)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._pipes[stream.fileno()] = kind

    def _send(self, request: Mapping[str, object]) -> None:
        try:
            self._link.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise self._over() from error

    def _turn(self, sink: Sink) -> dict[str, object] | None:
        """Waits for anything, takes what was printed; what the driver answered, if it did."""
        if b"\n" not in self._said:
            sources = (self._link.fileno(), self._waking, *self._pipes)
            ready, _, _ = select.select(sources, (), (), _LOOK_SECONDS)
            if self._waking in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._waking, _READ_BYTES)
            if self._link.fileno() in ready:
                self._hear(sink)
            self._read_pipes(sink, rounds=1)
        line, end, rest = self._said.partition(b"\n")
        if not end:
            return None
        self._said = rest
        answer = json.loads(line)
        return answer if isinstance(answer, dict) else {}

    def _hear(self, sink: Sink) -> None:
        try:
            data = self._link.recv(_READ_BYTES)
        except OSError:
            data = b""
        self._said += data
        if not data or len(self._said) > _SAID_MAX:
            if self._process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_LOOK_SECONDS)
            self._read_pipes(sink)
            raise self._over()

    def _read_pipes(self, sink: Sink, rounds: int = 1 << 16) -> None:
        """Takes what is in the pipes."""
        for fd, kind in tuple(self._pipes.items()):
            for _ in range(rounds):
                try:
                    data = os.read(fd, _READ_BYTES)
                except BlockingIOError:
                    break
                if not data:
                    del self._pipes[fd]
                    break
                (sink.out if kind == 1 else sink.err)(data)

    def _signal(self) -> None:
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.send_signal(signal.SIGINT)

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _over(self) -> SessionOver:
        if self._stopped:
            return SessionOver("the session was ended", signal=signal.SIGKILL)
        status = self._process.poll() if self._process is not None else None
        self.stop()
        if status is None:
            return SessionOver("the session ended: the driver closed its connection", 1)
        if status < 0:
            return SessionOver(f"the session died: the driver got signal {-status}", None, -status)
        lines = self._nowhere.tail.decode("utf-8", "replace").strip().splitlines()
        why = f": {lines[-1]}" if lines else ""
        return SessionOver(
            f"the session ended: the driver left with exit code {status}{why}", status
        )

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._waker, b"w")
