"""The output of an ended run as a file: one stream's bytes, taken from the run directory's records.

Nothing is copied: the records are read again each time, and what was measured is remembered, since
the output of an ended run does not change. Never reads a run that may still write.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from engines.rundir.archive import Damaged
from engines.rundir.directory import RunDir
from engines.rundir.output import Chunk, Output
from engines.rundir.records import ERR, GAP, OUT
from protocol.errors import GatewayError, Kind, Subject
from protocol.tasks import TaskId

__all__ = ["Answer", "Answers"]

_READ_BYTES = 1 << 20
_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """One stream of an ended run: its kept size and digest, and whether there was more."""

    size: int
    sha256: str
    truncated: bool


class Answers:
    """Reads the output of ended runs.

    Args:
        find: the directory of a run by its id, None if there is none (any more); may block.
        max_bytes: how much of one stream is given out.
    """

    def __init__(self, find: Callable[[TaskId], RunDir | None], max_bytes: int) -> None:
        self._find = find
        self._max_bytes = max_bytes
        self._measured: OrderedDict[tuple[TaskId, bool], Answer] = OrderedDict()

    async def measure(self, run_id: TaskId, *, errors: bool) -> Answer:
        """Size and digest of stdout, or of stderr.

        Raises:
            GatewayError: NOT_FOUND if the output is not there (any more).
        """
        key = (run_id, errors)
        answer = self._measured.get(key)
        if answer is None:
            answer = await asyncio.to_thread(self._measure, run_id, ERR if errors else OUT)
            self._measured[key] = answer
            while len(self._measured) > _REMEMBERED:
                self._measured.popitem(last=False)
        self._measured.move_to_end(key)
        return answer

    async def read(
        self, run_id: TaskId, offset: int, length: int, *, errors: bool
    ) -> AsyncIterator[bytes]:
        """The ``length`` bytes from ``offset`` on of stdout, or of stderr, in pieces.

        Raises:
            GatewayError: NOT_FOUND if the output is not there (any more).
        """
        output = await asyncio.to_thread(self._open, run_id)
        try:
            place = 0
            while length > 0:
                data, end = await asyncio.to_thread(_piece, output, place, ERR if errors else OUT)
                if end == place:
                    raise GatewayError(Kind.INTERNAL, f"the output of {run_id} is cut short")
                place = end
                wanted = data[offset : offset + length]
                offset = max(0, offset - len(data))
                length -= len(wanted)
                if wanted:
                    yield wanted
        finally:
            output.close()

    def _measure(self, run_id: TaskId, kind: int) -> Answer:
        digest = hashlib.sha256()
        size, place, truncated = 0, 0, False
        with self._open(run_id) as output:
            while size <= self._max_bytes:
                chunk = _chunk(output, place)
                if chunk.end == place:
                    break
                place = chunk.end
                lost = chunk.jumped or any(record.kind == GAP for record in chunk.records)
                truncated = truncated or lost
                data = b"".join(record.data for record in chunk.records if record.kind == kind)
                digest.update(data[: self._max_bytes - size])
                size += len(data)
        kept = min(size, self._max_bytes)
        return Answer(kept, digest.hexdigest(), truncated or size > self._max_bytes)

    def _open(self, run_id: TaskId) -> Output:
        """The records; looks twice, since a run moves once when it is put away."""
        for _ in range(2):
            run = self._find(run_id)
            if run is None:
                break
            output = Output(run)
            if output.open() or os.path.isdir(run.path):  # noqa: PTH112 - a run's path is text
                return output
        raise GatewayError(
            Kind.NOT_FOUND, f"the output of {run_id} is not there", subject=Subject.DATA
        )


def _piece(output: Output, place: int, kind: int) -> tuple[bytes, int]:
    chunk = _chunk(output, place)
    return b"".join(record.data for record in chunk.records if record.kind == kind), chunk.end


def _chunk(output: Output, place: int) -> Chunk:
    try:
        return output.read(place, _READ_BYTES)
    except Damaged as error:
        raise GatewayError(Kind.INTERNAL, f"the output cannot be read: {error}") from error
