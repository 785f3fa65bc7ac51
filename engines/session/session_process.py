"""The process behind a session: what it prints, how it is interrupted, and that it died.

What it and its children print comes over two plain pipes, so that a slow reader makes the code wait
and nothing is dropped or reordered. It must never let a death go unnoticed. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from engines import processes
from engines.session.adapter import Code, SessionOver, Sink
from engines.shim.redact import Redactor
from engines.shim.sandbox import Sandbox, command, give_pipes
from engines.trees import give_tree

__all__ = ["Nowhere", "SessionProcess"]

_READ_BYTES = 1 << 16
_GATHER_SECONDS = 0.001
_TAIL_BYTES = 4096
_DOOR_SECONDS = 10.0
_ANSWER_BYTES = 4096


class Nowhere:
    """A sink for what is said while nobody asked for anything: the host's own output."""

    interrupted = 0

    def __init__(self) -> None:
        self._tail = b""
        self._redactor = Redactor()

    def hide(self, secrets: Iterable[str]) -> None:
        """Passes none of these on from here on."""
        self._redactor.hide(secrets)

    @property
    def last_line(self) -> str:
        """What was said last, empty for nothing."""
        lines = self._tail.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def masked(self, text: str) -> str:
        """The text without what is hidden."""
        return self._redactor.text(text)

    def out(self, data: bytes) -> None:
        """Takes what was printed."""
        self.err(data)

    def err(self, data: bytes) -> None:
        """Takes what was printed as an error."""
        data = self._redactor.feed(data)
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        with contextlib.suppress(OSError):
            os.write(2, data)


class SessionProcess:
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
        self._box: Sandbox | None = None
        self._door: socket.socket | None = None
        self.nowhere = Nowhere()
        self.waking, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def confine(self, box: Sandbox) -> None:
        """Has it started in a sandbox, into which ``seeing`` lets more for a while."""
        self._box = box

    @property
    def confined(self) -> bool:
        """Whether it is started in a sandbox."""
        return self._box is not None

    def launch(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        writable: Sequence[str] = (),
    ) -> None:
        """Starts it. Raises SessionOver if its program cannot be started.

        ``writable`` are what it may write in a sandbox besides what the sandbox has anyway.
        """
        if self._box is None:
            self._launch(words, environment, pass_fds)
            return
        box = self._box._replace(writable=(*self._box.writable, *writable))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_DOOR_SECONDS)
        self._door = ours
        with theirs:
            door = theirs.fileno()
            for path in writable:
                give_tree(path, box.uid)
            self._launch(command(box, door, words), environment, (*pass_fds, door))
            give_pipes(box.uid, *self._pipes)

    @contextlib.contextmanager
    def seeing(self, code: Code) -> Iterator[None]:
        """Lets a statement's own files be seen in the sandbox for as long as it runs.

        Raises:
            SessionOver: the sandbox is gone, or refuses.
        """
        if self._door is None:
            yield
            return
        places = _places(code)
        for path in places:
            give_tree(path, self._box.uid if self._box is not None else 0)
        try:
            refused = self._ask("in", places)
        except OSError:
            refused = "its sandbox does not answer"
        if refused:
            over = SessionOver(f"the session cannot see the statement: {refused}", 1, begun=False)
            raise over
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._ask("out", places)

    def _ask(self, verb: str, places: Sequence[str]) -> str:
        """Says at the sandbox's door what is wanted; a sentence if it is refused."""
        if self._door is None:
            return ""
        self._door.send(json.dumps([verb, places]).encode())
        answer = self._door.recv(_ANSWER_BYTES)
        if not answer:
            raise ConnectionResetError
        return answer.decode(errors="replace").strip()

    def _launch(
        self, words: Sequence[str], environment: Mapping[str, str], pass_fds: Sequence[int]
    ) -> None:
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
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            if self._box is not None:
                self._signal_inside(group=group)
            elif group:
                os.killpg(self._process.pid, signal.SIGINT)
            else:
                self._process.send_signal(signal.SIGINT)

    def _signal_inside(self, *, group: bool) -> None:
        """The same in a sandbox: what is waited for here stands for another process there."""
        if not self.alive or self._process is None:
            return
        task, first = processes.inmost(self._process.pid)
        hit = [task] if task else []
        if task and group:
            hit += [pid for pid in processes.descendants(task) if os.getpgid(pid) == task]
        for pid in hit:
            processes.signal_relative(pid, {first, *hit}, signal.SIGINT)

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


def _places(code: Code) -> list[str]:
    """The files of a statement that its code may write; those that have to be there are made."""
    places = [code.work]
    results = code.environment.get("NARTHEX_RESULTS", "")
    if results:
        Path(results).mkdir(mode=0o700, exist_ok=True)
        places.append(results)
    progress = code.environment.get("NARTHEX_PROGRESS", "")
    if progress:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(progress, flags, 0o600))
        places.append(progress)
    return places
