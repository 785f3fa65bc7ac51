"""The tokens of SQL: by table, against sqlglot's tokenizer, and in linear time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.spark.sql_lexer import tokens
from engines.spark.statements import split
from protocol.dialects.linkis.sql import is_empty
from tests.engines.sql_texts import HOSTILE, TEXTS, WELL_FORMED

QUICK = 8.0  # seconds, on a busy machine; what is not linear takes minutes


def found(text: str) -> list[tuple[str, str]]:
    """Kinds and texts of all tokens but space and single characters."""
    return [
        (kind, text[begin:end])
        for kind, begin, end in tokens(text)
        if kind not in {"space", "other"}
    ]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("/* a /* b */ c */ select", [("comment", "/* a /* b */ c */"), ("word", "select")]),
        ("/* a /*+ b */ c", [("comment", "/* a /*+ b */"), ("word", "c")]),
        ("/*+ a */ b", [("word", "a"), ("word", "b")]),
        ("/* a /* b */", [("unclosed", "/* a /* b */")]),
        ("*/*a*/", [("word", "a")]),
        ("r'C:\\' 'x'", [("string", "r'C:\\'"), ("string", "'x'")]),
        ("bar'x\\''", [("word", "bar"), ("string", "'x\\''")]),
        ("'a''b' \"c\"\"d\"", [("string", "'a''b'"), ("string", '"c""d"')]),
        ("`e``f;`", [("name", "`e``f;`")]),
        ("'a''b", [("string", "'a'"), ("word", "b")]),
        ("r'a", [("word", "r"), ("word", "a")]),
        ("-- a \\\nb\nc", [("comment", "-- a \\\nb"), ("word", "c")]),
        ("-- a\rb", [("comment", "-- a"), ("word", "b")]),
        ("$a$ ; $b$ $a$", [("string", "$a$ ; $b$ $a$")]),
        ("$$ open", [("string", "$$ open")]),
        ("# a\nset #c;#d", [
            *[("foreign", "# a"), ("word", "set"), ("word", "c"), ("end", ";"), ("foreign", "#d")]
        ]),
    ],
)  # fmt: skip
def test_tokens(text: str, kinds: list[tuple[str, str]]) -> None:
    """Row B5: comments nest, raw strings have no escapes, and what is open is told."""
    assert found(text) == kinds


def _check_whole(text: str) -> None:
    pieces = list(tokens(text))
    assert "".join(text[begin:end] for _, begin, end in pieces) == text
    assert all(begin < end for _, begin, end in pieces)
    assert is_empty(text, "sql") == (not split(text))


def _check_against_sqlglot(text: str) -> None:
    """Statements and strings as sqlglot sees them, of texts in which everything is closed."""
    theirs = sqlglot.tokenize(text, read="spark")
    ends = [token.start for token in theirs if token.token_type.name == "SEMICOLON"]
    kinds = {"STRING", "RAW_STRING"}
    # A doubled quote is two strings to it and one to Spark: the same characters are in quotes.
    quoted = [
        place
        for token in theirs
        if token.token_type.name in kinds
        for place in range(token.start, token.end + 1)
    ]
    ours = list(tokens(text))
    assert [begin for kind, begin, _ in ours if kind == "end"] == ends
    inside = [place for token in ours if token.kind == "string" for place in range(*token[1:])]
    assert inside == quoted


@settings(max_examples=1000, deadline=None)
@given(TEXTS)
def test_tokens_are_the_text(text: str) -> None:
    """Rows B4, B5: whatever the text is, nothing of it is lost, and no call fails.

    What the dialect takes for empty is exactly what has no statement.
    """
    _check_whole(text)


@settings(max_examples=1000, deadline=None)
@given(WELL_FORMED)
def test_sqlglot_sees_the_same(text: str) -> None:
    """Rows B4, B5: ends of statements and strings are where sqlglot's tokenizer has them."""
    _check_against_sqlglot(text)


@pytest.mark.storm
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("texts", "check"), [(TEXTS, _check_whole), (WELL_FORMED, _check_against_sqlglot)]
)
def test_a_storm_of_texts(texts: st.SearchStrategy[str], check: Callable[[str], None]) -> None:
    """Rows B4, B5: a hundred thousand texts."""

    @settings(max_examples=50_000, deadline=None)
    @given(texts)
    def run(text: str) -> None:
        check(text)

    run()


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear(piece: str) -> None:
    """Rows B4, B5: a hostile text of a megabyte takes about ten times as long as one of a tenth."""
    small, large = (_seconds(piece * (size // len(piece))) for size in (100_000, 1_000_000))
    assert large < QUICK
    assert large < 40 * max(small, 0.02), (small, large)


def _seconds(text: str) -> float:
    began = time.process_time()
    split(text)
    is_empty(text, "sql")
    return time.process_time() - began
