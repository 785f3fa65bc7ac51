"""The process behind a session: what it prints, how it is interrupted, and that it died.

What it and its children print comes over two plain pipes, so that a slow reader makes the code wait
and nothing is dropped or reordered. It must never let a death go unnoticed. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from engines.adapter import SessionOver, Sink

__all__ = ["Driven", "Nowhere"]

_READ_BYTES = 1 << 16
_GATHER_SECONDS = 0.001
_TAIL_BYTES = 4096


class Nowhere:
    """A sink for what is said while nobody asked for anything: the host's own output."""

    interrupted = 0

    def __init__(self) -> None:
        self._tail = b""

    @property
    def last_line(self) -> str:
        """What was said last, empty for nothing."""
        lines = self._tail.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def out(self, data: bytes) -> None:
        """Takes what was printed."""
        self.err(data)

    def err(self, data: bytes) -> None:
        """Takes what was printed as an error."""
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        with contextlib.suppress(OSError):
            os.write(2, data)


class Driven:
    """One process in a group of its own, which is not running before ``launch``.

    Args:
        word: what it is called in sentences, such as "kernel".

    ``waking`` becomes readable by ``wake``, which any thread may call.
    """

    def __init__(self, word: str) -> None:
        self._word = word
        self._process: subprocess.Popen[bytes] | None = None
        self._pipes: dict[int, int] = {}
        self._read_at = 0.0
        self._stopped = False
        self.nowhere = Nowhere()
        self.waking, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def launch(
        self, words: Sequence[str], environment: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> None:
        """Starts it. Raises SessionOver if its program cannot be started."""
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter is a setting
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        except OSError as error:
            raise SessionOver(
                f"the interpreter {words[0]!r} cannot be started: {error.strerror}"
            ) from error
        for stream, kind in ((self._process.stdout, 1), (self._process.stderr, 2)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._pipes[stream.fileno()] = kind

    @property
    def sources(self) -> tuple[int, ...]:
        """The descriptors that become readable when there is news."""
        return (self.waking, *self._pipes)

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def read(self, sink: Sink) -> None:
        """Takes all that is in the pipes."""
        for fd in tuple(self._pipes):
            while self._take(fd, sink):
                continue

    def read_some(self, sink: Sink) -> bool:
        """Takes a piece of what is in the pipes; False if one of them has ended.

        Of a flood of small writes it takes a millisecond's at once: one by one they would cost the
        code more time than they take.
        """
        before = len(self._pipes)
        took = max((self._take(fd, sink) for fd in tuple(self._pipes)), default=0)
        if took:
            now = time.monotonic()
            if took < _READ_BYTES and now - self._read_at < _GATHER_SECONDS:
                time.sleep(_GATHER_SECONDS)
            self._read_at = now
        return len(self._pipes) == before

    def wake(self) -> None:
        """Makes whoever waits for ``waking`` look."""
        with contextlib.suppress(OSError):
            os.write(self._waker, b"w")

    def rest(self) -> None:
        """Takes what has woken."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.waking, _READ_BYTES):
                continue

    def signal(self, *, group: bool) -> None:
        """Interrupts it, or it and all that it started in its group."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                if group:
                    os.killpg(self._process.pid, signal.SIGINT)
                else:
                    self._process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        """Kills it and what it started in its process group."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self.wake()

    def linger(self, seconds: float) -> None:
        """Waits for its end, but no longer than that."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)

    def over(self, detail: str = "") -> SessionOver:
        """How it ended; if it has not, it does now. ``detail`` is what it said of that."""
        if self._stopped:
            return SessionOver("the session was ended", signal=signal.SIGKILL)
        status = self._process.poll() if self._process is not None else None
        self.stop()
        if status is None:
            return SessionOver(f"the session ended: the {self._word} closed its connection", 1)
        if status < 0:
            message = f"the session died: the {self._word} got signal {-status}"
            return SessionOver(message, None, -status)
        why = f": {detail}" if detail else ""
        message = f"the session ended: the {self._word} left with exit code {status}{why}"
        return SessionOver(message, status)

    def _take(self, fd: int, sink: Sink) -> int:
        """Takes one piece from a pipe; how many bytes it was."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return 0
        if not data:
            del self._pipes[fd]
        elif self._pipes[fd] == 1:
            sink.out(data)
        else:
            sink.err(data)
        return len(data)
