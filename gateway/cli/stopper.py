"""What a signal does to a run that is watched.

The first SIGINT, SIGTERM or SIGHUP kills the run, whose end is then awaited like any other; the
second leaves at once. Both say so, and what becomes of the task.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import click

from gateway.cli.screen import Screen
from gateway.client.errors import ClientError

if TYPE_CHECKING:
    from gateway.cli.reach import Target

__all__ = ["Left", "Stopper", "stopping"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_KILL_SECONDS = 30.0


class Left(Exception):  # noqa: N818 - it is no fault
    """Whoever watched has left, by a second signal."""


class Stopper:
    """Kills the run when a signal asks for it, from a thread: the log goes on meanwhile.

    Args:
        target: the gateway.
        screen: makes room for what is said.
        private: whether the gateway ends with this command.
    """

    def __init__(self, target: Target, screen: Screen, *, private: bool) -> None:
        self.signal = 0
        self.exec_id = ""
        self.task_id = 0
        self._target = target
        self._screen = screen
        self._private = private
        self._thread: threading.Thread | None = None
        self._saved = False

    def accepted(self, exec_id: str, task_id: int) -> None:
        """Knows from now on what there is to kill."""
        self.exec_id, self.task_id = exec_id, task_id
        if self.signal:
            self._kill()

    def stop_quietly(self) -> None:
        """Kills the run because nobody reads it any more."""
        self.signal = signal.SIGPIPE
        if self.exec_id:
            self._kill()

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """A signal came: the first one kills, the second one leaves."""
        if self.signal:
            self._tell(self._fate())
            raise Left
        self.signal = number
        if self.exec_id:
            self._kill()
        what = f"killing task {self.task_id}" if self.task_id else "killing the task"
        self._screen.state("killing")
        again = "; press Ctrl-C again to leave" if number == signal.SIGINT else ""
        self._tell(f"{what}{again}")

    def finish(self, *, left: bool) -> None:
        """Waits until the kill is saved; not if who watched has left."""
        if self._thread and not left:
            self._thread.join(_KILL_SECONDS)

    def _fate(self) -> str:
        task = f"task {self.task_id}" if self.task_id else "the task"
        if self._private:
            return f"left; {task} ends with its private gateway"
        if self._saved:
            return f"left; {task} is being killed, which goes on without this command"
        if not self.task_id:
            return "left; the task may have been submitted: see 'narthex ps'"
        return f"left; {task} goes on: 'narthex kill {self.task_id}' ends it"

    def _tell(self, words: str) -> None:
        self._screen.aside()
        click.echo(f"narthex: {words}", err=True)
        self._screen.back()

    def _kill(self) -> None:
        if not self._thread:
            self._thread = threading.Thread(target=self._send_kill, daemon=True)
            self._thread.start()

    def _send_kill(self) -> None:
        from gateway.client.sync import Client  # noqa: PLC0415 - loaded by who watches

        # Refused is what it is when the run is over already, and then its end is on its way.
        with (
            contextlib.suppress(ClientError),
            Client(
                self._target.server,
                self._target.token,
                patience_seconds=20,
                ca_file=self._target.trust,
                wait_for_gateway=True,  # it was there when the run was submitted
            ) as client,
        ):
            client.kill(self.exec_id)
            self._saved = True


@contextlib.contextmanager
def stopping(stopper: Stopper) -> Iterator[None]:
    """The signals are the stopper's within the block."""
    before = {number: signal.signal(number, stopper.on_signal) for number in _SIGNALS}
    left = False
    try:
        yield
    except Left:
        left = True
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stopper.finish(left=left)
