"""Takes a text of SQL apart into its statements.

Semicolons in quotes and comments divide nothing. It must never change a statement: what is given
to Spark is what was written. Standard library only.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Statement", "split"]

_STRING = r"(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
_RAW = r"(?<!\w)[rR](?:'[^']*'|\"[^\"]*\")"
_TOKEN = re.compile(
    rf"(?P<quoted>{_RAW}|{_STRING}|`[^`]*`)|(?P<line>--[^\n]*)|(?P<block>/\*)|(?P<end>;)"
    r"|(?P<space>\s+)|(?P<word>\w+)|(?P<other>.)",
    re.DOTALL,
)
_EDGE = re.compile(r"/\*|\*/")
_SCRIPT = re.compile(
    r"(?:--[^\n]*\n|/\*(?!\+).*?\*/|\s)*begin\b(?!\s*;)", re.IGNORECASE | re.DOTALL
)


class Statement(NamedTuple):
    """One statement, without the semicolon, and the line of the text in which it begins."""

    text: str
    line: int


def split(text: str) -> list[Statement]:
    """The statements of a text in order; what is only space and comments is none.

    A text that begins with ``BEGIN`` is one script of Spark's own and stays whole.
    """
    if _SCRIPT.match(text):
        begin = len(text) - len(text.lstrip())
        return [Statement(text.strip(), text.count("\n", 0, begin) + 1)]
    found: list[Statement] = []
    place = begin = 0
    first = -1
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:  # cannot be: the last way takes any character
            break
        kind, place = token.lastgroup, token.end()
        if kind == "block":
            place = _after_comment(text, place)
        elif kind == "end":
            _keep(found, text, begin, place - 1, first)
            begin, first = place, -1
        elif kind in {"quoted", "word", "other"} and first < 0:
            first = token.start()
    _keep(found, text, begin, len(text), first)
    return found


def _after_comment(text: str, place: int) -> int:
    """Where a comment ends whose opening ends at ``place``; comments nest, as in Spark."""
    depth = 1
    for edge in _EDGE.finditer(text, place):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(text)


def _keep(found: list[Statement], text: str, begin: int, end: int, first: int) -> None:
    if first >= 0:
        found.append(Statement(text[begin:end].strip(), text.count("\n", 0, first) + 1))
