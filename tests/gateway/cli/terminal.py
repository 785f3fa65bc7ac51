"""A command on a terminal of its own, as a person sits before it."""

import contextlib
import errno
import fcntl
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from tests.gateway.cli.command import NARTHEX, clean_environment

__all__ = ["Terminal", "on_terminal"]


class Terminal:
    """The person's side: what the screen shows, and keys to press."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self.shown = b""
        self._descriptor = descriptor

    def press(self, keys: bytes) -> None:
        """Presses keys; Ctrl-C is the byte 3."""
        os.write(self._descriptor, keys)

    def see(self, text: bytes, seconds: float = 30.0) -> None:
        """Looks at the screen until it has shown a text."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, (text, self.shown)
            if not self._look(0.2):
                break
        assert text in self.shown, self.shown

    def leave(self, seconds: float = 30.0) -> int:
        """Looks on until the command has ended; its exit code."""
        deadline = time.monotonic() + seconds
        while self._look(0.2):
            assert time.monotonic() < deadline, self.shown
        return self.process.wait(seconds)

    def _look(self, seconds: float) -> bool:
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._descriptor, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        self.shown += data
        return bool(data)


@contextlib.contextmanager
def on_terminal(*words: str | Path, **environment: str) -> Iterator[Terminal]:
    """A command that has a terminal as its stdin, stdout and stderr, and is in control of it."""
    near, far = pty.openpty()
    process = subprocess.Popen(
        [*NARTHEX, *map(str, words)],
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509 - one system call
        env=clean_environment(TERM="xterm", **environment),
    )
    os.close(far)
    try:
        yield Terminal(process, near)
    finally:
        process.kill()
        process.wait()
        os.close(near)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
