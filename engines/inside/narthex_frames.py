"""Data frames as columns and rows: those of pandas, polars and Arrow, told by what they have.

None of them is imported here. As ``narthex`` itself this needs Python 3.8 and its standard library,
because the interpreter is the user's own.

A frame of pandas has its index as columns in front, unless that only counts the rows. Where a
library has a type of its own for a column, it is that and not what the cells look like.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Frame", "by_key", "keys", "read", "single"]

_SAMPLE = 1000
_BATCH_ROWS = 1000
_TYPES = {
    "null": "void",
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    "int8": "byte",
    **dict.fromkeys(("int16", "uint8"), "short"),
    **dict.fromkeys(("int32", "uint16"), "int"),
    **dict.fromkeys(("int64", "uint32"), "long"),
    **dict.fromkeys(("uint64", "int128", "uint128", "decimal"), "decimal"),
    **dict.fromkeys(("float16", "float32", "halffloat", "float"), "float"),
    **dict.fromkeys(("float64", "double"), "double"),
    **dict.fromkeys(("date", "date32", "date64"), "date"),
    **dict.fromkeys(("datetime64", "datetime", "timestamp"), "timestamp"),
    **dict.fromkeys(("binary", "large_binary", "fixed_size_binary", "binary_view"), "binary"),
    **dict.fromkeys(("list", "large_list", "fixed_size_list", "array"), "array"),
    "struct": "struct",
    "map": "map",
    "object": "",
}
"""What the libraries call the types of columns, in small letters and without parameters."""
_WORD = re.compile(r"[a-z0-9_]*")
_INSIDE = re.compile(r"^(?:sparse|dictionary)[\[<](?:values=)?(.*)")


class Frame(NamedTuple):
    """Names and types of the columns, and the rows; the first ``labels`` columns are an index."""

    columns: list[tuple[str, str]]
    rows: Iterable[tuple[object, ...]]
    labels: int = 0


def read(value: Any, guess: Callable[[list[object]], str]) -> Frame | None:
    """The frame that a value is, None if it is none.

    ``guess`` says of cells which type their column has.
    """
    home = type(value).__module__.partition(".")[0]
    if home == "polars" and hasattr(value, "to_frame") and not hasattr(value, "iter_rows"):
        value = value.to_frame()
    if home == "polars" and hasattr(value, "iter_rows"):
        return _of_polars(value)
    if home == "pyarrow" and hasattr(value, "schema") and hasattr(value, "num_rows"):
        return _of_arrow(value)
    if home == "pandas" and hasattr(value, "index") and hasattr(value, "iloc"):
        return _of_pandas(value, guess)
    if hasattr(value, "itertuples") and hasattr(value, "columns"):
        rows = value.itertuples(index=False, name=None)
        return Frame([(_joined(name), "") for name in value.columns], _without_nan(rows))
    return None


def keys(rows: Iterable[Mapping[object, object]]) -> dict[str, None]:
    """The keys of all dictionaries, in the order in which they come."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(map(str, row)))
    return names


def by_key(rows: Iterable[Mapping[object, object]], names: Sequence[str]) -> Iterator[list[object]]:
    """The cells of dictionaries, whose keys may be no texts."""
    for row in rows:
        cells = {str(key): value for key, value in row.items()}
        yield [cells.get(name) for name in names]


def single(value: float) -> float:
    """The shortest number that means the same in single precision: 0.1 for 0.10000000149011612."""
    try:
        packed = struct.pack("f", value)
    except OverflowError:
        return value
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if struct.pack("f", short) == packed:
            return short
    return float(f"{value:.9g}")


def _of_pandas(value: Any, guess: Callable[[list[object]], str]) -> Frame:
    index = value.index
    counts = type(index).__name__ == "RangeIndex" and index.name is None
    labels = [] if counts else [index.get_level_values(place) for place in range(index.nlevels)]
    named = list(zip(_labels(index, value), labels))  # noqa: B905 - younger than 3.8
    count = len(named)
    if hasattr(value, "columns"):
        # By place: a name may be there twice.
        named += [(_joined(name), value.iloc[:, at]) for at, name in enumerate(value.columns)]
    else:
        named.append(("value" if value.name is None else _joined(value.name), value))
    columns = [(name, _pandas_type(column, guess)) for name, column in named]
    if not named:
        return Frame([], (() for _ in index), 0)
    rows = zip(*(_cells(column) for _, column in named))  # noqa: B905 - as above
    return Frame(columns, rows, count)


