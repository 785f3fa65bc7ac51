"""A data frame of Spark as a result set: typed columns, as many rows as are kept.

It must never hold more rows at once than one collected answer of bounded size, or one partition.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from engines.inside import narthex

__all__ = ["keep"]

_COLLECTED = 20_000
_WORDS = {"integer": "int", "timestamp_ntz": "timestamp"}
_KNOWN = frozenset(
    {"void", "string", "boolean", "byte", "short", "int", "long", "float", "double", "decimal"}
    | {"date", "timestamp", "binary", "array", "map", "struct"}
)
_NESTED = frozenset({"array", "map", "struct"})


def keep(frame: Any, limit: int | None = None) -> None:
    """Runs what a data frame stands for and writes its rows.

    ``limit`` is the most rows, 0 for all, None for what the gateway says. A frame without
    columns, as of a statement that only does something, leaves no result set.
    """
    columns = [_column(field) for field in frame.schema.fields]
    if not columns:
        return
    most = _given() if limit is None else limit
    nested = [place for place, column in enumerate(columns) if column[1] in _NESTED]
    with narthex.Table(columns, most) as table:
        rows = _rows(frame, most)
        table.extend((_unfolded(row, nested) for row in rows) if nested else rows)


def _rows(frame: Any, most: int) -> Iterator[Any]:
    """The rows, and one more than are kept, which shows that there were more."""
    if 0 < most <= _COLLECTED:
        return iter(frame.limit(most + 1).collect())
    wanted = frame.limit(most + 1) if most else frame
    found: Iterator[Any] = wanted.toLocalIterator(prefetchPartitions=True)
    return found


def _given() -> int:
    word = os.environ.get(narthex.ROWS_VARIABLE, "0")
    return int(word) if word.isdigit() else 0


def _column(field: Any) -> tuple[str, str, str]:
    kind = field.dataType.typeName()
    kind = _WORDS.get(kind, kind)
    comment = field.metadata.get("comment", "") if field.metadata else ""
    return field.name, kind if kind in _KNOWN else "string", str(comment)


def _unfolded(row: Iterable[object], nested: list[int]) -> list[object]:
    """A row whose structures are dictionaries, so that their fields keep their names."""
    cells = list(row)
    for place in nested:
        cells[place] = _named(cells[place])
    return cells


def _named(value: Any) -> object:
    if hasattr(value, "asDict"):
        return {name: _named(part) for name, part in zip(value.__fields__, value, strict=True)}
    if isinstance(value, dict):
        return {name: _named(part) for name, part in value.items()}
    return [_named(part) for part in value] if isinstance(value, list) else value
