"""Result sets in the words of the clients: contract, sections 6.3, 6.4 and 6.5, as tables."""

from collections.abc import AsyncIterator, Mapping

import pytest

from protocol.command import Command
from protocol.commands.logs import ReadLog
from protocol.commands.results import ExportResults, ListResults, ReadResult, ReadWholeLog
from protocol.dialects.linkis.results import TYPE_WORDS
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.results import (
    Column,
    ColumnType,
    Exported,
    ExportFormat,
    ResultKind,
    ResultList,
    ResultPage,
    ResultSet,
    Row,
    cell_text,
)
from protocol.tasks import ByNumber, TaskState
from tests.protocol.linkis.scenes import ROOT, data_of, read, request, task

FILES = f"{ROOT}/filesystem"
FOLDER = "narthex:///tasks/21/results"
FIRST = f"{FOLDER}/_0.dolphin"
AT = "2024-01-01 00:00:00.000"
CONTRACT_WORDS = {
    *("void", "string", "boolean", "tinyint", "short", "int", "long", "bigint", "float", "double"),
    *("char", "varchar", "date", "timestamp", "binary", "decimal", "array", "map", "list"),
    "struct",
}


def table(*types: ColumnType, rows: int = 2, **more: object) -> ResultSet:
    """A result set with a column of each type, called a, b, c and so on."""
    columns = tuple(Column("abcdefgh"[place], kind) for place, kind in enumerate(types))
    values: dict[str, object] = {
        "number": 0,
        "kind": ResultKind.TABLE,
        "columns": columns,
        "rows": rows,
        "size": 123,
        "complete": True,
        "truncated": False,
        "limit": 0,
        "written_ms": 1_700_000_000_000,
    }
    return ResultSet(**{**values, **more})  # type: ignore[arg-type]  # by name


def page(result: ResultSet, *rows: Row, first: int = 0) -> ResultPage:
    """Rows of a result set of task 21."""
    return ResultPage(task(TaskState.SUCCEEDED), result, first, rows)


def parsed(path: str, query: Mapping[str, str]) -> Command[object]:
    """The command that a GET means."""
    found, asked = request("GET", f"{FILES}/{path}", query)
    return found.route.parse(asked)


def test_section_6_3_the_directory_of_results() -> None:
    """Result sets are files whose number clients sort by; size and time are texts."""
    assert parsed("getDirFileTrees", {"path": FOLDER}) == ListResults(ByNumber(21))
    found = ResultList(task(), (table(ColumnType.INT), table(ColumnType.INT, number=1)))
    tree = data_of("GET", f"{FILES}/getDirFileTrees", found, {"path": FOLDER})["dirFileTrees"]
    assert tree == {
        "name": "21",
        "path": FOLDER,
        "properties": None,
        "isLeaf": False,
        "parentPath": None,
        "children": [
            {
                "name": name,
                "path": f"{FOLDER}/{name}",
                "properties": {"size": "123", "modifytime": "1700000000000"},
                "children": None,
                "isLeaf": True,
                "parentPath": FOLDER,
            }
            for name in ("_0.dolphin", "_1.dolphin")
        ],
    }


def test_section_6_3_no_results_are_an_empty_list() -> None:
    """Three of four clients do well with an empty list, and none with null."""
    found = ResultList(task(), ())
    tree = data_of("GET", f"{FILES}/getDirFileTrees", found, {"path": FOLDER})["dirFileTrees"]
    assert tree["children"] == []


def test_section_6_4_a_page_of_a_table() -> None:
    """Cells are texts or what stands for NULL; the type is a text; lines are of this page."""
    result = table(ColumnType.INT, ColumnType.STRING, rows=7)
    found = page(result, (1, "x"), (None, ""))
    data = data_of("GET", f"{FILES}/openFile", found, {"path": FIRST, "pageSize": "2", "page": "2"})
    assert data == {
        "metadata": [
            {"columnName": "a", "comment": "", "dataType": "int"},
            {"columnName": "b", "comment": "", "dataType": "string"},
        ],
        "fileContent": [["1", "x"], ["NULL", ""]],
        "type": "2",
        "totalLine": 2,
        "page": 2,
        "totalPage": 4,
        "totalColumn": 2,
        "totalRow": 7,
        "complete": True,
        "truncated": False,
        "limit": 0,
    }


