"""One child process at a time under a name: started, watched, replaced with growing pauses, ended.

A child ends with this process, whatever ends it: the system sends it SIGTERM then. It must never
inherit a descriptor that it was not given.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from gateway import clock
from gateway.backoff import Backoff
from gateway.children import dies_with_parent, ended
from gateway.journal import journal

__all__ = ["Part", "Process", "keep"]

_BACKOFF_SECONDS = 0.1, 1.0
_HEALTHY_SECONDS = 5.0
_journal = journal("gateway.supervisor")


class Part(Protocol):
    """Something that runs, ends and can be started again."""

    async def start(self) -> None:
        """Starts it; returns when it runs."""
        ...

    async def wait(self) -> int:
        """Waits until it ends; its exit status, negative for a signal."""
        ...


class Process:
    """A child that runs a module of ours: ``words`` are its arguments.

    It finds the modules where this process did, and nowhere else first: the working directory of
    whoever starts a gateway may hold files of any name.
    """

    def __init__(
        self,
        module: str,
        words: Sequence[str],
        environ: Mapping[str, str],
        descriptors: Sequence[int] = (),
    ) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (root, environ.get("PYTHONPATH", ""))))
        self._argv = [sys.executable, "-P", "-m", module, *words]
        self._environ = {**environ, "PYTHONPATH": path}
        self._descriptors = tuple(descriptors)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The child's pid; 0 if there is none."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Starts the child. Must be called on the main thread: the child ends with its starter."""
        self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own module, a fork only
            self._argv,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            env=self._environ,
            pass_fds=self._descriptors,
            # Its own group: a Ctrl-C at the terminal is for the supervisor, which ends it in turn.
            process_group=0,
            preexec_fn=_beginning(),  # noqa: PLW1509 - two system calls, prepared before
        )

    def signal(self, number: int) -> None:
        """Sends the child a signal if there is one."""
        if self._process is not None:
            self._process.send_signal(number)

    async def wait(self) -> int:
        """Waits until the child has ended; its exit status, negative for a signal."""
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            await ended(process.pid)
        return process.wait()

    async def stop(self, seconds: float) -> None:
        """Asks the child to end, and makes it after a time."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await self.wait()
        except TimeoutError:
            _journal.warning("a process did not end when asked", pid=process.pid)
            process.kill()
            process.wait()


def _beginning() -> Callable[[], None]:
    """What a child does first: a hang-up is no end for it, before it listens for one and after."""
    dies = dies_with_parent()

    def begin() -> None:
        if dies is not None:
            dies()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    return begin


async def keep(name: str, part: Part, failed: Callable[[int], bool]) -> None:
    """Keeps a part running for ever; ``failed`` hears of each end and says whether to go on."""
    backoff = Backoff(*_BACKOFF_SECONDS)
    while True:
        began = clock.monotonic()
        status = await _run(name, part)
        if not failed(status):
            return
        if clock.monotonic() - began > _HEALTHY_SECONDS:
            backoff.reset()
        pause = backoff.next()
        _journal.warning("a part has ended and is replaced", part=name, status=status, pause=pause)
        await asyncio.sleep(pause)


async def _run(name: str, part: Part) -> int:
    try:
        await part.start()
    except OSError as error:
        _journal.error("a part cannot be started", part=name, code=error.errno)
        return 1
    return await part.wait()
