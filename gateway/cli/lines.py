"""Prints lines of a log, each on the stream it came from.

Exact in a pipe, harmless on a terminal.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

import click

from gateway.cli.colour import Colour, coloured, colourless, fitting, keeps
from gateway.cli.plain import harmless
from gateway.cli.records import done_record, gap_record, iso, line_record
from protocol.logs import Gap, Line, Stream

if TYPE_CHECKING:
    from gateway.client.values import Partial

__all__ = ["LinePrinter", "encoded", "print_done", "print_record"]

_BLANK = b"\r\x1b[K"
_SECOND = 2


def encoded(record: object) -> bytes:
    """A record on a line of its own."""
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def print_done(words: str, action: str, subject: str, *, as_json: bool) -> None:
    """Says that something was done: in words, or as a record."""
    if as_json:
        print_record(done_record(action, subject))
    else:
        click.echo(words)


def print_record(record: object) -> None:
    """One JSON value on one line of stdout, at once."""
    sys.stdout.buffer.write(encoded(record))
    sys.stdout.buffer.flush()


class _Sink:
    """One stream of ours.

    Args:
        stream: where to.
        raw: its bytes are printed as they are, also to a terminal, which else must not obey them.
        colour: when colours are kept.
    """

    def __init__(self, stream: TextIO, *, raw: bool, colour: Colour) -> None:
        self._file = stream.buffer
        self._kept = raw or keeps(colour, stream)
        self.careful = stream.isatty() and not raw

    def write(self, lines: Iterable[tuple[str, Line]]) -> None:
        """Prints lines, each after what is to stand before it."""
        shown = ((before, line, self._shown(line)) for before, line in lines)
        self._file.write(
            b"".join(
                before.encode() + text + (b"" if line.more else b"\n")
                for before, line, text in shown
            )
        )
        self._file.flush()

    def tell(self, text: bytes) -> None:
        """Prints something else."""
        self._file.write(text)
        self._file.flush()

    def on_screen(self, text: str, width: int | None = None) -> bytes:
        """A text as a terminal may be given it: the end of it if it is wider than so many cells."""
        data = text.encode("utf-8", "replace")
        return coloured(data, width) if self._kept else fitting(harmless(data), width)

    def _shown(self, line: Line) -> bytes:
        if self.careful:
            # What came last on it, in place of the parts before.
            text = self.on_screen(line.screen)
            return _BLANK + text if line.overwritten and line.part > 1 else text
        return line.data if self._kept else colourless(line.data)


class LinePrinter:
    """Prints batches of lines, and on a terminal what stands on a line that has not ended.

    Args:
        as_json: one JSON object a line on stdout, for both streams.
        raw: even a terminal gets the bytes as they are.
        colour: when colours are kept.
        stamps: each line has its time before it.
        only: the one stream that is wanted; both without it.
    """

    def __init__(
        self,
        *,
        as_json: bool,
        raw: bool = False,
        colour: Colour = Colour.AUTO,
        stamps: bool = False,
        only: Stream | None = None,
    ) -> None:
        self.as_json = as_json
        self._sinks = {
            Stream.OUT: _Sink(sys.stdout, raw=raw, colour=colour),
            Stream.ERR: _Sink(sys.stderr, raw=raw, colour=colour),
        }
        self._stamps = stamps
        self._only = only
        self._standing: Stream | None = None

    @property
    def glimpses(self) -> bool:
        """Whether a line that has not ended can be shown: on a terminal."""
        return not self.as_json and any(sink.careful for sink in self._sinks.values())

    def glimpse(self, part: Partial) -> bool:
        """Shows what stands on a line that has not ended; whether it did."""
        sink = self._sinks[part.stream]
        if not sink.careful or self._only not in (None, part.stream):
            return False
        width = max(1, shutil.get_terminal_size().columns - 1)
        # Only the last row can be taken back.
        sink.tell(_BLANK + sink.on_screen(part.text, width))
        self._standing = part.stream
        return True

    def print(self, items: Iterable[Line | Gap]) -> None:
        """Prints what came together, in order, and flushes."""
        wanted = (
            item
            for item in items
            if self._only is None or getattr(item, "stream", self._only) is self._only
        )
        if self.as_json:
            records = (
                gap_record(item) if isinstance(item, Gap) else line_record(item) for item in wanted
            )
            sys.stdout.buffer.write(b"".join(map(encoded, records)))
            sys.stdout.buffer.flush()
            return
        ready: list[Line] = []
        for item in wanted:
            if isinstance(item, Gap):
                self._flush(ready)
                words = f"narthex: lines {item.first} to {item.last} are no longer kept\n"
                self._sinks[Stream.ERR].tell(words.encode())
                continue
            if ready and ready[-1].stream is not item.stream:
                self._flush(ready)
            ready.append(item)
        self._flush(ready)

    def clear(self) -> None:
        """Takes back what stands on a line that has not ended."""
        if self._standing is not None:
            self._sinks[self._standing].tell(_BLANK)
            self._standing = None

    def _flush(self, ready: list[Line]) -> None:
        if ready:
            self.clear()
            self._sinks[ready[0].stream].write((self._stamp(line), line) for line in ready)
            ready.clear()

    def _stamp(self, line: Line) -> str:
        return f"{iso(line.time_ms) or ''} " if self._stamps and line.part < _SECOND else ""
