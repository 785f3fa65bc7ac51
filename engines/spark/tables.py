"""A data frame of Spark as a result set: typed columns, as many rows as are kept.

What Python has no exact word for, such as a moment in the session's time zone, the year 12024, an
interval or a NaN, is made a text by Spark itself, so that a cell is what Spark shows. It must never
hold more rows at once than one collected answer of bounded size, or one partition.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engines.inside import narthex

__all__ = ["keep"]

_COLLECTED = 20_000
_WORDS = {"integer": "int", "timestamp_ntz": "timestamp"}
_KNOWN = frozenset(
    {"void", "string", "boolean", "byte", "short", "int", "long", "float", "double", "decimal"}
    | {"date", "timestamp", "binary", "array", "map", "struct"}
)
_INEXACT = frozenset({"float", "double"})
_NESTED = frozenset({"array", "map", "struct"})
_EXACT = frozenset({"void", "string", "boolean", "byte", "short", "integer", "long", "binary"})
"""Types whose values mean the same in Python."""
_NAMES = frozenset({"string", "byte", "short", "integer", "long"})
"""Types whose values, as the keys of a map, are the same texts in Python."""
_TEXTLESS = frozenset({"geography", "geometry"})
"""Types that Spark makes no text of."""


def keep(frame: Any, limit: int | None = None) -> None:
    """Runs what a data frame stands for and writes its rows.

    ``limit`` is the most rows, 0 for all, None for what the gateway says. A frame without
    columns, as of a statement that only does something, leaves no result set.
    """
    fields = frame.schema.fields
    if not fields:
        return
    most = _given() if limit is None else limit
    kinds = {place: field.dataType for place, field in enumerate(fields)}
    remade = {place: kind for place, kind in kinds.items() if _kind(kind) in _NESTED | _INEXACT}
    with narthex.Table([_column(field) for field in fields], most) as table:
        rows = _rows(_shown(frame, fields), most)
        table.extend((_remade(row, remade) for row in rows) if remade else rows)


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
    kind = _WORDS.get(_kind(field.dataType), _kind(field.dataType))
    comment = field.metadata.get("comment", "") if field.metadata else ""
    return field.name, kind if kind in _KNOWN else "string", str(comment)


def _kind(kind: Any) -> str:
    name: str = kind.typeName()
    # With their lengths kept they are types of their own, whose name has a length too.
    return "string" if name.startswith(("char", "varchar")) else name


def _shown(frame: Any, fields: Iterable[Any]) -> Any:
    """The frame with texts in place of what Python cannot say as Spark does."""
    kinds = [field.dataType for field in fields]
    if all(_is_exact(kind) for kind in kinds):
        return frame
    # By place: names may be there twice, and hold anything.
    names = [f"c{place}" for place in range(len(kinds))]
    named = frame.toDF(*names)
    cells = zip(names, kinds, strict=True)
    return named.select(*(_text(named[name], kind).alias(name) for name, kind in cells))


def _is_exact(kind: Any) -> bool:
    """Whether all values of a type mean the same in Python, at every depth."""
    name = _kind(kind)
    if name in _TEXTLESS:
        return True
    if name == "array":
        return _is_exact(kind.elementType)
    if name == "map":
        return _kind(kind.keyType) in _NAMES and _is_exact(kind.valueType)
    if name == "struct":
        return _has_names(kind) and all(_is_exact(field.dataType) for field in kind.fields)
    return name in _EXACT


def _text(cell: Any, kind: Any) -> Any:
    """A column whose values can be collected: texts as Spark shows them, structures around them."""
    from pyspark.sql import functions  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - only the driver has it

    if _is_exact(kind):
        return cell
    name = _kind(kind)
    if name == "array":
        return functions.transform(cell, lambda part: _text(part, kind.elementType))
    if name == "map":
        # As entries: two moments may be the same text, which a map would refuse.
        return functions.transform(
            functions.map_entries(cell),
            lambda entry: functions.struct(
                entry["key"].cast("string").alias("key"),
                _text(entry["value"], kind.valueType).alias("value"),
            ),
        )
    if name == "struct" and _has_names(kind):
        parts = [_text(cell[field.name], field.dataType).alias(field.name) for field in kind]
        return functions.when(cell.isNotNull(), functions.struct(*parts))
    return cell.cast("string")


def _has_names(kind: Any) -> bool:
    """Whether the fields of a structure are told apart by their names, in any case of letters."""
    return len({field.name.lower() for field in kind.fields}) == len(kind.fields)


def _remade(row: Iterable[object], kinds: Mapping[int, Any]) -> list[object]:
    """A row whose structures are dictionaries, so that their fields keep their names."""
    cells = list(row)
    for place, kind in kinds.items():
        cells[place] = _value(cells[place], kind, nested=False)
    return cells


def _value(value: Any, kind: Any, *, nested: bool = True) -> object:
    """A value that JSON can say; what Spark has made a text of stays one.

    A number is one again where it is shown the same, or is part of a structure and finite.
    """
    name = _kind(kind)
    if isinstance(value, str) and name in _INEXACT:
        number = float(value)
        return number if repr(number) == value or (nested and math.isfinite(number)) else value
    if value is None or isinstance(value, str):
        return value
    if name == "array":
        return [_value(part, kind.elementType) for part in value]
    if name == "map":
        entries = value.items() if isinstance(value, dict) else value
        return {key: _value(part, kind.valueType) for key, part in entries}
    if name == "struct":
        parts = zip(kind.fields, value, strict=True)
        return {field.name: _value(part, field.dataType) for field, part in parts}
    return value
