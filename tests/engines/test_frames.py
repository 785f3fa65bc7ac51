"""Data frames and dictionaries as tables: those of pandas, polars and Arrow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # it brings no types
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types
import pytest

from engines.inside import narthex
from engines.rundir.results import Results

Table = tuple[list[tuple[str, str]], list[list[object]]]
CITIES = pd.DataFrame({"city": ["a", "b", "a"], "x": [1, 2, 3]})


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Table]:
    """Writes a table as a task does; its columns and rows as they are read."""
    monkeypatch.setenv(narthex.FOLDER_VARIABLE, str(tmp_path))

    def keep(value: Any, **more: Any) -> Table:  # noqa: ANN401 - whatever a task has
        number = narthex.table(value, **more)
        with Results(tmp_path).open(number) as reader:
            columns = [(column.name, column.type) for column in reader.facts.columns]
            return columns, reader.read(0, 1000, 1 << 20).rows

    return keep


@pytest.mark.parametrize(
    ("frame", "columns", "first"),
    [
        (CITIES, "city:string x:long", ["a", 1]),
        (CITIES.iloc[1:], "city:string x:long", ["b", 2]),
        (CITIES.groupby("city").sum(), "city:string x:long", ["a", 4]),
        (CITIES.describe(), "index:string x:double", ["count", 3.0]),
        (CITIES[CITIES.x > 1], "index:long city:string x:long", [1, "b", 2]),
        (
            CITIES.pivot_table(index="city", values="x", aggfunc=["sum", "mean"]),
            "city:string sum_x:long mean_x:double",
            ["a", 4, 2.0],
        ),
        (
            CITIES.assign(y=[7, 8, 9]).groupby(["city", "y"]).agg({"x": ["min", "max"]}),
            "city:string y:long x_min:long x_max:long",
            ["a", 7, 1, 1],
        ),
        (
            CITIES.set_index([[1, 2, 3], list("pqr")]),
            "level_0:long level_1:string city:string x:long",
            [1, "p", "a", 1],
        ),
        (CITIES.x, "x:long", [1]),
        (pd.Series([1.5]), "value:double", [1.5]),
        (CITIES.city.value_counts(), "city:string count:long", ["a", 2]),
        (pd.DataFrame({"index": [1]}, index=["r"]), "level_0:string index:long", ["r", 1]),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "a:long a:long", [1, 2]),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "")])), "a:long", [1]),
        (CITIES.T, "index:string 0:string 1:string 2:string", ["city", "a", "b", "a"]),
    ],
)  # fmt: skip
def test_frames_have_their_index(
    kept: Callable[..., Table], frame: object, columns: str, first: list[object]
) -> None:
    """Row B10: groups, statistics and pivots keep what names their rows; a plain count is none."""
    names, rows = kept(frame)
    assert " ".join(":".join(column) for column in names) == columns
    assert rows[0] == first


@pytest.mark.parametrize(
    ("column", "kind", "cells"),
    [
        ([np.nan, np.nan], "double", [None, None]),
        ([None, None], "string", [None, None]),
        (pd.Series([], dtype="int64"), "long", []),
        (pd.Series([], dtype="object"), "string", []),
        (pd.array([1, None], dtype="Int64"), "long", [1, None]),
        (pd.array([True, None], dtype="boolean"), "boolean", [True, None]),
        (pd.array(["x", None], dtype="string"), "string", ["x", None]),
        (pd.array([1, None], dtype="int64[pyarrow]"), "long", [1, None]),
        (pd.Categorical([1, None]), "long", [1, None]),
        (pd.Categorical(["x", None]), "string", ["x", None]),
        (np.array([0.1, np.inf], dtype="float32"), "float", [0.1, float("inf")]),
        (np.array([1, 2], dtype="uint8"), "short", [1, 2]),
        (np.array([2**64 - 1], dtype="uint64"), "decimal", [2**64 - 1]),
        (pd.to_datetime(["2024-01-01", None]), "timestamp", ["2024-01-01 00:00:00", None]),
        (
            pd.to_datetime(["2024-01-01"]).tz_localize("Asia/Tokyo"),
            "timestamp",
            ["2024-01-01 00:00:00+09:00"],
        ),
        (pd.to_timedelta([1], unit="D"), "string", ["1 days 00:00:00"]),
        (pd.period_range("2024-01", periods=1, freq="M"), "string", ["2024-01"]),
        ([dt.date(2024, 1, 1), None], "date", ["2024-01-01", None]),
        ([{"a": 1}, None], "map", [{"a": 1}, None]),
        ([1, "x"], "string", [1, "x"]),
        (pd.arrays.SparseArray([0.0, 1.0]), "double", [0.0, 1.0]),
    ],
)
def test_columns_of_pandas_have_their_own_types(
    kept: Callable[..., Table], column: Any, kind: str, cells: list[object]  # noqa: ANN401 - as pandas takes it
) -> None:  # fmt: skip
    """Row B11: a column's type is the frame's own, also where no cell shows it."""
    names, rows = kept(pd.DataFrame({"c": column}))
    assert names == [("c", kind)]
    assert [row[0] for row in rows] == cells


def test_arrow_tables_are_right_side_up(kept: Callable[..., Table]) -> None:
    """Row B11: rows are rows, with the types of the schema."""
    table = pa.table(
        {
            "a": [1, None],
            "b": pa.array([0.1, None], pa.float32()),
            "c": pa.array([{"x": [1]}, None]),
            "d": pa.array(["x", "y"]).dictionary_encode(),
            "e": pa.array([dt.datetime(2024, 1, 1), None], pa.timestamp("us")),  # noqa: DTZ001 - as many are
            "f": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            "g": pa.nulls(2),
        }
    )
    names, rows = kept(table)
    assert [kind for _, kind in names] == [
        *("long", "float", "struct", "string", "timestamp", "map", "void")
    ]
    assert rows == [
        [1, 0.1, {"x": [1]}, "x", "2024-01-01 00:00:00", {"k": 1}, None],
        [None, None, None, "y", None, None, None],
    ]
    assert kept(table.to_batches()[0])[1] == rows


def test_polars_frames_are_right_side_up(kept: Callable[..., Table]) -> None:
    """Row B11: the same for polars, where it is installed."""
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1, None], "b": [1.5, 2.5], "c": [[1], None]})
    columns = [("a", "long"), ("b", "double"), ("c", "array")]
    assert kept(frame) == (columns, [[1, 1.5, [1]], [None, 2.5, None]])
    assert kept(polars.Series("s", [1, 2])) == ([("s", "long")], [[1], [2]])


def test_all_keys_of_dictionaries_are_columns(kept: Callable[..., Table]) -> None:
    """Row B11: keys that come later are columns too, of a list as of a generator."""
    given = [{"a": 1}, {"b": 2, 3: "x"}, {"a": 4}]
    expected = (
        [("a", "long"), ("b", "long"), ("3", "string")],
        [[1, None, None], [None, 2, "x"], [4, None, None]],
    )
    assert kept(given) == expected
    assert kept(row for row in given) == expected
    assert kept(given, columns=["b"]) == ([("b", "long")], [[None], [2], [None]])
    assert kept(given, limit=1)[1] == [[1, None, None]]


def test_columns_that_are_named_may_leave_out_the_index(kept: Callable[..., Table]) -> None:
    """Row B10: who names the columns of a frame names its own, or the index as well."""
    frame = CITIES.groupby("city").sum()
    assert kept(frame, columns=["total"]) == ([("total", "long")], [[4], [2]])
    assert kept(frame, columns=["town", "total"])[1] == [["a", 4], ["b", 2]]


def test_a_frame_without_rows_or_columns(kept: Callable[..., Table]) -> None:
    """Row B11: an empty frame has its columns; one without any is an empty table."""
    assert kept(CITIES.iloc[:0]) == ([("city", "string"), ("x", "long")], [])
    assert kept(pd.DataFrame()) == ([], [])


@pytest.mark.parametrize("mark", ["\f", "\v", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_text_has_the_lines_of_its_line_feeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    """Row B11: no other separator ends a line."""
    monkeypatch.setenv(narthex.FOLDER_VARIABLE, str(tmp_path))
    narthex.text(f"a{mark}b\r\nc\n\nd\n")
    with Results(tmp_path).open(0) as reader:
        assert reader.read(0, 10, 1000).rows == [[f"a{mark}b"], ["c"], [""], ["d"]]
