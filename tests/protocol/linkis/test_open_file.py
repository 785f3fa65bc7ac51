"""``openFile`` and the tree of results in both generations, as tables."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from protocol.commands.results import ListResults
from protocol.dialects.linkis import LinkisDialect
from protocol.errors import GatewayError
from protocol.files import FileContent, FileEntry, FilePath
from protocol.results import Column, ColumnType, ResultKind, ResultList
from protocol.routing import Found, Router
from protocol.tasks import ByNumber, TaskState
from tests.protocol.linkis.scenes import INSTANCE, ROOT, data_of, request, said, task
from tests.protocol.linkis.test_results import FIRST, FOLDER, page, table

FILES = f"{ROOT}/filesystem"
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64)"}
NEW_BROWSER = {**BROWSER, "content-language": "en"}
NONE = f"{FOLDER}/none/_0.dolphin"
SCRIPT = FileContent(
    FileEntry(FilePath("ann", ("a.sql",)), folder=False, size=1, modified_ms=1),
    b"--@set a=1\nselect 1\nselect 2",
)


def opened(
    found: object,
    headers: Mapping[str, str],
    *,
    path: str = FIRST,
    call: str = "openFile",
    setting: str = "auto",
) -> Any:  # noqa: ANN401 - JSON
    """The data of a reply to a request with these headers."""
    router = Router(LinkisDialect({"instance": INSTANCE, "open_file": setting}).routes)
    match = router.match("GET", f"{FILES}/{call}")
    assert isinstance(match, Found)
    _, asked = request("GET", f"{FILES}/{call}", {"path": path})
    asked = replace(asked, headers=headers)
    match.route.parse(asked)
    return said(match.route.render(found, asked))["data"]


def test_section_9_point_2_a_comment_is_a_text() -> None:
    """Linkis section 9, point 2: a column without a comment has an empty one, never null."""
    columns = (Column("a", ColumnType.INT), Column("b", ColumnType.INT, "why"))
    found = page(replace(table(ColumnType.INT), columns=columns), (1, 2))
    assert [one["comment"] for one in opened(found, {})["metadata"]] == ["", "why"]


@pytest.mark.parametrize(
    ("headers", "setting", "old"),
    [
        (BROWSER, "auto", True),
        (NEW_BROWSER, "auto", False),
        ({}, "auto", False),
        ({"user-agent": "Apache-HttpClient/4.5.13"}, "auto", False),
        ({"user-agent": "python-requests/2.32"}, "auto", False),
        ({}, "old", True),
        (NEW_BROWSER, "old", False),
        (BROWSER, "new", False),
    ],
    ids=str,
)
def test_section_9_point_3_what_tells_generations_apart(
    headers: Mapping[str, str], setting: str, *, old: bool
) -> None:
    """Linkis section 9, point 3: the header Content-language decides, and where not a setting."""
    shown = opened(SCRIPT, headers, path="/a.sql", setting=setting)
    assert shown["fileContent"] == ("select 1\nselect 2" if old else [["select 1\nselect 2"]])
    kept = {"variable": {"a": "1"}, "configuration": {}}
    assert (shown["metadata"], shown["params"], shown["type"]) == (kept, kept, "1")


def test_section_9_point_3_tables() -> None:
    """Linkis section 9, point 3: columns are strings for the old generation, else objects."""
    columns = (Column("n", ColumnType.LONG, "x"), Column("s", ColumnType.STRING))
    found = page(replace(table(ColumnType.INT), columns=columns), (1, None))
    old, new = opened(found, BROWSER), opened(found, NEW_BROWSER)
    assert old["metadata"] == [
        "columnName:n,dataType:bigint,comment:x",
        "columnName:s,dataType:string,comment:",
    ]
    assert new["metadata"][0] == {"columnName": "n", "dataType": "bigint", "comment": "x"}
    assert old["fileContent"] == new["fileContent"] == [["1", "NULL"]]


@pytest.mark.parametrize(
    ("kind", "rows", "word", "text"),
    [
        (ResultKind.TEXT, [("one",), ("two",)], "1", "one\ntwo"),
        (ResultKind.TEXT, [], "1", ""),
        (ResultKind.RICH, [("text/html", "", "<b>x</b>")], "5", "<b>x</b>"),
        (ResultKind.RICH, [("image/png", "", "UE5H")], "4", "UE5H"),
    ],
    ids=str,
)
def test_section_9_point_3_texts(kind: ResultKind, rows: list[Any], word: str, text: str) -> None:
    """Linkis section 9, point 3: a result that is no table is one string for the old generation."""
    found = page(table(ColumnType.STRING, kind=kind), *rows)
    old, new = opened(found, BROWSER), opened(found, NEW_BROWSER)
    assert (old["type"], old["fileContent"]) == (word, text)
    assert new["fileContent"] == [[line] for line in text.split("\n") if text]


def test_section_9_point_8_the_first_result_is_there() -> None:
    """Linkis section 9, point 8: what the old front end opens first exists and is an empty text."""
    nothing = ResultList(task(TaskState.SUCCEEDED), ())
    tree = opened(nothing, BROWSER, path=FOLDER, call="getDirFileTrees")["dirFileTrees"]
    assert [(one["path"], one["isLeaf"]) for one in tree["children"]] == [(NONE, True)]
    tree = opened(nothing, NEW_BROWSER, path=FOLDER, call="getDirFileTrees")["dirFileTrees"]
    assert tree["children"] == []
    found, asked = request("GET", f"{FILES}/openFile", {"path": NONE})
    assert found.route.parse(asked) == ListResults(ByNumber(21))
    assert opened(nothing, BROWSER, path=NONE)["fileContent"] == ""
    assert opened(nothing, NEW_BROWSER, path=NONE)["fileContent"] == []
    some = ResultList(task(), (table(ColumnType.INT),))
    tree = opened(some, BROWSER, path=FOLDER, call="getDirFileTrees")["dirFileTrees"]
    assert [one["path"] for one in tree["children"]] == [FIRST]


def test_row_b3_a_script_in_another_character_set() -> None:
    """Row B3: what is not UTF-8 is refused with a reason, or read in what is named."""
    found = FileContent(SCRIPT.entry, "--@set a=汉\n字".encode("gbk"))
    with pytest.raises(GatewayError, match="not UTF-8"):
        data_of("GET", f"{FILES}/openFile", found, {"path": "/a.sql"})
    shown = data_of("GET", f"{FILES}/openFile", found, {"path": "/a.sql", "charset": "gbk"})
    assert (shown["fileContent"], shown["params"]["variable"]) == ([["字"]], {"a": "汉"})
    with pytest.raises(GatewayError, match="not known"):
        data_of("GET", f"{FILES}/openFile", found, {"path": "/a.sql", "charset": "rot13"})


@pytest.mark.parametrize("setting", ["newer", "", 1, None])
def test_the_setting_is_checked(setting: object) -> None:
    """A word that is none of the three is refused with the name of the setting."""
    with pytest.raises(GatewayError, match="open_file"):
        LinkisDialect({"open_file": setting})