@pytest.mark.parametrize(
    ("asked", "shown"), [("", "NULL"), ("LINKIS_NULL", None), ("-", "-"), ("NULL", "NULL")]
)
def test_section_6_4_null(asked: str, shown: str | None) -> None:
    """NULL is the word NULL, what the client wants instead, or null itself."""
    query = {"path": FIRST, "nullValue": asked}
    data = data_of("GET", f"{FILES}/openFile", page(table(ColumnType.INT), (None,)), query)
    assert data["fileContent"] == [[shown]]


def test_section_6_4_past_the_last_page() -> None:
    """There are the columns and no rows: null would make the command line loop."""
    data = data_of("GET", f"{FILES}/openFile", page(table(ColumnType.INT), first=5000), {
        "path": FIRST,
        "page": "2",
    })  # fmt: skip
    assert (data["fileContent"], data["totalLine"], len(data["metadata"])) == ([], 0, 1)


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ({}, (0, 5000)),
        ({"page": "1", "pageSize": ""}, (0, 5000)),
        ({"page": "3", "pageSize": "100", "charset": "utf8", "enableLimit": ""}, (200, 100)),
        ({"pageSize": "100000"}, (0, 100_000)),
    ],
)
def test_section_6_4_pages_of_each_client(
    query: Mapping[str, str], command: tuple[int, int]
) -> None:
    """Python names no page, the web console no size at first, the drivers both."""
    wanted = ReadResult(ByNumber(21), 0, *command, whole=True)
    assert parsed("openFile", {"path": FIRST, **query}) == wanted


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"page": "0"}, "page"),
        ({"pageSize": "100001"}, "pageSize"),
        ({"pageSize": "0"}, "pageSize"),
        ({"pageSize": "ten"}, "pageSize"),
    ],
)
def test_section_6_4_impossible_pages(query: Mapping[str, str], field: str) -> None:
    """A page that cannot be is refused with the field."""
    with pytest.raises(GatewayError) as error:
        parsed("openFile", {"path": FIRST, **query})
    assert (error.value.kind, error.value.field) == (Kind.INVALID, field)


def test_section_6_4_every_type_has_a_word_of_the_contract() -> None:
    """No column has a type that a client does not know."""
    assert set(TYPE_WORDS) == set(ColumnType)
    assert set(TYPE_WORDS.values()) <= CONTRACT_WORDS


@pytest.mark.parametrize(
    ("rows", "word", "content"),
    [
        ([("text/plain", "", "a\nb")], "1", [["a"], ["b"]]),
        ([("text/plain", "", "a\fb\u2028c\r\nd\n")], "1", [["a\fb\u2028c"], ["d"]]),
        ([("text/plain", "", "x"), ("text/html", "", "<i>")], "5", [["<i>"]]),
        ([("image/svg+xml", "", "<svg>"), ("image/png", "base64", "AA==")], "4", [["AA=="]]),
        ([("application/json", "", "{}")], "1", [["{}"]]),
        ([], "1", []),
    ],
)
def test_section_6_4_texts_pictures_and_html(
    rows: list[Row], word: str, content: list[list[str]]
) -> None:
    """Of a rich result the form that clients show best comes as one of their types."""
    result = table(ColumnType.STRING, kind=ResultKind.RICH)
    data = data_of("GET", f"{FILES}/openFile", page(result, *rows), {"path": FIRST})
    assert (data["type"], data["fileContent"]) == (word, content)
    text = table(ColumnType.STRING, kind=ResultKind.TEXT)
    data = data_of("GET", f"{FILES}/openFile", page(text, ("line",)), {"path": FIRST})
    assert (data["type"], data["fileContent"], len(data["metadata"])) == ("1", [["line"]], 1)


