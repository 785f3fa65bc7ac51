"""SQL before it is run: comments go, and a select in the editor gets a limit.

Follows the contract, section 7.3. Statements end at a ``;`` outside of quotes and comments. Hints
(``/*+ ... */``) are no comments. unlike Linkis: a text in quotes may hold ``--``, ``;`` and a
backslash; a quote that never ends is a letter. Code in which there is nothing to do stays as it is
to the letter.

Every pattern here takes time in proportion to the code, whatever is in it: nobody else is served
meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

__all__ = ["MOST_ROWS", "limited", "uncommented"]

MOST_ROWS = 5000
_DIGITS = len(str(MOST_ROWS))

_COMMENTED = frozenset(
    {
        *("sql", "hql", "jdbc", "hive", "psql", "fql", "tsql"),
        *("nebula", "ngql", "aisql", "starrocks"),
    }
)
# What is sent to a database behind JDBC may have no LIMIT: it is left alone.
_LIMITED = frozenset({"sql", "hql", "hive", "psql", "aisql", "starrocks"})
_STANDARD_QUOTES = frozenset({"psql", "tsql"})

_COMMENT = r"(?P<comment>--[^\n]*|\#[^\n]*|/\*(?!\+).*?(?:\*/|\Z))"
_NAMES = {"`": r"`[^`]*+`", "/*+": r"/\*\+.*?\*/"}
_ESCAPED = {"'": r"'(?:''|\\.|[^'\\])*+'", '"': r"\"(?:\"\"|\\.|[^\"\\])*+\"", **_NAMES}
_STANDARD = {"'": r"'(?:''|[^'])*+'", '"': r"\"(?:\"\"|[^\"])*+\"", **_NAMES}
"""What is left alone, by its beginning."""
_SELECT = re.compile(r"\s*select\b", re.IGNORECASE)
_LIMIT = re.compile(
    r"\blimit\s+(?:(?P<skip>\d+)\s*,\s*)?(?P<rows>\d+)(?P<offset>\s+offset\s+\d+)?\s*\Z",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"\b(?:fetch\s+(?:first|next)\b[^;]*|for\s+(?:update|share)\b[^;]*|limit\s+all)\s*\Z",
    re.IGNORECASE,
)
_FREE = re.compile(
    r"--\s*set\s+(?:ide|wds\.linkis)\.engine\.no\.limit\.allow\s*=\s*true\b", re.IGNORECASE
)


def uncommented(code: str, run_type: str) -> str:
    """The code without comments if it is SQL, else as it is."""
    if run_type not in _COMMENTED:
        return code
    pieces: list[str] = []
    place = 0
    for found in _tokens(code, run_type):
        if found["comment"] is not None:
            pieces.append(code[place : found.start()])
            # What a comment stood between stays apart.
            pieces.append(" " if found["comment"].startswith("/*") else "")
            place = found.end()
    return "".join(pieces) + code[place:] if pieces else code


def limited(code: str, run_type: str, written: str) -> str:
    """The code with a limit on each select of it; ``written`` is it as its author wrote it.

    A line ``--set ide.engine.no.limit.allow=true`` in that leaves everything as it is.
    """
    if run_type not in _LIMITED or _FREE.search(written):
        return code
    return ";".join(_with_limit(part, run_type) for part in _statements(code, run_type))


def _statements(code: str, run_type: str) -> Iterator[str]:
    start = 0
    for found in _tokens(code, run_type):
        if found["end"] is not None:
            yield code[start : found.start()]
            start = found.end()
    yield code[start:]


def _with_limit(statement: str, run_type: str) -> str:
    bare = _unquoted(statement, run_type)
    if not _SELECT.match(bare) or _OTHERWISE.search(bare):
        return statement
    found = _LIMIT.search(bare)
    if not found:
        end = len(bare.rstrip())
        return f"{statement[:end]} limit {MOST_ROWS}{statement[end:]}"
    rows = found["rows"].lstrip("0")
    if len(rows) <= _DIGITS and int(rows or 0) <= MOST_ROWS:
        return statement
    return statement[: found.start("rows")] + str(MOST_ROWS) + statement[found.end("rows") :]


def _unquoted(statement: str, run_type: str) -> str:
    """The statement with quotes in place of what is in quotes."""
    pieces: list[str] = []
    place = 0
    for found in _tokens(statement, run_type):
        if found["quoted"] is not None:
            pieces += [statement[place : found.start()], "'" * len(found["quoted"])]
            place = found.end()
    return "".join(pieces) + statement[place:]


def _tokens(code: str, run_type: str) -> Iterator[re.Match[str]]:
    """Comments, what is left alone, and ends of statements, in order.

    A beginning without an end is looked for once: after it there is no end for any like it.
    """
    kinds = _STANDARD if run_type in _STANDARD_QUOTES else _ESCAPED
    place = 0
    while True:
        for found in _pattern(tuple(kinds.items())).finditer(code, place):
            if found["open"] is not None:
                kinds = {begin: kind for begin, kind in kinds.items() if begin != found["open"]}
                place = found.end()
                break
            yield found
        else:
            return


@cache
def _pattern(kinds: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    nothing = "(?!)"
    quoted = "|".join(kind for _, kind in kinds) or nothing
    begins = "|".join(re.escape(begin) for begin, _ in kinds) or nothing
    return re.compile(rf"{_COMMENT}|(?P<quoted>{quoted})|(?P<open>{begins})|(?P<end>;)", re.DOTALL)
