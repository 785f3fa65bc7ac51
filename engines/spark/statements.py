"""Takes a text of SQL apart into its statements.

What is given to Spark is what was written, except that comments which Spark does not know are
blanked. Standard library only.
"""

from __future__ import annotations

from typing import NamedTuple

from engines.spark.sql_lexer import tokens

__all__ = ["Statement", "split"]

_BLANK = frozenset({"space", "comment", "foreign"})
_MOST_PLACED = 10_000


class Statement(NamedTuple):
    """One statement, without the semicolon, and the line of the text in which it begins.

    ``above`` and ``before`` are the lines and the characters of a line that its text has before it.
    """

    text: str
    line: int
    above: int = 0
    before: int = 0

    @property
    def placed(self) -> str:
        """The statement at its place in an otherwise blank text, for errors with true places.

        Far down in a long text it stands at the beginning: many blanks for each of many statements
        would be too many.
        """
        if self.above + self.before > _MOST_PLACED:
            return self.text
        return "\n" * self.above + " " * self.before + self.text


def split(text: str) -> list[Statement]:
    """The statements of a text in order; what is only space and comments is none.

    A text that begins with ``BEGIN`` is one script of Spark's own and stays whole.
    """
    text = _known(text)
    bounds, begin, first = [], 0, -1
    words: list[str] = []
    for kind, start, end in tokens(text):
        if kind in _BLANK:
            continue
        if len(words) < 2:  # noqa: PLR2004 - a BEGIN and what follows it
            words.append(text[start:end].lower())
        if kind == "end" and (words[0] != "begin" or words[:2] == ["begin", ";"]):
            bounds.append((begin, start, first))
            begin, first = end, -1
        elif first < 0:
            first = start
    bounds.append((begin, len(text), first))
    return _statements(text, bounds)


def _known(text: str) -> str:
    """The text with blanks in place of the comments that Spark does not know."""
    pieces, place = [], 0
    for kind, start, end in tokens(text) if "#" in text else ():
        if kind == "foreign":
            pieces += [text[place:start], " " * (end - start)]
            place = end
    return "".join((*pieces, text[place:]))


def _statements(text: str, bounds: list[tuple[int, int, int]]) -> list[Statement]:
    """The statements between bounds that have a first token; lines are counted once."""
    found = []
    counted = lines = line_start = 0
    for begin, end, first in bounds:
        if first < 0:
            continue
        whole = text[begin:end]
        start = begin + len(whole) - len(whole.lstrip())
        lines += text.count("\n", counted, start)
        line_start = max(line_start, text.rfind("\n", counted, start) + 1)
        counted = start
        line = lines + 1 + text.count("\n", start, first)
        found.append(Statement(whole.strip(), line, lines, start - line_start))
    return found
