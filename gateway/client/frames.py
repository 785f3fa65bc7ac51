"""Rows as data frames of pandas and Arrow, which are imported when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway.client.errors import ClientError
from protocol.results import Column, ColumnType

__all__ = ["arrow_table", "pandas_frame", "write_parquet"]

_INTEGERS = frozenset({ColumnType.BYTE, ColumnType.SHORT, ColumnType.INT, ColumnType.LONG})


def pandas_frame(columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> Any:  # noqa: ANN401
    """A ``pandas.DataFrame``; whole numbers with a NULL among them keep being whole."""
    pandas = _library("pandas")
    frame = pandas.DataFrame(list(rows), columns=range(len(columns)), dtype=object)
    made = [_series(frame[place], column) for place, column in enumerate(columns)]
    whole = pandas.concat(made, axis=1) if made else frame
    whole.columns = [column.name for column in columns]
    return whole


def arrow_table(columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> Any:  # noqa: ANN401
    """A ``pyarrow.Table``; a column of mixed values is one of texts."""
    arrow = _library("pyarrow")
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    arrays = [
        _array(arrow, list(cell), column) for cell, column in zip(cells, columns, strict=True)
    ]
    return arrow.Table.from_arrays(arrays, names=[column.name for column in columns])


def write_parquet(table: Any, path: Path) -> None:  # noqa: ANN401 - an extra's own
    """Writes a ``pyarrow.Table`` into a file."""
    _library("pyarrow.parquet").write_table(table, path)


def _library(name: str) -> Any:  # noqa: ANN401 - it is an extra
    try:
        return import_module(name)
    except ImportError as error:
        raise ClientError(f"{name} is not installed: pip install {name}") from error


def _series(series: Any, column: Column) -> Any:  # noqa: ANN401 - an extra's own
    if column.type in _INTEGERS:
        wanted = "Int64" if series.isna().any() else "int64"
    elif column.type is ColumnType.BOOLEAN:
        wanted = "boolean" if series.isna().any() else "bool"
    elif column.type in {ColumnType.FLOAT, ColumnType.DOUBLE}:
        wanted = "float64"
    elif column.type is ColumnType.TIMESTAMP:
        return series.infer_objects()
    else:
        return series
    try:
        return series.astype(wanted)
    except (ValueError, TypeError, OverflowError):
        return series


def _array(arrow: Any, cells: list[Any], column: Column) -> Any:  # noqa: ANN401 - an extra's own
    if column.type in _INTEGERS:
        kind = arrow.int64()
    else:
        kind = {
            ColumnType.STRING: arrow.string(),
            ColumnType.BOOLEAN: arrow.bool_(),
            ColumnType.FLOAT: arrow.float64(),
            ColumnType.DOUBLE: arrow.float64(),
            ColumnType.DATE: arrow.date32(),
            ColumnType.BINARY: arrow.binary(),
        }.get(column.type)
    try:
        return arrow.array(cells, kind)
    except (
        arrow.ArrowInvalid,
        arrow.ArrowTypeError,
        arrow.ArrowNotImplementedError,
        OverflowError,
    ):
        texts = [None if cell is None else str(cell) for cell in cells]
        return arrow.array(texts, arrow.string())
