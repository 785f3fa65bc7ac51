"""Rows in columns, for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

import click

from gateway.cli.plain import harmless

__all__ = ["moment", "print_table"]


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints rows in columns below their headings.

    Names come from other people: a cell may not speak to this terminal either.
    """
    lines = [
        tuple(headings),
        *(tuple(harmless(cell.encode()).decode() for cell in row) for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.secho(text.rstrip(), bold=number == 0 and sys.stdout.isatty())


def moment(time_ms: int) -> str:
    """A time (ms, epoch) on the clock of this place; a dash for 0, which is never."""
    if not time_ms:
        return "-"
    return f"{datetime.fromtimestamp(time_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
