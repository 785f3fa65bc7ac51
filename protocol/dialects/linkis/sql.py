"""SQL before it is run: comments go, and a select in the editor gets a limit.

Follows the contract, section 7.3. Statements end at a ``;`` outside of quotes and comments. Hints
(``/*+ ... */``) are no comments. unlike Linkis: a text in quotes may hold ``--``, ``;`` and a
backslash. Code in which there is nothing to do stays as it is to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["MOST_ROWS", "limited", "uncommented"]

MOST_ROWS = 5000

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
_ESCAPED = r"'(?:''|\\.|[^'\\])*'|\"(?:\"\"|\\.|[^\"\\])*\"|`[^`]*`"
_STANDARD = r"'(?:''|[^'])*'|\"(?:\"\"|[^\"])*\"|`[^`]*`"
_TOKENS = {
    escaped: re.compile(
        rf"{_COMMENT}|(?P<quoted>{_ESCAPED if escaped else _STANDARD})|(?P<end>;)", re.DOTALL
    )
    for escaped in (True, False)
}
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
    for found in _tokens(run_type).finditer(code):
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
    return ";".join(_with_limit(statement) for statement in _statements(code, run_type))


def _statements(code: str, run_type: str) -> Iterator[str]:
    start = 0
    for found in _tokens(run_type).finditer(code):
        if found["end"] is not None:
            yield code[start : found.start()]
            start = found.end()
    yield code[start:]


def _with_limit(statement: str) -> str:
    if not _SELECT.match(statement) or _OTHERWISE.search(statement):
        return statement
    found = _LIMIT.search(statement)
    if not found:
        bare = statement.rstrip()
        return f"{bare} limit {MOST_ROWS}{statement[len(bare) :]}"
    if int(found["rows"]) <= MOST_ROWS:
        return statement
    return statement[: found.start("rows")] + str(MOST_ROWS) + statement[found.end("rows") :]


def _tokens(run_type: str) -> re.Pattern[str]:
    return _TOKENS[run_type not in _STANDARD_QUOTES]
