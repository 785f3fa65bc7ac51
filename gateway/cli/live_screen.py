"""The screen on a real terminal, drawn by rich: it knows NO_COLOR and dumb terminals."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from gateway.client.values import End, Progress

__all__ = ["LiveScreen"]

_STYLES = {"Succeed": "green", "Failed": "red", "Cancelled": "yellow", "Timeout": "red"}


class LiveScreen:
    """A spinner, the state, a bar and the time that has passed."""

    live = True

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("starting", total=None)
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def state(self, words: str) -> None:
        """Shows how far the run is."""
        self._bar.update(self._task, description=words)

    def progress(self, progress: Progress) -> None:
        """Shows how much is done; without stages a fraction says nothing."""
        if progress.stages or progress.fraction > 0:
            self._bar.update(self._task, total=1.0, completed=progress.fraction)

    def aside(self) -> None:
        """Makes room for lines of the log."""
        self._bar.stop()

    def back(self) -> None:
        """Comes back below the lines that were printed."""
        self._bar.start()

    def end(self, end: End) -> None:
        """Says how it ended, as the last thing."""
        self._bar.stop()
        seconds = time.monotonic() - self._began
        how = "" if end.exit_code is None else f", exit code {end.exit_code}"
        how = how if end.signal is None else f", signal {end.signal}"
        self._console.print(
            Text(f"{end.status}{how}, {seconds:.1f} s", style=_STYLES.get(end.status, ""))
        )
