"""Rows in columns: for people on a terminal by rich, and plain in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.plain import harmless

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["moment", "print_table"]

_NARROWEST = 8
_GAP = 2
_STYLES = {
    "running": "cyan",
    "succeeded": "green",
    "failed": "red",
    "lost": "red",
    "timed_out": "red",
    "killed": "yellow",
}


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], cut: Collection[str] = ()
) -> None:
    """Prints rows in columns below their headings.

    Names come from other people: a cell may not speak to this terminal either. On a terminal that
    is too narrow the columns in ``cut`` become narrower, but never numbers, names of tasks to type
    or states: if there is no room even so, it folds the lines. In a pipe nothing is cut.
    """
    cells = [tuple(harmless(cell.encode()).decode() for cell in row) for row in rows]
    if sys.stdout.isatty():
        _draw(headings, cells, cut)
        return
    lines = [tuple(headings), *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo(text.rstrip())


def _draw(headings: Sequence[str], rows: Sequence[Sequence[str]], cut: Collection[str]) -> None:
    from rich.cells import cell_len  # noqa: PLC0415 - only for a terminal
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from gateway.cli.terminal import colourful  # noqa: PLC0415

    plain = not colourful(sys.stdout)
    table = Table(box=None, pad_edge=False, header_style="" if plain else "bold")
    needed = 0
    for place, heading in enumerate(headings):
        # Only columns that may be wrapped are narrowed by rich; their cells are not wrapped.
        table.add_column(_text(heading), no_wrap=heading not in cut)
        width = max(map(cell_len, (heading, *(row[place] for row in rows))))
        needed += (min(width, _NARROWEST) if heading in cut else width) + _GAP
    for row in rows:
        table.add_row(*(_text(cell, _STYLES.get(cell, "")) for cell in row))
    console = Console(file=sys.stdout, highlight=False, no_color=plain)
    console.width = max(console.width, needed)
    console.print(table, crop=False)


def _text(words: str, style: str = "") -> Text:
    from rich.text import Text  # noqa: PLC0415

    return Text(words, style=style, no_wrap=True, overflow="ellipsis")


def moment(time_ms: int) -> str:
    """A time (ms, epoch) on the clock of this place; a dash for 0, which is never."""
    if not time_ms:
        return "-"
    return f"{datetime.fromtimestamp(time_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
