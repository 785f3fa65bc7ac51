"""The tokens of a text of Spark SQL: the only place in the product that reads SQL.

Follows Spark's own lexer, against which the tests hold it: bracketed comments nest and are not
hints, a line comment goes on behind a backslash at its end, a raw string has no escapes, a quote
that is never closed is a character like any other. unlike Spark: ``#`` begins a comment, as in
Linkis, except in statements that Spark takes to the letter. Whatever the text is, reading it takes
time in proportion to its length. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Token", "tokens"]

_TOKEN = re.compile(
    r"(?P<raw>[rR](?=['\"]))|(?P<word>\w+)|(?P<space>\s+)"
    r"|(?P<line>--(?:\\\n|[^\r\n])*)|(?P<block>/\*(?!\+))|(?P<end>;)"
    r"|(?P<quote>['\"`])|(?P<dollar>\$[A-Za-z]*\$)|(?P<foreign>\#[^\r\n]*)|(?P<other>\*/|.)",
    re.DOTALL,
)
_WORD = re.compile(r"\w+")
_EDGE = re.compile(r"/\*(?!\+)|\*/")
_BODIES = {
    "'": re.compile(r"[^'\\]*(?:(?:\\.|'')[^'\\]*)*'", re.DOTALL),
    '"': re.compile(r'[^"\\]*(?:(?:\\.|"")[^"\\]*)*"', re.DOTALL),
    "`": re.compile(r"[^`]*(?:``[^`]*)*`"),
}
_VERBATIM = frozenset({"set", "reset", "add", "list", "refresh"})
"""First words of statements whose rest may be any text: the value of a setting, a path."""


class Token(NamedTuple):
    """A piece of a text from ``begin`` up to ``end``, counted in characters.

    ``kind`` is ``space``, ``comment``, ``unclosed`` (a comment without its end), ``foreign`` (a
    comment that Spark does not know), ``string`` (in single or double quotes, or between dollar
    signs), ``name`` (in backquotes), ``word``, ``end`` (a semicolon) or ``other``: one character,
    or the end of a hint.
    """

    kind: str
    begin: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text in order; together they are the text."""
    unclosed: set[str] = set()
    first = ""
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        assert found is not None  # noqa: S101 - the last way takes any character
        kind, begin, place = str(found.lastgroup), place, found.end()
        if kind == "line":
            kind = "comment"
        elif kind == "block":
            kind, place = _comment(text, place)
        elif kind == "dollar":
            closing = text.find(found[0], place)
            kind, place = "string", closing + len(found[0]) if closing >= 0 else len(text)
        elif kind == "raw":
            kind, place = _raw(text, begin)
        elif kind == "quote":
            kind, place = _quoted(text, begin, unclosed)
        elif kind == "foreign" and first in _VERBATIM:
            kind, place = "other", begin + 1
        if kind == "end":
            first = ""
        elif not first and kind not in {"space", "comment", "foreign"}:
            first = text[begin:place].lower()
        yield Token(kind, begin, place)


def _comment(text: str, place: int) -> tuple[str, int]:
    """Kind and end of a comment whose opening ends at ``place``."""
    depth = 1
    for edge in _EDGE.finditer(text, place):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return "comment", edge.end()
    return "unclosed", len(text)


def _raw(text: str, begin: int) -> tuple[str, int]:
    """Kind and end of what an ``r`` before a quote begins: a word if the quote is never closed."""
    closing = text.find(text[begin + 1], begin + 2)
    if closing >= 0:
        return "string", closing + 1
    word = _WORD.match(text, begin)
    assert word is not None  # noqa: S101 - it begins with a letter
    return "word", word.end()


def _quoted(text: str, begin: int, unclosed: set[str]) -> tuple[str, int]:
    """Kind and end of what a quote begins.

    If one is never closed, none of its kind that follows it is: each of them was passed by as
    escaped. So the rest of the text is looked through only once.
    """
    quote = text[begin]
    body = None if quote in unclosed else _BODIES[quote].match(text, begin + 1)
    if body is None:
        unclosed.add(quote)
        return "other", begin + 1
    return "name" if quote == "`" else "string", body.end()
