"""What Spark reads and shows, held against Spark itself: tokens, limits, places, cells."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.spark.sql_lexer import tokens
from engines.suite import read_lines
from tests.engines.sessions import Seat
from tests.engines.sparks import SETTINGS, rows_of, said, sparkling, table
from tests.engines.sql_texts import random_characters, random_query, random_texts

FIVE = "create or replace temporary view narthex_five as select id from range(5)"
MOST = 7
TOGETHER = 25
"""So many texts are columns of one row."""
KINDS = {
    "STRING_LITERAL": "string",
    "DOUBLEQUOTED_STRING": "string",
    "BACKQUOTED_IDENTIFIER": "name",
    "SIMPLE_COMMENT": "comment",
    "BRACKETED_COMMENT": "comment",
    "SEMICOLON": "end",
}
LEX = """
import org.antlr.v4.runtime._
import org.apache.spark.sql.catalyst.parser.SqlBaseLexer
import java.nio.file.{{Files, Paths}}
val upper = Class.forName("org.apache.spark.sql.catalyst.parser.UpperCaseCharStream")
val stream = upper.getConstructors()(0)
def lexed(text: String): String = {{
  val source = stream.newInstance(CharStreams.fromString(text)).asInstanceOf[CharStream]
  val lexer = new SqlBaseLexer(source)
  lexer.removeErrorListeners()
  Iterator.continually(lexer.nextToken()).takeWhile(_.getType != Token.EOF).map {{ token =>
    val name = SqlBaseLexer.VOCABULARY.getSymbolicName(token.getType)
    s"$name:${{token.getStartIndex}}:${{token.getStopIndex + 1}}"
  }}.mkString(" ")
}}
val texts = new String(Files.readAllBytes(Paths.get("{texts}")), "UTF-8").split("\\u0000", -1)
val all = texts.map(lexed).mkString("\\n")
val written = Files.write(Paths.get("{found}"), all.getBytes("UTF-8"))
"""


@pytest.fixture(scope="module")
def spark() -> Iterator[Seat]:
    """A session of the Spark engine for all tests, which leave it as it was."""
    with sparkling(SETTINGS) as seat:
        yield seat


async def shown(seat: Seat, code: str, language: str = "sql") -> list[list[object]]:
    """The rows of the first result set of a statement that must succeed."""
    run, ending = await said(seat, code, language)
    assert ending.exit_code == 0, read_lines(run)
    return rows_of(run, 0)


Piece = tuple[str, int, int]


def ours(text: str) -> list[Piece]:
    """Strings, names, comments and ends of statements as we see them."""
    kinds = {**dict.fromkeys(KINDS.values(), ""), "unclosed": "comment"}
    return [
        (kinds[kind] or kind, begin, _without_feed(text, begin, end))
        for kind, begin, end in tokens(text)
        if kind in kinds
    ]


def theirs(text: str, line: str) -> list[Piece]:
    """The same as Spark sees them."""
    found: list[Piece] = []
    dollar = -1
    for word in line.split():
        name, first, last = word.split(":")
        begin, end = int(first), int(last)
        if name == "BEGIN_DOLLAR_QUOTED_STRING":
            dollar = begin
        elif dollar >= 0:
            if name == "END_DOLLAR_QUOTED_STRING":
                found.append(("string", dollar, end))
                dollar = -1
        elif name in KINDS:
            found.append((KINDS[name], begin, _without_feed(text, begin, end)))
    return [*found, ("string", dollar, len(text))] if dollar >= 0 else found


def _without_feed(text: str, begin: int, end: int) -> int:
    """The end of a comment without the line feed that Spark counts to it."""
    return begin + len(text[begin:end].rstrip("\r\n")) if text[begin:end].startswith("--") else end


def known(text: str) -> str:
    """The text without the comments that only we know."""
    pieces = [
        " " * (end - begin) if kind == "foreign" else text[begin:end]
        for kind, begin, end in tokens(text)
    ]
    return "".join(pieces)


async def check_tokens(seat: Seat, folder: Path, count: int) -> None:
    """Holds so many random texts against Spark's lexer."""
    texts = [known(text) for text in random_texts(random.Random(), count)]  # noqa: S311 - no secret
    (folder / "texts").write_bytes("\0".join(texts).encode())
    run, ending = await said(
        seat, LEX.format(texts=folder / "texts", found=folder / "found"), "scala"
    )
    assert ending.exit_code == 0, read_lines(run)
    lines = (folder / "found").read_text().split("\n")
    assert len(lines) == len(texts) == count
    for text, line in zip(texts, lines, strict=True):
        assert ours(text) == theirs(text, line), text


