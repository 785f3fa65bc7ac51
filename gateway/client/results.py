"""Result sets of a task from a client: which there are, and their rows with the values they mean.

Both clients have these as ``client.results(task)``. Rows are read in pages of constant cost, each
page by the number of rows that come before it, so that a reader of a large table holds one page.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from gateway.client import frames, reading
from gateway.client.asking import Ask, AskLater
from gateway.client.call import ROOT, Call, Reply
from gateway.client.errors import ClientError
from gateway.client.reading import Document
from protocol.results import Column, ColumnType

__all__ = ["AsyncResult", "Page", "Result", "ResultRef", "page", "results"]

_PAGE_ROWS = 4096
# The Linkis dialect says 412 where HTTP has 413, which may come from what stands in between.
_TOO_LARGE = frozenset({HTTPStatus.PRECONDITION_FAILED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
_KINDS = {"1": "text", "2": "table", "4": "picture", "5": "html"}
_TYPE_WORDS = {"tinyint": ColumnType.BYTE, "bigint": ColumnType.LONG}

Values = tuple[Any, ...]
"""One row: numbers, texts, truth values, decimals, dates and times; None is NULL."""


@dataclass(frozen=True, slots=True)
class ResultRef:
    """A result set in the list of a task's: its number, from 0, and its size in bytes as stored."""

    number: int
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a result set from ``first`` on.

    ``kind`` is table, text, html or picture: a text has one column and a row for each line, the
    other two one cell, a picture in base64. ``total`` is how many rows there are so far;
    ``complete`` says that there will not be more, and ``truncated`` that there were more than are
    kept.
    """

    kind: str
    columns: tuple[Column, ...]
    first: int
    rows: tuple[Values, ...]
    total: int
    complete: bool
    truncated: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def dicts(self) -> tuple[dict[str, Any], ...]:
        """The rows with the names of their columns."""
        return tuple(dict(zip(self.names, row, strict=True)) for row in self.rows)


class _Cursor:
    """Which rows come next, and in pages of which size: smaller ones if they are too large."""

    def __init__(self, ref: ResultRef) -> None:
        self._ref = ref
        self._first = 0
        self._size = _PAGE_ROWS
        self.over = False

    def call(self) -> Call[Page]:
        return page(self._ref, self._first // self._size + 1, self._size)

    def take(self, found: Page) -> Page:
        self._first += len(found.rows)
        # A page that is not full is the last that there is now.
        self.over = len(found.rows) < self._size or self._first >= found.total
        return found

    def shrink(self, error: ClientError) -> None:
        """Half as many rows from the same place; raises the error if it is another one."""
        if error.code not in _TOO_LARGE or self._size == 1:
            raise error
        self._size //= 2


class Result:
    """A result set, for threads.

    Example:
        ``for result in client.results(task): print(result.to_pandas())``
    """

    def __init__(self, ref: ResultRef, ask: Ask) -> None:
        self._ask = ask
        self.number = ref.number
        self.ref = ref

    def page(self, number: int = 1, size: int = 1000) -> Page:
        """One page of rows, by its number from 1."""
        return self._ask(page(self.ref, number, size))

    def pages(self) -> Iterator[Page]:
        """All rows, in as many pages as they need; at least one."""
        cursor = _Cursor(self.ref)
        while not cursor.over:
            try:
                found = self._ask(cursor.call())
            except ClientError as error:
                cursor.shrink(error)
                continue
            yield cursor.take(found)

    def rows(self) -> Iterator[Values]:
        """All rows as tuples."""
        for found in self.pages():
            yield from found.rows

    def dicts(self) -> Iterator[dict[str, Any]]:
        """All rows with the names of their columns."""
        for found in self.pages():
            yield from found.dicts()

    def to_pandas(self) -> Any:  # noqa: ANN401 - pandas is an extra
        """All rows as a ``pandas.DataFrame``; needs pandas."""
        return frames.pandas_frame(*_joined(tuple(self.pages())))

    def to_arrow(self) -> Any:  # noqa: ANN401 - pyarrow is an extra
        """All rows as a ``pyarrow.Table``; needs pyarrow."""
        return frames.arrow_table(*_joined(tuple(self.pages())))


class AsyncResult:
    """A result set, for asyncio."""

    def __init__(self, ref: ResultRef, ask: AskLater) -> None:
        self._ask = ask
        self.number = ref.number
        self.ref = ref

    async def page(self, number: int = 1, size: int = 1000) -> Page:
        """One page of rows, by its number from 1."""
        return await self._ask(page(self.ref, number, size))

    async def pages(self) -> AsyncIterator[Page]:
        """All rows, in as many pages as they need; at least one."""
        cursor = _Cursor(self.ref)
        while not cursor.over:
            try:
                found = await self._ask(cursor.call())
            except ClientError as error:
                cursor.shrink(error)
                continue
            yield cursor.take(found)

    async def rows(self) -> AsyncIterator[Values]:
        """All rows as tuples."""
        async for found in self.pages():
            for row in found.rows:
                yield row

    async def dicts(self) -> AsyncIterator[dict[str, Any]]:
        """All rows with the names of their columns."""
        async for found in self.pages():
            for row in found.dicts():
                yield row

    async def to_pandas(self) -> Any:  # noqa: ANN401 - pandas is an extra
        """All rows as a ``pandas.DataFrame``; needs pandas."""
        return frames.pandas_frame(*_joined(tuple([found async for found in self.pages()])))

    async def to_arrow(self) -> Any:  # noqa: ANN401 - pyarrow is an extra
        """All rows as a ``pyarrow.Table``; needs pyarrow."""
        return frames.arrow_table(*_joined(tuple([found async for found in self.pages()])))


def results(task_id: int) -> Call[tuple[ResultRef, ...]]:
    """Asks which result sets a task has, by its number."""

    def read(data: Document, _reply: Reply) -> tuple[ResultRef, ...]:
        leaves = reading.rows(reading.section(data, "dirFileTrees"), "children")
        return tuple(sorted(map(_ref, leaves), key=lambda ref: ref.number))

    query = {"path": f"narthex:///tasks/{task_id}/results"}
    return Call("GET", f"{ROOT}/filesystem/getDirFileTrees", read, query)


def page(ref: ResultRef, number: int, size: int) -> Call[Page]:
    """Asks for one page of a result set, by its number from 1."""

    def read(data: Document, _reply: Reply) -> Page:
        columns = tuple(map(_column, reading.rows(data, "metadata")))
        convert = tuple(_VALUES.get(column.type, str) for column in columns)
        content = data.get("fileContent")
        return Page(
            _KINDS.get(reading.text(data, "type"), "text"),
            columns,
            (number - 1) * size,
            tuple(_row(row, convert) for row in (content if isinstance(content, list) else ())),
            reading.number(data, "totalRow"),
            reading.flag(data, "complete"),
            reading.flag(data, "truncated"),
        )

    query = {
        "path": ref.path,
        "page": str(number),
        "pageSize": str(size),
        "nullValue": "LINKIS_NULL",
    }
    return Call("GET", f"{ROOT}/filesystem/openFile", read, query)


def _joined(pages: tuple[Page, ...]) -> tuple[tuple[Column, ...], list[Values]]:
    return pages[0].columns, [row for found in pages for row in found.rows]


def _ref(leaf: Document) -> ResultRef:
    name = reading.text(leaf, "name").removeprefix("_").removesuffix(".dolphin")
    if not name.isdecimal():
        raise ClientError(f"the gateway's answer has a result set of the name {name!r}")
    size = reading.number(reading.section(leaf, "properties"), "size", 0)
    return ResultRef(int(name), size, reading.text(leaf, "path"))


def _column(row: Document) -> Column:
    word = reading.text(row, "dataType")
    try:
        kind = _TYPE_WORDS.get(word) or ColumnType(word)
    except ValueError:
        kind = ColumnType.STRING
    return Column(reading.text(row, "columnName"), kind, reading.text(row, "comment", ""))


def _row(row: object, convert: tuple[Callable[[str], object], ...]) -> Values:
    if not isinstance(row, list) or len(row) != len(convert):
        raise ClientError("the gateway's answer has a row of another length than its columns")
    return tuple(_value(cell, make) for cell, make in zip(row, convert, strict=True))


def _value(cell: object, make: Callable[[str], object]) -> object:
    """What a text means; the text itself if its column says of it what it is not."""
    if not isinstance(cell, str):
        return cell
    try:
        return make(cell)
    except (ValueError, InvalidOperation, RecursionError):
        return cell


def _truth(cell: str) -> bool:
    if cell not in {"true", "false"}:
        raise ValueError(cell)
    return cell == "true"


def _bytes(cell: str) -> bytes:
    return b64decode(cell, validate=True)


_VALUES: Mapping[ColumnType, Callable[[str], object]] = {
    ColumnType.BOOLEAN: _truth,
    ColumnType.BYTE: int,
    ColumnType.SHORT: int,
    ColumnType.INT: int,
    ColumnType.LONG: int,
    ColumnType.FLOAT: float,
    ColumnType.DOUBLE: float,
    ColumnType.DECIMAL: Decimal,
    ColumnType.DATE: date.fromisoformat,
    ColumnType.TIMESTAMP: datetime.fromisoformat,
    ColumnType.BINARY: _bytes,
    ColumnType.ARRAY: json.loads,
    ColumnType.MAP: json.loads,
    ColumnType.STRUCT: json.loads,
}
