"""What a porter carries back: new facts, output from where the landing is, files at the end.

The run directory on the machine is the truth and the landing says how far it has come, so a cut
connection costs time and nothing else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from engines.placed.wire import PIECE_BYTES, Frame, file_piece, frame
from engines.rundir.directory import EVENTS, EXIT, KILLED, OUTPUT, SHIM, STARTED, SUSPENDED, RunDir
from engines.rundir.holes import HOLE
from engines.rundir.plain_files import open_plain, read_plain
from engines.rundir.progress import PROGRESS
from engines.rundir.requests import DONE, encode_event, read_events
from engines.rundir.results import RESULTS

__all__ = ["FACTS", "Carrier", "plain_files"]

FACTS = (SHIM, STARTED, SUSPENDED, KILLED, HOLE)
"""Files that are carried as they are, whenever they change."""
_MOST_FACT = 1 << 20
_MOST_PROGRESS = 1 << 16


class Carrier:
    """Carries one run over one connection.

    Args:
        run: the run directory on this machine.
        writer: the way to the landing.
        offset: how much of the output the landing has.
    """

    def __init__(self, run: RunDir, writer: asyncio.StreamWriter, offset: int) -> None:
        self._run = run
        self._writer = writer
        self._offset = offset
        self._reported: dict[str, bytes | None] = {}
        self._events = 0
        self._progress = -1
        self.ended = False
        """Whether the ending was sent."""

    async def turn(self) -> None:
        """Sends all that is new. Raises OSError if the connection is gone."""
        run = self._run
        # Before everything else: what was written before the ending is then in what follows.
        ending = read_plain(run.file(EXIT))
        for name in FACTS:
            self._fact(name, read_plain(run.file(name), _MOST_FACT))
        self._report()
        events, self._events = read_events(run.file(EVENTS), self._events)
        if done := b"".join(encode_event(one) for one in events if one.event in DONE):
            self._writer.write(frame(Frame.EVENTS, done))
        await self._output()
        if ending is not None and not self.ended:
            await self._results()
            self._writer.write(frame(Frame.END, ending))
            self.ended = True
        await self._writer.drain()

    def _fact(self, name: str, data: bytes | None) -> None:
        if data != self._reported.get(name):
            self._reported[name] = data
            gone = b"-" if data is None else b"+"
            self._writer.write(frame(Frame.FACT, name.encode() + b"\0" + gone + (data or b"")))

    def _report(self) -> None:
        """Sends what the run added to its progress; of a long file the end is enough."""
        try:
            fd = open_plain(self._run.file(PROGRESS))
        except FileNotFoundError:
            return
        try:
            size = os.fstat(fd).st_size
            start = max(self._progress, size - _MOST_PROGRESS, 0)
            data = os.pread(fd, _MOST_PROGRESS, start)
        finally:
            os.close(fd)
        self._progress = start + len(data)
        if data:
            self._writer.write(frame(Frame.FACT, PROGRESS.encode() + b"\0+" + data))

    async def _output(self) -> None:
        try:
            fd = open_plain(self._run.file(OUTPUT))
        except FileNotFoundError:
            return
        try:
            while data := os.pread(fd, PIECE_BYTES, self._offset):
                self._writer.write(frame(Frame.DATA, file_piece("", self._offset, data)))
                self._offset += len(data)
                await self._writer.drain()
        finally:
            os.close(fd)

    async def _results(self) -> None:
        root = Path(self._run.path)
        for path in sorted(plain_files(root / RESULTS)):
            with path.open("rb") as file:
                offset = 0
                while data := file.read(PIECE_BYTES):
                    name = str(path.relative_to(root))
                    self._writer.write(frame(Frame.FILE, file_piece(name, offset, data)))
                    offset += len(data)
                    await self._writer.drain()


def plain_files(folder: Path) -> Iterator[Path]:
    """The plain files below a folder; nothing is followed."""
    for path, _, names in os.walk(folder, followlinks=False):
        for name in names:
            found = Path(path, name)
            if found.is_file() and not found.is_symlink():
                yield found
