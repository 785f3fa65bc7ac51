"""Results: lists, pages, and files made of them while they are sent.

Whether a task may be seen is decided before; here a task is given. What is read is bounded in rows
and bytes, so that a million rows cost as much memory as a thousand.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gateway.caller import Access
from gateway.config import Results as Limits
from gateway.services.logs import Logs
from gateway.services.lookup import Lookup
from gateway.services.parts import Parts
from gateway.services.service import Verb
from gateway.services.sheets import MOST_COLUMNS, Workbook, csv_rows
from gateway.stores.results import OpenResult, ResultStore
from protocol.commands.logs import LogRead
from protocol.commands.results import ExportResults, ListResults, ReadResult, ReadWholeLog
from protocol.errors import GatewayError, Kind, Subject
from protocol.logs import Block, Cursor, Gap
from protocol.results import (
    Exported,
    ExportFormat,
    ResultKind,
    ResultList,
    ResultPage,
    ResultSet,
    Row,
)
from protocol.tasks import Task

__all__ = ["ResultService"]

_STEP_ROWS = 1000
_STEP_CELLS = 100_000
_FILE_BYTES = 256 * 1024


class ResultService:
    """Carries out the commands on results."""

    def __init__(self, limits: Limits, store: ResultStore, logs: Logs, lookup: Lookup) -> None:
        self._lookup = lookup
        self._limits = limits
        self._store = store
        self._logs = logs

    @classmethod
    def of(cls, parts: Parts) -> ResultService:
        """The service of a gateway."""
        store, logs = parts.stores.results, parts.get(Logs)
        return cls(parts.config.results, store, logs, parts.get(Lookup))

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        on_task = self._lookup.on_task
        return (
            Verb(ListResults, Access.READ, on_task(self.list)),
            Verb(ReadResult, Access.READ, on_task(self.read)),
            Verb(ExportResults, Access.READ, on_task(self.export)),
            Verb(ReadWholeLog, Access.READ, on_task(self.whole_log)),
        )

    async def list(self, task: Task, _command: ListResults) -> ResultList:
        """The result sets of a task."""
        return ResultList(task, await self._store.list(task.id))

    async def read(self, task: Task, command: ReadResult) -> ResultPage:
        """A page of one of them."""
        size = command.max_rows or self._limits.page_rows
        if command.first < 0 or command.max_rows < 0:
            raise GatewayError(Kind.INVALID, "the place and size of a page must not be negative")
        if size > self._limits.page_rows:
            raise GatewayError(
                Kind.INVALID, f"a page has at most {self._limits.page_rows} rows", field="pageSize"
            )
        opened = await self._store.open(task.id, command.number)
        first = command.first
        if opened.result.kind is ResultKind.RICH:
            # Its rows are forms of one thing: which is shown is chosen among all of them.
            count = opened.result.rows
            first, size = count if first else 0, min(max(size, count), self._limits.page_rows)
        try:
            size = self._fitting(opened.result, first, size, whole=command.whole)
            rows = await self._store.call(
                lambda: opened.rows(first, size, self._limits.page_bytes, whole=command.whole)
            )
        finally:
            opened.close()
        return ResultPage(task, opened.result, command.first, rows)

    def _fitting(self, result: ResultSet, first: int, size: int, *, whole: bool) -> int:
        """How many rows of a page may be read: as many as have few enough cells together."""
        most = max(1, self._limits.page_cells // max(1, len(result.columns)))
        if min(size, result.rows - first) <= most:
            return size
        if whole:
            raise GatewayError(
                Kind.TOO_LARGE,
                f"a page has at most {self._limits.page_cells} cells: ask for at most {most} of"
                " these rows at once",
                field="pageSize",
            )
        return most

    async def export(self, task: Task, command: ExportResults) -> Exported:
        """A file made of one result set, or of all tables, while it is sent."""
        wanted = [
            result
            for result in await self._store.list(task.id)
            if command.number in {None, result.number}
            and (command.number is not None or result.kind is ResultKind.TABLE)
        ]
        if not wanted:
            raise GatewayError(
                Kind.NOT_FOUND, "there is no such result set to be exported", subject=Subject.RESULT
            )
        widest = max(len(result.columns) for result in wanted)
        if command.format is ExportFormat.XLSX and widest > MOST_COLUMNS:
            raise GatewayError(
                Kind.TOO_LARGE,
                f"a sheet has at most {MOST_COLUMNS} columns, not {widest}: take CSV",
            )
        make = self._csv if command.format is ExportFormat.CSV else self._xlsx
        return Exported(task, command.format, -1, make(task, wanted, command))

    async def whole_log(self, task: Task, _command: ReadWholeLog) -> LogRead:
        """The log from its beginning, as far as its configured size goes."""
        blocks: list[Block] = []
        gaps: list[Gap] = []
        room, cursor = self._limits.log_bytes, Cursor()
        while True:
            found = await self._logs.page(task.id, cursor, self._limits.page_rows, room)
            page = found.page
            blocks.extend(page.blocks)
            gaps.extend(page.gaps)
            room -= sum(len(block.data) for block in page.blocks)
            if page.eof or not page.blocks or room <= 0:
                whole = replace(page, blocks=tuple(blocks), gaps=tuple(gaps))
                return replace(found, page=whole)
            cursor = page.next

    async def _csv(
        self, task: Task, results: Sequence[ResultSet], command: ExportResults
    ) -> AsyncIterator[bytes]:
        """The first of the result sets; opened here, since nobody may ever ask for a piece."""
        result = results[0]
        columns = result.columns if result.kind is ResultKind.TABLE else ()
        async for rows in self._stretches(task, result, command.max_rows or result.rows):
            yield await self._store.call(partial(csv_rows, columns, rows, command))
            columns = ()
        if columns:
            yield csv_rows(columns, (), command)

    async def _xlsx(
        self, task: Task, results: Sequence[ResultSet], command: ExportResults
    ) -> AsyncIterator[bytes]:
        """A workbook, which is only known when it is whole."""
        book = await self._store.call(partial(Workbook, command.null))
        try:
            for result in results:
                name = command.sheet
                if command.number is None:
                    name = f"{name}_{result.number}"
                await self._store.call(partial(book.sheet, name, result.columns))
                most = min(command.max_rows or result.rows, self._limits.sheet_rows)
                async for rows in self._stretches(task, result, most):
                    await self._store.call(partial(book.rows, rows))
            await self._store.call(book.finish)
            while data := await self._store.call(partial(book.read, _FILE_BYTES)):
                yield data
        finally:
            book.close()

    async def _stretches(
        self, task: Task, result: ResultSet, most: int
    ) -> AsyncIterator[tuple[Row, ...]]:
        """The first ``most`` rows of a result set, bit by bit."""
        opened = await self._store.open(task.id, result.number)
        first = 0
        step = max(1, min(_STEP_ROWS, _STEP_CELLS // max(1, len(result.columns))))
        try:
            while first < most:
                rows = await self._rows(opened, first, min(step, most - first))
                if not rows:
                    return
                yield rows
                first += len(rows)
        finally:
            opened.close()

    async def _rows(self, opened: OpenResult, first: int, count: int) -> tuple[Row, ...]:
        return await self._store.call(
            lambda: opened.rows(first, count, self._limits.page_bytes, whole=False)
        )
