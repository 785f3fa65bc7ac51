"""The screen on a real terminal, drawn by rich: it knows NO_COLOR and dumb terminals."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from gateway.cli.endings import ending_words
from gateway.cli.records import state_of
from gateway.client.values import End, Progress

__all__ = ["LiveScreen"]

_STYLES = {"Succeed": "green", "Failed": "red", "Cancelled": "yellow", "Timeout": "red"}
_MOST_STAGES = 4


class LiveScreen:
    """A spinner, the state, a bar with its percent and the time; below it the stages that run."""

    live = True

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Bar(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(show_speed=False),
            TimeElapsedColumn(),
            console=self._console,
            auto_refresh=False,
        )
        self._drawn: Live | None = None
        self._task = self._bar.add_task("starting", total=None)
        self._stages: dict[str, TaskID] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self.back()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.aside()

    def state(self, words: str) -> None:
        """Shows the progress of the run."""
        self._bar.update(self._task, description=state_of(words))

    def progress(self, progress: Progress) -> None:
        """Shows how much is done; without stages a fraction says nothing."""
        if progress.stages or progress.fraction > 0:
            self._bar.update(self._task, total=1.0, completed=progress.fraction)
        shown = [one for one in progress.stages if one.running or one.succeeded < one.total]
        shown = shown[:_MOST_STAGES]
        for gone in self._stages.keys() - {one.id for one in shown}:
            self._bar.remove_task(self._stages.pop(gone))
        for one in shown:
            if one.id not in self._stages:
                self._stages[one.id] = self._bar.add_task(f"stage {one.id}", total=one.total)
            self._bar.update(self._stages[one.id], total=one.total, completed=one.succeeded)

    def aside(self) -> None:
        """Makes room for lines of the log."""
        if self._drawn:
            self._drawn.stop()
            self._drawn = None

    def back(self) -> None:
        """Comes back below the lines that were printed.

        With a new Live each time: one that starts again takes back as many rows as it had, which
        are lines of the log by then.
        """
        if not self._drawn:
            self._drawn = Live(
                get_renderable=self._bar.get_renderable,
                console=self._console,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._drawn.start(refresh=True)

    def end(self, end: End) -> None:
        """Says how it ended, as the last thing."""
        self.aside()
        seconds = time.monotonic() - self._began
        how = ending_words(end.status, end.exit_code, end.signal)
        said = ", ".join(filter(None, (state_of(end.status), how, f"{seconds:.1f} s")))
        self._console.print(Text(said, style=_STYLES.get(end.status, "")))
