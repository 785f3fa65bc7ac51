"""What the dialect looks at in SQL: whether there is any, and how many rows it may show.

Follows the contract, section 7.3. unlike Linkis: no code is rewritten. Comments stay in it, so that
errors name the lines that their author sees; and the limit on the rows of a select is carried out
on its result, whatever form the select has. Where statements, quotes and comments begin and end is
the engine's to know; here only the comments before the first word are passed over.

Every pattern here takes time in proportion to the code: nobody else is served meanwhile.
"""

from __future__ import annotations

import re

__all__ = ["MOST_ROWS", "is_empty", "most_rows"]

MOST_ROWS = 5000
"""The most rows of a select in the editor."""

_SQL = frozenset(
    {
        *("sql", "hql", "jdbc", "hive", "psql", "fql", "tsql"),
        *("nebula", "ngql", "aisql", "starrocks"),
    }
)
_LIMITED = frozenset({"sql", "hql", "hive", "psql", "aisql", "starrocks"})
_NOTHING = re.compile(r"[\s;]+|--(?:\\\n|[^\r\n])*|\#[^\r\n]*|(?P<block>/\*(?!\+))")
_EDGE = re.compile(r"/\*(?!\+)|\*/")
_FREE = re.compile(
    r"--\s*set\s+(?:ide|wds\.linkis)\.engine\.no\.limit\.allow\s*=\s*true\b", re.IGNORECASE
)


def is_empty(code: str, run_type: str) -> bool:
    """Whether code is SQL and nothing but comments, blanks and semicolons."""
    place = 0
    while run_type in _SQL and place < len(code):
        found = _NOTHING.match(code, place)
        if not found:
            return False
        place = _after(code, found.end()) if found["block"] else found.end()
    return run_type in _SQL and place == len(code)


def most_rows(code: str, run_type: str) -> int:
    """How many rows a statement of the code may show at most, 0 for any number.

    A line ``--set ide.engine.no.limit.allow=true`` takes the limit away.
    """
    return MOST_ROWS if run_type in _LIMITED and not _FREE.search(code) else 0


def _after(code: str, place: int) -> int:
    """Where a comment ends whose opening ends at ``place``; beyond the code if it never does."""
    depth = 1
    for edge in _EDGE.finditer(code, place):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(code) + 1
