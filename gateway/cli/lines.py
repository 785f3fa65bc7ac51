"""Prints lines of a log, each on the stream it came from.

Exact in a pipe, harmless on a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import orjson

from gateway.cli.plain import harmless
from protocol.logs import Gap, Line, Stream

__all__ = ["LinePrinter", "line_record", "print_record"]


def line_record(line: Line) -> dict[str, object]:
    """A line as the wire has it, for programs."""
    record: dict[str, object] = {
        "n": line.number,
        "t": line.time_ms,
        "s": str(line.stream),
        "text": line.text,
    }
    if line.part:
        record |= {"part": line.part, "more": line.more}
    return record


def print_record(record: object) -> None:
    """One JSON value on one line of stdout, at once."""
    sys.stdout.buffer.write(orjson.dumps(record) + b"\n")
    sys.stdout.buffer.flush()


@dataclass(frozen=True, slots=True)
class _Sink:
    """One stream of ours; ``careful`` if it is a terminal that must not obey what it is shown."""

    file: BinaryIO
    careful: bool

    def write(self, lines: list[Line]) -> None:
        shown = (_on_screen(line) if self.careful else line.data for line in lines)
        self.file.write(
            b"".join(
                text if line.more else text + b"\n" for text, line in zip(shown, lines, strict=True)
            )
        )
        self.file.flush()


def _on_screen(line: Line) -> bytes:
    """What a terminal gets of a line: what came last on it, in place of the parts before."""
    text = harmless(line.screen.encode())
    return b"\r\x1b[K" + text if line.overwritten and line.part > 1 else text


class LinePrinter:
    """Prints batches of lines.

    Args:
        as_json: one JSON object a line on stdout, for both streams.
        raw: even a terminal gets the bytes as they are.
    """

    def __init__(self, *, as_json: bool, raw: bool) -> None:
        self.as_json = as_json
        self._sinks = {
            Stream.OUT: _Sink(sys.stdout.buffer, sys.stdout.isatty() and not raw),
            Stream.ERR: _Sink(sys.stderr.buffer, sys.stderr.isatty() and not raw),
        }

    def print(self, items: Iterable[Line | Gap]) -> None:
        """Prints what came together, in order, and flushes."""
        if self.as_json:
            self._print_json(items)
            return
        ready: list[Line] = []
        for item in items:
            if isinstance(item, Gap):
                self._flush(ready)
                words = f"narthex: lines {item.first} to {item.last} are no longer kept\n"
                self._sinks[Stream.ERR].file.write(words.encode())
                continue
            if ready and ready[-1].stream is not item.stream:
                self._flush(ready)
            ready.append(item)
        self._flush(ready)

    def _flush(self, ready: list[Line]) -> None:
        if ready:
            self._sinks[ready[0].stream].write(ready)
            ready.clear()

    def _print_json(self, items: Iterable[Line | Gap]) -> None:
        records = (
            {"gap": [item.first, item.last]} if isinstance(item, Gap) else line_record(item)
            for item in items
        )
        sys.stdout.buffer.write(b"".join(orjson.dumps(record) + b"\n" for record in records))
        sys.stdout.buffer.flush()
