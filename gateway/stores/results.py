"""The result sets of runs, read from their run directories in threads.

A run is put away once, by a rename: whoever finds nothing looks a second time. Nothing is copied
and nothing is remembered: the files say what there is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from engines.rundir.directory import RunDir
from engines.rundir.results import RESULTS, ResultReader, Results, SetFacts
from protocol.errors import GatewayError, Kind, Subject
from protocol.results import Column, ColumnType, ResultKind, ResultSet, Row
from protocol.tasks import TaskId

__all__ = ["OpenResult", "ResultStore"]

T = TypeVar("T")

_READERS = 4
_COLUMN_TYPES = {kind.value: kind for kind in ColumnType}
_KINDS = {kind.value: kind for kind in ResultKind}


class OpenResult:
    """One result set that is being read. Its methods block on the disk.

    Args:
        reader: the open files.
        name: what it is called in errors.
    """

    def __init__(self, reader: ResultReader, name: str) -> None:
        self._reader = reader
        self._name = name
        self.result = _described(reader.facts)

    def rows(self, first: int, max_rows: int, max_bytes: int, *, whole: bool) -> tuple[Row, ...]:
        """Rows from ``first`` on. TOO_LARGE if ``whole`` and they are more bytes, or one row is."""
        rows, bounded = self._reader.read(first, max_rows, max_bytes)
        if bounded and (whole or not rows):
            raise GatewayError(
                Kind.TOO_LARGE,
                f"the rows of {self._name} from {first} on are more than {max_bytes} bytes: "
                f"ask for fewer than {max(1, len(rows) + 1)} at once",
            )
        width = len(self.result.columns)
        return tuple(_row(row, width) for row in rows)

    def close(self) -> None:
        """Gives the files back."""
        self._reader.close()


class ResultStore:
    """Finds and reads result sets.

    Args:
        find: the directory of a run by its id, None if there is none (any more); may block.
    """

    def __init__(self, find: Callable[[TaskId], RunDir | None]) -> None:
        self._find = find
        self._threads = ThreadPoolExecutor(_READERS, "results")

    def close(self) -> None:
        """Ends the threads when they are done."""
        self._threads.shutdown(wait=False)

    async def list(self, run_id: TaskId) -> tuple[ResultSet, ...]:
        """The result sets of a run, by their numbers; none if it wrote none."""
        return await self.call(lambda: self._list(run_id))

    async def open(self, run_id: TaskId, number: int) -> OpenResult:
        """One result set; NOT_FOUND if there is no such one. To be closed."""
        return await self.call(lambda: self._open(run_id, number))

    async def call(self, work: Callable[[], T]) -> T:
        """Carries out in a thread what blocks on the disk; UNAVAILABLE if the disk refuses."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as error:
            raise GatewayError(
                Kind.UNAVAILABLE, "the results cannot be read at the moment", retry_after=5.0
            ) from error

    def _list(self, run_id: TaskId) -> tuple[ResultSet, ...]:
        for _ in range(2):
            run = self._find(run_id)
            if run is None:
                return ()
            found = Results(run.file(RESULTS)).all()
            if found or os.path.isdir(run.path):  # noqa: PTH112 - a run's path is text
                return tuple(map(_described, found))
        return ()

    def _open(self, run_id: TaskId, number: int) -> OpenResult:
        name = f"result set {number}"
        for _ in range(2):
            run = self._find(run_id)
            if run is None:
                break
            try:
                return OpenResult(Results(run.file(RESULTS)).open(number), name)
            except FileNotFoundError:
                continue
        raise GatewayError(Kind.NOT_FOUND, f"there is no {name}", subject=Subject.RESULT)


def _described(facts: SetFacts) -> ResultSet:
    columns = tuple(
        Column(column.name, _COLUMN_TYPES.get(column.type, ColumnType.STRING), column.comment)
        for column in facts.columns
    )
    return ResultSet(
        number=facts.number,
        kind=_KINDS.get(facts.kind, ResultKind.TABLE),
        columns=columns,
        rows=facts.rows,
        size=facts.size,
        complete=facts.complete,
        truncated=bool(facts.reason),
        limit=facts.limit,
        media=facts.media,
        written_ms=facts.written_ms,
    )


def _row(cells: list[object], width: int) -> Row:
    """A row of as many cells as there are columns, whatever its writer thought."""
    padded = cells[:width] + [None] * (width - len(cells))
    return tuple(padded)  # type: ignore[arg-type]  # they come from a JSON text
