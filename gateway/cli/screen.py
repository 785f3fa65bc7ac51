"""What a terminal shows below the log of a run: its state, its progress and the time it takes.

Lives on stderr, and only on a terminal: without one every method does nothing.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self

from gateway.client.values import End, Progress

__all__ = ["NoScreen", "Screen", "make_screen"]


class Screen(Protocol):
    """The part of the terminal that is ours while a run goes on; ``live`` if there is one."""

    live: bool

    def __enter__(self) -> Self:
        """Begins to show."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leaves the terminal as it was."""
        ...

    def state(self, words: str) -> None:
        """Shows the progress of the run."""
        ...

    def progress(self, progress: Progress) -> None:
        """Shows how much is done."""
        ...

    def aside(self) -> None:
        """Makes room for lines of the log."""
        ...

    def back(self) -> None:
        """Comes back below the lines that were printed."""
        ...

    def end(self, end: End) -> None:
        """Says how it ended, as the last thing."""
        ...


class NoScreen:
    """What there is without a terminal."""

    live = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def state(self, words: str) -> None:
        """Nothing."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def aside(self) -> None:
        """Nothing."""

    def back(self) -> None:
        """Nothing."""

    def end(self, end: End) -> None:
        """Nothing."""


def make_screen() -> Screen:
    """The screen that fits stderr."""
    if not sys.stderr.isatty():
        return NoScreen()
    from gateway.cli.live_screen import LiveScreen  # noqa: PLC0415 - rich only for a terminal

    return LiveScreen()
