"""Whether what a task prints keeps its colours, on a terminal, in a pipe and on demand."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from gateway.cli.plain import harmless
from gateway.cli.terminal import colourful

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Colour", "colour", "coloured", "colourless", "fitting", "keeps"]

_COLOUR = re.compile(rb"\x1b\[[0-9;:]*m")

Function = TypeVar("Function", bound=Callable[..., Any])


class Colour(StrEnum):
    """When colours are kept."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def colour(function: Function) -> Function:
    """``--color``."""
    return click.option(
        "--color",
        "colour",
        type=click.Choice([one.value for one in Colour]),
        default=Colour.AUTO.value,
        callback=lambda _ctx, _param, value: Colour(value),
        help="Keep the colours of what is printed: auto does so on a terminal alone.",
    )(function)


def keeps(wanted: Colour, stream: TextIO) -> bool:
    """Whether colours are kept on one of our streams."""
    return wanted is Colour.ALWAYS or (wanted is Colour.AUTO and colourful(stream))


def colourless(data: bytes) -> bytes:
    """The bytes without colours, and with everything else that they have."""
    return _COLOUR.sub(b"", data) if b"\x1b" in data else data


def coloured(data: bytes, width: int | None = None) -> bytes:
    """One line for a terminal in the colours that it has; nothing else is obeyed.

    Of a line that is wider than ``width`` cells it is the end.
    """
    if b"\x1b" not in data:
        return fitting(harmless(data), width)
    from rich.text import Text  # noqa: PLC0415 - only for colours

    parts, place = [], 0
    for found in _COLOUR.finditer(data):
        parts += [harmless(data[place : found.start()]), found[0]]
        place = found.end()
    parts.append(harmless(data[place:]))
    line = Text.from_ansi(b"".join(parts).decode(), end="")
    while width is not None and line.cell_len > width:
        line = line[max(1, len(line) - width) :]
    console = _console()
    with console.capture() as shown:
        console.print(line, end="", soft_wrap=True)
    return shown.get().encode()


def fitting(data: bytes, width: int | None) -> bytes:
    """The end of a harmless line that fits into so many cells."""
    if width is None or len(data) <= width:
        return data
    if data.isascii():
        return data[-width:]
    from rich.cells import cell_len  # noqa: PLC0415 - only for wide characters

    text = data.decode()
    while cell_len(text) > width:
        text = text[max(1, len(text) - width) :]
    return text.encode()


@functools.cache
def _console() -> Console:
    """What writes colours: as many as the terminal has, or all if it says that it has none."""
    from rich.console import Console  # noqa: PLC0415

    known = Console(force_terminal=True, no_color=False, highlight=False)
    if known.color_system:
        return known
    return Console(force_terminal=True, no_color=False, highlight=False, color_system="truecolor")
