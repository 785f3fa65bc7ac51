"""What a run printed to one stream, by bytes: also while it still prints.

Nothing is copied: the records are read again each time. Where a read has been is remembered every
so many bytes, so that who asks for the newest reads little. An offset counts all that was printed,
what is not kept included, so that it means the same at every time.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

from engines.rundir.archive import Damaged
from engines.rundir.directory import RunDir
from engines.rundir.output import Chunk, Output
from engines.rundir.records import ERR, GAP, OUT, Gap, Record, decode_gap
from protocol.errors import GatewayError, Kind, Subject
from protocol.tasks import TaskId

__all__ = ["Streams", "Stretch"]

_READ_BYTES = 1 << 20
_REMEMBERED = 256
_FAR = 1 << 62


class Stretch(NamedTuple):
    """Bytes that are kept one after another: where they begin, how many, and whether all came.

    ``place`` and ``skip`` say where in the records they begin.
    """

    first: int
    length: int
    complete: bool
    place: int = 0
    skip: int = 0


class _Mark(NamedTuple):
    """A place in the records, and how much was printed to either stream before it."""

    place: int
    out: int
    err: int

    def of(self, kind: int) -> int:
        return self.out if kind == OUT else self.err

    def after(self, chunk: Chunk) -> _Mark:
        """The mark behind some records."""
        out, err = self.out, self.err
        for record in chunk.records:
            if record.kind == GAP:
                lost = decode_gap(record.data)
                out, err = out + lost.out_bytes, err + lost.err_bytes
            elif record.kind == OUT:
                out += len(record.data)
            else:
                err += len(record.data)
        return _Mark(chunk.end, out, err)


class _Wanted(NamedTuple):
    """The bytes from ``first`` to ``last`` of one stream."""

    first: int
    last: int
    kind: int

    def within(
        self, mark: _Mark, records: list[Record], found: Stretch | None
    ) -> tuple[Stretch | None, bool]:
        """What is found with the records after a mark, and whether that is all of it."""
        at, kept = mark.of(self.kind), 0
        for record in records:
            if record.kind == GAP:
                if found is not None:
                    return found, True
                lost = decode_gap(record.data)
                at += lost.out_bytes if self.kind == OUT else lost.err_bytes
            if record.kind != self.kind:
                continue
            end = at + len(record.data)
            if found is None and end > self.first:
                begin = max(self.first, at)
                found = Stretch(begin, 0, False, mark.place, kept + begin - at)  # noqa: FBT003 - a field
            if found is not None:
                found = found._replace(length=max(0, min(end, self.last + 1) - found.first))
                if end > self.last:
                    return found, True
            at, kept = end, kept + len(record.data)
        return found, False


class Streams:
    """Reads streams of runs.

    Args:
        find: the directory of a run by its id, None if there is none (any more); may block.
    """

    def __init__(self, find: Callable[[TaskId], RunDir | None]) -> None:
        self._find = find
        self._marks: OrderedDict[TaskId, list[_Mark]] = OrderedDict()

    async def locate(
        self, run_id: TaskId, first: int, last: int, *, errors: bool
    ) -> Stretch | None:
        """What there is of the bytes from ``first`` to ``last``, as ``ReadOutput`` says.

        The stretch ends where something is not kept. None if the run is gone.
        """
        return await asyncio.to_thread(self._locate, run_id, first, last, ERR if errors else OUT)

    async def read(self, run_id: TaskId, stretch: Stretch, *, errors: bool) -> AsyncIterator[bytes]:
        """The bytes of a stretch, in pieces.

        Raises:
            GatewayError: they are not there (any more).
        """
        kind = ERR if errors else OUT
        place, skip, left = stretch.place, stretch.skip, stretch.length
        output = await asyncio.to_thread(self._open, run_id)
        if output is None:
            raise GatewayError(
                Kind.NOT_FOUND, "the output is not there any more", subject=Subject.DATA
            )
        try:
            while left > 0:
                chunk = await asyncio.to_thread(_chunk, output, place)
                if chunk.end == place or chunk.jumped:
                    raise GatewayError(
                        Kind.GONE,
                        "this part of the output is not kept any more",
                        subject=Subject.DATA,
                    )
                place = chunk.end
                data = b"".join(one.data for one in chunk.records if one.kind == kind)
                wanted = data[skip : skip + left]
                skip = max(0, skip - len(data))
                left -= len(wanted)
                if wanted:
                    yield wanted
        finally:
            output.close()

    def _locate(self, run_id: TaskId, first: int, last: int, kind: int) -> Stretch | None:
        run = self._find(run_id)
        output = self._open(run_id)
        if run is None or output is None:
            return None
        with output:
            ended = run.exit() is not None
            if first < 0:
                size = self._scan(run_id, output, _Wanted(_FAR, _FAR, kind)).first
                first, last = max(0, size + first), _FAR
            wanted = _Wanted(first, _FAR if last < 0 else last, kind)
            found = self._scan(run_id, output, wanted)
            return found._replace(complete=found.complete and ended)

    def _scan(self, run_id: TaskId, output: Output, wanted: _Wanted) -> Stretch:
        """Goes through the records from the nearest mark on; without an end of the run."""
        marks = self._marks.setdefault(run_id, [_Mark(0, 0, 0)])
        self._marks.move_to_end(run_id)
        while len(self._marks) > _REMEMBERED:
            self._marks.popitem(last=False)
        known = bisect_right(marks, wanted.first, key=lambda mark: mark.of(wanted.kind)) - 1
        begun = mark = marks[max(known, 0)]
        found: Stretch | None = None
        while True:
            chunk = _chunk(output, mark.place)
            if chunk.jumped:
                if mark.place and mark is begun:
                    # What was there when it was remembered is not kept any more.
                    self._marks[run_id] = [_Mark(0, 0, 0)]
                    return self._scan(run_id, output, wanted)
                if found is not None:
                    return found
                lost = chunk.gap or Gap()
                mark = _Mark(chunk.end, mark.out + lost.out_bytes, mark.err + lost.err_bytes)
                continue
            if chunk.end == mark.place:
                end = Stretch(min(wanted.first, mark.of(wanted.kind)), 0, complete=True)
                return end if found is None else found._replace(complete=True)
            found, whole = wanted.within(mark, chunk.records, found)
            if whole and found is not None:
                return found
            mark = mark.after(chunk)
            if mark.place > marks[-1].place:
                marks.append(mark)

    def _open(self, run_id: TaskId) -> Output | None:
        """The records; looks twice, since a run moves once when it is put away."""
        for _ in range(2):
            run = self._find(run_id)
            if run is None:
                break
            output = Output(run)
            if output.open() or Path(run.path).is_dir():
                return output
        return None


def _chunk(output: Output, place: int) -> Chunk:
    try:
        return output.read(place, _READ_BYTES)
    except Damaged as error:
        raise GatewayError(Kind.INTERNAL, f"the output cannot be read: {error}") from error
