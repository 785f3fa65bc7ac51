"""Separated values, read and written."""

import csv
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.csv_text import LONGEST, rows_of, written
from protocol.errors import GatewayError


def head(text: str, separator: str = ",", quote: str = '"') -> list[list[str]]:
    """The first rows of a text."""
    return rows_of(text, separator, quote, most_rows=100, most_columns=1000)


@pytest.mark.parametrize(
    ("text", "separator", "quote", "rows"),
    [
        ('a,"b,c"\n1,"say ""x"""\n', ",", '"', [["a", "b,c"], ["1", 'say "x"']]),
        ('a,"two\r\nlines"\r\nb,c', ",", '"', [["a", "two\r\nlines"], ["b", "c"]]),
        ("a\tb\n'c\td'\te", "\t", "'", [["a", "b"], ["c\td", "e"]]),
        ("a\rb\r\n\n\nc", ",", '"', [["a"], ["b"], ["c"]]),
        ('"open\nnever closed', ",", '"', [["open\nnever closed"]]),
        ('a||"b', "||", '"', [["a", '"b']]),
        ('"a",b', ",", "", [['"a"', "b"]]),
        ("a\0b,c", ",", '"', [["a\0b", "c"]]),
        ("", ",", '"', []),
    ],
)
def test_row_b14_cells_are_what_was_quoted(
    text: str, separator: str, quote: str, rows: list[list[str]]
) -> None:
    """Row B14: separators, line breaks and quotes within quotes are part of a cell."""
    assert head(text, separator, quote) == rows


@pytest.mark.parametrize(("separator", "quote"), [("\n", '"'), (",", "''"), (",", ","), ("", '"')])
def test_row_b14_signs_that_cannot_be(separator: str, quote: str) -> None:
    """Row B14: what ends a line or stands for both is refused."""
    with pytest.raises(GatewayError):
        head("a", separator, quote)


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=2, max_size=4)))
def test_row_b14_what_was_written_is_read(rows: list[list[str]]) -> None:
    """Row B14: any texts come back from the library's own writer."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    assert rows_of(buffer.getvalue(), most_rows=1000, most_columns=10) == rows


def test_row_b14_long_texts() -> None:
    """Row B14: rows and columns are bounded, and a row that was cut is left out."""
    began = time.perf_counter()
    assert rows_of("a,b\n" * 1_000_000, most_rows=3, most_columns=1) == [["a"]] * 3
    assert head("x" * (LONGEST + 1)) == []
    assert head("a\n" + "x" * LONGEST) == [["a"]]
    assert len(head("," * (4 << 20) + "\n")) <= 1
    assert head("x" * LONGEST) == [["x" * LONGEST]]
    assert time.perf_counter() - began < 2


def test_row_b14_nothing_written_is_a_formula() -> None:
    """Row B14: a text that a spreadsheet would calculate gets a sign before it; numbers do not."""
    rows = [["=1+1", "-2", "+x", "@a", "a=b", "-1.5e3", 'say "x"', "two\nlines"]]
    line = written(rows)
    assert list(csv.reader(io.StringIO(line, newline=""))) == [
        ["'=1+1", "-2", "'+x", "'@a", "a=b", "-1.5e3", 'say "x"', "two\nlines"]
    ]
