"""Counts lines for a recorder, so that it can say how they go on behind what it does not keep.

It goes behind the writer over what is recorded, and over what could not be. It keeps no line. The
shim imports this file: standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence

from engines.rundir.lines import Splitter
from engines.rundir.records import ERR, HEADER_SIZE, OUT, Gap, Record, read_records

__all__ = ["Tally"]

_READ_BYTES = 1 << 18


class Tally:
    """How lines stand at one place of an output.

    Args:
        offset: the place.
        gap: how lines stand there.

    Attributes:
        offset: up to where the recorded output is counted.
        out_bytes: how much of stdout was counted.
        err_bytes: how much of stderr.
    """

    def __init__(self, offset: int = 0, gap: Gap | None = None) -> None:
        self.offset = offset
        self.out_bytes = 0
        self.err_bytes = 0
        self._splitter = Splitter()
        self._sound = (offset, gap or Gap())
        self._splitter.jump(self._sound[1], offset)

    @property
    def line(self) -> int:
        """The number of the first line that has not ended."""
        return self._splitter.last + 1

    def fork(self) -> Tally:
        """Another one that counts on from here, or from the last place where that is possible."""
        return Tally(*self._sound)

    def advance(self, fd: int, limit: int) -> None:
        """Counts what is recorded up to ``limit``, and the whole record that is there."""
        while self.offset < limit:
            size = max(HEADER_SIZE, min(_READ_BYTES, limit - self.offset))
            records, after = read_records(fd, self.offset, size)
            if not records:
                return
            self.offset = after
            self.take(records)

    def take(self, records: Sequence[Record]) -> None:
        """Counts records, wherever they are."""
        self._splitter.feed(records)
        self._splitter.take_points()
        self.out_bytes += sum(len(data) for kind, _, data in records if kind == OUT)
        self.err_bytes += sum(len(data) for kind, _, data in records if kind == ERR)
        gap = self._splitter.snapshot()
        if gap is not None:
            self._sound = (self.offset, gap)

    def gap(self) -> Gap | None:
        """How lines go on here; None while a long line is open."""
        return self._splitter.snapshot()

    def finish(self) -> Gap:
        """How lines stand if nothing follows."""
        self._splitter.finish()
        return Gap(line=self._splitter.last + 1)