def _labels(index: Any, value: Any) -> list[str]:
    """The names of an index, as pandas gives them to columns."""
    if index.nlevels > 1:
        names = enumerate(index.names)
        return [f"level_{at}" if name is None else _joined(name) for at, name in names]
    taken = [str(name) for name in getattr(value, "columns", ())]
    free = "level_0" if "index" in taken else "index"
    return [free if index.name is None else _joined(index.name)]


def _joined(name: object) -> str:
    """The name of a column: its levels side by side, without those that are empty."""
    if not isinstance(name, tuple):
        return str(name)
    return "_".join(str(level) for level in name if str(level))


def _pandas_type(column: Any, guess: Callable[[list[object]], str]) -> str:
    kind = column.dtype
    if hasattr(kind, "categories") and hasattr(kind.categories, "dtype"):
        kind = kind.categories.dtype
    known = _type(str(kind))
    return known or guess(list(column.dropna()[:_SAMPLE])) or "string"


def _type(name: str) -> str:
    """Our word for a type: ``string`` for what is shown as text, empty for any object."""
    name = name.lower()
    inside = _INSIDE.match(name)
    word = _WORD.match(inside[1] if inside else name)
    text = word[0] if word else ""
    if text.startswith("decimal"):
        return "decimal"
    return _TYPES.get(text, "string")


def _cells(column: Any) -> Iterator[object]:
    if str(column.dtype).lower() in ("float16", "float32", "float[pyarrow]"):
        return (single(cell) if isinstance(cell, float) else cell for cell in _present(column))
    return _present(column)


def _present(column: Any) -> Iterator[object]:
    """The cells of a column, None where there is nothing: it knows no NULL."""
    if str(column.dtype) == "object":
        return (None if _is_nan(cell) else cell for cell in column)
    missing = column.isna()
    return (None if none else cell for cell, none in zip(column, missing))  # noqa: B905 - as above


def _is_nan(cell: object) -> bool:
    return isinstance(cell, float) and cell != cell  # noqa: PLR0124 - only NaN is not itself


def _without_nan(rows: Iterable[Iterable[object]]) -> Iterator[tuple[object, ...]]:
    return (tuple(None if _is_nan(cell) else cell for cell in row) for row in rows)


def _of_polars(frame: Any) -> Frame:
    kinds = [str(kind).lower() for kind in frame.dtypes]
    columns = [(name, _type(kind) or "string") for name, kind in zip(frame.columns, kinds)]  # noqa: B905 - as above
    return Frame(columns, _with_singles(frame.iter_rows(), kinds))


def _of_arrow(table: Any) -> Frame:
    kinds = [str(field.type) for field in table.schema]
    columns = [(field.name, _type(str(field.type)) or "string") for field in table.schema]
    maps = [at for at, (_, kind) in enumerate(columns) if kind == "map"]

    def rows() -> Iterator[tuple[object, ...]]:
        batches = table.to_batches(_BATCH_ROWS) if hasattr(table, "to_batches") else (table,)
        for batch in batches:
            cells = [column.to_pylist() for column in batch.columns]
            for at in maps:
                cells[at] = [None if cell is None else dict(cell) for cell in cells[at]]
            yield from zip(*cells)  # noqa: B905 - as above

    return Frame(columns, _with_singles(rows(), kinds))


def _with_singles(
    rows: Iterable[tuple[object, ...]], kinds: list[str]
) -> Iterable[tuple[object, ...]]:
    """The rows with numbers of single precision in their shortest form."""
    places = {at for at, kind in enumerate(kinds) if _type(kind) == "float"}
    if not places:
        return rows
    return (
        tuple(
            single(cell) if at in places and isinstance(cell, float) else cell
            for at, cell in enumerate(row)
        )
        for row in rows
    )
