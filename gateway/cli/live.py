"""Runs code on a gateway and watches it to its end, signals included.

The first SIGINT, SIGTERM or SIGHUP kills the run, whose end is then awaited like any other; the
second leaves at once.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import click

from gateway.cli.lines import LinePrinter, print_record
from gateway.cli.logs import end_record
from gateway.cli.options import Reach
from gateway.cli.plain import harmless
from gateway.cli.reach import Target, target_of
from gateway.cli.screen import Screen, make_screen
from gateway.client import (
    Client,
    ClientError,
    End,
    Gap,
    Line,
    News,
    ProgressChanged,
    StateChanged,
    Submitted,
)

__all__ = ["LinePrinter", "Watched", "make_screen", "watch"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_KILL_SECONDS = 30.0
_WORD_CODES = {"Succeed": 0, "Cancelled": 128 + signal.SIGTERM, "Timeout": 124}


@dataclass(frozen=True, slots=True)
class Watched:
    """The code that is to be run."""

    code: str
    engine: str
    language: str
    session: str = ""


def watch(reach: Reach, watched: Watched, screen: Screen, printer: LinePrinter) -> int:
    """Runs code, prints its log and says with which code to exit."""
    target = target_of(reach)
    try:
        with Client(target.server, target.token) as client, _stopping(target) as stopper:
            end = _Watch(screen, printer, stopper).follow(client, watched)
            reason = "" if stopper.signal else _reason(client, stopper.exec_id, end)
    except ClientError as error:
        raise click.ClickException(error.message) from error
    screen.end(end)
    if reason:
        click.echo(f"narthex: {reason}", err=True)
    return 128 + stopper.signal if stopper.signal else exit_code(end)


def _reason(client: Client, task: str, end: End) -> str:
    """Why a run failed that has no exit of its own to tell: it may never have begun."""
    if end.status == "Succeed" or end.exit_code is not None or end.signal is not None:
        return ""
    return harmless(client.describe(task).error.encode()).decode()


def exit_code(end: End) -> int:
    """The exit code of a run as a shell would say it."""
    if end.exit_code is not None:
        return end.exit_code
    if end.signal is not None:
        return 128 + end.signal
    return _WORD_CODES.get(end.status, 1)


class _Watch:
    """What is done with the news of one run."""

    def __init__(self, screen: Screen, printer: LinePrinter, stopper: _Stopper) -> None:
        self._screen = screen
        self._printer = printer
        self._stopper = stopper

    def follow(self, client: Client, watched: Watched) -> End:
        news = client.run(
            watched.code,
            engine=watched.engine,
            language=watched.language,
            session=watched.session,
            push=self._screen.live or self._printer.as_json,
        )
        with contextlib.closing(news):
            for batch in news:
                self._print(batch)
                for item in batch:
                    self._take(item)
                    if isinstance(item, End):
                        return item
        raise ClientError("the run has no end")

    def _print(self, batch: Sequence[News]) -> None:
        lines = [item for item in batch if isinstance(item, Line | Gap)]
        if not lines:
            return
        self._screen.aside()
        try:
            self._printer.print(lines)
        except BrokenPipeError:
            self._stopper.stop(signal.SIGPIPE)
            raise
        last = lines[-1]
        if not (isinstance(last, Line) and last.more):
            self._screen.back()

    def _take(self, item: News) -> None:
        match item:
            case Submitted(exec_id, task_id):
                self._stopper.accepted(exec_id)
                self._record({"execID": exec_id, "taskID": task_id})
            case StateChanged(word):
                self._screen.state("killing" if self._stopper.signal else word)
                self._record({"status": word})
            case ProgressChanged(progress):
                self._screen.progress(progress)
            case End():
                self._record(end_record(item))
            case _:
                return

    def _record(self, record: dict[str, object]) -> None:
        if self._printer.as_json:
            print_record(record)


class _Stopper:
    """Kills the run when a signal asks for it, from a thread: the log goes on meanwhile."""

    def __init__(self, target: Target) -> None:
        self.signal = 0
        self._target = target
        self.exec_id = ""
        self._thread: threading.Thread | None = None

    def accepted(self, exec_id: str) -> None:
        self.exec_id = exec_id
        if self.signal:
            self._kill()

    def stop(self, number: int) -> None:
        self.signal = number
        if self.exec_id:
            self._kill()

    def heard(self, number: int, _frame: FrameType | None) -> None:
        if self.signal:
            raise KeyboardInterrupt
        self.stop(number)

    def finish(self) -> None:
        if self._thread:
            self._thread.join(_KILL_SECONDS)

    def _kill(self) -> None:
        if not self._thread:
            self._thread = threading.Thread(target=self._send_kill, daemon=True)
            self._thread.start()

    def _send_kill(self) -> None:
        # Refused is what it is when the run is over already, and then its end is on its way.
        with (
            contextlib.suppress(ClientError),
            Client(self._target.server, self._target.token, patience_seconds=20) as client,
        ):
            client.kill(self.exec_id)


@contextmanager
def _stopping(target: Target) -> Iterator[_Stopper]:
    stopper = _Stopper(target)
    before = {number: signal.signal(number, stopper.heard) for number in _SIGNALS}
    try:
        yield stopper
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stopper.finish()