async def check_limits(seat: Seat, count: int) -> None:
    """Holds the rows of so many random queries against what they must be."""
    chance = random.Random()  # noqa: S311 - no secret
    await said(seat, FIVE)
    queries = [random_query(chance) for _ in range(count)]
    run, ending = await said(seat, ";\n".join(query.text for query in queries), rows=MOST)
    assert ending.exit_code == 0, read_lines(run)
    for number, query in enumerate(queries):
        end = table(run, number)[1]
        assert (end["rows"], end["truncated"]) == (min(query.rows, MOST), query.rows > MOST), query


async def check_cells(seat: Seat, count: int) -> None:
    """Holds the cells of so many random texts against the texts."""
    chance = random.Random()  # noqa: S311 - no secret
    for _ in range(0, count, TOGETHER):
        texts = [random_characters(chance) for _ in range(TOGETHER)]
        quoted = [text.replace("\\", "\\\\").replace("'", "\\'") for text in texts]
        columns = "', '".join(quoted)
        assert await shown(seat, f"select '{columns}'") == [texts]


async def check_endings(seat: Seat, count: int) -> None:
    """Runs so many random texts: each ends, and its failure has a sentence."""
    chance = random.Random()  # noqa: S311 - no secret
    for text in random_texts(chance, count):
        more = random_characters(chance) + chance.choice(["", "\ud800", "'\udc80'"])
        _, ending = await said(seat, f"select 1; {text} {chance.choice(['', more])}")
        assert ending.exit_code in {0, 1}, (text, ending)
        assert ending.exit_code == 0 or ending.message.startswith("statement "), (text, ending)


async def test_every_text_has_a_true_end(spark: Seat) -> None:
    """Rows B4, B5: whatever is sent as SQL ends, and the session takes the next statement."""
    await check_endings(spark, 30)
    assert await shown(spark, "select 1") == [[1]]


async def test_spark_reads_the_same_tokens(spark: Seat, tmp_path: Path) -> None:
    """Rows B4, B5: random texts have the tokens that Spark's own lexer finds."""
    await check_tokens(spark, tmp_path, 2000)


async def test_rows_of_random_queries_are_limited(spark: Seat) -> None:
    """Row B4: however a query is written it shows its own rows, up to the limit."""
    await check_limits(spark, 20)


async def test_any_characters_come_back(spark: Seat) -> None:
    """Texts of any code points, of a few to thousands, are the cells that they were."""
    await check_cells(spark, 350)


@pytest.mark.storm
@pytest.mark.timeout(3600)
async def test_a_storm_of_sql(spark: Seat, tmp_path: Path) -> None:
    """Rows B4, B5: a hundred thousand texts as tokens, a thousand run, five hundred queries."""
    await check_tokens(spark, tmp_path, 100_000)
    await check_cells(spark, 17_500)
    for _ in range(10):
        await check_limits(spark, 50)
        await check_endings(spark, 100)


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("select id from range(10) offset 5", [[5], [6], [7], [8], [9]]),
        ("select id from range(10) limit 2+1", [[0], [1], [2]]),
        ("select id from range(6) limit all offset 3", [[3], [4], [5]]),
        ("from range(2) select id -- limit 1", [[0], [1]]),
        ("with a as (select 1 x) select * from a union all select 2 order by x", [[1], [2]]),
        ("select id from range(9) where id > 2 |> limit 1", [[3]]),
        ("/* a /* b */ c */ select 1", [[1]]),
        ("select r'C:\\' d, 'a /* b */ c' t # one", [["C:\\", "a /* b */ c"]]),
        ("# one\nselect 'a;b', \"c--d\", '#' -- ; e", [["a;b", "c--d", "#"]]),
    ],
)
async def test_sql_is_read_as_spark_reads_it(
    spark: Seat, code: str, rows: list[list[object]]
) -> None:
    """Rows B4, B5: nothing is added to a query, nothing in quotes is changed."""
    assert await shown(spark, code) == rows


@pytest.mark.parametrize("code", ["-- only\n/* a /* b */ comment */ ;", "# x", ""])
async def test_sql_that_is_only_a_comment(spark: Seat, code: str) -> None:
    """Row B13: there is nothing to do, and that succeeds."""
    _, ending = await said(spark, code)
    assert ending.exit_code == 0


@pytest.mark.parametrize("code", ["// only", "/* a\n comment */\n// more\n", "\n"])
async def test_scala_that_is_only_a_comment(spark: Seat, code: str) -> None:
    """Row B13: the same in Scala; an error is one as before, with its line."""
    _, ending = await said(spark, code, "scala")
    assert ending.exit_code == 0
    run, ending = await said(spark, f"{code}\nnope", "scala")
    line = code.count("\n") + 2
    assert ending.exit_code == 1
    assert any(f"On line {line}".encode() in text for _, text in read_lines(run))