def test_section_6_4_columns_in_pages() -> None:
    """With the limit on, columns come in pages, and that there are more is said."""
    kinds = [ColumnType.INT] * 3
    found = page(table(*kinds), (1, 2, 3))
    query = {"path": FIRST, "enableLimit": "true", "columnPage": "2", "columnPageSize": "2"}
    data = data_of("GET", f"{FILES}/openFile", found, query)
    assert (data["fileContent"], data["totalColumn"]) == ([["3"]], 3)
    assert data["column_limit_display"] is True
    data = data_of("GET", f"{FILES}/openFile", found, {"path": FIRST, "enableLimit": "true"})
    assert "column_limit_display" not in data
    with pytest.raises(GatewayError):
        data_of("GET", f"{FILES}/openFile", found, {**query, "columnPage": "0"})


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "?"),
        (True, "true"),
        (False, "false"),
        (2**70, "1180591620717411303424"),
        (0.1, "0.1"),
        ("", ""),
        ([1, None, 2**70], "[1,null,1180591620717411303424]"),
        ({"ü": [True]}, '{"ü":[true]}'),
    ],
)
def test_cells_as_texts(cell: object, text: str) -> None:
    """Each kind of cell has one text, also numbers that no double holds."""
    assert cell_text(cell, "?") == text  # type: ignore[arg-type]  # what JSON can say


@pytest.mark.parametrize(
    "path",
    [
        FIRST,
        "narthex:/tasks/21/results/_0.dolphin",
        "narthex://tasks/21/results/_0.dolphin/",
        "narthex:////tasks//21//results//_0.dolphin",
    ],
)
def test_paths_that_clients_have_rejoined(path: str) -> None:
    """Slashes that a client added or lost on the way change nothing."""
    assert parsed("openFile", {"path": path}) == ReadResult(ByNumber(21), 0, 0, 5000, whole=True)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("openFile", FOLDER),
        ("openFile", f"{FOLDER}/_x.dolphin"),
        ("openFile", f"{FOLDER}/../_0.dolphin"),
        ("openFile", "narthex:///tasks/0/results/_0.dolphin"),
        ("openLog", FOLDER),
        ("openLog", ""),
        ("resultsetToExcel", FOLDER),
        ("resultsetsToExcel", FIRST),
        ("getDirFileTrees", f"{FIRST}x"),
    ],
)
def test_paths_of_something_else(name: str, path: str) -> None:
    """A path that does not name what the call is about is refused and nothing is guessed."""
    with pytest.raises(GatewayError) as error:
        parsed(name, {"path": path})
    assert error.value.kind is Kind.INVALID


def test_section_6_5_the_whole_log() -> None:
    """The four texts of openLog hold every line with a line feed, banner and closing included."""
    path = {"path": "narthex:///tasks/21/log"}
    assert parsed("openLog", path) == ReadWholeLog(ByNumber(21))
    whole = read(["one", "", f"{AT} ERROR two"], ReadLog(ByNumber(21)), TaskState.SUCCEEDED)
    errors, warnings, infos, every = data_of("GET", f"{FILES}/openLog", whole, path)["log"]
    assert errors == f"{AT} ERROR two\n"
    assert warnings == ""
    assert every.count("\n") == 2 + 3 + 1
    assert infos.count("\n") == 5
    assert every.endswith("Succeed.\n")


