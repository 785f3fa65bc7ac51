"""Random SQL made of comments, quotes, nesting and limits, for the tests of what reads SQL."""

# ruff: noqa: S608 - queries are what is made here, for Spark on this machine

from __future__ import annotations

import random
from typing import NamedTuple

from hypothesis import strategies as st

__all__ = [
    "HOSTILE",
    "TEXTS",
    "WELL_FORMED",
    "Query",
    "random_characters",
    "random_query",
    "random_texts",
]

_PIECES = [
    *("'", '"', "`", "\\", "--", "/*", "*/", "/*+", ";", "\n", "\r", " ", "r'", 'R"', "a", "bar"),
    *("$$", "$t$", "$T$", "$", "1", "''", "/", "*", "+", "é", "select", "limit 5", "\t", "x'12'"),
    *("\\'", "1.5", "_r", "😀", "\u00a0", "1e5", "3L", "set", "begin", "#", "-- x\\\n"),
]
TEXTS = st.lists(st.sampled_from(_PIECES), max_size=30).map("".join)
"""Anything: quotes and comments that are never closed, and everything side by side."""

_MARKS = [
    *("\0", "\ufeff", "\x1b[31m", "\r", "\n", "\t", "\u2028", "\x85", "\u202e", "\uffff"),
    *("漢", "e\u0301", "\\", "'", '"', "`", "%s", "{", "--", "/*", "#", ";"),
]

_PLANES = (range(0x80), range(0xD800), range(0xE000, 0x10000), range(0x10000, 0x110000))

_INNER = st.lists(
    st.sampled_from(["a", ";", "--", "/*", "*/", "\n", " ", "limit 5", "é", "😀", "#"]), max_size=6
).map("".join)
_COMMENT = st.recursive(
    st.text(alphabet="ab;'\"`-\n ", max_size=8).map(lambda text: f"/* {text} */"),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: f"/* {' x '.join(parts)} */"
    ),
    max_leaves=5,
)
_LINE = st.text(alphabet="ab;'\"`-/* ", max_size=8).map(lambda text: f"-- {text}\n")
_TOKEN = st.one_of(
    _INNER.map(lambda text: f"'{text}'"),
    _INNER.map(lambda text: f'"{text}"'),
    _INNER.map(lambda text: f"'{text}\\''"),
    _INNER.map(lambda text: f"'{text}''{text}'"),
    _INNER.map(lambda text: f"r'{text}\\'"),
    _INNER.map(lambda text: f"`{text}z`"),
    _COMMENT,
    _LINE,
    st.sampled_from(
        ["select", "a", "1", "from t", ";", "limit 5", "offset 2", "limit all", "union", "(", ")"]
    ),
)
WELL_FORMED = st.lists(_TOKEN, max_size=15).map(" ".join)
"""Texts in which every quote and every comment is closed."""

HOSTILE = [
    *("'", "'\\", "\\'", "r'\\", "/*", "/*+", "*/", "`'\"", "$a$", "$a$$b$", "$a", "#", "# \n"),
    *("''", "'a''", "--", "-- \\\n", "-- '\n", "\n", "select 1;", "r\"r'", "/* ' */", ";", "#;\n"),
]
"""Pieces of texts that are slow to read for who looks for every end anew."""


class Query(NamedTuple):
    """A query and how many rows it gives."""

    text: str
    rows: int


def random_texts(chance: random.Random, count: int) -> list[str]:
    """Texts as of ``TEXTS``, made much faster than hypothesis can."""
    return ["".join(chance.choices(_PIECES, k=chance.randint(1, 14))) for _ in range(count)]


def random_characters(chance: random.Random) -> str:
    """Any code points that UTF-8 has: of one byte to four, marks, NUL, and what ends lines."""
    pieces = chance.choices(_MARKS, k=chance.randint(0, 6))
    pieces += [chr(chance.choice(chance.choice(_PLANES))) for _ in range(4)]
    chance.shuffle(pieces)
    return "".join(pieces) * chance.choice([1, 1, 1, 1, 200])


def random_query(chance: random.Random, depth: int = 3) -> Query:
    """A query with limits and offsets of every form, comments and nesting."""
    query = _plain(chance) if not depth else _nested(chance, depth)
    if chance.random() < 0.5:
        query = _cut(chance, query)
    comment = chance.choice(["", "", " -- limit 1; 'x", " /* limit 1 /* ; */ ' */", "\n# limit 1"])
    return Query(query.text + comment + ("\n" if comment else ""), query.rows)


def _plain(chance: random.Random) -> Query:
    rows = chance.randint(0, 12)
    values = ", ".join(["(1)"] * (rows + 1))
    return chance.choice(
        [
            Query(f"select id from range({rows})", rows),
            Query(f"from range({rows}) select id", rows),
            Query(f"values {values}", rows + 1),
            Query(f"select 'limit 1; -- /* ' from range({rows})", rows),
            Query(f"select r'\\' a, \"limit 1\" `limit 1` from range({rows})", rows),
            Query("table narthex_five", 5),
        ]
    )


def _nested(chance: random.Random, depth: int) -> Query:
    one, other = random_query(chance, depth - 1), random_query(chance, depth - 1)
    both = f"select 1 from ({one.text}) union all select 2 from ({other.text})"
    return chance.choice(
        [
            one,
            Query(f"select * from ({one.text})", one.rows),
            Query(f"with c as ({one.text}) select * from c", one.rows),
            Query(both, one.rows + other.rows),
            Query(f"select 1 from ({one.text}) |> where true |> limit 3", min(one.rows, 3)),
            Query(f"select 1 from ({one.text}), ({other.text})", one.rows * other.rows),
        ]
    )  # fmt: skip


def _cut(chance: random.Random, query: Query) -> Query:
    text, count = f"select 1 from ({query.text})", chance.randint(0, 9)
    left = max(0, query.rows - count)
    return chance.choice(
        [
            Query(f"{text} limit {count}", min(query.rows, count)),
            Query(f"{text} limit {count}+1", min(query.rows, count + 1)),
            Query(f"{text} offset {count}", left),
            Query(f"{text} limit 2 offset {count}", min(left, 2)),
            Query(f"{text} limit all offset {count}", left),
            Query(f"{text} LIMIT /* of */ {count} -- rows\n", min(query.rows, count)),
        ]
    )
