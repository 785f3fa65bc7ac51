"""Runs code on a gateway and watches it to its end.

What signals do to it stands in ``stopper``.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import click

from gateway.cli.endings import ending_code
from gateway.cli.kill import report_line
from gateway.cli.lines import LinePrinter, print_record
from gateway.cli.names import meant
from gateway.cli.plain import harmless
from gateway.cli.reach import Target
from gateway.cli.records import end_record, progress_record, state_record, submitted_record
from gateway.cli.result_tables import show_tables
from gateway.cli.screen import Screen, make_screen
from gateway.cli.stopper import Left, Stopper, stopping
from gateway.cli.task_options import Asked
from gateway.cli.trouble import explained
from gateway.client.errors import ClientError
from gateway.client.sync import Client
from gateway.client.values import (
    End,
    News,
    Partial,
    ProgressChanged,
    StateChanged,
    Submitted,
)
from protocol.logs import Gap, Line

__all__ = ["LinePrinter", "Watched", "make_screen", "watch"]


@dataclass(frozen=True, slots=True)
class Watched:
    """The code that is to be run, whether the tables it makes are shown, and what goes with us.

    ``private`` says that the gateway ends with this command, and everything with it.
    """

    asked: Asked
    tables: bool = True
    private: bool = False


def watch(target: Target, watched: Watched, screen: Screen, printer: LinePrinter) -> int:
    """Runs code, prints its log and says with which code to exit."""
    stopper = Stopper(target, screen, private=watched.private)
    reason = ""
    try:
        with (
            Client(target.server, target.token, ca_file=target.trust) as client,
            stopping(stopper),
        ):
            end = _Watch(screen, printer, stopper).follow(client, watched)
            screen.end(end)
            if stopper.signal:
                report = client.kill_report(stopper.exec_id)
                click.echo(f"narthex: task {stopper.task_id} {report_line(report)}", err=True)
            else:
                reason = _reason(client, stopper.exec_id, end)
                if watched.tables and stopper.task_id:
                    show_tables(client, str(stopper.task_id), as_json=printer.as_json)
    except ClientError as error:
        raise explained(error) from error
    except Left:
        return 128 + stopper.signal
    if reason:
        click.echo(f"narthex: {reason}", err=True)
    return 128 + stopper.signal if stopper.signal else exit_code(end)


def _reason(client: Client, task: str, end: End) -> str:
    """Why a run failed that has no exit of its own to tell: its limit, or it never began."""
    if end.status == "Succeed":
        return ""
    if end.status != "Timeout" and (end.exit_code is not None or end.signal is not None):
        return ""
    return harmless(client.describe(task).error.encode()).decode()


def exit_code(end: End) -> int:
    """The exit code of a run as a shell would say it."""
    return ending_code(end.status, end.exit_code, end.signal)


class _Watch:
    """What is done with the news of one run."""

    def __init__(self, screen: Screen, printer: LinePrinter, stopper: Stopper) -> None:
        self._screen = screen
        self._printer = printer
        self._stopper = stopper

    def follow(self, client: Client, watched: Watched) -> End:
        given = watched.asked.known(lambda word: meant(client, word))
        given["request_id"] = uuid.uuid4().hex
        outputs = given.get("outputs", ())
        if outputs:
            given["workdir"] = given.get("workdir") or f"tasks/{given['request_id']}"
        news = client.stream(
            watched.asked.code,
            push=self._screen.live or self._printer.as_json,
            partial=self._printer.glimpses,
            **given,
        )
        with contextlib.closing(news):
            for batch in news:
                self._print(batch)
                for item in batch:
                    self._take(item)
                    if isinstance(item, End):
                        if outputs:
                            _fetch(client, given.get("workdir", ""), outputs)
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
            self._stopper.stop_quietly()
            raise
        last = lines[-1]
        if not (isinstance(last, Line) and last.more):
            self._screen.back()

    def _take(self, item: News) -> None:
        match item:
            case Submitted(exec_id, task_id):
                self._stopper.accepted(exec_id, task_id)
                self._record(submitted_record(item))
            case StateChanged(word):
                self._screen.state("killing" if self._stopper.signal else word)
                self._record(state_record(word))
            case ProgressChanged(progress):
                self._screen.progress(progress)
                self._record(progress_record(progress))
            case Partial():
                self._screen.aside()
                if not self._printer.glimpse(item):
                    self._screen.back()
            case End():
                self._printer.clear()
                self._record(end_record(item))
            case _:
                return

    def _record(self, record: dict[str, object]) -> None:
        if self._printer.as_json:
            print_record(record)


def _fetch(client: Client, folder: str, patterns: Sequence[str]) -> None:
    """Copies what the run wrote to here, and says what."""
    for path in client.files.fetch(folder, ".", patterns):
        click.echo(f"narthex: fetched {path}", err=True)