def test_section_6_5_a_log_that_is_too_long_says_so() -> None:
    """What was left out of openLog is told in its last line; a running log has no closing."""
    command = ReadLog(ByNumber(21), max_lines=2)
    cut = read(["one", "two", "three"], command, TaskState.RUNNING)
    query = {"path": "narthex:///tasks/21/log"}
    log = data_of("GET", f"{FILES}/openLog", cut, query)["log"]
    assert "the log is longer" in log[1]
    running = read(["one"], command, TaskState.RUNNING)
    assert data_of("GET", f"{FILES}/openLog", running, query)["log"][1] == ""


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ({}, {}),
        (
            {
                "charset": "GBK",
                "csvSeperator": "\\t",
                "nullValue": "x",
                "limit": "5",
                "sheetName": "s",
            },
            {"charset": "gbk", "separator": "\t", "null": "x", "max_rows": 5, "sheet": "s"},
        ),
        ({"csvSeparator": ";", "limit": "-1"}, {"separator": ";"}),
        ({"outputFileType": "xlsx"}, {"format": ExportFormat.XLSX}),
    ],
)
def test_section_6_5_exports(query: Mapping[str, str], command: Mapping[str, object]) -> None:
    """A result set is exported as CSV or workbook, in the form that was asked for."""
    values: dict[str, object] = {"format": ExportFormat.CSV, **command}
    wanted = ExportResults(ByNumber(21), 0, **values)  # type: ignore[arg-type]  # by name
    assert parsed("resultsetToExcel", {"path": FIRST, **query}) == wanted


def test_section_6_5_all_results_in_one_workbook() -> None:
    """All of a task's tables are exported by the path of their directory."""
    wanted = ExportResults(ByNumber(21), None, ExportFormat.XLSX)
    assert parsed("resultsetsToExcel", {"path": FOLDER}) == wanted


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"outputFileType": "pdf"}, "outputFileType"),
        ({"charset": "rot13"}, "charset"),
        ({"csvSeparator": "ab"}, "csvSeparator"),
        ({"limit": "x"}, "limit"),
    ],
)
def test_section_6_5_impossible_exports(query: Mapping[str, str], field: str) -> None:
    """What cannot be exported that way is refused before the first byte."""
    with pytest.raises(GatewayError) as error:
        parsed("resultsetToExcel", {"path": FIRST, **query})
    assert error.value.field == field


@pytest.mark.parametrize("name", ["resultsetToExcel", "resultsetsToExcel"])
def test_section_6_5_no_file_on_a_websocket(name: str) -> None:
    """A file is no message."""
    found, asked = request("GET", f"{FILES}/{name}", {"path": FIRST})
    socket = Request(asked.method, asked.path, query=asked.query, websocket=True)
    with pytest.raises(GatewayError) as error:
        found.route.parse(socket)
    assert error.value.kind is Kind.UNSUPPORTED


async def nothing() -> AsyncIterator[bytes]:
    """The bytes of an empty file."""
    yield b""


@pytest.mark.parametrize(
    ("name", "shown", "full"),
    [
        ("", "result_21.csv", "result_21.csv"),
        ("a", "a.csv", "a.csv"),
        ("../../etc/a.csv", "a.csv", "a.csv"),
        ('x"\r\nSet-Cookie: a', "x___Set-Cookie_ a.csv", "x___Set-Cookie_%20a.csv"),
        ("日.CSV", "_.CSV", "%E6%97%A5.CSV"),
    ],
)
def test_section_6_5_names_of_files(name: str, shown: str, full: str) -> None:
    """A file is an attachment under a harmless name, whatever its asker calls it."""
    found, asked = request(
        "GET", f"{FILES}/resultsetToExcel", {"path": FIRST, "outputFileName": name}
    )
    exported = Exported(task(), ExportFormat.CSV, -1, nothing())
    reply = found.route.render(exported, asked)
    assert reply.headers == {
        "Content-Disposition": f"attachment;filename=\"{shown}\";filename*=UTF-8''{full}",
        "X-Content-Type-Options": "nosniff",
    }
    assert (reply.content_type, reply.length) == ("text/csv; charset=utf-8", -1)
    book = found.route.render(Exported(task(), ExportFormat.XLSX, -1, nothing()), asked)
    assert book.content_type.endswith("spreadsheetml.sheet")