async def test_python_that_is_only_a_comment(spark: Seat) -> None:
    """Row B13: the same in PySpark."""
    _, ending = await said(spark, "# only", "python")
    assert ending.exit_code == 0


@pytest.mark.parametrize(
    "code",
    [
        "-- a\n/* b\n c */\n\nselect x from nowhere",
        "select 1;\n# a\n\n\n  select nothing",
        "select 1;\n\nselect 1 as a,\n 2 as b,\n selec 3",
    ],
)
async def test_errors_name_the_line_of_the_author(spark: Seat, code: str) -> None:
    """Row B6: an error in line 5 says line 5, whatever stands above it."""
    run, ending = await said(spark, code)
    assert ending.exit_code == 1
    log = b"\n".join(text for _, text in read_lines(run)).decode()
    assert "line 5" in log, log
    assert "== SQL ==\n\n" not in log


YEAR = "+12024-01-01"
TOKYO = "timestamp'2024-01-01 00:00:00'"


async def test_moments_are_in_the_zone_of_the_session(spark: Seat) -> None:
    """Row B7: a timestamp is shown as the session sees it, by SQL, PySpark and Scala alike."""
    before = await shown(spark, "select current_timezone()")
    try:
        await said(spark, "set spark.sql.session.timeZone=Asia/Tokyo")
        query = f"select {TOKYO} ts, cast({TOKYO} as string) s, array({TOKYO}) a, map({TOKYO}, 1) m"
        text = "2024-01-01 00:00:00"
        rows = [[text, text, [text], {text: 1}]]
        assert await shown(spark, query) == rows
        assert await shown(spark, f'spark.sql("{query}")', "python") == rows
        run, _ = await said(spark, f'spark.sql("{query}").show(false)', "scala")
        assert any(b"|2024-01-01 00:00:00|2024-01-01" in line for _, line in read_lines(run))
    finally:
        await said(spark, f"set spark.sql.session.timeZone={before[0][0]}")


@pytest.mark.parametrize(
    ("value", "kind", "cell"),
    [
        ("timestamp'0001-01-01 00:00:00'", "timestamp", "0001-01-01 00:00:00"),
        ("date'12024-01-01'", "date", YEAR),
        ("timestamp_ntz'12024-01-01 00:00:00'", "timestamp", "+12024-01-01 00:00:00"),
        ("make_interval(1,2)", "string", "1 years 2 months"),
        ("interval '1-2' year to month", "string", "INTERVAL '1-2' YEAR TO MONTH"),
        ("interval '1 02:03' day to minute", "string", "INTERVAL '1 02:03' DAY TO MINUTE"),
        ("double('NaN')", "double", "NaN"),
        ("double('-Infinity')", "double", "-Infinity"),
        ("float('Infinity')", "float", "Infinity"),
        ("1e10d", "double", "1.0E10"),
        ("-1.5d", "double", -1.5),
        ("float(0.1)", "float", 0.1),
        ("cast(null as double)", "double", None),
        ("cast(0 as decimal(38,18))", "decimal", "0.000000000000000000"),
        ("1.50", "decimal", "1.50"),
        ("X'00ff'", "binary", "AP8="),
        ("time'01:02:03.5'", "string", "01:02:03.5"),
        ("parse_json('{\"a\":[1,null]}')", "string", '{"a":[1,null]}'),
        ("cast('ab' as char(5))", "string", "ab"),
        ("array(make_interval(1,2), null)", "array", ["1 years 2 months", None]),
        ("map(true, array(double('NaN'), 1e10d))", "map", {"true": ["NaN", 1e10]}),
        ("named_struct('a', 1, 'x.y', date'12024-01-01')", "struct", {"a": 1, "x.y": YEAR}),
        ("named_struct('a', 1, 'A', 2)", "struct", "{1, 2}"),
        ("cast(null as struct<a:date>)", "struct", None),
        ("array(named_struct('m', map('k', 1.5d)))", "array", [{"m": {"k": 1.5}}]),
        ("array(X'00ff')", "array", ["AP8="]),
        ("st_geogfromwkb(X'0101000000000000000000F03F0000000000000040') is null", "boolean", False),
    ],
)  # fmt: skip
async def test_cells_are_as_spark_shows_them(
    spark: Seat, value: str, kind: str, cell: object
) -> None:
    """Rows B8, B9: no value of Spark fails for want of a Python object, alone or beside others."""
    run, ending = await said(spark, f"select {value} v, {value} v, 1 n")
    assert ending.exit_code == 0, read_lines(run)
    assert [column for _, column in table(run)[0]] == [kind, kind, "int"]
    assert rows_of(run, 0) == [[cell, cell, 1]]
